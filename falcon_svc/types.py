"""The nouns of the project: frozen dataclasses that check their shapes.

Data path: `CoarseDataset -> Features (N, D) -> Neighbors (N, K) -> Discovery`.
Letters used in shape comments: N samples, D feature dimensions, K neighbors, F fine classes,
C coarse classes, B batch. Fine truth lives in `EvalLabels` only, which nothing but
`falcon_svc.metrics` and the benchmarks receives: training cannot read what it is not given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from falcon_svc.count_recipe import CountRecipe

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
ByteArray = NDArray[np.uint8]

HeadKind = Literal["linear", "mlp", "prototype"]
"""Kinds of heads; `falcon_svc.core.heads` makes them."""

Decay = Literal["step", "cosine"]
"""Ways in which a learning rate falls."""

Resample = Literal["bilinear", "bicubic"]
"""How images are resized; both with antialiasing."""

Sizes = Literal["auto", "equal", "natural", "long tail"]
"""What the user says about how many samples fine classes have."""

Scale = Literal["none", "standard", "robust"]
"""How columns of vectors are brought to one scale; `Scaling` says by which formula."""

SampleKind = Literal["vectors", "images", "texts"]
"""What samples are; texts may also lie beside vectors and images, and are then only shown."""

UNLABELLED = -1

SEVERAL = "|"
"""Joins the classes of a sample that has several, as in ``land|sea``."""


@dataclass(frozen=True)
class LabelSource:
    """One vocabulary of coarse labels over the samples.

    Parameters
    ----------
    name
        Name of the source; the default source is called ``"coarse"``.
    labels
        (N,) int64 in ``{-1, 0, .., C-1}``; -1 where this source did not label the sample.
    names
        (C,) the coarse classes' names, each used by at least one sample.
    several
        Row -> two or more classes, where a sample's label names several ("land|sea"): its fine
        class may hang on any of them. Such rows are -1 in `labels`.
    """

    name: str
    labels: IntArray
    names: tuple[str, ...]
    several: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert self.labels.ndim == 1 and self.labels.dtype == np.int64, self.labels.dtype
        if self.labels.size:
            low, high = int(self.labels.min()), int(self.labels.max())
            assert UNLABELLED <= low and high < len(self.names), (low, high, len(self.names))

    @property
    def n_coarse(self) -> int:
        """C, the number of coarse classes of this source."""
        return len(self.names)

    def at(self, rows: IntArray) -> LabelSource:
        """Return the labels of some rows; labels of several classes count as none there."""
        return LabelSource(self.name, self.labels[rows], self.names)

    def cells(self) -> Cells:
        """Return the labels with every combination of classes as a label of its own."""
        sets = sorted(set(self.several.values()))
        labels = self.labels.copy()
        for row, classes in self.several.items():
            labels[row] = self.n_coarse + sets.index(classes)
        parents = np.eye(self.n_coarse, dtype=np.bool_)
        further = [parents[list(classes)].sum(axis=0, keepdims=True) > 0 for classes in sets]
        names = (*self.names, *(SEVERAL.join(self.names[k] for k in classes) for classes in sets))
        source = LabelSource(self.name, labels, names)
        return Cells(source, np.concatenate([parents, *further]))

    def rows_by_class(self) -> list[IntArray]:
        """Return the row numbers of each coarse class, ascending; C arrays."""
        order = np.argsort(self.labels, kind="stable").astype(np.int64)
        sizes = np.bincount(self.labels + 1, minlength=self.n_coarse + 1)
        return np.split(order[sizes[0] :], np.cumsum(sizes[1:])[:-1])


@dataclass(frozen=True)
class Cells:
    """A source's labels, where samples of several classes have a label for their combination.

    Parameters
    ----------
    source
        C classes and J combinations: labels in ``{-1, 0, .., C + J - 1}``, and names.
    parents
        (C + J, C) bool: the classes that a label leaves open; the identity in its first C rows.
    """

    source: LabelSource
    parents: BoolArray

    def widened(self, relation: BoolArray) -> BoolArray:
        """Return (F, C + J): which fine classes each label allows, of a relation (F, C)."""
        return np.asarray(relation.astype(np.int64) @ self.parents.T.astype(np.int64) > 0)


@runtime_checkable
class Images(Protocol):
    """Images read in slices, so that a data set larger than memory can be worked on."""

    def __len__(self) -> int: ...

    def read(
        self, start: int, stop: int, *, side: int | None, resample: Resample = "bilinear"
    ) -> ByteArray:
        """Return (stop-start, H, W, 3) uint8 RGB.

        `side` resizes the shorter side to `side` pixels and crops the centre, so H = W = side;
        None keeps the stored size, which must then be the same for all images.
        """
        ...


@dataclass(frozen=True)
class SkippedRow:
    """A sample that could not be read and was left out, and why."""

    row: int
    id: str
    reason: str


@dataclass(frozen=True)
class Note:
    """One thing about a data set that its owner should know before trusting a result.

    Parameters
    ----------
    code
        Stable and machine-readable, such as ``"scales"``; listed in docs/input-formats.md.
    text
        A whole sentence, with the remedy where there is one.
    """

    code: str
    text: str


@dataclass(frozen=True)
class Scaling:
    r"""Column by column :math:`(x - \mathrm{centre}) / \mathrm{scale}`, as fitted on a data set.

    Parameters
    ----------
    kind
        ``"standard"``: mean and standard deviation (of the population, ddof 0). ``"robust"``:
        median and interquartile range; the standard deviation where that range is zero.
    centre, scale
        (D,) float64; `scale` is positive, and 1 for a constant column.
    """

    kind: Scale
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]

    def __post_init__(self) -> None:
        assert self.centre.ndim == 1 and self.centre.shape == self.scale.shape
        assert (self.scale > 0).all()

    def apply(self, vectors: FloatArray) -> FloatArray:
        """Return (N, D) float32 scaled rows; `vectors` stays as it is."""
        return np.asarray((vectors - self.centre) / self.scale, dtype=np.float32)


@dataclass(frozen=True)
class Reading:
    """How a data set was read: what a person checks, and what prediction has to repeat.

    Parameters
    ----------
    coarse_columns
        (label source, column) in the order of the sources.
    id_column
        Where the ids come from; None = they are row numbers, counted from 0.
    features
        (D,) names of the vectors' columns in order; None where they have none.
    text_column
        The column whose texts are the samples; None where they are vectors or images.
    left_out
        (column, why) of each column that is not used.
    notes
        What to know before trusting a result.
    scaling
        What was fitted and applied to the vectors; None for ``scale = "none"``.
    vector_column, obsm_key
        Which column or embedding the vectors are, where they are one; "X" for counts.
    counts
        How counts of genes became the vectors; None where they were vectors already.
    """

    coarse_columns: tuple[tuple[str, str], ...] = ()
    id_column: str | None = None
    features: tuple[str, ...] | None = None
    left_out: tuple[tuple[str, str], ...] = ()
    notes: tuple[Note, ...] = ()
    scaling: Scaling | None = None
    vector_column: str | None = None
    obsm_key: str | None = None
    counts: CountRecipe | None = None
    text_column: str | None = None


@dataclass(frozen=True, eq=False)
class AboutColumn:
    """A column that is no feature and no label, such as a year or a city: for people to look at.

    Parameters
    ----------
    name
        Of the column.
    values
        Its different values, as shown.
    codes
        (N,) int32 place in `values` of each sample; -1 = missing.
    """

    name: str
    values: tuple[str, ...]
    codes: NDArray[np.int32]


@dataclass(frozen=True)
class CoarseDataset:
    """A coarsely labelled data set: exactly what training may see.

    Parameters
    ----------
    vectors
        (N, D) finite float32, or None for an image data set.
    images
        N images, or None. At most one of the two is given; without either the texts are the
        samples.
    ids
        (N,) unique strings.
    sources
        At least one `LabelSource`; a sample may be labelled by none of them.
    digest
        sha256 hex of content (vectors, image bytes or texts, labels, names, ids).
    texts
        (N,) a text per sample: the sample itself, or what is shown beside it in reports; or None.
    skipped
        Rows that were left out on reading.
    reading
        How it was read: columns used and left out, notes, scaling.
    kept
        (rows of the file,) whether the row became a sample; None = all rows did.
    about
        Columns that are no features, which results keep for reviews; no part of the digest.
    """

    vectors: FloatArray | None
    images: Images | None
    ids: tuple[str, ...]
    sources: tuple[LabelSource, ...]
    digest: str
    texts: tuple[str, ...] | None = None
    skipped: tuple[SkippedRow, ...] = field(default=())
    reading: Reading = field(default_factory=Reading)
    kept: BoolArray | None = None
    about: tuple[AboutColumn, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.ids)
        assert self.sources and all(len(s.labels) == n for s in self.sources)
        if self.vectors is not None:
            assert self.vectors.ndim == 2 and self.vectors.dtype == np.float32
            assert len(self.vectors) == n
        elif self.images is not None:
            assert len(self.images) == n
        else:
            assert self.texts is not None
        assert self.vectors is None or self.images is None
        assert self.texts is None or len(self.texts) == n

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def kind(self) -> SampleKind:
        """What the samples are."""
        if self.vectors is not None:
            return "vectors"
        return "texts" if self.images is None else "images"

    @property
    def coarse(self) -> LabelSource:
        """The first source: the one that names the graph's coarse nodes."""
        return self.sources[0]


