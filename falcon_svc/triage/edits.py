"""How each kind of correction changes a review: checked as a whole first, then made.

Place: `apply` is the only function that changes a `Review` besides a re-solve. Reading order:
classes, samples, coarse labels, wishes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from falcon_svc.result.record import Discovery
from falcon_svc.triage.classes import ReviewClass, ordered
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
from falcon_svc.triage.state import Review
from falcon_svc.types import UNLABELLED, IntArray

MOST_LISTED = 3


def apply(review: Review, correction: Correction) -> None:
    """Check a correction, then make it.

    Raises
    ------
    CorrectionError
        It cannot be made; the review is as before.
    """
    match correction:
        case Rename():
            _rename(review, correction)
        case Accept():
            _accept(review, correction)
        case Reject():
            _reject(review, correction)
        case Merge():
            _merge(review, correction)
        case Split():
            _split(review, correction)
        case Move() | Label():
            _move(review, correction)
        case Exclude():
            _exclude(review, correction)
        case WrongCoarse():
            _wrong_coarse(review, correction)
        case Whole():
            held = review.find(correction.class_id)
            review.classes[held.number] = replace(held, whole=True)
        case Pin() | Forbid() | MustLink() | CannotLink() | KeepApart() | LinkSamples():
            _wish(review, correction)
        case _:
            raise CorrectionError(
                f"A correction of classes or samples was expected, found {correction.kind!r}."
            )


def _rename(review: Review, wish: Rename) -> None:
    held = review.find(wish.class_id)
    for other in review.classes.values():
        same = other.name == wish.name and set(other.parents) & set(held.parents)
        if same and other.number != held.number:
            raise CorrectionError(
                f"The name {wish.name!r} belongs to {other.id} under the same coarse class; "
                "merge the two, or choose another name."
            )
    review.classes[held.number] = replace(held, name=wish.name, named=True)


def _accept(review: Review, wish: Accept) -> None:
    held = review.find(wish.class_id)
    if not (review.fine == held.number).any():
        raise CorrectionError(f"{_shown(held)} holds no sample; there is nothing to accept.")
    review.classes[held.number] = replace(held, status="accepted")


def _reject(review: Review, wish: Reject) -> None:
    held = review.find(wish.class_id)
    for coarse in held.parents:
        if all(other.number == held.number for other in review.siblings(coarse)):
            raise CorrectionError(
                f"{_shown(held)} is the only class left under {review.coarse_names[coarse]!r}; "
                "a coarse class keeps at least one."
            )
    if review.fixed[review.fine == held.number].any():
        raise CorrectionError(
            f"{_shown(held)} holds samples that were put there by hand; move them first."
        )
    review.classes[held.number] = replace(held, status="rejected")


def _merge(review: Review, wish: Merge) -> None:
    parts = [review.find(class_id) for class_id in dict.fromkeys(wish.class_ids)]
    if len(parts) < 2:
        raise CorrectionError("A merge needs two different classes; name another one.")
    kept, parents = parts[0], set(parts[0].parents)
    for other in parts[1:]:
        if set(other.parents) != parents:
            raise CorrectionError(
                f"{_shown(kept)} and {_shown(other)} hang under different coarse classes "
                f"({_names(review, kept)} and {_names(review, other)}), which a merge never joins; "
                "mark the coarse labels that are wrong instead."
            )
    _check_apart(review, {part.number for part in parts})
    into = {part.number: kept.number for part in parts}
    merged = np.isin(review.fine, [part.number for part in parts[1:]])
    review.fine[merged] = kept.number
    for part in parts[1:]:
        del review.classes[part.number]
    named = next((part for part in parts if part.named), kept)
    born = tuple(part.id for part in parts[1:])
    review.classes[kept.number] = replace(
        *(kept,), name=named.name, named=named.named, status="open", whole=False, born_of=born
    )
    review.wishes = review.wishes.renumbered(into)
    review.excluded = {
        row: frozenset(into.get(number, number) for number in barred) - {int(review.fine[row])}
        for row, barred in review.excluded.items()
    }


def _check_apart(review: Review, numbers: set[int]) -> None:
    for what, pairs in (
        ("kept apart", review.wishes.apart),
        ("cannot-linked", review.wishes.cannot),
    ):
        for a, b in pairs:
            if {a, b} <= numbers:
                raise CorrectionError(
                    f"{_shown(review.classes[a])} and {_shown(review.classes[b])} were {what} "
                    "by an earlier correction; undo that first."
                )


def _split(review: Review, wish: Split) -> None:
    held = review.find(wish.class_id)
    parts = [review.rows(part) for part in wish.parts]
    leaving = np.concatenate(parts)
    _check_split(review, held, leaving)
    for number, rows in enumerate(parts, 2):
        fresh = _fresh(review, held, number)
        review.fine[rows] = fresh.number
        review.fixed[rows] |= wish.how == "selection"
        review.classes[fresh.number] = fresh
    review.classes[held.number] = replace(held, status="open", whole=False)


def _check_split(review: Review, held: ReviewClass, leaving: IntArray) -> None:
    if len(np.unique(leaving)) < len(leaving):
        raise CorrectionError("Each sample lies in one part of a split; some lie in two.")
    _check_inside(review, leaving, held)
    if len(leaving) == int((review.fine == held.number).sum()):
        raise CorrectionError(
            f"A split of {_shown(held)} leaves at least one sample in it, but all "
            f"{len(leaving):,} were selected; select fewer."
        )


def _check_inside(review: Review, rows: IntArray, held: ReviewClass) -> None:
    outside = rows[review.fine[rows] != held.number]
    if len(outside):
        raise CorrectionError(
            f"Samples of {_shown(held)} were expected, but {_listed(review, outside)} "
            f"{'is' if len(outside) == 1 else 'are'} not in it; select again."
        )


def _fresh(review: Review, held: ReviewClass, number: int) -> ReviewClass:
    taken = {other.name for other in review.classes.values()}
    name = next(n for i in range(number, 10**9) if (n := f"{held.name} ({i})") not in taken)
    review.next_number += 1
    return ReviewClass(
        *(review.next_number - 1, name, held.parents),
        colour=review.next_number - 1,
        born_of=(held.id,),
    )


def _move(review: Review, wish: Move | Label) -> None:
    held, rows = _kept(review, wish.class_id), review.rows(wish.samples)
    _check_wall(review, rows, held)
    _put(review, rows, held, firm=isinstance(wish, Label) or wish.firm)


def _put(review: Review, rows: IntArray, held: ReviewClass, *, firm: bool) -> None:
    """Put samples into a class, whatever was said before of their place."""
    review.fine[rows], review.fixed[rows] = held.number, firm
    taken_out = [row for row in rows.tolist() if row in review.excluded]
    review.excluded |= {row: review.excluded[row] - {held.number} for row in taken_out}


def _kept(review: Review, class_id: str) -> ReviewClass:
    """Return a class that may get samples."""
    held = review.find(class_id)
    if held.status == "rejected":
        raise CorrectionError(f"{_shown(held)} was rejected; choose another class.")
    return held


def _exclude(review: Review, wish: Exclude) -> None:
    held, rows = review.find(wish.class_id), review.rows(wish.samples)
    fresh = {row: review.excluded.get(row, frozenset()) | {held.number} for row in rows.tolist()}
    for row, barred in fresh.items():
        coarse = int(review.coarse[row])
        if coarse >= 0 and {c.number for c in review.siblings(coarse)} <= barred:
            raise CorrectionError(
                f"{review.ids[row]!r} would belong to no class of {review.coarse_names[coarse]!r}; "
                "split it off as a class of its own, or say that its coarse label is wrong."
            )
    review.excluded |= fresh
    leaving = rows[review.fine[rows] == held.number]
    review.fine[leaving], review.fixed[leaving] = -1, False


def _check_wall(review: Review, rows: IntArray, held: ReviewClass) -> None:
    labels = review.coarse[rows]
    outside = rows[(labels != UNLABELLED) & ~np.isin(labels, held.parents)]
    if len(outside):
        raise CorrectionError(
            f"{_shown(held)} hangs under {_names(review, held)}, but the coarse label of "
            f"{_listed(review, outside)} is {review.coarse_names[review.coarse[outside[0]]]!r}; "
            "if that label is wrong, say so first."
        )


def _wrong_coarse(review: Review, wish: WrongCoarse) -> None:
    rows = review.rows(wish.samples)
    coarse = UNLABELLED if wish.coarse is None else review.coarse_number(wish.coarse)
    target = None if wish.class_id is None else _kept(review, wish.class_id)
    if target is not None and coarse != UNLABELLED and coarse not in target.parents:
        raise CorrectionError(
            f"{_shown(target)} hangs under {_names(review, target)}, not under {wish.coarse!r}; "
            "name a class of that coarse class, or none."
        )
    _check_not_emptied(review, rows, coarse)
    stays = (coarse != UNLABELLED) & (review.coarse[rows] == coarse)
    if target is None:
        review.fine[rows] = np.where(stays, review.fine[rows], -1)
        review.fixed[rows] &= stays
    else:
        _put(review, rows, target, firm=True)
    review.coarse[rows] = coarse


def _check_not_emptied(review: Review, rows: IntArray, coarse: int) -> None:
    left = np.bincount(review.coarse + 1, minlength=len(review.coarse_names) + 1)[1:]
    leaving = np.bincount(review.coarse[rows] + 1, minlength=len(review.coarse_names) + 1)[1:]
    empty = np.flatnonzero((leaving > 0) & (leaving == left))
    empty = empty[empty != coarse]
    if len(empty):
        raise CorrectionError(
            f"All {left[empty[0]]:,} samples of {review.coarse_names[empty[0]]!r} would leave "
            "it; a coarse class keeps at least one sample. Select fewer."
        )


def _wish(
    review: Review, wish: Pin | Forbid | MustLink | CannotLink | KeepApart | LinkSamples
) -> None:
    held = review.wishes
    match wish:
        case Pin():
            pair = (review.find(wish.class_id).number, review.coarse_number(wish.coarse))
            others = tuple(p for p in held.pins if p[0] != pair[0])
            review.wishes = replace(held, pins=(*others, pair))
        case Forbid():
            pair = (review.find(wish.class_id).number, review.coarse_number(wish.coarse))
            review.wishes = replace(held, forbids=_with(held.forbids, pair))
        case MustLink():
            review.wishes = replace(held, must=_with(held.must, _pair(review, wish)))
        case CannotLink():
            review.wishes = replace(held, cannot=_with(held.cannot, _pair(review, wish)))
        case KeepApart():
            review.wishes = replace(held, apart=held.apart | {_pair(review, wish)})
        case LinkSamples():
            _link(review, wish)


def _pair(review: Review, wish: MustLink | CannotLink | KeepApart) -> tuple[int, int]:
    a, b = review.find(wish.class_id).number, review.find(wish.other).number
    if a == b:
        raise CorrectionError("Two different classes were expected, found one twice.")
    return ordered(a, b)


def _link(review: Review, wish: LinkSamples) -> None:
    a, b = (int(review.rows([name])[0]) for name in (wish.sample, wish.other))
    if a == b:
        raise CorrectionError("Two different samples were expected, found one twice.")
    labels = review.coarse[[a, b]]
    if wish.together and (labels >= 0).all() and labels[0] != labels[1]:
        raise CorrectionError(
            f"{wish.sample!r} and {wish.other!r} have different coarse labels and cannot be "
            "in one class; if one of the labels is wrong, say so first."
        )
    kept = tuple(link for link in review.links if {link[0], link[1]} != {a, b})
    review.links = (*kept, (*ordered(a, b), wish.together))


def _names(review: Review, held: ReviewClass) -> str:
    return " and ".join(repr(review.coarse_names[q]) for q in held.parents)


def _listed(review: Review, rows: IntArray) -> str:
    shown = ", ".join(repr(review.ids[row]) for row in rows[:MOST_LISTED].tolist())
    more = len(rows) - MOST_LISTED
    return shown if more <= 0 else f"{shown} and {more:,} more"


def fold(discovery: Discovery, corrections: Iterable[Correction]) -> Review:
    """Return the review of a result after corrections, oldest first."""
    review = Review.of(discovery)
    for correction in corrections:
        apply(review, correction)
    return review


def _with(pairs: tuple[tuple[int, int], ...], pair: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    return pairs if pair in pairs else (*pairs, pair)


def _shown(held: ReviewClass) -> str:
    return f"{held.name!r} ({held.id})"
