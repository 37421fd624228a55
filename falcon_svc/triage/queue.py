r"""The triage queue: which question is worth the next answer most.

The worth of an answer is the number of samples expected to come right by it. For a pair of
classes that is :math:`P(\mathrm{same}) \min(n_a, n_b)`, for a cut :math:`P(\mathrm{two}) n_{part}`
and for shown samples the expected number of those that are in a wrong class. The probabilities of
a kind are corrected by how its answers came out so far (a Beta prior of a few answers), so that a
kind of question that turns out to be idle goes back. Every answer changes the review, and the
queue is made again from it; each class is asked about in turn where worths are alike (coverage).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.special import expit

from falcon_svc.triage.corrections import (
    Correction,
    KeepApart,
    Label,
    Merge,
    Move,
    Split,
    Whole,
)
from falcon_svc.triage.questions import (
    AcceptClass,
    Belong,
    CoarseRight,
    OneClass,
    Place,
    Question,
    Reply,
    SameClass,
    Shown,
)
from falcon_svc.triage.scene import Pair, Scene
from falcon_svc.triage.split import LEAST_ROWS, Cut
from falcon_svc.triage.stop_rule import rows_to_look_at, sampling_plan
from falcon_svc.types import IntArray

KINDS = ("same", "one", "belong", "place", "coarse", "accept")

N_SHOWN = 24
"""Samples on one page of a question."""

MOST_ASKED = 400
"""Questions of a kind that are made at a time: those worth most at a glance."""

N_DOUBTFUL = 10
"""Of these, samples in doubt; the others lie all over the class."""

MOST_WRONG = 1
ACCEPTING = 0.005
"""Worth of accepting a class, per sample: it mends nothing, so it comes when little is left."""

TEACHING = 0.3
"""Share of a class's doubtful samples that one page of answers puts right through the head."""

LEAST_GROUP = 3
MOST_CANDIDATES = 5
MOST_TARGETS = 15
COVERAGE = 0.9
"""What each earlier question about a class leaves of the worth of the next."""

SAME_PRIOR = (-1.0, 0.45, 0.55)
"""Log-odds of two classes being one: constant, per log link ratio, per log confusion."""

TWO_PRIOR = (1.6, -0.35, -3.4)
"""Log-odds of a cut being real: constant, per log crossing ratio, per stability."""

PRIOR_ANSWERS = 2.0
USEFUL = {"same": 0.5, "one": 0.25}
"""Share of pairs and cuts that bring what they promise, at first; answers correct it."""

TYPICAL = {"same": 0.1, "one": 0.1}
"""What is expected of an answer, on average."""

PART_MOVED = 0.2
"""Worth of moving a part to another class, relative to finding a class of its own."""


@dataclass(frozen=True)
class Draft:
    """A question with its gain and the ids of the classes it is about; written if it is asked."""

    gain: float
    class_ids: tuple[str, ...]
    write: Callable[[], Question]


@dataclass
class Track:
    """How the answers of one kind came out: expected and observed, in events."""

    expected: float = 0.0
    observed: float = 0.0

    @property
    def factor(self) -> float:
        """What to multiply the kind's probabilities with."""
        return (self.observed + PRIOR_ANSWERS) / (self.expected + PRIOR_ANSWERS)


