"""A reviewer who knows the truth and sees what the page shows, nothing else.

What a shown class is, it reads off the majority of its exemplars; so a class whose exemplars
mislead a person misleads it, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from falcon_svc.triage.questions import (
    MIXED,
    OWN,
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

LEAST_SHARE = 0.7
"""A group of which fewer look alike is called mixed."""


class Oracle:
    """Answers questions.

    Parameters
    ----------
    truth : mapping
        Sample id -> fine class. Only ids that a question shows are looked up.
    """

    def __init__(self, truth: Mapping[str, int]) -> None:
        self._truth = truth

    def answer(self, question: Question) -> Reply:
        """Return what a careful person would answer."""
        match question:
            case SameClass():
                same = self._looks(question.first.exemplars) == self._looks(
                    question.second.exemplars
                )
                return Reply(choice="same" if same else "different")
            case OneClass():
                return self._one(question)
            case Belong():
                return self._belong(question)
            case Place():
                return self._place(question.samples, question.candidates)
            case CoarseRight():
                return Reply(choice="right")
            case AcceptClass():
                return self._accept(question)

    def _one(self, question: OneClass) -> Reply:
        part = self._looks(question.part_shown)
        if part == self._looks(question.rest.exemplars) or self._mixed(question.part_shown):
            return Reply(choice="one")
        return Reply(choice=self._among(part, question.candidates) or "two")

    def _belong(self, question: Belong) -> Reply:
        here = self._looks(question.to.exemplars)
        marked, moved = [], {}
        for name in question.samples:
            looks = self._truth[name]
            if looks == here:
                continue
            other = self._among(looks, question.candidates)
            if other is None:
                marked.append(name)
            else:
                moved[name] = other
        return Reply(marked=tuple(marked), moved=moved)

    def _place(self, samples: Sequence[str], candidates: Sequence[Shown]) -> Reply:
        if self._mixed(samples):
            return Reply(choice=MIXED)
        return Reply(choice=self._among(self._looks(samples), candidates) or OWN)

    def _mixed(self, shown: Sequence[str]) -> bool:
        looks = self._looks(shown)
        return sum(self._truth[name] == looks for name in shown) < LEAST_SHARE * len(shown)

    def _accept(self, question: AcceptClass) -> Reply:
        here = self._looks(question.shown.exemplars)
        wrong = tuple(name for name in question.look_at if self._truth[name] != here)
        choice = "accept" if len(wrong) <= question.most_wrong else "later"
        return Reply(choice=choice, marked=wrong)

    def _among(self, looks: int, candidates: Sequence[Shown]) -> str | None:
        found = (c.class_id for c in candidates if self._looks(c.exemplars) == looks)
        return next(found, None)

    def _looks(self, shown: Sequence[str]) -> int:
        """The class of most shown samples; of the earlier one where they are as many."""
        return Counter(self._truth[name] for name in shown).most_common(1)[0][0]
