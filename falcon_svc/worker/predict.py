"""The process that predicts or classifies a file, or texts, that a client sent: foreign bytes.

    python -m falcon_svc.worker.predict PARENT_PID < request.json > answer.json

Place: started by the API for one request (`falcon_svc.service.sent_samples`), which waits for it.
Like the check of an upload it sees the program, the file and the model, writes nothing, and has no
network; it never opens the database. The request: ``work``, which is predict or classify;
``result`` and ``file``, or ``texts``; ``name``, what the client calls the file; ``options``;
``seconds`` of processor time. To predict, ``labels`` (source -> names) beside texts and ``demand``,
how sure a class has to be; to classify, ``inference`` and ``threshold``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from falcon_svc.errors import FalconError
from falcon_svc.settings import Settings
from falcon_svc.worker.encoding import find_encoder
from falcon_svc.worker.failures import NO_MEMORY
from falcon_svc.worker.isolation import confine_reader
from falcon_svc.worker.limits import limit_reader
from falcon_svc.worker.telling import for_client, told

Document = dict[str, Any]


def answer(asked: Document) -> Document:
    """Return ``predictions`` and ``notes``, or ``error``."""
    try:
        work = {"predict": _predicted, "classify": _classified}
        return work[asked["work"]](asked)
    except FalconError as refused:
        return {"error": told(refused)}
    except MemoryError:
        return {"error": {"code": "too_large", "detail": NO_MEMORY}}


def _predicted(asked: Document) -> Document:
    from falcon_svc.data import DataConfig
    from falcon_svc.pipeline.prediction import predict_samples
    from falcon_svc.result.files import read_settings
    from falcon_svc.result.prediction_records import records
    from falcon_svc.result.surety import Demand

    result, options = Path(asked["result"]), asked["options"]
    remembered = read_settings(result).get("data", {})
    new = predict_samples(
        result,
        Path(asked["file"]) if asked["file"] else asked["texts"],
        options,
        labels=asked["labels"],
        # This process is the probe of what may crash.
        config=DataConfig.model_validate({**remembered, **options, "probe_hdf5": False}),
        demand=Demand(**asked["demand"]),
    )
    ids = new.dataset.ids if asked["file"] else None
    return {
        "predictions": records(new.model, new.found, ids),
        "notes": [{"code": note.code, "text": note.text} for note in new.notes],
    }


def _classified(asked: Document) -> Document:
    from falcon_svc.data import DataConfig
    from falcon_svc.hierarchy.classifier import HierarchicalClassifier
    from falcon_svc.hierarchy.classifier.answers import answers
    from falcon_svc.supervised.encoding import encode_like, new_samples
    from falcon_svc.worker.classifier import MODEL

    model = HierarchicalClassifier.load(Path(asked["result"]) / MODEL)
    find_encoder(model, Settings())
    data = Path(asked["file"]) if asked["file"] else asked["texts"]
    options = asked["options"]
    limits = DataConfig.model_validate({**options, "probe_hdf5": False})
    dataset = new_samples(model, data, limits, options)
    vectors = encode_like(model, dataset, asked["name"] or "the request")
    found = answers(model, vectors, asked["inference"], asked["threshold"])
    ids = dataset.ids if asked["file"] else [None] * len(found)
    return {
        "predictions": [{**one, "id": name} for one, name in zip(found, ids, strict=True)],
        "notes": [{"code": note.code, "text": note.text} for note in dataset.reading.notes],
    }


def load(asked: Document) -> None:
    """Load torch where it is needed, before this process is confined: it wants temporary files."""
    if asked["work"] == "classify":
        from falcon_svc.supervised import encoding  # noqa: F401
    elif (Path(asked["result"]) / "encoder.json").exists():
        from falcon_svc.encoder.backbones import network_encoder  # noqa: F401


def main(arguments: list[str]) -> int:
    """Answer one request; libraries that print do so where the log is."""
    asked = json.load(sys.stdin)
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        settings = Settings()
        load(asked)
        limit_reader(settings, asked["seconds"], int(arguments[0]))
        places = [Path(asked["result"]), *([Path(asked["file"]).parent] if asked["file"] else [])]
        confine_reader([*places, *filter(None, [settings.encoder_files])])
        stored = Path(asked["file"] or "").name
        json.dump(for_client(answer(asked), stored, asked["name"]), out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
