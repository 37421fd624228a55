"""The questions that a reviewer is asked, what is shown with each, and what a reply means.

A question carries everything that the page shows for it, as sample ids, and nothing else: whoever
answers, a person or the benchmark's oracle, sees the same. `corrections_of` turns a reply into
corrections; it is the only place where replies get a meaning.

    same     Are these two classes one?              same / different
    one      Is this class one, or two, cut so?      one / two / the class that the part joins
    belong   Which of these do not belong here?      the ids of those, and where they belong
    place    Where do these samples belong?          a class / own / mixed
    coarse   Is this coarse label right?             right / wrong
    accept   Is this class done?                     accept / later
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from falcon_svc.triage.corrections import (
    Accept,
    ClassId,
    Correction,
    CorrectionError,
    Exclude,
    KeepApart,
    Label,
    Merge,
    Move,
    Split,
    Whole,
    WrongCoarse,
)

OWN, MIXED = "own", "mixed"


class Shown(BaseModel):
    """A class or part of one as it is shown: its id and exemplars, most central first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    class_id: ClassId
    name: str
    exemplars: tuple[str, ...]


class Asked(BaseModel):
    """Base of all questions: what it is about in a sentence, and what an answer is worth.

    `gain` is the number of samples that are expected to come right by the answer; `expected` is
    what the queue compares the answer with: the chance of a change, or samples out of place.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    gain: float
    expected: float = 0.0


class SameClass(Asked):
    """Are these two classes one?"""

    kind: Literal["same"] = "same"
    first: Shown
    second: Shown


class OneClass(Asked):
    """Is this class one? `part` would leave it, as a class of its own or for a candidate.

    `part_shown` are exemplars of that part. "one" is also the answer where the cut makes no sense.
    """

    kind: Literal["one"] = "one"
    rest: Shown
    part: tuple[str, ...]
    part_shown: tuple[str, ...]
    candidates: tuple[Shown, ...] = ()


class Belong(Asked):
    """Which of these samples do not belong to this class?

    They are dragged onto the class where they belong, or marked where none of them fits.
    """

    kind: Literal["belong"] = "belong"
    to: Shown
    samples: tuple[str, ...]
    candidates: tuple[Shown, ...] = ()


class Place(Asked):
    """Where do these samples belong: to one of these classes, or are they one of their own?"""

    kind: Literal["place"] = "place"
    samples: tuple[str, ...]
    candidates: tuple[Shown, ...]


class CoarseRight(Asked):
    """Is the coarse label of this sample right, or is the proposed one?"""

    kind: Literal["coarse"] = "coarse"
    sample: str
    given: str
    proposed: str | None


class AcceptClass(Asked):
    """Look at these samples of a class; is it done?"""

    kind: Literal["accept"] = "accept"
    shown: Shown
    look_at: tuple[str, ...]
    most_wrong: int


Question = Annotated[
    SameClass | OneClass | Belong | Place | CoarseRight | AcceptClass,
    Field(discriminator="kind"),
]


class Reply(BaseModel):
    """What a reviewer answers: a choice, and where samples are shown, what is said of them.

    `marked` samples do not belong here; `moved` ones belong to the class that is named.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    choice: str = ""
    marked: tuple[str, ...] = ()
    moved: dict[str, ClassId] = Field(default_factory=dict)

    @property
    def clicks(self) -> int:
        """What the reply costs: one, and one for each sample that something is said of."""
        return 1 + len(self.marked) + len(self.moved)


def corrections_of(  # noqa: PLR0911 - one case a kind
    question: Question, reply: Reply
) -> list[Correction]:
    """Return what a reply means; an empty list where it settles nothing.

    Raises
    ------
    CorrectionError
        The reply does not fit the question.
    """
    strange = {*reply.marked, *reply.moved} - set(_markable(question))
    if strange:
        raise CorrectionError(
            f"Only samples that were shown can be marked, but {sorted(strange)[0]!r} was not."
        )
    match question:
        case SameClass():
            return _same(question, _choice(reply, "same", "different"))
        case OneClass():
            known = [shown.class_id for shown in question.candidates]
            return _one(question, _choice(reply, "one", "two", *known))
        case Belong():
            return _belong(question, reply)
        case Place():
            return _place(question, reply)
        case CoarseRight():
            if _choice(reply, "right", "wrong") == "right":
                return []
            return [WrongCoarse(samples=(question.sample,), coarse=question.proposed)]
        case AcceptClass():
            return _accept(question, reply)


def _same(question: SameClass, choice: str) -> list[Correction]:
    a, b = question.first.class_id, question.second.class_id
    return [Merge(class_ids=(a, b)) if choice == "same" else KeepApart(class_id=a, other=b)]


def _one(question: OneClass, choice: str) -> list[Correction]:
    if choice == "one":
        return [Whole(class_id=question.rest.class_id)]
    if choice != "two":
        return [Move(samples=question.part, class_id=choice, firm=False)]
    return [Split(class_id=question.rest.class_id, parts=(question.part,), how="automatic")]


def _belong(question: Belong, reply: Reply) -> list[Correction]:
    class_id, out = question.to.class_id, {*reply.marked, *reply.moved}
    right = tuple(name for name in question.samples if name not in out)
    made: list[Correction] = []
    if right:
        made.append(Label(samples=right, class_id=class_id))
    for other in sorted(set(reply.moved.values())):
        there = tuple(name for name in question.samples if reply.moved.get(name) == other)
        made.append(Move(samples=there, class_id=other))
    if lost := tuple(sorted(set(reply.marked) - set(reply.moved))):
        made.append(Exclude(samples=lost, class_id=class_id))
    return made


def _place(question: Place, reply: Reply) -> list[Correction]:
    known = [shown.class_id for shown in question.candidates]
    choice = _choice(reply, *known, OWN, MIXED)
    if choice == MIXED:
        return []
    if choice in known:
        return [Label(samples=question.samples, class_id=choice)]
    first = known[0]
    return [
        Label(samples=question.samples, class_id=first),
        Split(class_id=first, parts=(question.samples,), how="selection"),
    ]


def _accept(question: AcceptClass, reply: Reply) -> list[Correction]:
    class_id, wrong = question.shown.class_id, set(reply.marked)
    right = tuple(name for name in question.look_at if name not in wrong)
    made: list[Correction] = []
    if right:
        made.append(Label(samples=right, class_id=class_id))
    if wrong:
        made.append(Exclude(samples=tuple(sorted(wrong)), class_id=class_id))
    if _choice(reply, "accept", "later") == "accept" and len(wrong) <= question.most_wrong:
        made.append(Accept(class_id=class_id, looked=len(question.look_at), wrong=len(wrong)))
    return made


def _markable(question: Question) -> tuple[str, ...]:
    match question:
        case Belong():
            return question.samples
        case AcceptClass():
            return question.look_at
    return ()


def _choice(reply: Reply, *known: str) -> str:
    if reply.choice not in known:
        raise CorrectionError(
            f"One of {', '.join(known)} was expected as an answer, found {reply.choice!r}."
        )
    return reply.choice
