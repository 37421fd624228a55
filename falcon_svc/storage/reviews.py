"""Where the corrections of a job's result lie: beside the database, not in the result.

A result may be a copy from an object store; corrections are written, so that they lie in the data
directory, under ``reviews/<job id>``. They are deleted with the job's result.
"""

from __future__ import annotations

import shutil
from pathlib import Path

FOLDER = "reviews"


def review_folder(data_dir: Path, job_id: str) -> Path:
    """Return the folder of a job's review; it is made by the first correction."""
    return data_dir / FOLDER / job_id


def remove_review(data_dir: Path, job_id: str) -> None:
    """Delete a job's review, if there is one."""
    shutil.rmtree(review_folder(data_dir, job_id), ignore_errors=True)
