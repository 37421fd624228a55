"""Files in the store that no row names: what a kill between two steps leaves.

Place: `housekeeping` removes them, `doctor` names them. Rows are written after files and deleted
before them, so that such files harm nobody; they only take room. What is younger than an hour may
be on its way to a row.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from falcon_svc.storage import ArtifactStore, Database
from falcon_svc.storage.datasets import DatasetRepository, folder_key
from falcon_svc.storage.ids import PATTERN, time_of
from falcon_svc.storage.jobs import JobRepository, results_key

STRAY_S = 3_600.0


@dataclass(frozen=True)
class Named:
    """What the rows of a database name.

    Parameters
    ----------
    datasets
        Id -> artifact key and sha256 of the file.
    jobs
        Id -> artifact key of the result and time of the end.
    """

    datasets: dict[str, tuple[str, str]]
    jobs: dict[str, tuple[str | None, float | None]]

    @classmethod
    def of(cls, database: Database) -> Named:
        """Read it."""
        with database.read() as session:
            return cls(DatasetRepository(session).files(), JobRepository(session).ends())

    def has_ended(self, job_id: str) -> bool:
        """Return whether a job ended more than an hour ago, or is not there."""
        if job_id not in self.jobs:
            return _is_old(job_id)
        ended_at = self.jobs[job_id][1]
        return ended_at is not None and time.time() - ended_at > STRAY_S


def orphans(artifacts: ArtifactStore, database: Database) -> Iterator[str]:
    """Give the artifact keys that are not named; files are listed before rows are read."""
    datasets, jobs = artifacts.names("datasets"), artifacts.names("results")
    named = Named.of(database)
    for name in datasets:
        if name not in named.datasets and _is_old(name):
            yield folder_key(name)
    for name in filter(named.has_ended, jobs):
        kept, _ = named.jobs.get(name, (None, None))
        keys = (f"{results_key(name)}/{number}" for number in artifacts.names(results_key(name)))
        yield from (key for key in keys if key != kept)


def _is_old(identity: str) -> bool:
    return not PATTERN.match(identity) or time.time() - time_of(identity) > STRAY_S
