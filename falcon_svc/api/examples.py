"""Examples of the API's documents, one for each model; a test holds them against the models."""

from __future__ import annotations

from typing import Any

from falcon_svc.api.classifier_examples import CLASSIFIERS
from falcon_svc.api.review_examples import REVIEWS

Example = dict[str, Any]
DATASET_ID = "ds_01k8xgkq2v9f3m4n5p6r7s8t9v"
JOB_ID = "job_01k8xgm1c2d3e4f5g6h7j8k9m0"
BATCH_ID = "batch_01k8xgn4w5x6y7z8a9b0c1d2e3"
UPLOAD_ID = "up_01k8xgp7t8v9w0x1y2z3a4b5c6"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
WHEN = ["2026-01-31T09:00:00Z", "2026-01-31T09:00:02Z", "2026-01-31T09:00:41Z"]
EXPIRES = "2026-03-02T09:00:41Z"

DATASET: Example = {
    "id": DATASET_ID,
    "name": "birds.npz",
    "state": "ready",
    "size_bytes": 1_843_200,
    "sha256": SHA256,
    "options": {"coarse_column": "order"},
    "metadata": {"from": "the 2025 survey"},
    "summary": {
        "n_samples": 1200,
        "n_dims": 384,
        "kind": "vectors",
        "classes": {"coarse": {"owls": 500, "gulls": 700}},
        "notes": [],
        "columns": ["x", "order", "species"],
    },
    "error": None,
    "created_at": WHEN[0],
    "validated_at": WHEN[1],
}
JOB: Example = {
    "id": JOB_ID,
    "dataset_id": DATASET_ID,
    "kind": "discovery",
    "state": "succeeded",
    "stage": "write",
    "progress": {"done": 1200, "total": 1200, "eta_s": None},
    "attempt": 1,
    "config": {"counts": {"n_fine": 40}, "seed": 0},
    "metadata": {"run": "7"},
    "summary": {
        "n_samples": 1200,
        "n_fine": 40,
        "n_fine_origin": "allocated",
        "seconds": 38.6,
        "stages": [
            {"name": "structure", "seconds": 30.1, "peak_rss_bytes": 734_003_200},
            {"name": "head", "seconds": 8.5, "peak_rss_bytes": 801_112_064},
        ],
    },
    "created_at": WHEN[0],
    "preparing_at": WHEN[1],
    "running_at": WHEN[1],
    "ended_at": WHEN[2],
    "expires_at": EXPIRES,
}
JOB_EVENT: Example = {"at": WHEN[0], "state": "queued"}
UPLOAD: Example = {
    "id": UPLOAD_ID,
    "name": "birds.npz",
    "size_bytes": 1_843_200,
    "received_parts": [1, 2],
    "dataset_id": None,
    "expires_at": EXPIRES,
}
BATCH: Example = {
    "id": BATCH_ID,
    "request_counts": {"total": 2, "succeeded": 1, "running": 1},
    "ended": False,
    "metadata": {},
    "created_at": WHEN[0],
    "results_url": f"/v1/batches/{BATCH_ID}/results",
    "errors_url": f"/v1/batches/{BATCH_ID}/errors",
}
SAMPLE: Example = {
    "id": "img-0017",
    "coarse": "owls",
    "fine": 3,
    "fine_name": "like img-0017",
    "confidence": 0.97,
    "margin": 0.91,
    "runner_up": 5,
    "fine_unmasked": 3,
}
FINE_CLASS: Example = {
    "id": 3,
    "name": "like img-0017",
    "coarse": {"coarse": "owls"},
    "size": 31,
    "mean_confidence": 0.94,
    "stability": 0.88,
    "medoids": ["img-0017", "img-0402"],
    "also_in": {},
    "not_told_from": [],
}
RELATION: Example = {
    "source": "coarse",
    "coarse_names": ["gulls", "owls"],
    "relation": [[0, 1], [1, 0]],
    "regret": [[1.25, 0.0], [0.0, 2.5]],
    "status": "optimal",
    "certificate": {
        "format": "relation-certificate/1",
        "method": "cp_sat",
        "status": "optimal",
        "objective": 0.83,
        "bound": 0.83,
        "gap": 0.0,
    },
}
CHECK: Example = {
    "name": "relation of coarse",
    "ok": True,
    "text": "The optimal solve is proven by prices, and a second solver's bound is 0.83.",
}
PREDICTION: Example = {
    "id": None,
    "fine": 3,
    "fine_name": "like img-0017",
    "confidence": 0.97,
    "coarse": "owls",
    "coarse_confidence": 0.99,
    "abstained": False,
    "label_unknown": False,
    "distance": 0.41,
}
GRAPH: Example = {
    "directed": True,
    "multigraph": False,
    "graph": {"dataset_digest": SHA256, "seed": 0},
    "nodes": [
        {
            "id": "coarse/coarse/1",
            "kind": "coarse",
            "label": "owls",
            "label_source": "coarse",
            "size": 500,
        },
        {
            "id": "fine/3",
            "kind": "fine",
            "label": "3 like img-0017",
            "name": "like img-0017",
            "size": 31,
            "mean_confidence": 0.94,
            "stability": 0.88,
        },
    ],
    "edges": [
        {
            "source": "coarse/coarse/1",
            "target": "fine/3",
            "label_source": "coarse",
            "next_best": "gulls",
            "price": 0.71,
        }
    ],
}
COUNT: Example = {
    "coarse": "owls",
    "n_fine": 18,
    "low": 15,
    "high": 21,
    "origin": "allocated",
    "whole": 0.001,
    "verdict": "clear",
}
ORDER: Example = {
    "dataset_id": DATASET_ID,
    "kind": "discovery",
    "config": {"counts": {"n_fine": 40}, "seed": 0},
    "metadata": {"run": "7"},
}
EXAMPLES: dict[str, Example] = {
    **REVIEWS,
    **CLASSIFIERS,
    "DatasetOut": DATASET,
    "Page_DatasetOut_": {"items": [DATASET], "next_page_token": None},
    "UploadIn": {"name": "birds.npz", "size_bytes": 1_843_200},
    "UploadOut": UPLOAD,
    "CompleteIn": {"sha256": SHA256, "options": {"coarse_column": "order"}},
    "JobIn": ORDER,
    "JobOut": JOB,
    "JobEvent": JOB_EVENT,
    "Page_JobOut_": {"items": [JOB], "next_page_token": f"{JOB_ID}.{SHA256[:32]}"},
    "BatchIn": {"jobs": [{**ORDER, "custom_id": "birds, 40 classes"}], "metadata": {}},
    "BatchOut": BATCH,
    "Page_BatchOut_": {"items": [BATCH], "next_page_token": None},
    "FineClass": FINE_CLASS,
    "Sample": SAMPLE,
    "DiscoverOut": {
        "job": JOB,
        "classes": [FINE_CLASS],
        "assignments": [SAMPLE],
        "graph": GRAPH,
    },
    "Count": COUNT,
    "RelationOut": RELATION,
    "CheckOut": CHECK,
    "VerificationOut": {"ok": True, "checks": [CHECK]},
    "PredictIn": {
        "vectors": [[0.25, -1.5], [0.0, 2.0]],
        "coarse": ["owls", None],
        "columns": ["wing", "beak"],
        "precision": 0.95,
    },
    "PredictTextsIn": {"texts": ["freeze my card", "what is my balance"], "coarse": ["bank", None]},
    "Body_predict_file": {"file": "the bytes of new.h5ad", "options": {}, "least_confidence": 0.5},
    "PredictOut": {"predictions": [PREDICTION], "notes": []},
    "Capabilities": {
        "version": "0.1.0",
        "formats": [".npz", ".csv"],
        "dataset_options": ["coarse_column"],
        "encoders": ["auto", "none", "pixels"],
        "devices": ["cpu"],
        "engine": "local",
        "limits": {"max_upload_bytes": 268_435_456.0},
    },
    "Health": {"status": "ok"},
    "Body_create_dataset": {"file": "the bytes of birds.npz", "options": {}, "metadata": {}},
    "Body_discover": {
        "file": "the bytes of birds.npz",
        "options": {},
        "config": {"counts": {"n_fine": 40}},
    },
}
"""Component of the OpenAPI document -> an example of it."""

_CODES = {
    400: "invalid_json",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    406: "not_acceptable",
    408: "too_slow",
    409: "no_result",
    410: "expired",
    412: "stale_revision",
    413: "too_large",
    415: "unsupported_media_type",
    416: "no_such_range",
    422: "invalid_request",
    428: "no_revision",
    429: "rate_limited",
    500: "internal",
    503: "overloaded",
    507: "storage_full",
}


def problem_example(status: int) -> Example:
    """Return a problem document of a status."""
    code = _CODES[status]
    return {
        "type": f"urn:falcon:problem:{code}",
        "status": status,
        "code": code,
        "detail": "Expected one thing, found another; mend it so.",
        "request_id": "req_01k8xgq1r2s3t4v5w6x7y8z9a0",
    }
