"""Advice on whether finer labels would improve coarse accuracy, for which classes, at what price.

Place: the door of `falcon_svc.hierarchy.advice`. With fine labels the paired test decides. Without
them clusters stand in: k-means inside the coarse classes of each training fold, and, where given,
the classes of a discovery. They can show that finer labels will help, and at which number of
parts; that they do not help says little about labels by people.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from falcon_svc.checkpoint import CheckpointStore, Saved
from falcon_svc.errors import InputError
from falcon_svc.hierarchy.advice import proxies
from falcon_svc.hierarchy.advice.explanations import Explanations, explain
from falcon_svc.hierarchy.advice.paired_test import Comparison, Refine, Trial
from falcon_svc.hierarchy.advice.verdict import Verdict, Word, best_head, decide, word_of
from falcon_svc.progress import Progress, Silent, taken_over

FINE, DISCOVERED = "fine labels", "discovered"
SHARES = (0.1, 0.25, 0.5, 1.0)
HIDDEN = (0, 32, 128)
PARTS = (2, 3, 4, 6, 8)


@dataclass(frozen=True)
class Advice:
    """What was measured and what follows.

    Parameters
    ----------
    labels
        What the verdict rests on: "fine labels", "discovered", or the best number of k-means
        parts.
    hidden
        Hidden units >= 0 of the head that it rests on: that with which either arm is best.
    verdict
        Overall.
    per_head
        The same for every head by its hidden units: what helps a small one need not help another.
    per_class
        "helps", "does not" or "cannot tell" for each coarse class, at the full size.
    comparisons
        All of them.
    explanations
        Figures about the geometry.

    Examples
    --------
    >>> from falcon_svc.hierarchy.advice import Advice, Difference, Explanations, Verdict
    >>> helps = Verdict("helps", Difference(mean=0.04, low=0.01, high=0.07), rows_needed=None)
    >>> why = Explanations(0.2, 0.1, mixing=0.3, median_support=40.0, least_support=12)
    >>> found = Advice("fine labels", 0, helps, {0: helps}, {"bird": "helps"}, (), why)
    >>> [name for name, word in found.per_class.items() if word == "helps"]
    ['bird']
    """

    labels: str
    hidden: int
    verdict: Verdict
    per_head: dict[int, Verdict]
    per_class: dict[str, Word]
    comparisons: tuple[Comparison, ...]
    explanations: Explanations

    def document(self) -> dict[str, Any]:
        """Return everything, JSON-ready.

        Returns
        -------
        dict
            JSON-ready: the fields of this class, nested ones as dicts.
        """
        return {**asdict(self), "text": self.text()}

    def text(self) -> str:
        """Return the advice in sentences.

        Returns
        -------
        str
            A paragraph: the verdict, the rows it needs, the classes where it pays.
        """
        others = [_head_sentence(h, v) for h, v in self.per_head.items() if h != self.hidden]
        return "\n".join([_sentence(self), *others, *_class_sentences(self), *_reasons(self)])


def advise(
    vectors: ArrayLike,
    coarse: Sequence[str] | NDArray[Any],
    fine: Sequence[str] | NDArray[Any] | None = None,
    *,
    discovered: Sequence[str] | NDArray[Any] | None = None,
    shares: Sequence[float] = SHARES,
    hidden: Sequence[int] = HIDDEN,
    parts: Sequence[int] = PARTS,
    n_folds: int = 5,
    n_repeats: int = 1,
    seed: int = 0,
    progress: Progress | None = None,
    checkpoints: CheckpointStore | None = None,
) -> Advice:
    """Compare coarse with finer training and say what follows.

    Parameters
    ----------
    vectors
        (n, D) features of a frozen encoder.
    coarse
        (n,) names.
    fine
        (n,) names, "" where a row has none; None = nobody has labelled finer yet.
    discovered
        (n,) names of discovered classes, as another stand-in.
    shares
        Shares of the training rows in (0, 1], for the learning curve; the largest decides.
    hidden
        Hidden units of the heads; 0 = linear.
    parts
        Numbers >= 2 of k-means parts per coarse class, tried where there are no fine labels.
    n_folds, n_repeats
        Folds >= 2 and repeats >= 1 of the cross-validation.
    seed
        Seed of everything random, >= 0.
    progress
        Told of every comparison; it may raise to cancel.
    checkpoints
        Where comparisons are kept as they are made, and gone on from; None = nowhere.

    Returns
    -------
    Advice
        The verdict, what it rests on, and in which coarse classes.

    Raises
    ------
    InputError
        Lengths differ, a number is not finite, or a coarse class has fewer rows than folds.
    StorageError
        A checkpoint cannot be written, or is of other data or settings.

    Examples
    --------
    >>> import numpy as np
    >>> angle = np.arange(400) % 8
    >>> noise = np.random.default_rng(0).normal(size=(400, 2))
    >>> x = np.stack([np.cos(angle * np.pi / 4), np.sin(angle * np.pi / 4)], 1) + 0.1 * noise
    >>> names = np.array(["even", "odd"])[angle % 2]
    >>> found = advise(x, names, angle.astype(str), hidden=(0,), shares=(1.0,))
    >>> found.verdict.word
    'helps'
    """
    x, coarse_names, ids = _read(vectors, coarse)
    n_tried = (len(parts) if fine is None else 1) + (discovered is not None)
    trial = Trial(x, ids, coarse_names, n_folds, n_repeats, seed, n_tried)
    labels = None if fine is None else _names(fine, len(x))
    plan = _plan(trial, labels, None if discovered is None else _names(discovered, len(x)), parts)
    wanted = [(name, *size) for name in plan for size in product(hidden, shares)]
    told = progress or Silent()
    memory = Memory(checkpoints, _digest(trial, labels, discovered, wanted))
    told.stage("advise", len(wanted))
    earlier = len(memory.found)
    for name, units, share in wanted[earlier:]:
        memory.add(trial.compare(name, plan[name], hidden=units, share=share))
        gain = {"gain": memory.found[-1].overall.mean}
        told.advance(len(memory.found), gain | taken_over(earlier))
    return _advice(trial, labels, memory.found)


class Memory:
    """Comparisons in their order, kept in checkpoints where there are any.

    Parameters
    ----------
    checkpoints
        Of this advice.
    run
        Digest of all that determines it.
    """

    def __init__(self, checkpoints: CheckpointStore | None, run: str) -> None:
        self._checkpoints, self._run = checkpoints, run
        saved = None if checkpoints is None else checkpoints.load(run)
        self.found = [] if saved is None else [Comparison.of(c) for c in saved.numbers["found"]]

    def add(self, comparison: Comparison) -> None:
        """Keep one more."""
        self.found.append(comparison)
        if self._checkpoints is not None:
            records = [asdict(one) for one in self.found]
            self._checkpoints.save(self._run, len(records), Saved({}, {"found": records}))


def _digest(
    trial: Trial,
    fine: NDArray[np.str_] | None,
    discovered: Sequence[str] | NDArray[Any] | None,
    wanted: list[tuple[str, int, float]],
) -> str:
    """Return the sha256 hex of all that determines the comparisons."""
    labels = [None if names is None else list(map(str, names)) for names in (fine, discovered)]
    asked = [trial.names, trial.coarse.tolist(), labels, wanted]
    asked += [trial.n_folds, trial.n_repeats, trial.seed]
    return hashlib.sha256(json.dumps(asked).encode() + trial.vectors.tobytes()).hexdigest()


def _plan(
    trial: Trial,
    fine: NDArray[np.str_] | None,
    discovered: NDArray[np.str_] | None,
    parts: Sequence[int],
) -> dict[str, Refine]:
    """Return the kinds of finer labels to try; people's labels make k-means unnecessary."""
    plan: dict[str, Refine] = {}
    if fine is not None:
        plan[FINE] = proxies.given(fine)
    if discovered is not None:
        plan[DISCOVERED] = proxies.given(discovered)
    if fine is None:
        for k in parts:
            refine = proxies.kmeans(trial.vectors, trial.coarse, k, trial.seed)
            plan[f"k-means, k = {k}"] = refine
    return plan


