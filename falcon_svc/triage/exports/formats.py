"""The formats by name, and `export`, which writes one of them whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from falcon_svc.durable.files import storage_errors, sync
from falcon_svc.errors import ConfigError, InputError
from falcon_svc.triage.exports import graph, h5ad, hugging_face, images, label_studio, table
from falcon_svc.triage.guideline import guideline_html, guideline_markdown
from falcon_svc.triage.session import Session
from falcon_svc.types import CoarseDataset

NEEDS_DATA = (
    "This format needs the data set itself, which a result does not keep; give the file that the "
    "result was made of: falcon export DIR --to FORMAT --data INPUT."
)


@dataclass(frozen=True)
class Job:
    """What an export is made of.

    Attributes
    ----------
    session : Session
    dataset : CoarseDataset or None
        In full, or as the result keeps it; needed for images and texts.
    source : Path or None
        The data set's own file; needed where a copy of it is made.
    """

    session: Session
    dataset: CoarseDataset | None = None
    source: Path | None = None

    def with_dataset(self) -> CoarseDataset:
        """Return the data set; InputError where it was not given."""
        if self.dataset is None:
            raise InputError(NEEDS_DATA)
        return self.dataset


@dataclass(frozen=True)
class Format:
    """How one format is written: `write(job, path)`, to a file or into an empty folder."""

    write: Callable[[Job, Path], None]
    name: str
    folder: bool = False


def _bytes(make: Callable[[Job], bytes | str]) -> Callable[[Job, Path], None]:
    def write(job: Job, path: Path) -> None:
        made = make(job)
        path.write_bytes(made if isinstance(made, bytes) else made.encode())

    return write


def _coco(job: Job) -> str:
    document = images.coco_document(job.session, job.with_dataset())
    return json.dumps(document, ensure_ascii=False) + "\n"


def _h5ad(job: Job, path: Path) -> None:
    if job.source is None:
        raise InputError(NEEDS_DATA)
    h5ad.write_h5ad(job.session, job.source, path)


FORMATS: dict[str, Format] = {
    "parquet": Format(
        lambda job, path: table.write_parquet(table.review_table(job.session, job.dataset), path),
        "review.parquet",
    ),
    "csv": Format(
        lambda job, path: table.write_csv(table.review_table(job.session, job.dataset), path),
        "review.csv",
    ),
    "jsonl": Format(
        lambda job, path: table.write_jsonl(table.review_table(job.session, job.dataset), path),
        "review.jsonl",
    ),
    "label-studio": Format(
        lambda job, path: label_studio.write_label_studio(job.session, job.dataset, path),
        "label-studio",
        folder=True,
    ),
    "coco": Format(_bytes(_coco), "coco.json"),
    "image-folder": Format(
        lambda job, path: images.write_image_folder(job.session, job.with_dataset(), path),
        "images",
        folder=True,
    ),
    "hugging-face": Format(
        lambda job, path: hugging_face.write_hugging_face(job.session, job.dataset, path),
        "hugging-face",
        folder=True,
    ),
    "h5ad": Format(_h5ad, "review.h5ad"),
    "graphml": Format(_bytes(lambda job: graph.graphml(job.session)), "classes.graphml"),
    "cytoscape": Format(_bytes(lambda job: graph.cytoscape(job.session)), "classes.cyjs"),
    "skos": Format(_bytes(lambda job: graph.skos_turtle(job.session)), "classes.ttl"),
    "paths": Format(lambda job, path: table.write_paths(job.session, path), "paths.npy"),
    "guideline-html": Format(
        _bytes(lambda job: guideline_html(job.session, job.dataset)), "guideline.html"
    ),
    "guideline-md": Format(
        _bytes(lambda job: guideline_markdown(job.session, job.dataset)), "guideline.md"
    ),
}
"""Name on the command line -> format."""


def export(
    session: Session,
    to: str,
    out: Path,
    *,
    dataset: CoarseDataset | None = None,
    source: Path | None = None,
) -> Path:
    """Write a review in one format.

    Parameters
    ----------
    session
        An open review of a result.
    to
        A key of `FORMATS`.
    out
        The file or folder to make, which must not exist; in an existing folder it gets the format's
        own name.
    dataset
        The data set of the result: adds texts; needed by formats with images.
    source
        The data set's file; needed by h5ad.

    Returns
    -------
    Path
        What was written; it is there whole, or not at all.

    Raises
    ------
    ConfigError, InputError, StorageError
        One sentence each; nothing was written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from falcon_svc.triage.exports import export
    >>> from falcon_svc.triage.session import Session
    >>> export(Session(Path("birds")), "csv", Path("birds.csv")).read_text()[:4]
    '"id"'
    """
    if to not in FORMATS:
        raise ConfigError(f"Expected a format among {', '.join(FORMATS)}, found {to!r}.")
    form, out = FORMATS[to], Path(out)
    target = out / form.name if out.is_dir() else out
    if target.exists():
        raise InputError(f"{target} exists already; name another --out, or move it away.")
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    with storage_errors(f"The export could not be written to {target}", remedy="name another"):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            if form.folder:
                draft.mkdir()
            form.write(Job(session, dataset, source), draft)
            _durable(draft)
            draft.rename(target)
            sync(target.parent)
        finally:
            shutil.rmtree(draft, ignore_errors=True) if draft.is_dir() else draft.unlink(
                missing_ok=True
            )
    return target


def _durable(draft: Path) -> None:
    for folder, _, files in os.walk(draft):
        for name in files:
            sync(Path(folder) / name)
    if draft.is_file():
        sync(draft)
