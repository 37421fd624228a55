"""`falcon resolve` and `falcon export`: triage of a result without a page."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from falcon_svc.cli import options
from falcon_svc.cli.review import user_name
from falcon_svc.cli.settings import Flags, data_config
from falcon_svc.errors import ConfigError

if TYPE_CHECKING:
    from falcon_svc.triage.corrections import Correction
    from falcon_svc.triage.session import Session


class To(StrEnum):
    """Formats of `falcon export`; docs/exports.md says what each is for."""

    parquet = "parquet"
    csv = "csv"
    jsonl = "jsonl"
    label_studio = "label-studio"
    coco = "coco"
    image_folder = "image-folder"
    hugging_face = "hugging-face"
    h5ad = "h5ad"
    graphml = "graphml"
    cytoscape = "cytoscape"
    skos = "skos"
    paths = "paths"
    guideline_html = "guideline-html"
    guideline_md = "guideline-md"


Corrections = Annotated[
    Path | None,
    typer.Option(
        "--corrections",
        metavar="FILE",
        help="Corrections to make first: a .json list, or a .csv with id and class_id.",
    ),
]
LabelStudio = Annotated[
    Path | None,
    typer.Option(
        "--label-studio", metavar="FILE", help="Annotations of Label Studio to take in first."
    ),
]
Author = Annotated[
    str | None,
    typer.Option("--author", metavar="NAME", help="Author of the revisions; you, by default."),
]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Reason, which is kept with the revisions.")
]
Dry = Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")]
Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="INPUT", help="The data set: for coco, image-folder and h5ad."),
]
Out = Annotated[Path, typer.Option("--out", metavar="PATH", help="File or folder to make.")]


def resolve(
    directory: options.Result,
    corrections: Corrections = None,
    label_studio: LabelStudio = None,
    author: Author = None,
    reason: Reason = "",
    dry_run: Dry = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Solve the classes of DIR again with all corrections, and tell what moved and why."""
    from falcon_svc.triage.diff import compare
    from falcon_svc.triage.session import Session

    session, who = Session(directory), author or user_name()
    made = _read(session, corrections, label_studio, tell=not quiet and not as_json)
    if made and not dry_run:
        session.submit(made, author=who, expected=session.head, reason=reason)
    if dry_run:
        session.plan(made)
        diff = compare(session.review, session.preview().placement)
    else:
        diff = session.resolve(author=who, reason=reason).diff
    if as_json:
        print(json.dumps({"head": session.head, **diff.document()}, ensure_ascii=False))
    elif not quiet:
        print(diff.sentence())
        for move in diff.moves(0, MOST_MOVES):
            was, now = (where or "no class" for where in (move.before, move.after))
            print(f"  {move.id}: {was} -> {now}. {move.reason}")
        if len(diff.moved) > MOST_MOVES:
            print(f"  and {len(diff.moved) - MOST_MOVES:,} more; --json lists the first 100")


MOST_MOVES = 10


def export(
    directory: options.Result,
    to: Annotated[To, typer.Option("--to", help="Format to write; docs/exports.md lists them.")],
    out: Out,
    data: Data = None,
    coarse_column: options.CoarseColumn = None,
    quiet: options.Quiet = False,
) -> None:
    """Write the reviewed classes of DIR in a format that other tools read."""
    from falcon_svc.data import load_dataset
    from falcon_svc.result.samples import read_samples
    from falcon_svc.triage.exports import export as write
    from falcon_svc.triage.session import Session

    session = Session(directory)
    if data is None or to is To.h5ad:
        dataset = read_samples(directory, session.discovery)
    else:
        dataset = load_dataset(data, data_config(Flags(coarse_column=coarse_column)))
    made = write(session, to.value, out, dataset=dataset, source=data)
    if not quiet:
        print(f"Written: {made}")


def _read(
    session: Session, corrections: Path | None, label_studio: Path | None, *, tell: bool
) -> list[Correction]:
    """Read corrections from files; rows that cannot be taken are told."""
    from falcon_svc.triage.corrections import read_corrections
    from falcon_svc.triage.imports import read_csv, read_label_studio

    made: list[Correction] = []
    if corrections is not None and corrections.suffix == ".json":
        made += read_corrections(_json_list(corrections))
    for path, read in ((corrections, read_csv), (label_studio, read_label_studio)):
        if path is None or (read is read_csv and path.suffix == ".json"):
            continue
        found = read(session.review, _bytes(path))
        made += found.corrections
        if tell:
            print(found.sentence())
            for failed in found.failed[:MOST_MOVES]:
                print(f"  row {failed.row}: {failed.reason}")
    return made


def _json_list(path: Path) -> list[object]:
    try:
        documents = json.loads(_bytes(path))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"A JSON list of corrections was expected in {path}: {error}.") from error
    if not isinstance(documents, list):
        raise ConfigError(f"A JSON list of corrections was expected in {path}; put [ ] around it.")
    return documents


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"Cannot read {path} ({error.strerror}); name an existing file."
        ) from error
