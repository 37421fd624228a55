// Shows the service's own OpenAPI document; nothing is fetched from elsewhere.
SwaggerUIBundle({
  url: "v1/openapi.json",
  dom_id: "#page",
  deepLinking: true,
  docExpansion: "none",
  validatorUrl: null,
});