@dataclass
class Queue:
    """Asks; and learns from the answers how much its own expectations are worth.

    Attributes
    ----------
    tracks : dict
        Kind -> how its answers came out.
    asked : Counter
        Class id -> questions asked about it.
    """

    tracks: dict[str, Track] = field(default_factory=lambda: {k: Track() for k in KINDS})
    asked: Counter[str] = field(default_factory=Counter)

    @classmethod
    def after(cls, corrections: Iterable[Correction]) -> Queue:
        """Return the queue as earlier answers leave it, read off the corrections in force.

        So it learns across restarts, and from all reviewers. What was expected of each answer is
        not kept; `TYPICAL` stands for it.
        """
        queue = cls()
        for correction in corrections:
            kind, observed, class_ids = _outcome(correction)
            queue.asked.update(class_ids)
            if kind is not None:
                queue.tracks[kind].expected += TYPICAL[kind]
                queue.tracks[kind].observed += observed
        return queue

    def questions(self, scene: Scene, most: int = 20) -> list[Question]:
        """Return the questions worth most, best first; none where nothing is in doubt."""
        found = [
            *self._same(scene),
            *self._one(scene),
            *self._belong(scene),
            *self._place(scene),
            *_coarse(scene),
            *_accept(scene),
        ]
        worth = [one.gain * COVERAGE ** self._times(one.class_ids) for one in found]
        order = np.argsort(-np.array(worth), kind="stable")[:most]
        return [found[i].write() for i in order.tolist()]

    def learn(self, question: Question, reply: Reply) -> None:
        """Take note of how an answer came out."""
        self.asked.update(_classes(question))
        track = self.tracks[question.kind]
        track.expected += question.expected
        match question:
            case SameClass():
                track.observed += reply.choice == "same"
            case OneClass():
                track.observed += {"two": 1.0, "one": 0.0}.get(reply.choice, PART_MOVED)
            case Belong():
                track.observed += len(reply.marked) + len(reply.moved)
            case _:
                track.observed += question.expected

    def _times(self, class_ids: tuple[str, ...]) -> int:
        return max((self.asked[class_id] for class_id in class_ids), default=0)

    def _chance(self, kind: str, odds: float) -> float:
        """Probability that an answer changes something, as corrected by earlier answers."""
        return min(1.0, USEFUL[kind] * float(expit(odds)) * self.tracks[kind].factor)

    def _same(self, scene: Scene) -> list[Draft]:
        constant, per_link, per_confusion = SAME_PRIOR
        found: list[Draft] = []
        for pair in scene.pairs()[:MOST_ASKED]:
            odds = constant + per_link * np.log(pair.link) + per_confusion * np.log(pair.confusion)
            chance = self._chance("same", odds)
            gain = chance * min(scene.size(pair.first), scene.size(pair.second))
            ids = (f"c{pair.first}", f"c{pair.second}")
            found.append(Draft(gain, ids, partial(_same_question, scene, pair, chance, gain)))
        return found

    def _one(self, scene: Scene) -> list[Draft]:
        constant, per_crossing, per_stability = TWO_PRIOR
        found: list[Draft] = []
        for number in self._worth_cutting(scene):
            cut = scene.cut(number)
            odds = constant + per_crossing * np.log(cut.crossing)
            odds += per_stability * scene.stability(number)
            chance = self._chance("one", odds)
            write = partial(_one_question, scene, number, cut, chance)
            found.append(Draft(chance * len(cut.parts[1]), (f"c{number}",), write))
        return found

    def _worth_cutting(self, scene: Scene) -> list[int]:
        """Classes by what a clear cut of them would be worth; cutting takes time."""
        constant, _, per_stability = TWO_PRIOR
        open_to = [
            number
            for number in scene.numbers
            if not (held := scene.review.classes[number]).whole
            and held.status != "accepted"
            and scene.size(number) >= LEAST_ROWS
        ]

        def worth(number: int) -> float:
            chance = float(expit(constant + per_stability * scene.stability(number)))
            return chance * scene.size(number)

        return sorted(open_to, key=worth, reverse=True)[:MOST_ASKED]

    def _belong(self, scene: Scene) -> list[Draft]:
        """Per class: members in doubt and strangers that may belong, and members all over it."""
        found: list[Draft] = []
        asked = sorted(scene.numbers, key=scene.teachable, reverse=True)[:MOST_ASKED]
        for number in asked:
            rows, worth = scene.doubtful(number)
            rows, worth = rows[:N_DOUBTFUL], worth[:N_DOUBTFUL]
            if len(rows) or scene.unsettled(number):
                doubt = float(worth.sum()) + TEACHING * scene.teachable(number)
                gain = doubt * self.tracks["belong"].factor
                write = partial(_belong_question, scene, number, rows, gain)
                found.append(Draft(gain, (f"c{number}",), write))
        return found

    def _place(self, scene: Scene) -> list[Draft]:
        """Groups of samples that were taken out of the same class and look alike."""
        found: list[Draft] = []
        for group in scene.homeless():
            for rows in _alike(scene, group):
                candidates = scene.candidates(rows, MOST_CANDIDATES)
                if candidates:
                    gain = len(rows) * 0.5
                    write = partial(_place_question, scene, rows, candidates, gain)
                    found.append(Draft(gain, (), write))
        return found


def _outcome(  # noqa: PLR0911 - one case a kind
    correction: Correction,
) -> tuple[str | None, float, tuple[str, ...]]:
    """Kind of question that a correction may have answered, how it came out, and the classes."""
    match correction:
        case Merge():
            return "same", 1.0, correction.class_ids
        case KeepApart():
            return "same", 0.0, (correction.class_id, correction.other)
        case Whole():
            return "one", 0.0, (correction.class_id,)
        case Split(how="automatic"):
            return "one", 1.0, (correction.class_id,)
        case Move(firm=False):
            return "one", PART_MOVED, (correction.class_id,)
        case Label():
            return None, 0.0, (correction.class_id,)
    return None, 0.0, ()


