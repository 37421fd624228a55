"""Predictions of files and texts: a process of its own reads, encodes and predicts them.

Place: beside `predictions`, which answers vectors in this process. A file may be of any format that
a data set may have, and of texts vectors must be made; neither is for the process that serves
everybody. The child (`falcon_svc.worker.predict`) is confined as the check of an upload is, and is
killed when it takes too long.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from falcon_svc.durable.files import storage_errors
from falcon_svc.errors import InputError
from falcon_svc.result.given_labels import Labels
from falcon_svc.result.surety import ANY, Demand
from falcon_svc.service import datasets, predictions, results
from falcon_svc.service.context import Context
from falcon_svc.service.keys import Caller
from falcon_svc.service.refusals import RequestError
from falcon_svc.storage.ids import new_id

AT_ONCE = 2
"""Children of one API process; each may take as much memory as the check of an upload."""
TURN_S, ANSWER_S = 5.0, 120.0
CHILD = "falcon_svc.worker.predict"
_turns = BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True)
class Asked:
    """What is to be predicted.

    Parameters
    ----------
    file, labels
        A file that has arrived, and the CSV beside a `.npy`; discarded at the end.
    texts, coarse
        N texts, and their coarse labels as `Predictor.predict` takes them.
    options
        Reading options for this file.
    demand
        How sure a prediction has to be not to be marked as abstained.
    """

    file: datasets.Upload | None = None
    labels: datasets.Upload | None = None
    texts: list[str] = field(default_factory=list)
    coarse: Labels | Mapping[str, Labels] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    demand: Demand = ANY


def predict(context: Context, caller: Caller, job_id: str, asked: Asked) -> dict[str, Any]:
    """Return one record per sample by the model of a job, and notes.

    Raises
    ------
    RequestError
        No such model; a name or option that is none; no turn; it took too long.
    InputError
        What is wrong with the samples, in the words that reading them has.
    """
    _, directory = results.directory(context, caller, job_id)
    model = predictions.model_of(directory)
    first = model.sources[0][0]
    datasets.check_options(asked.options)
    with _placed(context, asked) as path:
        document = {
            "result": str(directory),
            "file": None if path is None else str(path),
            "name": "" if asked.file is None else asked.file.name,
            "texts": asked.texts,
            "labels": _columns(asked.coarse, first),
            "options": dict(asked.options),
            "demand": asdict(asked.demand),
            "seconds": min(int(ANSWER_S), context.settings.check_cpu_s),
        }
        return _answer(context, document)


def _columns(coarse: Labels | Mapping[str, Labels] | None, first: str) -> dict[str, Labels]:
    """Return label columns by the names that reading knows them by."""
    if coarse is None:
        return {}
    tables = coarse if isinstance(coarse, Mapping) else {first: coarse}
    return {"coarse" if name == first else f"coarse_{name}": tables[name] for name in tables}


@contextmanager
def _placed(context: Context, asked: Asked) -> Iterator[Path | None]:
    """Yield the file in a folder of its own, its labels beside it, under names of ours."""
    if asked.file is None:
        yield None
        return
    folder = context.staging.own / new_id("ask")
    try:
        suffix = datasets.check_files(asked.file, asked.labels)
        with storage_errors("The file could not be stored", remedy="send it again later"):
            folder.mkdir(mode=0o700)
            asked.file.path.rename(folder / f"data{suffix}")
            if asked.labels is not None:
                asked.labels.path.rename(folder / "data.csv")
        yield folder / f"data{suffix}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for file in filter(None, (asked.file, asked.labels)):
            file.discard()


def _answer(context: Context, document: dict[str, Any]) -> dict[str, Any]:
    if not _turns.acquire(timeout=TURN_S):
        raise RequestError(
            f"Expected at most {AT_ONCE} predictions of files or texts at once, found more; send "
            "this one again after the seconds in Retry-After.",
            code="overloaded",
        )
    try:
        done = subprocess.run(
            [sys.executable, "-m", CHILD, str(os.getpid())],
            input=json.dumps(document).encode(),
            stdout=subprocess.PIPE,
            env={**os.environ, **context.settings.environment(), **_one_thread()},
            timeout=ANSWER_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _too_long() from None
    finally:
        _turns.release()
    if done.returncode != 0:
        raise _killed()
    found: dict[str, Any] = json.loads(done.stdout)
    if "error" in found:
        raise InputError(found["error"]["detail"], code=found["error"]["code"])
    return found


def _one_thread() -> dict[str, str]:
    return dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def _too_long() -> RequestError:
    return RequestError(
        f"Expected samples that are read, encoded and predicted within {ANSWER_S:g} s, found more "
        "of them; send them in several requests.",
        code="too_large",
    )


def _killed() -> InputError:
    return InputError(
        "Expected samples that can be read within the service's memory and time, found that the "
        "process which read them was stopped; write the file again, or send fewer at once.",
        code="unreadable",
    )
