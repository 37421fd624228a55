"""What a review says now: the result with its corrections applied.

Place: between the records (`corrections`) and everything that shows or solves. `Review.apply`
checks a correction as a whole before it changes anything; applying the same corrections to the
same result always gives the same review.

**Parent is a wall.** A sample's class hangs under the sample's coarse label, always; a class may
have several parents where the discovery allowed it. No correction but `WrongCoarse` changes a
coarse label. A sample is in no class (-1) only between a `WrongCoarse` and the next re-solve.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np

from falcon_svc.discovery.result import Discovery
from falcon_svc.triage.corrections import (
    Accept,
    CannotLink,
    Correction,
    CorrectionError,
    Exclude,
    Forbid,
    KeepApart,
    Label,
    LinkSamples,
    Merge,
    Move,
    MustLink,
    Pin,
    Reject,
    Rename,
    Split,
    Whole,
    WrongCoarse,
)
from falcon_svc.types import UNLABELLED, BoolArray, IntArray

Status = Literal["open", "accepted", "rejected"]
MOST_LISTED = 3


@dataclass(frozen=True)
class ReviewClass:
    """One class of a review.

    Attributes
    ----------
    number : int >= 0
        Never given to another class; `id` is ``f"c{number}"``.
    name : str
        As shown.
    parents : tuple of int
        Coarse classes that it hangs under, at least one.
    status : str
        "open", "accepted" or "rejected".
    named : bool
        Whether a person named it.
    colour : int
        Index of its shade; kept over re-solves.
    whole : bool
        Whether a person said that it is one class.
    born_of : tuple of str
        Ids of the classes that it came from.
    """

    number: int
    name: str
    parents: tuple[int, ...]
    status: Status = "open"
    named: bool = False
    colour: int = 0
    whole: bool = False
    born_of: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The stable id."""
        return f"c{self.number}"


@dataclass(frozen=True)
class Wishes:
    """What was said about classes and parents, in the order it was said: (class, ...) by number."""

    pins: tuple[tuple[int, int], ...] = ()
    forbids: tuple[tuple[int, int], ...] = ()
    must: tuple[tuple[int, int], ...] = ()
    cannot: tuple[tuple[int, int], ...] = ()
    apart: frozenset[tuple[int, int]] = frozenset()

    def renumbered(self, into: Mapping[int, int]) -> Wishes:
        """Return the wishes with merged classes under the number of what they became."""

        def pair(a: int, b: int) -> tuple[int, int]:
            return into.get(a, a), into.get(b, b)

        return Wishes(
            pins=tuple((into.get(c, c), q) for c, q in self.pins),
            forbids=tuple((into.get(c, c), q) for c, q in self.forbids),
            must=tuple(pair(*p) for p in self.must if len(set(pair(*p))) == 2),
            cannot=tuple(pair(*p) for p in self.cannot),
            apart=frozenset(ordered(*pair(*p)) for p in self.apart),
        )


