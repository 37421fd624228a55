"""The REST API: thin routes over `falcon_svc.service`; every error is a problem document."""
