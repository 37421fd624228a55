"""What became of the classes of an earlier review: the nouns that report, page and API show.

Place: `falcon_svc.triage.continuing` finds it, `falcon_svc.report` draws it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

What = Literal["kept", "born", "split", "merged", "died"]
WHAT: tuple[What, ...] = ("kept", "born", "split", "merged", "died")


@dataclass(frozen=True)
class Lineage:
    """What became of a class.

    Attributes
    ----------
    what : str
        "kept" (same class), "born" (of nothing known), "split" (off `others`), "merged" (into
        `others`) or "died".
    id : str
        Id of the class in the review.
    name : str
        As shown: of a merged or dead class, its last one.
    others : tuple of str
        Ids of the classes that it came from or went to.
    overlap : float in [0, 1]
        Jaccard index of its samples before and now, of those that both runs know; 0 unless kept.
    n_before, n_now : int >= 0
        Its samples in the earlier review and in this one.
    """

    what: What
    id: str
    name: str
    others: tuple[str, ...] = ()
    overlap: float = 0.0
    n_before: int = 0
    n_now: int = 0


@dataclass(frozen=True)
class Drift:
    """A class whose new samples lie farther from its centre than its old ones do.

    Attributes
    ----------
    class_id, name : str
    n_new : int >= 0
    p_value : float in [0, 1]
        One-sided Mann-Whitney test, times the number of classes tested (Bonferroni).
    shift : float in [0, 1]
        Chance that a new sample lies farther out than an old one; 0.5 = no drift.
    """

    class_id: str
    name: str
    n_new: int
    p_value: float
    shift: float

    def sentence(self) -> str:
        """Return the alarm in words."""
        return (
            f"{self.n_new:,} new samples of {self.name!r} ({self.class_id}) lie farther out than "
            f"the old ones ({100 * self.shift:.0f} % of pairs): the data have drifted, or the "
            "class has changed."
        )


@dataclass(frozen=True)
class Ancestry:
    """How the classes of a review go on from those of an earlier one.

    Attributes
    ----------
    earlier : str
        Head of the earlier review.
    n_known, n_new : int >= 0
        Samples that the earlier review has, and others.
    lineage : tuple of Lineage
        Kept classes first, then born, split, merged and died ones.
    drift : tuple of Drift
        Most surprising first.
    """

    earlier: str
    n_known: int
    n_new: int
    lineage: tuple[Lineage, ...]
    drift: tuple[Drift, ...] = ()

    def count(self, what: What) -> int:
        """Return how many classes had this fate."""
        return Counter(line.what for line in self.lineage)[what]

    def sentence(self) -> str:
        """Return it in a sentence.

        Examples
        --------
        >>> kept = Lineage("kept", "c3", "jay", overlap=0.9, n_before=30, n_now=33)
        >>> Ancestry("ab", 30, 3, (kept,)).sentence()
        '30 samples are known, 3 are new; classes: 1 kept, 0 born, 0 split, 0 merged, 0 died.'
        """
        told = ", ".join(f"{self.count(what)} {what}" for what in WHAT)
        drift = f" Drift in {len(self.drift):,} of them." if self.drift else ""
        return (
            f"{self.n_known:,} samples are known, {self.n_new:,} are new; classes: {told}.{drift}"
        )

    def document(self) -> dict[str, Any]:
        """Return it JSON-ready, each alarm with its sentence."""
        drift = [asdict(one) | {"sentence": one.sentence()} for one in self.drift]
        return asdict(self) | {"drift": drift, "text": self.sentence()}

    @classmethod
    def read(cls, document: dict[str, Any]) -> Ancestry:
        """Return what `document` wrote."""
        return cls(
            *(document["earlier"], document["n_known"], document["n_new"]),
            tuple(
                Lineage(**{**line, "others": tuple(line["others"])}) for line in document["lineage"]
            ),
            tuple(
                Drift(**{key: value for key, value in one.items() if key != "sentence"})
                for one in document["drift"]
            ),
        )


@dataclass(frozen=True)
class Inherited:
    """What a new result takes over from an earlier review.

    Attributes
    ----------
    ancestry : Ancestry
    write : callable
        Writes the review that goes on from it, as the folder of the path that it is given.
    """

    ancestry: Ancestry
    write: Callable[[Path], None]