@dataclass(eq=False)
class Review:
    """The state of a review.

    Attributes
    ----------
    ids : tuple of str
        (N,) sample ids.
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
            name = f"{source.names[parents[0]]} {rank[parents[0]]}"
            classes[number] = ReviewClass(number, name, parents, colour=number)
        fine = discovery.assignments.fine.copy()
        return cls(
            ids=discovery.ids,
            coarse_names=source.names,
            coarse=source.labels.copy(),
            given_coarse=source.labels,
            fine=fine,
            fixed=np.zeros(len(fine), np.bool_),
            classes=classes,
            next_number=len(classes),
        )

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Sample id -> row."""
        return {name: row for row, name in enumerate(self.ids)}

    @cached_property
    def coarse_of(self) -> dict[str, int]:
        """Name of a coarse class -> its number."""
        return {name: number for number, name in enumerate(self.coarse_names)}

    def members(self, number: int) -> IntArray:
        """Return the rows of a class, ascending."""
        return np.flatnonzero(self.fine == number)

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

    def apply(self, correction: Correction) -> None:
        """Check a correction, then make it.

        Raises
        ------
        CorrectionError
            It cannot be made; the review is as before.
        """
        match correction:
            case Rename():
                self._rename(correction)
            case Accept():
                self._accept(correction)
            case Reject():
                self._reject(correction)
            case Merge():
                self._merge(correction)
            case Split():
                self._split(correction)
            case Move() | Label():
                self._move(correction)
            case Exclude():
                self._exclude(correction)
            case WrongCoarse():
                self._wrong_coarse(correction)
            case Whole():
                held = self.find(correction.class_id)
                self.classes[held.number] = replace(held, whole=True)
            case Pin() | Forbid() | MustLink() | CannotLink() | KeepApart() | LinkSamples():
                self._wish(correction)
            case _:
                raise CorrectionError(
                    f"A correction of classes or samples was expected, found {correction.kind!r}."
                )

    def _rename(self, wish: Rename) -> None:
        held = self.find(wish.class_id)
        for other in self.classes.values():
            same = other.name == wish.name and set(other.parents) & set(held.parents)
            if same and other.number != held.number:
                raise CorrectionError(
                    f"The name {wish.name!r} belongs to {other.id} under the same coarse class; "
                    "merge the two, or choose another name."
                )
        self.classes[held.number] = replace(held, name=wish.name, named=True)

    def _accept(self, wish: Accept) -> None:
        held = self.find(wish.class_id)
        if not (self.fine == held.number).any():
            raise CorrectionError(f"{_shown(held)} holds no sample; there is nothing to accept.")
        self.classes[held.number] = replace(held, status="accepted")

    def _reject(self, wish: Reject) -> None:
        held = self.find(wish.class_id)
        for coarse in held.parents:
            if all(other.number == held.number for other in self.siblings(coarse)):
                raise CorrectionError(
                    f"{_shown(held)} is the only class left under {self.coarse_names[coarse]!r}; "
                    "a coarse class keeps at least one."
                )
        if self.fixed[self.fine == held.number].any():
            raise CorrectionError(
                f"{_shown(held)} holds samples that were put there by hand; move them first."
            )
        self.classes[held.number] = replace(held, status="rejected")

    def _merge(self, wish: Merge) -> None:
        parts = [self.find(class_id) for class_id in dict.fromkeys(wish.class_ids)]
        if len(parts) < 2:
            raise CorrectionError("A merge needs two different classes; name another one.")
        kept, parents = parts[0], set(parts[0].parents)
        for other in parts[1:]:
            if set(other.parents) != parents:
                raise CorrectionError(
                    f"{_shown(kept)} and {_shown(other)} hang under different coarse classes "
                    f"({self._names(kept)} and {self._names(other)}), which a merge never joins; "
                    "mark the coarse labels that are wrong instead."
                )
        self._check_apart({part.number for part in parts})
        into = {part.number: kept.number for part in parts}
        merged = np.isin(self.fine, [part.number for part in parts[1:]])
        self.fine[merged] = kept.number
        for part in parts[1:]:
            del self.classes[part.number]
        named = next((part for part in parts if part.named), kept)
        born = tuple(part.id for part in parts[1:])
        self.classes[kept.number] = replace(
            *(kept,), name=named.name, named=named.named, status="open", whole=False, born_of=born
        )
        self.wishes = self.wishes.renumbered(into)
        self.excluded = {
            row: frozenset(into.get(number, number) for number in barred) - {int(self.fine[row])}
            for row, barred in self.excluded.items()
        }

    def _check_apart(self, numbers: set[int]) -> None:
        for what, pairs in (
            ("kept apart", self.wishes.apart),
            ("cannot-linked", self.wishes.cannot),
        ):
            for a, b in pairs:
                if {a, b} <= numbers:
                    raise CorrectionError(
                        f"{_shown(self.classes[a])} and {_shown(self.classes[b])} were {what} "
                        "by an earlier correction; undo that first."
                    )

    def _split(self, wish: Split) -> None:
        held = self.find(wish.class_id)
        parts = [self.rows(part) for part in wish.parts]
        leaving = np.concatenate(parts)
        self._check_split(held, leaving)
        for number, rows in enumerate(parts, 2):
            fresh = self._fresh(held, number)
            self.fine[rows] = fresh.number
            self.fixed[rows] |= wish.how == "selection"
            self.classes[fresh.number] = fresh
        self.classes[held.number] = replace(held, status="open", whole=False)

    def _check_split(self, held: ReviewClass, leaving: IntArray) -> None:
        if len(np.unique(leaving)) < len(leaving):
            raise CorrectionError("Each sample lies in one part of a split; some lie in two.")
        self._check_inside(leaving, held)
        if len(leaving) == int((self.fine == held.number).sum()):
            raise CorrectionError(
                f"A split of {_shown(held)} leaves at least one sample in it, but all "
                f"{len(leaving):,} were selected; select fewer."
            )

    def _check_inside(self, rows: IntArray, held: ReviewClass) -> None:
        outside = rows[self.fine[rows] != held.number]
        if len(outside):
            raise CorrectionError(
                f"Samples of {_shown(held)} were expected, but {self._listed(outside)} "
                f"{'is' if len(outside) == 1 else 'are'} not in it; select again."
            )

    def _fresh(self, held: ReviewClass, number: int) -> ReviewClass:
        taken = {other.name for other in self.classes.values()}
        name = next(n for i in range(number, 10**9) if (n := f"{held.name} ({i})") not in taken)
        self.next_number += 1
        return ReviewClass(
            *(self.next_number - 1, name, held.parents),
            colour=self.next_number - 1,
            born_of=(held.id,),
        )

    def _move(self, wish: Move | Label) -> None:
        held, rows = self.find(wish.class_id), self.rows(wish.samples)
        if held.status == "rejected":
            raise CorrectionError(f"{_shown(held)} was rejected; choose another class.")
        self._check_wall(rows, held)
        self.fine[rows] = held.number
        self.fixed[rows] = True

    def _exclude(self, wish: Exclude) -> None:
        held, rows = self.find(wish.class_id), self.rows(wish.samples)
        fresh = {row: self.excluded.get(row, frozenset()) | {held.number} for row in rows.tolist()}
        for row, barred in fresh.items():
            coarse = int(self.coarse[row])
            if coarse >= 0 and {c.number for c in self.siblings(coarse)} <= barred:
                raise CorrectionError(
                    f"{self.ids[row]!r} would belong to no class of {self.coarse_names[coarse]!r}; "
                    "split it off as a class of its own, or say that its coarse label is wrong."
                )
        self.excluded |= fresh
        leaving = rows[self.fine[rows] == held.number]
        self.fine[leaving], self.fixed[leaving] = -1, False

    def _check_wall(self, rows: IntArray, held: ReviewClass) -> None:
        labels = self.coarse[rows]
        outside = rows[(labels != UNLABELLED) & ~np.isin(labels, held.parents)]
        if len(outside):
            raise CorrectionError(
                f"{_shown(held)} hangs under {self._names(held)}, but the coarse label of "
                f"{self._listed(outside)} is {self.coarse_names[self.coarse[outside[0]]]!r}; "
                "if that label is wrong, say so first."
            )

    def _wrong_coarse(self, wish: WrongCoarse) -> None:
        rows = self.rows(wish.samples)
        coarse = UNLABELLED if wish.coarse is None else self.coarse_number(wish.coarse)
        target = None if wish.class_id is None else self.find(wish.class_id)
        if target is not None and coarse != UNLABELLED and coarse not in target.parents:
            raise CorrectionError(
                f"{_shown(target)} hangs under {self._names(target)}, not under {wish.coarse!r}; "
                "name a class of that coarse class, or none."
            )
        self._check_not_emptied(rows, coarse)
        stays = (coarse != UNLABELLED) & (self.coarse[rows] == coarse)
        if target is None:
            self.fine[rows] = np.where(stays, self.fine[rows], -1)
            self.fixed[rows] &= stays
        else:
            self.fine[rows], self.fixed[rows] = target.number, True
        self.coarse[rows] = coarse

    def _check_not_emptied(self, rows: IntArray, coarse: int) -> None:
        left = np.bincount(self.coarse + 1, minlength=len(self.coarse_names) + 1)[1:]
        leaving = np.bincount(self.coarse[rows] + 1, minlength=len(self.coarse_names) + 1)[1:]
        empty = np.flatnonzero((leaving > 0) & (leaving == left))
        if len(empty) and empty[0] != coarse:
            raise CorrectionError(
                f"All {left[empty[0]]:,} samples of {self.coarse_names[empty[0]]!r} would leave "
                "it; a coarse class keeps at least one sample. Select fewer."
            )

    def _wish(self, wish: Pin | Forbid | MustLink | CannotLink | KeepApart | LinkSamples) -> None:
        held = self.wishes
        match wish:
            case Pin():
                pair = (self.find(wish.class_id).number, self.coarse_number(wish.coarse))
                others = tuple(p for p in held.pins if p[0] != pair[0])
                self.wishes = replace(held, pins=(*others, pair))
            case Forbid():
                pair = (self.find(wish.class_id).number, self.coarse_number(wish.coarse))
                self.wishes = replace(held, forbids=_with(held.forbids, pair))
            case MustLink():
                self.wishes = replace(held, must=_with(held.must, self._pair(wish)))
            case CannotLink():
                self.wishes = replace(held, cannot=_with(held.cannot, self._pair(wish)))
            case KeepApart():
                self.wishes = replace(held, apart=held.apart | {self._pair(wish)})
            case LinkSamples():
                self._link(wish)

    def _pair(self, wish: MustLink | CannotLink | KeepApart) -> tuple[int, int]:
        a, b = self.find(wish.class_id).number, self.find(wish.other).number
        if a == b:
            raise CorrectionError("Two different classes were expected, found one twice.")
        return ordered(a, b)

    def _link(self, wish: LinkSamples) -> None:
        a, b = (int(self.rows([name])[0]) for name in (wish.sample, wish.other))
        if a == b:
            raise CorrectionError("Two different samples were expected, found one twice.")
        labels = self.coarse[[a, b]]
        if wish.together and (labels >= 0).all() and labels[0] != labels[1]:
            raise CorrectionError(
                f"{wish.sample!r} and {wish.other!r} have different coarse labels and cannot be "
                "in one class; if one of the labels is wrong, say so first."
            )
        kept = tuple(link for link in self.links if {link[0], link[1]} != {a, b})
        self.links = (*kept, (*ordered(a, b), wish.together))

    def _names(self, held: ReviewClass) -> str:
        return " and ".join(repr(self.coarse_names[q]) for q in held.parents)

    def _listed(self, rows: IntArray) -> str:
        shown = ", ".join(repr(self.ids[row]) for row in rows[:MOST_LISTED].tolist())
        more = len(rows) - MOST_LISTED
        return shown if more <= 0 else f"{shown} and {more:,} more"


def fold(discovery: Discovery, corrections: Iterable[Correction]) -> Review:
    """Return the review of a result after corrections, oldest first."""
    review = Review.of(discovery)
    for correction in corrections:
        review.apply(correction)
    return review


def ordered(a: int, b: int) -> tuple[int, int]:
    """Return the two numbers, the smaller first."""
    return (a, b) if a < b else (b, a)


def _with(pairs: tuple[tuple[int, int], ...], pair: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    return pairs if pair in pairs else (*pairs, pair)


def _shown(held: ReviewClass) -> str:
    return f"{held.name!r} ({held.id})"


def numbers(review: Review) -> Iterator[int]:
    """Yield the numbers of the classes that are not rejected, in order of birth."""
    return (n for n, held in review.classes.items() if held.status != "rejected")
