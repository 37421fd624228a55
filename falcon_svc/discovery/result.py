"""What a discovery returns: fine classes, assignments, relations, and how they came about.

`Discovery` is plain data (numpy and built-in types): `falcon_svc.report` draws it,
`falcon_svc.pipeline.result_files` writes and reads it, the service serves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from falcon_svc.types import BoolArray, FloatArray, IntArray, LabelSource, Note

SCHEMA_VERSION = "1.0"


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
    """

    id: int
    coarse: Mapping[str, int]
    size: int
    mean_confidence: float
    medoids: tuple[int, ...]
    stability: float | None


@dataclass(frozen=True)
class SourceRelation:
    """The coarse-fine relation of one label source, with the solver's word for it.

    Parameters
    ----------
    source, coarse_names
        The source's name and its C class names.
    relation
        (F, C) bool, each row with exactly one True.
    regret
        (F, C) float: how much the optimum would drop if fine i hung on coarse k instead.
    status, method, objective, bound, gap, seconds
        Of the certified solve; `gap` = bound - objective >= 0.
    certificate
        JSON-ready record by which `solver.verify` checks the solve.
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
    """

    coarse: int
    n_fine: int
    low: int
    high: int
    origin: str


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
    notes: tuple[Note, ...] = ()

    @property
    def n_samples(self) -> int:
        """N."""
        return len(self.ids)

    @property
    def n_fine(self) -> int:
        """F, the number of fine classes."""
        return len(self.classes)
