"""Hierarchy benchmark: losses x inference x metrics, beside HiClass.

`falcon bench hierarchy SET ... [--seeds 0,1,2,3,4] [--losses ...] [--texts ...] [--discovered]`.
Every set is split 80/20 by class and seed; all methods get the same vectors. An inference turns the
head's node probabilities into others, and the metrics are taken of those:

- ``own``: as the loss defines them;
- ``bottom_up``: of the leaves alone, normalised and summed up;
- ``ensemble``: leaf times parent (Jain);
- ``diffusion``: over the tree, its strength chosen on an eighth of the training rows, by a head
  that was trained on the others;
- ``learned_diffusion``: a map learned from the same rows.

The last three are for heads that are trained at every level, and for two others beside them. With
`--discovered` two losses are trained once more on the classes that a discovery finds in the
training rows, of which it sees the coarse labels alone (`falcon_svc.bench.hierarchy_discovered`).
HCCF gets the mean training vector of each class in place of a text embedding; with `--texts` it is
trained once more, on sets whose classes have names, with embeddings of those. Seconds are of the
process on all its threads (CPU time), so that they hold on a busy machine too.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.bench.bench_set import BenchSet
from falcon_svc.bench.command import parser, progress_of
from falcon_svc.bench.hierarchy_discovered import FOUND, relabelled
from falcon_svc.bench.hierarchy_peers import PEERS
from falcon_svc.bench.hierarchy_split import Split
from falcon_svc.bench.hierarchy_texts import TITLE, node_texts
from falcon_svc.bench.set_name import SHIPPED, SetName, parse_all
from falcon_svc.bench.table import Figure, markdown, write_json
from falcon_svc.errors import ConfigError
from falcon_svc.hierarchy.classifier import HierarchicalClassifier
from falcon_svc.hierarchy.evaluation import evaluate_predictions, evaluate_scores
from falcon_svc.hierarchy.inference import (
    Diffusion,
    LearnedDiffusion,
    bottom_up,
    choose_alpha,
    hierarchical_ensemble,
)
from falcon_svc.hierarchy.losses import LOSSES
from falcon_svc.pipeline.record import versions
from falcon_svc.progress import Progress, Silent

Floats = NDArray[np.floating[Any]]
EVERY_LEVEL = ("level_softmax", "hcal", "hccf")
INDEPENDENT = (*EVERY_LEVEL, "deep_rtc", "multilabel_focal", "conditional_sigmoid")
"""Losses whose own node probabilities are not the sums over leaves."""
DISCOVERED = ("flat_softmax", "hace")
DIFFUSED = (*EVERY_LEVEL, "flat_softmax", "hace")
COLUMNS = {
    "AP": "average_precision_information",
    "AC": "average_correct_information",
    "R@90C": "recall_at_90_correct_information",
    "R@95C": "recall_at_95_correct_information",
    "Majority F1": "majority_f1",
    "Leaf F1": "leaf_f1",
    "Leaf top-1": "leaf_top1",
    "hF": "hierarchical_f",
    "HVR": "level_violation",
}
Key = tuple[str, str]
Figures = dict[str, float]
Texts = dict[str, Floats]


def run(
    sets: Sequence[str],
    *,
    seeds: Sequence[int],
    losses: Sequence[str] | None = None,
    peers: bool = True,
    discovered: bool = False,
    texts: str | None = None,
    progress: Progress | None = None,
) -> tuple[str, dict[str, Any]]:
    """Return the tables, and the same as a document.

    Parameters
    ----------
    sets
        Names of `falcon_svc.bench.set_name`.
    seeds
        One split and training each.
    losses
        Some of `LOSSES`; None = all.
    peers
        Also measure HiClass and logistic regression.
    discovered
        Also train on discovered classes in place of the true ones.
    texts
        Where text embeddings of class names come from, a file or an encoder; None = nowhere.
    progress
        Told of every set and seed.
    """
    wanted = list(LOSSES) if losses is None else list(losses)
    unknown = [name for name in wanted if name not in LOSSES]
    if unknown:
        raise ConfigError(f"Expected losses among {', '.join(LOSSES)}, found {unknown[0]!r}.")
    told, tables, documents = progress or Silent(), [], []
    _warm_up()
    for name in parse_all(sets):
        data = name.load()
        embedded = None if texts is None or "hccf" not in wanted else _texts(name, data, texts)
        found: dict[Key, list[Figures]] = defaultdict(list)
        for seed in seeds:
            told.stage(f"{data.name}, seed {seed}", 1)
            split = Split.of(data, seed)
            for key, figures in _measured(split, wanted, embedded, peers=peers):
                found[key].append(figures)
            for key, figures in _on_discovered(split, wanted) if discovered else ():
                found[key].append(figures)
        tables.append(f"### {data.name}\n\n{_table(found)}")
        documents.append({**data.document(), "rows": _rows(found)})
    document = {"versions": versions(), "seeds": list(seeds), "sets": documents}
    return "\n\n".join(tables), document


def _warm_up() -> None:
    """Train once on next to nothing: the first training of a process loads what all need."""
    HierarchicalClassifier(epochs=1, random_state=0).fit(np.eye(4), list("aabb"))


def _texts(name: SetName, data: BenchSet, given: str) -> Texts | None:
    """Return the text embedding of each node, where classes have names."""
    fine = name.fine_names()
    return node_texts(data.dataset.coarse.names, fine, given) if fine else None


def _measured(
    split: Split, losses: Sequence[str], texts: Texts | None, *, peers: bool
) -> Iterator[tuple[Key, Figures]]:
    for name in losses:
        yield from _of_loss(split, name)
    if texts is not None:
        yield from (((TITLE, rule), row) for (_, rule), row in _of_loss(split, "hccf", texts))
    for name, peer in PEERS.items() if peers else ():
        answer = peer(split.train, split.train_nodes, split.test, split.tree)
        figures = _plain(evaluate_scores(split.test_nodes, answer.scores, tree=split.tree))
        decided = evaluate_predictions(split.test_nodes, answer.nodes, tree=split.tree)
        own = _plain(decided) | {"leaf_top1": decided["full_path_accuracy"] or 0.0}
        yield (name, "own"), figures | own | {"seconds": answer.seconds}


def _on_discovered(split: Split, losses: Sequence[str]) -> Iterator[tuple[Key, Figures]]:
    """Train on what a discovery finds in the training rows; judge by the true classes."""
    wanted = [name for name in DISCOVERED if name in losses]
    for title in FOUND if wanted else ():
        found = relabelled(split, title)
        for name in wanted:
            model, seconds = _trained(found, name)
            scores = _summed(model.node_proba(split.test), split)
            figures = _plain(evaluate_scores(split.test_nodes, scores, tree=split.tree))
            yield (f"{name}, {title}", "bottom_up"), figures | {"seconds": seconds}


def _of_loss(split: Split, loss: str, texts: Texts | None = None) -> Iterator[tuple[Key, Figures]]:
    model, seconds = _trained(split, loss, texts)
    scores = model.node_proba(split.test)
    for rule, applied in _inferred(split, loss, texts, scores):
        figures = _plain(evaluate_scores(split.test_nodes, applied, tree=split.tree))
        yield (loss, rule), figures | {"seconds": seconds}


def _trained(
    split: Split, loss: str, texts: Texts | None = None
) -> tuple[HierarchicalClassifier, float]:
    given = _class_means(split) if loss == "hccf" and texts is None else texts
    model = HierarchicalClassifier(loss, tree=split.tree, texts=given, random_state=split.seed)
    paths = split.tree.decode(split.train_nodes)
    began = time.process_time()
    model.fit(split.train, paths)
    return model, time.process_time() - began


def _class_means(split: Split) -> Floats:
    """(n_nodes, D) mean training vector of each class, 1 everywhere for the root."""
    below = split.tree.ancestors[split.train_nodes].T.astype(np.float64)  # (n_nodes, n)
    means = below @ split.train / below.sum(axis=1, keepdims=True)
    centred: Floats = means - means[1:].mean(axis=0)
    centred[0] = 1.0
    return centred


def _inferred(
    split: Split, loss: str, texts: Texts | None, scores: Floats
) -> Iterator[tuple[str, Floats]]:
    """Yield each inference with the probabilities that it makes."""
    tree = split.tree
    if loss in INDEPENDENT:
        yield "own", scores
    yield "bottom_up", _summed(scores, split)
    if loss in DIFFUSED:
        yield "ensemble", hierarchical_ensemble(scores, tree=tree)
        held = split.held_out()
        held_scores = _trained(held, loss, texts)[0].node_proba(held.test)
        alpha = choose_alpha(held.test_nodes, held_scores, tree=tree)
        yield "diffusion", Diffusion(tree, alpha).apply(scores)
        learned = LearnedDiffusion.fit(
            held.test_nodes, held_scores, tree=tree, alpha=alpha or 0.1, seed=split.seed
        )
        yield "learned_diffusion", learned.apply(scores)


def _summed(scores: Floats, split: Split) -> Floats:
    """Return the probabilities of the leaves, normalised and summed up."""
    leaves = scores[:, split.tree.leaves]
    return bottom_up(leaves / leaves.sum(axis=1, keepdims=True), tree=split.tree)


def _plain(figures: dict[str, float | None]) -> Figures:
    return {name: value for name, value in figures.items() if value is not None}


def _table(found: dict[Key, list[Figures]]) -> str:
    rows = []
    for (method, rule), runs in found.items():
        cells = [_figure(runs, name).percent() for name in COLUMNS.values()]
        rows.append((method, rule, *cells, f"{_figure(runs, 'seconds').mean:.2f}"))
    return markdown(("loss", "inference", *COLUMNS, "training CPU s"), rows)


def _rows(found: dict[Key, list[Figures]]) -> list[dict[str, Any]]:
    return [
        {
            "method": method,
            "inference": rule,
            "figures": {name: _figure(runs, name).document() for name in runs[0]},
        }
        for (method, rule), runs in found.items()
    ]


def _figure(runs: Sequence[Figures], name: str) -> Figure:
    return Figure(tuple(run[name] for run in runs))


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; see this module's docstring for the arguments."""
    flags = parser("hierarchy", "Hierarchical classifiers: losses x inference, beside HiClass.")
    flags.add_argument(
        "sets", nargs="*", metavar="SET", help="sets to measure: shipped, or FILE@KEY=VALUE,..."
    )
    flags.add_argument("--seeds", default="0,1,2,3,4", help="seeds, one split and training each")
    flags.add_argument("--losses", help=f"some of {','.join(LOSSES)}")
    flags.add_argument("--no-peers", action="store_true", help="leave HiClass out")
    flags.add_argument(
        "--texts", metavar="FILE.npz|text[:DIR]", help="train hccf on embeddings of class names too"
    )
    flags.add_argument("--discovered", action="store_true", help="train on discovered classes too")
    given = flags.parse_args(argv)
    table, document = run(
        given.sets or [SHIPPED],
        seeds=[int(seed) for seed in given.seeds.split(",")],
        losses=given.losses.split(",") if given.losses else None,
        peers=not given.no_peers,
        discovered=given.discovered,
        texts=given.texts,
        progress=progress_of(given),
    )
    write_json(given.json, document)
    print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
