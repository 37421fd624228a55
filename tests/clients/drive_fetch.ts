// Drives the types that openapi-typescript has made, by openapi-fetch.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

const client = createClient<paths>({ baseUrl: process.argv[2] });
const config = { counts: { n_fine: 6 } };

function form(): FormData {
  const made = new FormData();
  made.append("file", new Blob([new Uint8Array(readFileSync("birds.npz"))]), "birds.npz");
  return made;
}

const { data: dataset, error } = await client.POST("/v1/datasets", {
  body: { file: "birds.npz" },
  bodySerializer: form,
});
assert.ok(dataset, JSON.stringify(error));
const { data: job } = await client.POST("/v1/jobs", { body: { dataset_id: dataset.id, config } });
assert.ok(job);
const path = { job_id: job.id };
const { data: told } = await client.GET("/v1/jobs/{job_id}/events", {
  params: { path },
  parseAs: "text",
});
assert.ok(told);
const last = told.split("\n").filter((line) => line.startsWith("data: ")).at(-1)!.slice(6);
const event: components["schemas"]["JobEvent"] = JSON.parse(last);
assert.equal(event.state, "succeeded");
const { data: ended } = await client.GET("/v1/jobs/{job_id}", { params: { path } });
assert.ok(ended?.summary && "n_fine" in ended.summary);
assert.equal(ended.summary.n_fine, 6);
const { data: classes } = await client.GET("/v1/jobs/{job_id}/classes", { params: { path } });
assert.equal(classes?.length, 6);
const { data: rows } = await client.GET("/v1/jobs/{job_id}/assignments", { params: { path } });
assert.equal((rows as components["schemas"]["Sample"][]).length, 240);
const { data: report } = await client.GET("/v1/jobs/{job_id}/report", {
  params: { path },
  parseAs: "text",
});
assert.match(report!, /<html/);
const { data: found } = await client.POST("/v1/models/{job_id}:predict", {
  params: { path },
  body: { vectors: [[0, 0, 0, 0]], coarse: ["land"], least_confidence: 0 },
});
assert.equal(found?.predictions[0]?.coarse, "land");
const { data: again } = await client.POST("/v1/models/{job_id}:predictFile", {
  params: { path },
  body: { file: "birds.npz", least_confidence: 0 },
  bodySerializer: form,
});
assert.equal(again?.predictions.length, 240);
const { data: batch } = await client.POST("/v1/batches", {
  body: { jobs: [{ custom_id: "six", dataset_id: dataset.id, config }] },
});
assert.equal(batch?.request_counts.total, 1);
console.log("openapi-typescript works");
