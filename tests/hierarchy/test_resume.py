"""A training, or advice, that is stopped half-way ends as one that was left alone, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.checkpoint import CheckpointStore
from falcon_svc.errors import StorageError
from falcon_svc.hierarchy.advice import advise
from falcon_svc.hierarchy.classifier import HierarchicalClassifier
from falcon_svc.hierarchy.losses import LOSSES
from falcon_svc.progress import TAKEN_OVER

PATHS = [("bird", "jay"), ("bird", "wren"), ("fish", "cod"), ("fish", "eel")] * 20
X = np.random.default_rng(0).normal(size=(80, 3)) + np.repeat(np.eye(4, 3), 20, axis=0)
NAMES = ("root", "bird", "fish", "jay", "wren", "cod", "eel")
TEXTS = dict(zip(NAMES, np.random.default_rng(1).normal(size=(7, 5)), strict=True))


class Stop(Exception):
    """What a test stops a run with."""


class StopAfter:
    """Progress that stops the run once so much is done."""

    def __init__(self, done: int) -> None:
        self.done, self.seen, self.earlier = done, [], 0

    def stage(self, name, total):
        self.seen.append((name, total))

    def advance(self, done, metrics):
        self.seen.append(done)
        self.earlier = metrics.get(TAKEN_OVER, 0)
        if done == self.done:
            raise Stop


def classifier(loss="hace", **settings):
    texts = TEXTS if loss == "hccf" else None
    return HierarchicalClassifier(loss, epochs=6, texts=texts, random_state=3, **settings)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_stopped_training_goes_on_where_it_was(loss, tmp_path):
    whole = classifier(loss).fit(X, PATHS)
    store, stop = CheckpointStore(tmp_path), StopAfter(3)
    with pytest.raises(Stop):
        classifier(loss).fit_resumable(X, PATHS, checkpoints=store, progress=stop)
    rest = StopAfter(-1)
    again = classifier(loss).fit_resumable(X, PATHS, checkpoints=store, progress=rest)
    assert stop.seen == [("train", 6), 1, 2, 3] and rest.seen == [("train", 6), 4, 5, 6]
    assert (stop.earlier, rest.earlier) == (0, 3)  # the time left is that of the rest alone
    assert again.loss_curve_ == whole.loss_curve_
    assert again._to_bytes() == whole._to_bytes()


@pytest.mark.parametrize("changed", ["data", "labels", "settings", "seed"])
def test_checkpoints_of_another_training_are_refused(changed, tmp_path):
    store = CheckpointStore(tmp_path)
    with pytest.raises(Stop):
        classifier().fit_resumable(X, PATHS, checkpoints=store, progress=StopAfter(2))
    other = classifier(loss_options={"dilution": 0.6} if changed == "settings" else None)
    other.set_params(random_state=4 if changed == "seed" else 3)
    x, paths = X[::-1] if changed == "data" else X, PATHS[::-1] if changed == "labels" else PATHS
    with pytest.raises(StorageError, match="other data, settings or seed"):
        other.fit_resumable(x, paths, checkpoints=store)


def advised(**more):
    coarse = [path[0] for path in PATHS]
    return advise(X, coarse, hidden=(0, 4), parts=(2,), shares=(0.5, 1.0), n_folds=2, **more)


def test_stopped_advice_makes_no_comparison_twice(tmp_path):
    store, stop, rest = CheckpointStore(tmp_path), StopAfter(3), StopAfter(-1)
    with pytest.raises(Stop):
        advised(checkpoints=store, progress=stop)
    again = advised(checkpoints=store, progress=rest)
    assert stop.seen == [("advise", 4), 1, 2, 3] and rest.seen == [("advise", 4), 4]
    assert (stop.earlier, rest.earlier) == (0, 3)
    assert again == advised()
    with pytest.raises(StorageError, match="other data, settings or seed"):
        advised(checkpoints=store, seed=1)
