"""Fit the constants of `discovery.counts.split_model` on sets whose fine classes are known.

`python -m falcon_svc.bench.fit_splits FAMILY=SET ... [--leave FAMILY] --out FILE`. Sets are named
as for `falcon bench quality`; sets of one family share features or samples, and are left out
together, so that figures on a set can be made with constants that never saw its kind. Besides the
sets themselves the fit sees what is made of them: thinned to unequal sizes, and single real classes
that must stay whole; and planted mixtures, near and far, and noise, which ship with the program.

1. In every tree the right cut is the one of largest ``sum over leaves of max_f n_lf F1(l, f)``; its
   decisions (split above it, stay whole at it) are what the two logistic regressions learn.
2. The weights of the shift maximise the probability of the true counts, coarse classes of a set
   together, summed over the shift (`falcon_svc.discovery.counts.posterior`).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from falcon_svc.bench.bench_set import BenchSet
from falcon_svc.bench.made_sets import KINDS
from falcon_svc.bench.set_name import SetName
from falcon_svc.discovery.counts.posterior import MOST_COUNT, distributions, shift_features
from falcon_svc.discovery.counts.split_evidence import SplitTree, sample_for_evidence, split_trees
from falcon_svc.discovery.counts.split_model import Regression, SplitModel, hinges, scored
from falcon_svc.discovery.counts.total_stability import StabilityCurve, stability_curve
from falcon_svc.discovery.partition.views import reduced
from falcon_svc.errors import InputError
from falcon_svc.types import IntArray, LabelSource

INVERSE_PENALTY = 0.1
CLIPPED = (0.02, 0.98)
KNOTS = (1 / 3, 2 / 3)
WEIGHTS = {"itself": 2.0, "thinned": 0.4, "null": 0.3, "planted": 1.0}
"""Of a set by what it is, among the equally many of its family."""

SHIFT_PENALTY = 0.01
MADE = ("", "thin=0", "thin=1", "thin=2", "null=single", "null=single,seed=1")
PLANTED = tuple(
    f"planted:{counts}@dim={dim},distance={distance},ratio={ratio},rows={rows},seed={seed}"
    for seed, (counts, dim, distance, ratio, rows) in enumerate(
        [
            *(("4,2,3", 16, 10, 1, 60), ("4,2,3", 4, 8, 5, 60), ("4,2,3", 64, 12, 5, 60)),
            *(("1,3,2,5", 16, 7, 1, 80), ("1,3,2,5", 8, 6, 5, 80), ("1,2", 4, 6, 1, 50)),
            *(("2,2,1,4", 32, 8, 10, 200), ("6,1,1,3", 16, 6, 1, 40), ("1,2,1,1,3", 8, 5, 5, 60)),
            *(("5,5,5", 32, 8, 5, 60), ("1,4", 2, 6, 1, 100), ("2,3", 128, 11, 1, 60)),
        ]
    )
)
NOISE = (
    *(f"planted:1,1,1,1,1,1@dim=32,ratio=5,rows=300,seed={seed}" for seed in (100, 101)),
    *(f"sklearn:{name}@null={kind}" for name in ("wine", "digits") for kind in KINDS[1:]),
)
"""What holds no finer structure."""

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A set as the fit sees it.

    Parameters
    ----------
    name, family
        Which.
    trees
        Per coarse class its trees of splits.
    curve
        Stability over totals.
    evidence, decision
        (S, P) and (S,): the right cuts' decisions.
    counts, sizes
        (C,) true fine classes and rows of each coarse class.
    """

    name: str
    family: str
    trees: list[tuple[SplitTree, ...]]
    curve: StabilityCurve
    evidence: Float
    decision: IntArray
    counts: IntArray
    sizes: IntArray

    @property
    def kind(self) -> str:
        """A key of `WEIGHTS`."""
        if "null=" in self.name or self.family == "noise":
            return "null"
        if "thin=" in self.name:
            return "thinned"
        return "planted" if self.family == "planted" else "itself"


def case_of(name: str, family: str) -> Case:
    """Return a set's trees, stability and right decisions."""
    data = SetName.parse(name).load()
    raw, source, truth = _judged(data)
    rows = sample_for_evidence(source, seed=0)
    part = source.at(rows)
    trees = split_trees(raw[rows], part)
    curve = stability_curve(reduced(raw[rows], part), part, seed=0)
    found = [pair for group in trees for tree in group for pair in decisions(tree, truth[rows])]
    return Case(
        name,
        family,
        trees,
        curve,
        np.array([evidence for evidence, _ in found]),
        np.array([split for _, split in found], np.int64),
        np.array([len(np.unique(truth[q])) for q in source.rows_by_class()]),
        np.array([len(q) for q in source.rows_by_class()]),
    )


def _judged(data: BenchSet) -> tuple[NDArray[np.float32], LabelSource, IntArray]:
    rows = data.judged
    names, labels = np.unique(data.dataset.coarse.labels[rows], return_inverse=True)
    source = LabelSource("coarse", labels.astype(np.int64), tuple(map(str, names)))
    return np.asarray(data.features[rows]), source, data.truth[rows]


