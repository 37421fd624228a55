"""The control plane: what the API and the supervisor do with the record. Never loads torch."""