@dataclass(frozen=True)
class EvalLabels:
    """Fine truth, for metrics only: never an argument of anything that trains or selects.

    Parameters
    ----------
    ids
        (N,) the samples' ids.
    fine
        (N,) int64 >= 0.
    names
        Names of the fine classes, index = label.
    id_column
        Where the ids come from; None = they are row numbers, counted from 0.
    notes
        How the truth was understood, where that was not plain.
    n_rows
        Rows of the file, those without truth too; None = N.
    """

    ids: tuple[str, ...]
    fine: IntArray
    names: tuple[str, ...]
    id_column: str | None = None
    notes: tuple[Note, ...] = ()
    n_rows: int | None = None

    def aligned_to(self, ids: Sequence[str]) -> IntArray:
        """Return fine truth in the order of `ids`; KeyError names the first id without truth."""
        position = {sample_id: i for i, sample_id in enumerate(self.ids)}
        return self.fine[[position[sample_id] for sample_id in ids]]


@dataclass(frozen=True)
class Features:
    """What the feature step made of a data set.

    Parameters
    ----------
    vectors
        (N, D) finite float32, possibly a read-only memory map.
    spec
        The encoder in one canonical line, for example ``"none"`` or ``"pixels:side=32,dim=64"``.
    digest
        sha256 hex over the data set's digest and the encoder's spec (weights included): equal
        digests mean equal vectors.
    """

    vectors: FloatArray
    spec: str
    digest: str

    def __post_init__(self) -> None:
        assert self.vectors.ndim == 2 and self.vectors.dtype == np.float32, self.vectors.dtype

    def __len__(self) -> int:
        return len(self.vectors)


@dataclass(frozen=True)
class Neighbors:
    """Nearest neighbors inside the same coarse class, best first.

    Parameters
    ----------
    index
        (N, K) int64 row numbers; a row's own number never occurs unless its class has one
        sample only. Rows of classes with fewer than K + 1 samples repeat their neighbors.
    backend
        ``"faiss-gpu"``, ``"faiss"`` or ``"torch"``: which search ran.
    recall
        Measured recall against exact search; 1.0 for an exact index.
    """

    index: IntArray
    backend: str
    recall: float = 1.0
