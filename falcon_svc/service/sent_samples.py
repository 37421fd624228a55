"""Files and texts that a client sends to a model: a process of its own reads and encodes them.

Place: under `predict_files` and `classify_files`; vectors are answered in this process. A file may
be of any format that a data set may have, and of texts vectors must be made; neither is for the
process that serves everybody. The child (`falcon_svc.worker.predict`) is confined as the check of
an upload is, and is killed when it takes too long.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from falcon_svc.durable.files import storage_errors
from falcon_svc.errors import InputError
from falcon_svc.service import datasets
from falcon_svc.service.context import Context
from falcon_svc.service.refusals import RequestError
from falcon_svc.storage.ids import new_id

AT_ONCE = 2
"""Children of one API process; each may take as much memory as the check of an upload."""
TURN_S, ANSWER_S = 5.0, 120.0
CHILD = "falcon_svc.worker.predict"
_turns = BoundedSemaphore(AT_ONCE)
Document = dict[str, Any]


@dataclass(frozen=True)
class Sent:
    """Samples that were sent.

    Parameters
    ----------
    file, labels
        A file that has arrived, and the CSV beside a `.npy`; discarded at the end.
    texts
        N texts, where there is no file.
    options
        Reading options for this file.
    """

    file: datasets.Upload | None = None
    labels: datasets.Upload | None = None
    texts: list[str] = field(default_factory=list)
    options: Mapping[str, Any] = field(default_factory=dict)


def answered(context: Context, sent: Sent, result: Path, wish: Document) -> Document:
    """Return one record per sample, and notes.

    Parameters
    ----------
    context, sent
        The service, and the samples.
    result
        Directory of the job's result.
    wish
        What else `falcon_svc.worker.predict` is to know: ``work``, and its settings.

    Raises
    ------
    RequestError
        A name or option that is none; no turn; it took too long.
    InputError
        What is wrong with the samples, in the words that reading them has.
    """
    datasets.check_options(sent.options)
    with _placed(context, sent) as path:
        document = {
            **wish,
            "result": str(result),
            "file": None if path is None else str(path),
            "name": "" if sent.file is None else sent.file.name,
            "texts": sent.texts,
            "options": dict(sent.options),
            "seconds": min(int(ANSWER_S), context.settings.check_cpu_s),
        }
        return _answer(context, document)


@contextmanager
def _placed(context: Context, sent: Sent) -> Iterator[Path | None]:
    """Yield the file in a folder of its own, its labels beside it, under names of ours."""
    if sent.file is None:
        yield None
        return
    folder = context.staging.own / new_id("ask")
    try:
        suffix = datasets.check_files(sent.file, sent.labels)
        with storage_errors("The file could not be stored", remedy="send it again later"):
            folder.mkdir(mode=0o700)
            sent.file.path.rename(folder / f"data{suffix}")
            if sent.labels is not None:
                sent.labels.path.rename(folder / "data.csv")
        yield folder / f"data{suffix}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for file in filter(None, (sent.file, sent.labels)):
            file.discard()


def _answer(context: Context, document: Document) -> Document:
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
    found: Document = json.loads(done.stdout)
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
