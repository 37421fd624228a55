"""`FineClassDiscovery` keeps scikit-learn's contract, and says what the discovery found."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import falcon_svc as falcon
from falcon_svc import FineClassDiscovery
from tests.door.planted import COARSE, FINE, vectors

X = vectors()
SMALL = FineClassDiscovery(n_fine_per_coarse=None, epochs=2, random_state=0)


@pytest.fixture(scope="module")
def found():
    return FineClassDiscovery(n_fine=4, random_state=0).fit(X, COARSE)


def test_it_says_what_was_found(found):
    assert adjusted_rand_score(FINE, found.labels_) == 1.0
    assert found.n_fine_ == 4 and found.n_fine_interval_ == (4, 4)
    assert found.n_fine_per_coarse_ == {"bird": 2, "fish": 2}
    assert found.fine_to_coarse_[found.labels_].tolist() == COARSE.tolist()
    assert found.coarse_classes_.tolist() == ["bird", "fish"]
    assert found.confidence_.shape == (120,) and found.n_features_in_ == X.shape[1]


def test_predictions_stay_inside_the_coarse_label_and_sum_to_one(found):
    assert np.array_equal(found.predict(X, coarse=COARSE), found.labels_)
    other = found.predict(X, coarse=["fish"] * len(X))
    assert set(found.fine_to_coarse_[other]) == {"fish"}
    prob = found.predict_proba(X, coarse=COARSE)
    assert prob.shape == (120, 4)
    np.testing.assert_allclose(prob.sum(axis=1), 1.0, rtol=1e-5)


def test_where_a_wanted_precision_is_not_reached_there_is_no_class(found):
    levels, precision = found.predictor_.surety.unlabelled
    middle = len(levels) // 2
    wanted = float(precision[middle])
    sure, all_ = found.predict(X, precision=wanted), found.predict(X)
    confident = found.predict_proba(X).max(axis=1)
    least = levels[np.flatnonzero(precision >= wanted)[-1]]
    assert np.array_equal(sure == -1, confident < least)
    assert 0.2 < (sure == -1).mean() < 0.8
    assert np.array_equal(sure[sure >= 0], all_[sure >= 0])


def test_it_equals_the_pipeline(found):
    assert np.array_equal(falcon.discover(X, COARSE, n_fine=4).labels, found.labels_)


def test_labels_of_any_type_come_back_as_they_were():
    numbers = np.array([7, 9])[FINE // 2]
    found = FineClassDiscovery(n_fine_per_coarse={7: 2, 9: 2}, random_state=0).fit(X, numbers)
    assert found.n_fine_per_coarse_ == {7: 2, 9: 2}
    assert found.fine_to_coarse_.tolist() == [7, 7, 9, 9]
    assert np.array_equal(found.predict(X, coarse=numbers.astype(float)), found.labels_)


def test_it_works_in_a_pipeline_with_labels_routed_to_predict():
    with config_context(enable_metadata_routing=True):
        last = FineClassDiscovery(n_fine=4, random_state=0).set_predict_request(coarse=True)
        line = make_pipeline(StandardScaler(), last).fit(X, COARSE)
        assert np.array_equal(line.predict(X, coarse=COARSE), line[-1].labels_)
    assert clone(line[-1]).get_params() == line[-1].get_params()


def test_the_same_seed_gives_the_same_answer():
    labels = [SMALL.set_params(n_fine=4).fit(X, COARSE).labels_ for _ in range(2)]
    assert np.array_equal(*labels)


def test_errors_are_the_sentences_of_the_command_line(found):
    with pytest.raises(falcon.InputError, match="zebra"):
        found.predict(X[:1], coarse=["zebra"])
    with pytest.raises(falcon.ConfigError, match="sizes"):
        FineClassDiscovery(sizes="odd").fit(X, COARSE)


NO_LABELS = "the check fits without labels; coarse labels are what a discovery starts from"
FAILS = dict.fromkeys(("check_fit_score_takes_y", "check_clustering"), NO_LABELS)


@pytest.mark.slow
@parametrize_with_checks([SMALL], expected_failed_checks=lambda _: FAILS)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame.astype(complex), "Complex data not supported"),
        (lambda frame: frame.astype("Float64").shift(1), "NaN|NAType"),
        (lambda frame: frame.assign(a="x"), "could not convert string to float"),
        (lambda frame: frame.assign(a=frame["a"].astype("datetime64[ns]")), "dtype"),
    ],
    ids=["complex", "NA", "words", "times"],
)
def test_frames_that_hold_no_numbers_are_refused(change, words):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X[:, :3], columns=["a", "b", "c"])
    with pytest.raises((ValueError, TypeError), match=words):
        SMALL.fit(change(frame), COARSE)