def decisions(tree: SplitTree, truth: IntArray) -> Iterator[tuple[Float, int]]:
    """Yield the evidence of every decision that the right cut takes, and whether it splits.

    Parameters
    ----------
    tree
        Splits of one coarse class.
    truth
        (n,) fine labels of all rows.
    """
    known = truth[tree.rows[0]]
    total = np.bincount(known)
    value, split = np.zeros(len(tree.rows)), np.zeros(len(tree.rows), np.bool_)
    for node in range(len(tree.rows) - 1, -1, -1):
        shared = np.bincount(truth[tree.rows[node]], minlength=len(total))
        value[node] = (shared * 2 * shared / (len(tree.rows[node]) + total)).max()
        children = tree.children[node]
        if children[0] >= 0 and value[children].sum() > value[node] + 1e-9:
            split[node], value[node] = True, value[children].sum()
    waiting = [0]
    while waiting:
        node = waiting.pop()
        if tree.children[node, 0] >= 0:
            yield tree.evidence[node], int(split[node])
            waiting += tree.children[node].tolist() if split[node] else []


def fit(cases: Sequence[Case]) -> SplitModel:
    """Return the model of these cases."""
    evidence = np.concatenate([case.evidence for case in cases if len(case.decision)])
    split = np.concatenate([case.decision for case in cases])
    weight = np.concatenate(
        [np.full(len(c.decision), w * max(1, len(c.decision)) ** -0.5) for c, w in _weighted(cases)]
    )
    low, high = np.quantile(evidence, CLIPPED, axis=0)
    clipped = np.clip(evidence, low, high)
    knots = np.quantile(clipped, KNOTS, axis=0)
    linear = _regression(clipped, split, weight)
    hinged = _regression(hinges(clipped, knots), split, weight)
    model = SplitModel(low, high, knots, linear, hinged, {})
    return SplitModel(low, high, knots, linear, hinged, _shift_weights(cases, model))


def _weighted(cases: Sequence[Case]) -> Iterator[tuple[Case, float]]:
    """Sets of a large family weigh less each, and what is made of sets less than they do."""
    families = Counter(case.family for case in cases)
    for case in cases:
        yield case, families[case.family] ** -0.5 * WEIGHTS[case.kind]


def _regression(columns: Float, split: IntArray, weight: Float) -> Regression:
    mean, scale = columns.mean(axis=0), columns.std(axis=0) + 1e-9
    found = LogisticRegression(C=INVERSE_PENALTY, max_iter=5_000).fit(
        (columns - mean) / scale, split, sample_weight=weight / weight.mean()
    )
    return Regression(mean, scale, found.coef_[0], float(found.intercept_[0]))


def _shift_weights(cases: Sequence[Case], model: SplitModel) -> dict[str, float]:
    """Maximise sum of log sum_b p(b) prod_q P_q(true count | b)^(1 / sqrt C)."""
    terms, names = [], ("square", "linear", "stability", "stability_drop")
    for case, weight in _weighted(cases):
        most = np.minimum(case.sizes, MOST_COUNT)
        by_shift = distributions(scored(case.trees, model), np.ones_like(most), most)
        place = np.minimum(case.counts, by_shift.shape[2]) - 1
        probability = by_shift[:, np.arange(len(place)), place]  # (B, C)
        uniform = 1e-3 * 0.7**place
        likelihood = np.log((1 - 1e-3) * probability + uniform).sum(axis=1) / len(place) ** 0.5
        features = shift_features(by_shift, case.curve)
        columns = np.array([features[n] for n in names]).T
        terms.append((columns, likelihood, weight / len(place) ** 0.25))
    whole = sum(weight for *_, weight in terms)

    def loss(weights: Float) -> float:
        value = SHIFT_PENALTY * float((weights**2).sum()) / 2
        for features, likelihood, weight in terms:
            score = features @ weights
            value -= weight / whole * (logsumexp(score + likelihood) - logsumexp(score))
        return float(value)

    found = minimize(loss, np.array([0.5, 0.0, 0.5, 0.5]), method="L-BFGS-B")
    return dict(zip(names, found.x.tolist(), strict=True))


def cases_of(sets: Sequence[tuple[str, str]]) -> Iterator[Case]:
    """Yield the cases of (family, set name) pairs and of what is made of them."""
    named = [(family, _made(name, made)) for family, name in sets for made in MADE]
    own = [("planted", name) for name in PLANTED] + [("noise", name) for name in NOISE]
    for family, name in [*named, *own]:
        try:
            yield case_of(name, family)
            print(name, file=sys.stderr, flush=True)
        except InputError as error:  # too small to be thinned
            print(f"left out: {name}: {error}", file=sys.stderr)


def _made(name: str, made: str) -> str:
    if not made:
        return name
    return f"{name},{made}" if "@" in name else f"{name}@{made}"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the constants; see this module's docstring for the arguments."""
    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("sets", nargs="+", metavar="FAMILY=SET")
    flags.add_argument("--out", type=Path, required=True)
    flags.add_argument("--each", action="store_true", help="leave each family out in turn, too")
    given = flags.parse_args(argv)
    pairs = [tuple(text.split("=", 1)) for text in given.sets]
    with threadpool_limits(1):
        cases = list(cases_of([(family, name) for family, name in pairs]))
        _write(given.out, fit(cases), cases, left_out=None)
        for family in sorted({case.family for case in cases}) if given.each else ():
            kept = [case for case in cases if case.family != family]
            _write(given.out.with_suffix(f".{family}.json"), fit(kept), kept, left_out=family)
    return 0


def _write(path: Path, model: SplitModel, cases: Sequence[Case], left_out: str | None) -> None:
    document: dict[str, Any] = {
        "made_by": "python -m falcon_svc.bench.fit_splits",
        "left_out": left_out,
        "sets": sorted(Path(case.name).name for case in cases),
        "model": model.document(),
    }
    path.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
