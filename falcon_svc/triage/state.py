"""What a review says now: classes, and the coarse label and class of every sample.

Place: between the records (`corrections`) and everything that shows or solves; `edits` changes it.

**Parent is a wall.** A sample's class hangs under the sample's coarse label, always; a class may
have several parents where the discovery allowed it. No correction but `WrongCoarse` changes a
coarse label. A sample is in no class (-1) only until the next re-solve: after `WrongCoarse`, or
`Exclude`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from falcon_svc.result.record import Discovery
from falcon_svc.triage.classes import ReviewClass, Wishes
from falcon_svc.triage.corrections import CorrectionError
from falcon_svc.types import BoolArray, IntArray


@dataclass(eq=False)
class Review:
    """The state of a review.

    Attributes
    ----------
    ids : tuple of str
        (N,) sample ids.
    row_of : dict
        Sample id -> row; the discovery's, as a million take half a second to index.
    coarse_names : tuple of str
        (C,) coarse classes of the first label source.
    coarse : int64 (N,)
        Coarse label of every sample as corrected; -1 = none.
    given_coarse : int64 (N,)
        As the data set has it.
    fine : int64 (N,)
        Number of every sample's class; -1 = no class until the next re-solve.
    fixed : bool (N,)
        Whether a person said so; a re-solve leaves it.
    classes : dict
        Number -> class, in the order of their birth.
    wishes : Wishes
    links : tuple of (row, row, bool)
        Pairs of samples that belong together or not.
    excluded : dict
        Row -> numbers of the classes that it does not belong to.
    next_number : int
        Number of the next class.
    """

    ids: tuple[str, ...]
    row_of: Mapping[str, int] = field(repr=False)
    coarse_names: tuple[str, ...]
    coarse: IntArray
    given_coarse: IntArray
    fine: IntArray
    fixed: BoolArray
    classes: dict[int, ReviewClass]
    wishes: Wishes = field(default_factory=Wishes)
    links: tuple[tuple[int, int, bool], ...] = ()
    excluded: dict[int, frozenset[int]] = field(default_factory=dict)
    next_number: int = 0

    @classmethod
    def of(cls, discovery: Discovery) -> Review:
        """Return the review of a result that nobody has corrected yet."""
        source, relation = discovery.sources[0], discovery.relations[0].relation
        rank: Counter[int] = Counter()
        classes = {}
        for number, row in enumerate(relation):
            parents = tuple(np.flatnonzero(row).tolist())
            rank[parents[0]] += 1
            ranked = f"{source.names[parents[0]]} {rank[parents[0]]}"
            name = discovery.classes[number].name or ranked
            classes[number] = ReviewClass(number, name, parents, colour=number, found=number)
        fine = discovery.assignments.fine.copy()
        return cls(
            ids=discovery.ids,
            row_of=discovery.row_of,
            coarse_names=source.names,
            coarse=source.labels.copy(),
            given_coarse=source.labels,
            fine=fine,
            fixed=np.zeros(len(fine), np.bool_),
            classes=classes,
            next_number=len(classes),
        )

    def copy(self) -> Review:
        """Return the same, which changes of this one do not reach."""
        arrays = {name: getattr(self, name).copy() for name in ("coarse", "fine", "fixed")}
        return replace(self, **arrays, classes=dict(self.classes), excluded=dict(self.excluded))

    @cached_property
    def coarse_of(self) -> dict[str, int]:
        """Name of a coarse class -> its number."""
        return {name: number for number, name in enumerate(self.coarse_names)}

    def members(self, number: int) -> IntArray:
        """Return the rows of a class, ascending."""
        return np.flatnonzero(self.fine == number)

    def rows_of(self, wanted: Iterable[int]) -> IntArray:
        """Return the rows of several classes, ascending; by a table, however many there are."""
        among = np.zeros(self.next_number + 1, np.bool_)
        among[list(wanted)] = True
        return np.flatnonzero(among[self.fine])

    def siblings(self, coarse: int) -> list[ReviewClass]:
        """Return the classes that are not rejected under a coarse class."""
        kept = (c for c in self.classes.values() if c.status != "rejected")
        return [c for c in kept if coarse in c.parents]

    def find(self, class_id: str) -> ReviewClass:
        """Return the class of an id.

        Raises
        ------
        CorrectionError
            There is none, or no more.
        """
        found = self.classes.get(int(class_id[1:]))
        if found is None:
            raise CorrectionError(
                f"A class of this review was expected, but there is no {class_id} (any more); "
                "look at the present classes."
            )
        return found

    def rows(self, samples: Iterable[str]) -> IntArray:
        """Return the rows of sample ids, each once; CorrectionError names an unknown one."""
        try:
            return np.array(sorted({self.row_of[name] for name in samples}), np.int64)
        except KeyError as error:
            raise CorrectionError(
                f"Samples of this data set were expected, but it has no {error.args[0]!r}; "
                "use the ids of assignments.parquet."
            ) from error

    def coarse_number(self, name: str) -> int:
        """Return the number of a coarse class; CorrectionError lists those there are."""
        if name not in self.coarse_of:
            known = ", ".join(map(repr, self.coarse_names[:10]))
            raise CorrectionError(
                f"A coarse class was expected, but there is no {name!r}; there are {known}"
                f"{' and others' if len(self.coarse_names) > 10 else ''}."
            )
        return self.coarse_of[name]

    def breaches(self) -> IntArray:
        """Return the rows outside of their coarse class: always none; checked by tests."""
        allowed = np.zeros((self.next_number + 1, len(self.coarse_names) + 1), np.bool_)
        allowed[-1] = True
        for number, held in self.classes.items():
            allowed[number, list(held.parents)] = True
        allowed[:, -1] = True
        return np.flatnonzero(~allowed[self.fine, self.coarse])


def numbers(review: Review) -> Iterator[int]:
    """Yield the numbers of the classes that are not rejected, in order of birth."""
    return (n for n, held in review.classes.items() if held.status != "rejected")
