"""The decisive test: a head trained on coarse labels beside one trained on finer ones.

Both see the same rows and are judged on the same held-out rows by coarse accuracy; the fine head
answers with its probabilities summed over each coarse class. Source of the question: "Should we
always train models on fine-grained classes?" (arXiv 2509.05130), whose text could not be read;
the design of the test is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import RepeatedStratifiedKFold

from falcon_svc.data.refusal import quoted
from falcon_svc.errors import InputError
from falcon_svc.hierarchy.advice.intervals import Difference, paired_difference
from falcon_svc.hierarchy.classifier import HierarchicalClassifier
from falcon_svc.hierarchy.tree import Tree
from falcon_svc.types import BoolArray, FloatArray, IntArray

Refine = Callable[[IntArray], NDArray[np.str_]]
"""Training rows -> the finer label of each; it may look at nothing but those rows."""


@dataclass(frozen=True)
class Comparison:
    """Coarse training beside fine training at one size and capacity.

    Parameters
    ----------
    labels
        Where the finer labels come from: "fine labels", "k-means, k = 3" or "discovered".
    hidden
        Units of the hidden layer; 0 = a linear head.
    share
        Part of each training fold that was used, in (0, 1].
    n_train
        Number of training rows, >= 1.
    coarse_accuracy, fine_accuracy
        Accuracies of the two arms in [0, 1], means over the folds.
    overall
        Difference of the accuracies.
    per_class
        The same for the recall of each coarse class.

    Examples
    --------
    >>> from falcon_svc.hierarchy.advice import Comparison, Difference
    >>> gain = Difference(mean=0.04, low=0.01, high=0.07)
    >>> one = Comparison("fine labels", 0, 1.0, 320, 0.81, 0.85, gain, {"bird": gain})
    >>> one.overall.low > 0
    True
    """

    labels: str
    hidden: int
    share: float
    n_train: int
    coarse_accuracy: float
    fine_accuracy: float
    overall: Difference
    per_class: dict[str, Difference]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Comparison:
        """Return what `asdict` made a record of.

        Parameters
        ----------
        record
            Field -> value, differences as records too.

        Returns
        -------
        Comparison
            Equal to the one that the record was made of.
        """
        classes = {name: Difference(**one) for name, one in record["per_class"].items()}
        overall = Difference(**record["overall"])
        return cls(**{**record, "overall": overall, "per_class": classes})


@dataclass(frozen=True, eq=False)
class Trial:
    """Rows, folds and the coarse arm, which all comparisons share.

    Parameters
    ----------
    vectors
        (n, D).
    coarse
        (n,) class of each row.
    names
        (C,) of the coarse classes.
    n_folds, n_repeats
        Folds >= 2 and repeats >= 1 of the cross-validation.
    seed
        Seed of folds, subsets and heads.
    n_tried
        Kinds of labels that are compared; see `paired_difference`.
    """

    vectors: FloatArray
    coarse: IntArray
    names: tuple[str, ...]
    n_folds: int = 5
    n_repeats: int = 1
    seed: int = 0
    n_tried: int = 1
    _coarse_arm: dict[tuple[int, float], list[BoolArray]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        sizes = np.bincount(self.coarse, minlength=len(self.names))
        small = int(sizes.argmin())
        if len(self.names) < 2 or sizes[small] < self.n_folds:
            found = f"{sizes[small]} of {quoted(self.names[small])}" if self.names else "no class"
            raise InputError(
                f"Expected at least two coarse classes with {self.n_folds} rows or more each, one "
                f"for every fold, found {len(self.names)} classes and {found}; "
                "leave small classes out, or take fewer folds."
            )

    def folds(self, share: float) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield training and test rows; smaller shares are parts of larger ones."""
        splitter = RepeatedStratifiedKFold(
            n_splits=self.n_folds, n_repeats=self.n_repeats, random_state=self.seed
        )
        draw = np.random.default_rng(self.seed)
        for train, test in splitter.split(self.vectors, self.coarse):
            order = draw.permutation(train)
            yield order[: max(len(self.names), round(share * len(train)))], test

    def compare(self, labels: str, refine: Refine, *, hidden: int, share: float) -> Comparison:
        """Train both heads on every fold and compare them.

        Parameters
        ----------
        labels
            What the finer labels are called.
        refine
            Finer labels of training rows.
        hidden, share
            Capacity and size; see `Comparison`.
        """
        key = (hidden, share)
        if key not in self._coarse_arm:
            self._coarse_arm[key] = self._arm(self._unrefined, hidden, share)
        before = self._coarse_arm[key]
        return self._comparison(labels, key, before, self._arm(refine, hidden, share))

    def _unrefined(self, rows: IntArray) -> NDArray[np.str_]:
        return np.full(len(rows), "")

    def _arm(self, refine: Refine, hidden: int, share: float) -> list[BoolArray]:
        """Return which test rows of each fold get their coarse class right."""
        return [
            self._right(train, test, refine(train), hidden) for train, test in self.folds(share)
        ]

    def _right(
        self, train: IntArray, test: IntArray, finer: NDArray[np.str_], hidden: int
    ) -> BoolArray:
        coarse = [self.names[k] for k in self.coarse[train].tolist()]
        paths = list(zip(coarse, finer.tolist(), strict=True))
        tree = Tree.from_paths([*((name,) for name in self.names), *sorted(set(paths))])
        model = HierarchicalClassifier(
            "flat_softmax", tree=tree, hidden=hidden, random_state=self.seed
        )
        model.fit(self.vectors[train], paths)
        nodes = tree.encode([(name,) for name in self.names])
        summed = model.node_proba(self.vectors[test])[:, nodes]
        right: BoolArray = summed.argmax(axis=1) == self.coarse[test]
        return right

    def _comparison(
        self,
        labels: str,
        key: tuple[int, float],
        before: Sequence[BoolArray],
        after: Sequence[BoolArray],
    ) -> Comparison:
        folds = list(self.folds(key[1]))
        n_train = int(np.mean([len(train) for train, _ in folds]))
        ratio = len(folds[0][1]) / n_train
        gains = [a.astype(float) - b for a, b in zip(after, before, strict=True)]
        of_class = [self.coarse[test] for _, test in folds]
        interval = partial(paired_difference, test_per_train=ratio, n_tried=self.n_tried)
        sizes = np.bincount(self.coarse, minlength=len(self.names)).tolist()
        per_class = {
            name: interval(
                [_mean(gain[c == k]) for gain, c in zip(gains, of_class, strict=True)],
                n_rows=sizes[k],
            )
            for k, name in enumerate(self.names)
        }
        return Comparison(
            labels,
            *key,
            n_train,
            float(np.mean([b.mean() for b in before])),
            float(np.mean([a.mean() for a in after])),
            interval([gain.mean() for gain in gains], n_rows=len(self.coarse)),
            per_class,
        )


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else float("nan")
