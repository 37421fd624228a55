"""What a discovery returns: fine classes, assignments, relations, and how they came about.

`Discovery` is plain data (numpy and built-in types): `falcon_svc.report` draws it,
`falcon_svc.result.files` writes and reads it, the service serves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from falcon_svc.types import BoolArray, FloatArray, IntArray, LabelSource, Note

MapMethod = Literal["pca", "tsne"]
SCHEMA_VERSION = "1.3"
SUSPECTED = 0.5
"""Probability of being wrong above which a coarse label is suspected."""

VERDICTS = ("no better than chance", "weak", "clear")
"""How sure it is that a coarse class holds more than one fine class."""

LEAST_CHANCE, CLEAR = 0.5, 0.15


@dataclass(frozen=True)
class Assignments:
    """Every sample's fine class, read off the children of its coarse label.

    Parameters
    ----------
    fine
        (N,) int64 fine class ids in ``[0, F)``: argmax over the children of the coarse label.
    confidence
        (N,) float32 in [0, 1]: probability of `fine` among those children.
    margin
        (N,) float32 in [0, 1]: `confidence` minus the runner-up's probability; 1 if there is none.
    runner_up
        (N,) int64: second most probable child; -1 where the coarse class has one child only.
    fine_unmasked
        (N,) int64: plain argmax over all F classes, as for a sample without a coarse label.
    """

    fine: IntArray
    confidence: FloatArray
    margin: FloatArray
    runner_up: IntArray
    fine_unmasked: IntArray


@dataclass(frozen=True)
class FineClass:
    """One discovered class.

    Parameters
    ----------
    id
        Fine class id in ``[0, F)``.
    coarse
        Parent per label source: source name -> coarse class index.
    size
        Number of samples assigned to it.
    mean_confidence
        Mean confidence of its samples in [0, 1]; 0 for an empty class.
    medoids
        Rows of its most central samples, most central first.
    stability
        In [0, 1]: how well the class comes back in other views and from other starts
        (mean best Jaccard overlap); None when it was not measured.
    also_in
        Further parents: source name -> coarse class indices; only sources where there are some.
    name
        A readable working name of plain letters, unlike every other class's; empty in results of
        before.
    """

    id: int
    coarse: Mapping[str, int]
    size: int
    mean_confidence: float
    medoids: tuple[int, ...]
    stability: float | None
    also_in: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    name: str = ""

    @property
    def title(self) -> str:
        """Number and name."""
        return f"{self.id} {self.name}".rstrip()


@dataclass(frozen=True)
class SourceRelation:
    """The coarse-fine relation of one label source, with the solver's word for it.

    Parameters
    ----------
    source, coarse_names
        The source's name and its C class names.
    relation
        (F, C) bool, each row with one True, or with several where several parents are allowed.
    regret
        (F, C) float: how much the optimum would drop if fine i hung on coarse k instead.
    status, method, objective, bound, gap, seconds
        What the certified solve said of itself; `gap` = bound - objective >= 0.
    certificate
        JSON-ready record by which `solver.verify` checks the solve.
    proof
        The file that `solver.verify_file` checks; empty in results of schema 1.1 and earlier.
    """

    source: str
    coarse_names: tuple[str, ...]
    relation: BoolArray
    regret: FloatArray
    status: str
    method: str
    objective: float
    bound: float
    gap: float
    seconds: float
    certificate: Mapping[str, Any]
    proof: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class CountEstimate:
    """How many fine classes one coarse class holds (first label source).

    Parameters
    ----------
    coarse
        Coarse class index.
    n_fine
        The number used.
    low, high
        Interval of plausible numbers; equal to `n_fine` where the user gave it.
    origin
        ``"given"`` (by the user, for this class), ``"allocated"`` (a given total was shared
        out) or ``"estimated"``.
    whole
        Probability in [0, 1] that the coarse class holds one fine class only; None where the
        counts were given and nobody asked.
    """

    coarse: int
    n_fine: int
    low: int
    high: int
    origin: str
    whole: float | None = None

    @property
    def verdict(self) -> str:
        """Whether the data speak for finer classes here: a word of `VERDICTS`, or ``""``.

        "clear" where one class has a probability of less than 15 %, which 6 % of coarse classes
        without finer ones have; "no better than chance" where it has half or more, "weak"
        between; empty where counts were given.
        """
        if self.whole is None:
            return ""
        return VERDICTS[int(self.whole < LEAST_CHANCE) + int(self.whole < CLEAR)]


@dataclass(frozen=True)
class TotalEstimate:
    """An estimated total number of fine classes (first label source) with its doubt.

    Parameters
    ----------
    n_fine, low, high
        The estimate and its 90 % interval.
    runner_up
        The most probable total among those that differ by more than 20 %, or None.
    totals
        (B,) int64 candidate totals, ascending.
    probability
        (B,) float32: that each is nearest to the truth; they sum to 1.
    stability
        (B,) float32: how much better than noise each comes back on other halves of the data.
    """

    n_fine: int
    low: int
    high: int
    runner_up: int | None
    totals: IntArray
    probability: FloatArray
    stability: FloatArray


@dataclass(frozen=True, eq=False)
class LabelNoise:
    """What is thought of the coarse labels of one source; unlabelled samples are not judged.

    Parameters
    ----------
    source
        Its name.
    given
        Whether the user gave the rate.
    rate, low, high
        Share of wrong labels in [0, 1], and its interval.
    expected, expected_low, expected_high
        (C,) float64: number of wrong labels among those of each coarse class, and its interval.
    wrong_probability
        (N,) float32 in [0, 1]: that the label is wrong; NaN where there is none.
    proposed
        (N,) int64: the most probable other coarse class; -1 where there is no label.
    proposed_probability
        (N,) float32 in [0, 1]: of `proposed`; NaN where there is no label.
    """

    source: str
    given: bool
    rate: float
    low: float
    high: float
    expected: FloatArray
    expected_low: FloatArray
    expected_high: FloatArray
    wrong_probability: FloatArray
    proposed: IntArray
    proposed_probability: FloatArray

    @property
    def suspected(self) -> IntArray:
        """Rows whose label is more likely wrong than right, most suspected first."""
        doubt = np.nan_to_num(self.wrong_probability, nan=0.0)
        rows = np.flatnonzero(doubt > SUSPECTED)
        return rows[np.argsort(-doubt[rows], kind="stable")]


@dataclass(frozen=True)
class SharedPair:
    """Two fine classes of different coarse classes that cannot be told apart by their features.

    Parameters
    ----------
    fine
        Their ids, ascending.
    balanced_accuracy
        Balanced accuracy of telling their samples apart, out of sample; 0.5 = a coin.
    upper
        Bound that the true one exceeds in 5 % of cases.
    p_value
        P value of the hypothesis that they can be told apart.
    """

    fine: tuple[int, int]
    balanced_accuracy: float
    upper: float
    p_value: float


@dataclass(frozen=True)
class StageRecord:
    """Wall seconds and peak resident memory of one stage."""

    name: str
    seconds: float
    peak_rss_bytes: int


@dataclass(frozen=True)
class Discovery:
    """The result of one run. See the fields' own docstrings; letters as in `falcon_svc.types`.

    Parameters
    ----------
    ids, dataset_digest
        (N,) sample ids and the data set's sha256.
    sources
        The samples' coarse labels as they were given, one `LabelSource` per relation, same order.
    assignments, classes, relations, counts
        The answer.
    total
        The estimate of the total number of fine classes; None where it was given.
    label_noise
        Per judged label source, what is thought of its labels; empty where none was judged.
    shared_pairs
        Pairs of fine classes of different coarse classes (first source) that cannot be told apart.
    map_method
        How the map was laid out: ``"pca"`` or ``"tsne"``.
    map_rows, map_xy
        (S,) rows and (S, 2) float32 coordinates of a 2-D map of at most a few thousand samples.
    history
        One mapping of metric name -> number per epoch of head training.
    stages
        Seconds and memory per stage, in order.
    seed, config, versions
        All that is needed to run it again.
    notes
        What to know about the data set before trusting the result.
    features
        (D,) names of the columns that were used, in order; None where they have none.
    left_out
        (column, why) of each column that was not used.
    """

    ids: tuple[str, ...]
    dataset_digest: str
    sources: tuple[LabelSource, ...]
    assignments: Assignments
    classes: tuple[FineClass, ...]
    relations: tuple[SourceRelation, ...]
    counts: tuple[CountEstimate, ...]
    map_rows: IntArray
    map_xy: FloatArray
    history: tuple[Mapping[str, float], ...]
    stages: tuple[StageRecord, ...]
    seed: int
    config: Mapping[str, Any]
    versions: Mapping[str, str]
    total: TotalEstimate | None = None
    label_noise: tuple[LabelNoise, ...] = ()
    shared_pairs: tuple[SharedPair, ...] = ()
    notes: tuple[Note, ...] = ()
    features: tuple[str, ...] | None = None
    left_out: tuple[tuple[str, str], ...] = ()
    map_method: MapMethod = "pca"

    @property
    def n_samples(self) -> int:
        """N."""
        return len(self.ids)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Sample id -> row."""
        return {name: row for row, name in enumerate(self.ids)}

    @property
    def n_fine(self) -> int:
        """F, the number of fine classes."""
        return len(self.classes)

    @property
    def fine_names(self) -> tuple[str, ...]:
        """(F,) working names of the fine classes; empty texts in results of before."""
        return tuple(one.name for one in self.classes)

    @property
    def n_fine_interval(self) -> tuple[int, int]:
        """The 90 % interval of the total; a total or counts that were given leave no doubt."""
        if self.total is None:
            return self.n_fine, self.n_fine
        return self.total.low, self.total.high

    @property
    def likely_coarse(self) -> IntArray:
        """(N,) class of the first source that each sample looks most like, its label aside.

        Where labels were judged, the label or the proposed one; else the parent of
        `fine_unmasked`.
        """
        judged = self.noise_of(self.sources[0].name)
        if judged is None:
            return self._home_of(self.assignments.fine_unmasked)
        likely = self.sources[0].labels.copy()
        likely[judged.suspected] = judged.proposed[judged.suspected]
        return likely

    @property
    def suspects(self) -> IntArray:
        """Rows whose label of the first source looks wrong, strongest case first.

        By `LabelNoise` where labels were judged; else the samples that look most like a fine
        class of another coarse class, those least at home in their own first.
        """
        judged = self.noise_of(self.sources[0].name)
        if judged is not None:
            return judged.suspected
        labels = self.sources[0].labels
        rows = np.flatnonzero((labels >= 0) & (self.likely_coarse != labels))
        return rows[np.argsort(self.assignments.confidence[rows], kind="stable")]

    def _home_of(self, fine: IntArray) -> IntArray:
        """(N,) the samples' own label where it is a parent of `fine`, else the first parent."""
        relation, labels = self.relations[0].relation, self.sources[0].labels
        at_home = (labels >= 0) & relation[fine, np.maximum(labels, 0)]
        return np.asarray(np.where(at_home, labels, relation.argmax(axis=1)[fine]), np.int64)

    def noise_of(self, source: str) -> LabelNoise | None:
        """Return what is thought of a source's labels; None where they were not judged."""
        return next((noise for noise in self.label_noise if noise.source == source), None)
