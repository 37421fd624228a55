"""`falcon metrics`: how good predictions in a class hierarchy are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from falcon_svc.cli import options
from falcon_svc.cli.page_file import Report, write_page
from falcon_svc.cli.show import warn
from falcon_svc.errors import ConfigError

if TYPE_CHECKING:
    from falcon_svc.hierarchy import Tree
    from falcon_svc.hierarchy.label_files import LabelFile
    from falcon_svc.supervised.measuring import Measured

TreeFile = Annotated[
    Path, typer.Option("--tree", metavar="FILE", help="The hierarchy: .csv of paths, or .graphml.")
]
Truth = Annotated[
    Path, typer.Option("--truth", metavar="FILE.csv", help="True paths, a row per sample.")
]
Predictions = Annotated[
    Path | None,
    typer.Option(
        "--predictions", metavar="FILE.csv", help="Predicted paths, such as falcon classify writes."
    ),
]
Scores = Annotated[
    Path | None,
    typer.Option(
        "--scores", metavar="FILE.npy", help="Probabilities of all nodes, or of all leaves."
    ),
]

Levels = Annotated[
    list[str] | None,
    typer.Option(
        "--level",
        metavar="NAME",
        help="Column of a level, top first, in every CSV file; may be repeated. All by default.",
    ),
]

IdColumn = Annotated[
    str,
    typer.Option("--id", metavar="NAME", help="Column of ids that labels and predictions share."),
]


def metrics(
    tree: TreeFile,
    truth: Truth,
    predictions: Predictions = None,
    scores: Scores = None,
    level: Levels = None,
    id_column: IdColumn = "id",
    report: Report = None,
    as_json: options.Json = False,
) -> None:
    """Print the hierarchical metrics of predicted paths or of probabilities.

    Labels and predicted paths are joined by their ids, where both files have them; scores and
    files without ids are taken row by row.
    """
    from falcon_svc.hierarchy.label_files import LabelFile

    if (predictions is None) == (scores is None):
        raise ConfigError("Expected one of --predictions and --scores; give exactly one.")
    hierarchy = _read_tree(tree, level)
    labels = LabelFile.read(truth, level, id_column)
    if scores is not None:
        found = _of_scores(labels, scores, hierarchy, wants_page=report is not None)
    else:
        assert predictions is not None
        found = _of_paths(labels, LabelFile.read(predictions, level, id_column), hierarchy)
    if report is not None:
        _write_page(found, report)
    print(json.dumps(found.figures, indent=2) if as_json else _table(found.figures))


def _of_scores(labels: LabelFile, file: Path, tree: Tree, *, wants_page: bool) -> Measured:
    from falcon_svc.hierarchy.score_files import open_scores
    from falcon_svc.supervised.measuring import measured_scores

    true, scores = tree.encode(labels.paths), open_scores(file, tree=tree)
    return measured_scores(true, scores, tree=tree, draw=wants_page)


def _of_paths(labels: LabelFile, predictions: LabelFile, tree: Tree) -> Measured:
    from falcon_svc.hierarchy.label_files import joined
    from falcon_svc.supervised.measuring import measured_paths

    both = joined(labels, predictions)
    if both.n_left_out:
        warn([f"{both.n_left_out:,} predictions are of samples without a label: left out."])
    return measured_paths(tree.encode(both.true), tree.encode(both.predicted), tree=tree)


def _write_page(found: Measured, report: Path) -> None:
    from falcon_svc.report import render_metrics_report

    page = render_metrics_report(
        found.figures, n_samples=found.n_samples, classes=found.classes, drawn=found.drawn
    )
    write_page(page, report)


def _read_tree(file: Path, level: list[str] | None) -> Tree:
    from falcon_svc.hierarchy import Tree

    is_graph = file.suffix.lower() == ".graphml"
    return Tree.from_graphml(file) if is_graph else Tree.from_csv(file, columns=level)


def _table(figures: dict[str, float | None]) -> str:
    width = max(map(len, figures))
    return "\n".join(
        f"{name:<{width}}  {'-' if value is None else f'{value:.4f}'}"
        for name, value in figures.items()
    )