def _advice(trial: Trial, fine: NDArray[np.str_] | None, found: list[Comparison]) -> Advice:
    full = max(one.share for one in found)
    labels = FINE if fine is not None else _best_labels(found, full)
    own = [one for one in found if one.labels == labels]
    hidden = best_head(own)
    curves = {units: [c for c in own if c.hidden == units] for units in {c.hidden for c in own}}
    curve = curves[hidden]
    last = max(curve, key=lambda one: one.share)
    linear = next((one for one in own if one.hidden == 0 and one.share == full), last)
    reasons = explain(
        trial.vectors,
        trial.coarse,
        fine,
        linear_accuracy=linear.coarse_accuracy,
        seed=trial.seed,
    )
    per_class = {name: word_of(gain) for name, gain in last.per_class.items()}
    per_head = {units: decide(curves[units]) for units in sorted(curves)}
    return Advice(labels, hidden, per_head[hidden], per_head, per_class, tuple(found), reasons)


def _best_labels(found: list[Comparison], full: float) -> str:
    """The stand-in with which a fine head is best: the peak of the curve over k."""
    at_full = [one for one in found if one.share == full]
    return max(at_full, key=lambda one: one.fine_accuracy).labels


def _read(
    vectors: ArrayLike, coarse: Sequence[str] | NDArray[Any]
) -> tuple[NDArray[np.float32], tuple[str, ...], NDArray[np.int64]]:
    x = np.asarray(vectors, np.float32)
    if x.ndim != 2 or not np.isfinite(x).all():
        raise InputError(
            f"Expected vectors of finite numbers, shape (n, dimensions), found shape {x.shape}"
            f"{'' if x.ndim != 2 else ' with NaN or infinity'}; leave such rows out."
        )
    classes, ids = np.unique(_names(coarse, len(x)), return_inverse=True)
    return x, tuple(classes.tolist()), ids.astype(np.int64)


