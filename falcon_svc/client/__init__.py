"""A typed client of the REST API; needs httpx only.

    from falcon_svc.client import Falcon

    with Falcon("http://127.0.0.1:8000") as falcon:
        dataset = falcon.upload("birds.npz")
        job = falcon.wait(falcon.submit(dataset["id"], {"counts": {"n_fine": 40}})["id"])
        classes = falcon.classes(job["id"])
"""

from __future__ import annotations

from falcon_svc.client.client import Falcon, ServiceError
from falcon_svc.client.reviews import Review

__all__ = ["Falcon", "Review", "ServiceError"]
