from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.config import make_config
from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.discovery.training.head_start import HeadStart, random_start
from tests.discovery.planted import planted


def test_random_start_is_reproducible_and_seeded() -> None:
    data = planted()
    starts = [random_start(9, 12, data.sources, seed=seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(starts[0].weight, starts[1].weight)
    assert (starts[0].weight != starts[2].weight).any()
    assert np.abs(starts[0].weight).max() <= 12**-0.5
    assert starts[0].relations[0].sum(axis=0).tolist() == [3, 3, 3]


def test_a_start_whose_coarse_class_has_no_child_is_a_bug() -> None:
    childless = np.array([[1, 0], [1, 0]], dtype=np.bool_)
    with pytest.raises(AssertionError, match="no child"):
        HeadStart(np.zeros((2, 3), np.float32), np.zeros(2, np.float32), (childless,))


def test_settings_refuse_what_they_do_not_know() -> None:
    with pytest.raises(ValueError, match="tau"):
        TrainConfig(tau=1.0)
    with pytest.raises(ValueError, match="learning_rate"):
        TrainConfig(learning_rate=-1)


def test_the_papers_schedule_is_the_papers() -> None:
    paper = TrainConfig.paper()
    assert (paper.epochs, paper.batch_size, paper.learning_rate) == (100, 256, 0.1)
    assert (paper.optimizer, paper.decay, paper.milestones) == ("sgd", "step", (0.6, 0.8))
    weights = (paper.weight_coarse, paper.weight_neighbor, paper.weight_confidence)
    assert (*weights, paper.weight_balance) == (0.5, 0.5, 0.5, 2.0)
    assert (paper.sampled_neighbors, paper.fresh_neighbors, paper.solve_every) == (5, True, 20)
    assert (paper.relation_balance, paper.late_relation_balance) == (1.0, 0.0)


def test_one_setting_given_leaves_the_others_at_their_defaults() -> None:
    given = make_config({"train": {"head": "mlp"}}).train
    assert given == make_config({}).train.model_copy(update={"head": "mlp"})