def _same_question(scene: Scene, pair: Pair, chance: float, gain: float) -> SameClass:
    a, b = scene.shown(pair.first), scene.shown(pair.second)
    text = f"Are {a.name!r} and {b.name!r} one class?"
    return SameClass(text=text, gain=gain, expected=chance, first=a, second=b)


def _belong_question(scene: Scene, number: int, rows: IntArray, gain: float) -> Belong:
    spread = scene.spread(number, N_SHOWN - len(rows), leave_out=rows)
    samples, shown = np.concatenate([rows, spread]), scene.shown(number)
    return Belong(
        text=f"Which of these {len(samples)} do not belong to {shown.name!r}?",
        gain=gain,
        expected=gain,
        to=shown,
        samples=scene.names(samples),
        candidates=_targets(scene, number),
    )


def _targets(scene: Scene, number: int) -> tuple[Shown, ...]:
    """Other classes that a sample may be dragged onto, nearest first."""
    near = scene.candidates(scene.members(number), MOST_TARGETS + 1)
    return tuple(scene.shown(other) for other in near if other != number)


def _place_question(scene: Scene, rows: IntArray, candidates: list[int], gain: float) -> Place:
    return Place(
        text=f"Where do these {len(rows)} samples belong?",
        gain=gain,
        samples=scene.names(rows),
        candidates=tuple(scene.shown(number) for number in candidates),
    )


def _one_question(scene: Scene, number: int, cut: Cut, chance: float) -> OneClass:
    shown = scene.shown(number)
    rest, part = cut.parts[0], cut.parts[1]
    return OneClass(
        text=f"Is {shown.name!r} one class, or two, cut like this?",
        gain=chance * len(part),
        expected=chance,
        rest=Shown(class_id=shown.class_id, name=shown.name, exemplars=scene.central(rest)),
        part=scene.names(part),
        part_shown=scene.central(part),
        candidates=tuple(
            scene.shown(other)
            for other in scene.candidates(part, MOST_CANDIDATES)
            if other != number
        ),
    )


def _coarse(scene: Scene) -> list[Draft]:
    """Suspected coarse labels that nobody has looked at; an answer is worth one sample."""
    review = scene.review
    return [
        Draft(doubt, (), partial(_coarse_question, scene, row, likely, doubt))
        for row, (likely, doubt) in scene.suspects.items()
        if not review.fixed[row] and review.coarse[row] == review.given_coarse[row] >= 0
    ]


def _coarse_question(scene: Scene, row: int, likely: int, doubt: float) -> CoarseRight:
    review, names = scene.review, scene.review.coarse_names
    return CoarseRight(
        text=f"Is the coarse label {names[review.coarse[row]]!r} right?",
        gain=doubt,
        sample=review.ids[row],
        given=names[review.coarse[row]],
        proposed=names[likely],
    )


def _accept(scene: Scene) -> list[Draft]:
    """Classes that nobody has accepted, with the samples that the stop rule asks to look at."""
    done = (n for n in scene.numbers if scene.review.classes[n].status != "accepted")
    asked = sorted(done, key=scene.size, reverse=True)[:MOST_ASKED]
    return [
        Draft(ACCEPTING * scene.size(n), (f"c{n}",), partial(_accept_question, scene, n))
        for n in asked
    ]


def _accept_question(scene: Scene, number: int) -> AcceptClass:
    plan, shown = sampling_plan(scene.size(number), most_wrong=MOST_WRONG), scene.shown(number)
    return AcceptClass(
        text=f"Is {shown.name!r} done? {plan.sentence()}",
        gain=ACCEPTING * scene.size(number),
        shown=shown,
        look_at=scene.names(rows_to_look_at(scene.members(number), plan, seed=number)),
        most_wrong=plan.most_wrong,
    )


def _alike(scene: Scene, rows: np.ndarray) -> list[np.ndarray]:
    """Groups of up to 24 samples that lie together."""
    if len(rows) < LEAST_GROUP:
        return []
    tree = linkage(scene.inputs[rows], "ward")
    label = fcluster(tree, max(1, -(-len(rows) // N_SHOWN)), "maxclust")
    groups = [rows[label == i][:N_SHOWN] for i in np.unique(label)]
    return [group for group in groups if len(group) >= LEAST_GROUP]


def _classes(question: Question) -> tuple[str, ...]:
    match question:
        case SameClass():
            return question.first.class_id, question.second.class_id
        case OneClass():
            return (question.rest.class_id,)
        case Belong():
            return (question.to.class_id,)
        case AcceptClass():
            return (question.shown.class_id,)
    return ()
