"""`falcon metrics`: how good predictions in a class hierarchy are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from falcon_svc.cli import options
from falcon_svc.errors import ConfigError

if TYPE_CHECKING:
    from falcon_svc.hierarchy import Tree

TreeFile = Annotated[
    Path, typer.Option("--tree", metavar="FILE", help="The hierarchy: .csv of paths, or .graphml.")
]
Truth = Annotated[
    Path, typer.Option("--truth", metavar="FILE.csv", help="True paths, a row per sample.")
]
Predictions = Annotated[
    Path | None,
    typer.Option("--predictions", metavar="FILE.csv", help="Predicted paths, in the same order."),
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


def metrics(
    tree: TreeFile,
    truth: Truth,
    predictions: Predictions = None,
    scores: Scores = None,
    level: Levels = None,
    as_json: options.Json = False,
) -> None:
    """Print the hierarchical metrics of predicted paths or of probabilities."""
    from falcon_svc.hierarchy.evaluation import evaluate_predictions, evaluate_scores
    from falcon_svc.hierarchy.files import read_paths
    from falcon_svc.hierarchy.score_files import open_scores

    if (predictions is None) == (scores is None):
        raise ConfigError("Expected one of --predictions and --scores; give exactly one.")
    hierarchy = _read_tree(tree, level)
    true = hierarchy.encode(read_paths(truth, level))
    if scores is not None:
        figures = evaluate_scores(true, open_scores(scores, tree=hierarchy), tree=hierarchy)
    elif predictions is not None:
        predicted = hierarchy.encode(read_paths(predictions, level))
        figures = evaluate_predictions(true, predicted, tree=hierarchy)
    print(json.dumps(figures, indent=2) if as_json else _table(figures))


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
