"""Examples of a review's documents, one for each model; a part of `falcon_svc.api.examples`."""

from __future__ import annotations

from typing import Any

Example = dict[str, Any]
REVISION = "4be5f0c1d2a3948576ab0c1d2e3f405162738495a6b7c8d9e0f1a2b3c4d5e6f7"
EARLIER_JOB = "job_01k8xgm1c2d3e4f5g6h7j8k9m0"
REVIEW_SAMPLE: Example = {
    "row": 17,
    "id": "img-0017",
    "class_id": "c3",
    "coarse": "owls",
    "confidence": 0.97,
    "runner_up": "c5",
    "rival": 0.02,
    "settled": False,
    "text": None,
    "picture": True,
    "values": [0.31, -1.2],
}
QUESTION: Example = {
    "text": "Are 'barn owl' and 'owls 4' one class?",
    "gain": 11.4,
    "kind": "same",
    "first": {"class_id": "c3", "name": "barn owl", "exemplars": ["img-0017"]},
    "second": {"class_id": "c5", "name": "owls 4", "exemplars": ["img-0402"]},
}
SELECTED: Example = {"count": 2, "rows": "CQ=="}
DIFF: Example = {
    "n_moved": 1,
    "classes": [
        {
            "id": "c3",
            "name": "barn owl",
            "what": "changed",
            "size_before": 31,
            "size_after": 32,
            "parents_before": ["owls"],
            "parents_after": ["owls"],
        }
    ],
    "moves": [
        {
            "id": "img-0402",
            "before": "c5",
            "after": "c3",
            "reason": "It fits 'barn owl' better than 'owls 4' now ('barn owl' fits it with "
            "probability 0.88).",
        }
    ],
}
REVIEWS: dict[str, Example] = {
    "ReviewState": {
        "head": REVISION,
        "n_samples": 1200,
        "n_unplaced": 0,
        "n_revisions": 3,
        "coarse": [{"name": "owls", "number": 0, "size": 500}],
        "classes": [
            {
                "id": "c3",
                "number": 3,
                "name": "barn owl",
                "named": True,
                "parents": [0],
                "status": "open",
                "colour": 3,
                "size": 31,
                "n_settled": 4,
                "confidence": 0.94,
                "stability": 0.88,
                "verdict": "repeatable",
                "rival": "c5",
                "rival_mass": 0.04,
                "born_of": [],
            }
        ],
    },
    "ReviewSamples": {"total": 31, "class_id": "c3", "samples": [REVIEW_SAMPLE]},
    "ShownSamples": {"samples": [REVIEW_SAMPLE]},
    "SampleIds": {"ids": ["img-0017"]},
    "Selected": SELECTED,
    "Lasso": {"polygon": [[0, 0], [1, 0], [1, 1]], "coarse": None, "class_id": "c3"},
    "ClassEvidence": {
        "class_id": "c3",
        "marks": [{"column": 12, "name": None, "effect": 1.9, "mean": 0.1, "spread": 0.8}],
        "words": ["barn"],
        "parents": "It hangs clearly under 'owls': under 'gulls', the next best, as much "
        "would be lost as 0.71 classes of average weight bring.",
        "values": [
            {
                "column": "site",
                "value": "river",
                "n": 24,
                "n_beside": 90,
                "share": 0.7742,
                "lift": 4.301,
            }
        ],
        "sources": [
            {
                "source": "habitat",
                "parents": ["wood"],
                "words": "It hangs clearly under 'wood': under 'field', the next best, as much "
                "would be lost as 0.42 classes of average weight bring.",
                "labels": [{"name": "wood", "count": 29}, {"name": "field", "count": 2}],
                "n_unlabelled": 0,
            }
        ],
        "n_suspects": 2,
        "lookalikes": [],
    },
    "CorrectionsIn": {
        "corrections": [
            {"kind": "rename", "class_id": "c3", "name": "barn owl"},
            {"kind": "move", "class_id": "c3", "samples": ["img-0402"]},
        ],
        "reason": "the heart-shaped face",
    },
    "AnswerIn": {"question": QUESTION, "reply": {"choice": "same"}},
    "ImportIn": {
        "format": "csv",
        "content": "id,class_id\nimg-0017,c5\n",
        "dry_run": True,
        "reason": "labelled by the students",
    },
    "Imported": {
        "head": REVISION,
        "revisions": [],
        "text": "1 rows read: 1 change a class, 0 say what the review says already, 0 could not be "
        "taken.",
        "n_rows": 1,
        "n_same": 0,
        "n_failed": 0,
        "failed": [],
    },
    "Corrected": {"head": REVISION, "revisions": [REVISION]},
    "QuestionsOut": {"total": 84, "questions": [QUESTION], "fresh": True},
    "Acceptance": {
        "plan": {
            "n_samples": 31,
            "n_look": 16,
            "most_wrong": 0,
            "purity": 0.9,
            "confidence": 0.95,
        },
        "question": {
            "text": "Look at 16 of 31; with none wrong, the class is at least 90 % pure at 95 % "
            "confidence (15 looks saved).",
            "gain": 15.0,
            "kind": "accept",
            "shown": {"class_id": "c3", "name": "barn owl", "exemplars": ["img-0017"]},
            "look_at": ["img-0017"],
            "most_wrong": 0,
        },
    },
    "SplitIn": {"k": 3},
    "SplitOut": {
        "correction": {"kind": "split", "class_id": "c3", "parts": [["img-0402"]]},
        "sizes": [30, 1],
        "shown": [[REVIEW_SAMPLE]],
    },
    "ChangeLog": {
        "total": 1,
        "entries": [
            {
                "revision": REVISION,
                "author": "ada",
                "time": "2026-01-31T09:00:00+00:00",
                "reason": "the heart-shaped face",
                "text": "Renamed c3 to 'barn owl'.",
                "in_force": True,
            }
        ],
    },
    "ResolveIn": {"reason": "after the first round", "seed": 0},
    "ResolveState": {
        "state": "succeeded",
        "stage": "head",
        "done": 30,
        "total": 30,
        "revision": REVISION,
        "diff": DIFF,
        "error": None,
    },
    "DiffOut": DIFF,
    "ContinueIn": {"job_id": EARLIER_JOB, "keep_classes": False, "reason": "photos of May"},
    "AncestryOut": {
        "earlier": REVISION,
        "n_known": 1200,
        "n_new": 40,
        "text": "1,200 samples are known, 40 are new; classes: 1 kept, 0 born, 0 split, 0 merged, "
        "0 died. Drift in 1 of them.",
        "lineage": [
            {
                "what": "kept",
                "id": "c3",
                "name": "barn owl",
                "others": [],
                "overlap": 0.94,
                "n_before": 31,
                "n_now": 35,
            }
        ],
        "drift": [
            {
                "class_id": "c3",
                "name": "barn owl",
                "n_new": 9,
                "p_value": 0.0007,
                "shift": 0.83,
                "sentence": "9 new samples of 'barn owl' (c3) lie farther out than the old ones "
                "(83 % of pairs): the data have drifted, or the class has changed.",
            }
        ],
    },
}
"""The documents of reviews."""
