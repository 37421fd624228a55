"""Reviews of jobs' results: one desk for each, kept while it is asked for.

Data sets are not read here: files of strangers are opened in confined processes only. What is shown
of samples is what those processes kept in the result, texts and thumbnails.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from falcon_svc.service import results
from falcon_svc.service.context import Context
from falcon_svc.service.keys import Caller
from falcon_svc.service.refusals import RequestError
from falcon_svc.storage.reviews import review_folder

if TYPE_CHECKING:
    from falcon_svc.review.desk import Desk

KEPT = 8
_desks: OrderedDict[tuple[Path, Path], Desk] = OrderedDict()
_lock = threading.Lock()


def desk_of(context: Context, caller: Caller, job_id: str) -> Desk:
    """Return the desk of a job's result.

    Raises
    ------
    RequestError
        It has no result, or no longer; or this process cannot review (code ``no_solver``).
    """
    job, result = results.directory(context, caller, job_id)
    key = result, review_folder(context.settings.data_dir, job.id)
    with _lock:
        if key not in _desks:
            _desks[key] = _opened(*key)
            while len(_desks) > KEPT:
                _desks.popitem(last=False)
        _desks.move_to_end(key)
        return _desks[key]


def _opened(result: Path, folder: Path) -> Desk:
    try:
        from falcon_svc.review.desk import Desk  # loads torch
    except ModuleNotFoundError as error:
        raise RequestError(
            "Expected a service that can solve, found one of the API alone; review this result "
            "with `falcon review DIR`, or through a service that was installed whole.",
            code="no_solver",
        ) from error
    return results.whole_files(lambda path: Desk(path, folder=folder), result)
