"""Looks a data directory over: database, files, folders, room. It changes nothing.

Place: behind `falcon doctor`. It finds what full disks, failing disks and hands in the wrong folder
leave. A service may be at work meanwhile; what it is just about to tidy up is passed over by
looking only at what is older than an hour.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from falcon_svc.errors import ConfigError
from falcon_svc.service.keys import PEPPER
from falcon_svc.service.operations.orphans import Named, orphans
from falcon_svc.service.staging import Staging
from falcon_svc.settings import Settings
from falcon_svc.storage import ArtifactStore, Database, DatabaseError
from falcon_svc.storage.keys import KeyRepository
from falcon_svc.storage.uploads import UploadRepository

MARKER, MODEL = "discovery.json", "model.zip"
UPLOADS_OF_ROOM = 2


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    Parameters
    ----------
    code
        Stable, for programs.
    subject
        What it is about: an artifact key or a path.
    detail
        What is wrong and how to mend it.
    """

    code: str
    subject: str
    detail: str


class Doctor:
    """Looks over what these settings name.

    Parameters
    ----------
    settings
        Settings of the service.
    quick
        Look whether files are there, but do not read them through.

    Raises
    ------
    ConfigError
        There is no database.
    """

    def __init__(self, settings: Settings, *, quick: bool = False) -> None:
        _check_there(settings)
        self.settings, self.quick = settings, quick
        self.database = Database(settings.database)
        self.artifacts = ArtifactStore(settings.artifacts, settings.data_dir / "cache")

    def findings(self) -> Iterator[Finding]:
        """Give everything that is not as it should be."""
        yield from self._room()
        damage = list(self._database())
        yield from damage
        if damage:
            return  # what it says cannot be believed
        named = Named.of(self.database)
        yield from self._datasets(named)
        yield from self._results(named)
        yield from self._orphans()
        yield from self._work(named)
        yield from self._staging()
        yield from self._pepper()

    def _room(self) -> Iterator[Finding]:
        folder, least = self.settings.data_dir, UPLOADS_OF_ROOM * self.settings.max_upload_bytes
        free = shutil.disk_usage(folder).free
        if free < least:
            detail = f"{free:,} bytes are free, less than {UPLOADS_OF_ROOM} uploads; free some."
            yield Finding("low_disk", str(folder), detail)

    def _database(self) -> Iterator[Finding]:
        name = self.database.url.render_as_string(hide_password=True)
        for fault in self.database.faults(thorough=True):
            yield Finding("database_damaged", name, f"{fault}; restore a backup.")
            return
        try:
            current = self.database.is_current
        except DatabaseError:
            yield Finding("database_unavailable", name, "It does not answer; start it.")
            return
        if not current:
            detail = "Its tables have another release's form; start this release to change them."
            yield Finding("database_version", name, detail)

    def _datasets(self, named: Named) -> Iterator[Finding]:
        for key, sha256 in named.datasets.values():
            yield from self._file(key, sha256, "delete the data set and send it again")

    def _results(self, named: Named) -> Iterator[Finding]:
        for key, _ in named.jobs.values():
            if key is not None:
                yield from self._result(key)

    def _result(self, key: str) -> Iterator[Finding]:
        """Compare a result's files with the digests that its document lists."""
        remedy = "delete the job and submit it again"
        text = self.artifacts.text(f"{key}/{MARKER}")
        try:
            files = {} if text is None else json.loads(text)["files"]
        except (ValueError, KeyError, TypeError):
            yield Finding("file_damaged", f"{key}/{MARKER}", f"It cannot be read; {remedy}.")
            return
        if text is None:
            yield Finding("file_missing", f"{key}/{MARKER}", f"It is not there; {remedy}.")
        for name, sha256 in (files | {MODEL: None}).items():
            yield from self._file(f"{key}/{name}", sha256, remedy)

    def _file(self, key: str, sha256: str | None, remedy: str) -> Iterator[Finding]:
        """Look at a file; without a digest, whether it is there."""
        if not self.artifacts.has(key):
            yield Finding("file_missing", key, f"It is not there; {remedy}.")
        elif sha256 and not self.quick and self.artifacts.sha256_of(key) != sha256:
            yield Finding("file_damaged", key, f"It is not as it was written; {remedy}.")

    def _orphans(self) -> Iterator[Finding]:
        for key in orphans(self.artifacts, self.database):
            yield Finding("orphan_file", key, "No row names it; a running service removes it.")

    def _work(self, named: Named) -> Iterator[Finding]:
        folder = self.settings.data_dir / "work"
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        for path in (path for path in found if named.has_ended(path.name)):
            detail = "The job has ended; a running service removes it."
            yield Finding("stale_work", str(path), detail)

    def _staging(self) -> Iterator[Finding]:
        staging = Staging(self.settings.data_dir / "staging")
        with self.database.read() as session:
            known = UploadRepository(session).ids()
        uploads = [staging.parts(name) for name in staging.uploads() if name not in known]
        for path in [*staging.left_by_the_dead(), *uploads]:
            detail = "Its process or upload is gone; a running service removes it."
            yield Finding("stale_upload", str(path), detail)

    def _pepper(self) -> Iterator[Finding]:
        with self.database.read() as session:
            n_keys = len(KeyRepository(session).every())
        if n_keys and not (self.settings.data_dir / PEPPER).is_file():
            detail = "API keys need it; restore it from a backup, or make new keys."
            yield Finding("pepper_missing", PEPPER, detail)


def _check_there(settings: Settings) -> None:
    folder, url = settings.data_dir, settings.database
    path = Path(url.removeprefix("sqlite:///"))
    if not folder.is_dir() or (url.startswith("sqlite:///") and not path.is_file()):
        raise ConfigError(
            f"Expected the data directory of a service, found no database in {folder}; name it "
            "with --data-dir or FALCON_DATA_DIR."
        )
