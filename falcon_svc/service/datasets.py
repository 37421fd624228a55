"""Data sets as a client sees them: stored first, checked by the supervisor's child, then ready.

The file's name gives its suffix and a label, never a path. Options are the reading settings
(`data` section of the configuration) without the limits, which are the service's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from falcon_svc.data.config import ReadingOptions
from falcon_svc.data.registry import FORMATS, suffix_of
from falcon_svc.service.context import Context
from falcon_svc.service.idempotency import Once
from falcon_svc.service.keys import Caller
from falcon_svc.service.refusals import RequestError, not_found
from falcon_svc.storage import Session
from falcon_svc.storage.datasets import DatasetRepository, file_key, folder_key, labels_key
from falcon_svc.storage.ids import new_id
from falcon_svc.storage.jobs import results_key
from falcon_svc.storage.reviews import remove_review
from falcon_svc.storage.tables import Dataset
from falcon_svc.storage.uploads import UploadRepository

OPTIONS = frozenset(ReadingOptions.model_fields)
LONGEST_NAME = 200
_UNCLEAN = re.compile(r"[/\\\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Upload:
    """A file that has arrived whole.

    Parameters
    ----------
    path
        Where it lies for now; it is moved or deleted.
    name
        As the client calls it.
    size_bytes, sha256
        Size bytes and sha256 of its content.
    """

    path: Path
    name: str
    size_bytes: int
    sha256: str

    def discard(self) -> None:
        """Delete the file, if it was not moved."""
        self.path.unlink(missing_ok=True)


def add(
    context: Context,
    caller: Caller,
    upload: Upload,
    options: dict[str, Any],
    metadata: dict[str, Any],
    *,
    name: str | None = None,
    labels: Upload | None = None,
    key: str | None,
    announced: str | None = None,
) -> tuple[Dataset, bool]:
    """Store an upload as a data set that is to be checked; return it and whether it is new.

    `name` is a label in place of the file's name, `labels` the CSV of a `.npy` file, `announced`
    the id of the upload whose parts the file was made of. The files are moved, or deleted. Their
    bytes are durable before the row that names them is written, so that a kill in between leaves
    files without a row (swept by `housekeeping`), never a row without files.

    Raises
    ------
    RequestError
        Empty file, unclean name, unknown suffix or option, quota.
    """
    files = [upload] if labels is None else [upload, labels]
    identity = new_id("ds")
    try:
        suffix = check_files(upload, labels)
        check_options(options)
        label = upload.name if name is None else check_name(name)
        digests = [file.sha256 for file in files]
        once = Once.of(caller.tenant, key, "dataset", label, digests, options, metadata)
        size_bytes = sum(file.size_bytes for file in files)

        def make(session: Session) -> str:
            if announced is not None:
                UploadRepository(session).done(announced, identity)
            check_quota(context, session, caller.tenant, size_bytes)
            made = DatasetRepository(session).add(
                identity,
                caller.tenant,
                name=label,
                suffix=suffix,
                size_bytes=size_bytes,
                sha256=upload.sha256,
                options=options,
                metadata=metadata,
            )
            return made.id

        _store(context, caller, upload, file_key(identity, suffix))
        if labels is not None:
            context.artifacts.put_file(labels.path, labels_key(identity))
        dataset_id, new = once.make(context.database, make)
    except BaseException:
        context.artifacts.remove(folder_key(identity))
        raise
    finally:
        for file in files:
            file.discard()
    if not new:
        context.artifacts.remove(folder_key(identity))
    return get(context, caller, dataset_id), new


def _store(context: Context, caller: Caller, upload: Upload, key: str) -> None:
    """Take a file in; bytes that the tenant has sent before are kept once."""
    suffix = Path(key).suffix
    with context.database.read() as session:
        same = DatasetRepository(session).same_file(caller.tenant, suffix, upload.sha256)
    there = same is not None and context.artifacts.put_again(
        key, file_key(same, suffix), upload.sha256
    )
    if not there:
        context.artifacts.put_file(upload.path, key)


def check_files(upload: Upload, labels: Upload | None) -> str:
    """Return the suffix of a file that may be a data set, with labels beside it."""
    suffix = check_upload(upload)
    if labels is not None and (suffix, check_upload(labels)) != (".npy", ".csv"):
        raise RequestError(
            f"Expected labels as a .csv beside a .npy file, found {labels.name!r} beside "
            f"{upload.name!r}; other formats hold their labels.",
            code="unsupported_format",
        )
    return suffix


def check_upload(upload: Upload) -> str:
    """Return the suffix of a file that may be a data set."""
    name = check_name(upload.name)
    suffix = suffix_of(name)
    if suffix not in FORMATS:
        raise RequestError(
            f"Expected a file ending in {', '.join(FORMATS)}, found {suffix or name!r}; see "
            "docs/input-formats.md.",
            code="unsupported_format",
        )
    if upload.size_bytes == 0:
        raise RequestError(
            "Expected a file with content, found an empty one; upload it again.", code="empty"
        )
    return suffix


def check_name(name: str) -> str:
    """Return a name that is safe to show: no path, no control or steering characters."""
    if not 1 <= len(name) <= LONGEST_NAME or _UNCLEAN.search(name) or _steers_text(name):
        raise RequestError(
            f"Expected a plain name of at most {LONGEST_NAME} letters, found {name[:60]!r}; "
            "rename it.",
            code="bad_name",
        )
    return name


def _steers_text(name: str) -> bool:
    return any(unicodedata.category(letter) in ("Cf", "Cs", "Zl", "Zp") for letter in name)


def check_options(options: Mapping[str, Any]) -> None:
    """Raise RequestError for what is no reading option."""
    unknown = sorted(set(options) - OPTIONS)
    if unknown:
        raise RequestError(
            f"Expected options among {', '.join(sorted(OPTIONS))}, found {unknown[0]!r}; leave it "
            "out.",
            code="unknown_option",
        )


def check_quota(context: Context, session: Session, tenant: str, more_bytes: int) -> None:
    """Raise RequestError if a tenant would have more data sets, or bytes of them, than allowed.

    Uploads in parts count from their announcement on.
    """
    settings = context.settings
    there = (DatasetRepository(session).usage(tenant), UploadRepository(session).usage(tenant))
    number = 1 + sum(count for count, _ in there)
    size_bytes = more_bytes + sum(size for _, size in there)
    if number > settings.max_datasets or size_bytes > settings.max_dataset_bytes:
        raise RequestError(
            f"Expected at most {settings.max_datasets:,} data sets and open uploads of "
            f"{settings.max_dataset_bytes:,} bytes in all, found {number:,} of {size_bytes:,} with "
            "this one; delete some.",
            code="quota_exceeded",
        )


def get(context: Context, caller: Caller, dataset_id: str) -> Dataset:
    """Return a data set of the caller's."""
    with context.database.read() as session:
        found = DatasetRepository(session).get(dataset_id, caller.tenant)
    if found is None:
        raise not_found("data set", dataset_id)
    return found


def page(
    context: Context, caller: Caller, *, size: int, before: str | None
) -> tuple[Sequence[Dataset], bool]:
    """Return a page of the caller's data sets and whether more follow."""
    with context.database.read() as session:
        return DatasetRepository(session).page(caller.tenant, size=size, before=before)


def delete(context: Context, caller: Caller, dataset_id: str) -> None:
    """Delete a data set, its jobs and their results: rows first, then files.

    Raises
    ------
    RequestError
        A job on it has not ended (code ``dataset_in_use``).
    """
    get(context, caller, dataset_id)
    with context.database.write() as session:
        datasets = DatasetRepository(session)
        if datasets.in_use(dataset_id):
            raise RequestError(
                f"Expected a data set without open jobs, found one on {dataset_id}; cancel it "
                "first.",
                code="dataset_in_use",
            )
        jobs = datasets.delete(dataset_id)
    for key in [*map(results_key, jobs), folder_key(dataset_id)]:
        context.artifacts.remove(key)
    for job_id in jobs:
        remove_review(context.settings.data_dir, job_id)