def _names(labels: Sequence[str] | NDArray[Any], n: int) -> NDArray[np.str_]:
    names = np.asarray(labels).astype(str)
    if names.shape != (n,):
        raise InputError(
            f"Expected one label for each of the {n} vectors, found shape {names.shape}; "
            "give them in the same order."
        )
    return names


def _points(value: float) -> str:
    return f"{100 * value:+.1f}"


def _sentence(advice: Advice) -> str:
    gain, head = advice.verdict.difference, _head(advice.hidden)
    measured = (
        f"coarse accuracy changes by {_points(gain.mean)} points "
        f"({_points(gain.low)} to {_points(gain.high)}) with {head} trained on {advice.labels}"
    )
    if advice.verdict.word == "helps":
        return f"Finer labels help: {measured}."
    if advice.verdict.word == "does not":
        return f"Finer labels do not help: {measured}."
    needed = advice.verdict.rows_needed
    more = (
        f"about {needed:,} labelled rows should tell"
        if needed
        else "the learning curve does not rise, so that more rows of this kind will hardly help"
    )
    return f"It cannot be told yet whether finer labels help: {measured}; {more}."


def _head_sentence(hidden: int, verdict: Verdict) -> str:
    gain = verdict.difference
    return (
        f"With {_head(hidden)}: {verdict.word} ({_points(gain.mean)} points, "
        f"{_points(gain.low)} to {_points(gain.high)})."
    )


def _head(hidden: int) -> str:
    return f"a head of {hidden} hidden units" if hidden else "a linear head"


def _class_sentences(advice: Advice) -> list[str]:
    texts = {"helps": "They help", "does not": "They do not help"}
    found = []
    for word, text in texts.items():
        names = [name for name, own in advice.per_class.items() if own == word]
        if names:
            found.append(f"{text} these coarse classes: {', '.join(names)}.")
    return found


def _reasons(advice: Advice) -> list[str]:
    why = advice.explanations
    found = [
        f"Nearest neighbors are {_points(why.multi_modality)} points from a linear head in coarse "
        "accuracy: large values mean coarse classes of several clouds."
    ]
    if why.boundary_redundancy is not None:
        found.append(
            f"{100 * why.boundary_redundancy:.0f} % of the boundaries between fine classes are "
            "boundaries between coarse classes too."
        )
    if why.mixing is not None:
        found.append(
            f"{100 * why.mixing:.0f} % of a row's neighbors inside its coarse class have another "
            "fine label."
        )
    if why.median_support is not None:
        found.append(
            f"A fine class has {why.median_support:.0f} rows in the median, at least "
            f"{why.least_support}."
        )
    return found
