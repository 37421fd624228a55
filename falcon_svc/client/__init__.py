"""A typed client of the REST API; needs httpx only, and is shown in docs/client.md."""

from __future__ import annotations

from falcon_svc.client.classifiers import Classifier
from falcon_svc.client.client import Falcon, ServiceError
from falcon_svc.client.reviews import Review

__all__ = ["Classifier", "Falcon", "Review", "ServiceError"]
