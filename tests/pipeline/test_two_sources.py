"""Two label sources: fine classes that the features and the first source cannot tell apart."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.config import make_config
from falcon_svc.errors import ConfigError
from falcon_svc.metrics import accuracy_score
from falcon_svc.pipeline.discover import discover, discover_to
from falcon_svc.result.verification import verify_result
from falcon_svc.types import LabelSource
from tests.discoveries import pretend_dataset
from tests.discovery.test_structure_laws import planted

HABITAT = np.array([0, 1, 2, 2, 3, 3, 0, 1, 3])  # of the nine fine classes


@pytest.fixture(scope="module")
def twins():
    """Nine fine classes; the first two of coarse class 0 look alike, as 6 and 7 of class 2."""
    x, source, fine = planted([2, 4, 3], per_fine=40)
    for one, other in ((0, 1), (6, 7)):
        x[fine == other] += x[fine == one].mean(axis=0) - x[fine == other].mean(axis=0)
    return x, source, fine


def dataset_of(twins, labels=None):
    x, source, fine = twins
    habitat = HABITAT[fine] if labels is None else labels
    other = LabelSource("habitat", habitat.astype(np.int64), ("sea", "lake", "wood", "field"))
    return pretend_dataset(x, source.labels, sources=() if labels is False else (other,))


@pytest.mark.parametrize("counts", [{"n_fine": 9}, {"n_fine_per_coarse": {"c0": 2, "c2": 3}}])
def test_the_second_source_tells_what_the_first_cannot(twins, counts):
    x, source, fine = twins
    alone = pretend_dataset(x, source.labels)
    config = make_config({"counts": {"n_fine": 9}})
    assert accuracy_score(fine, discover(alone, config).discovery.assignments.fine) < 0.9
    names = dict(zip(("c0", "c1", "c2"), alone.coarse.names, strict=True))
    per_coarse = {names[k]: n for k, n in counts.get("n_fine_per_coarse", {}).items()}
    given = make_config({"counts": {"n_fine": 9, "n_fine_per_coarse": per_coarse}})
    found = discover(dataset_of(twins), given).discovery
    assert accuracy_score(fine, found.assignments.fine) > 0.95
    for place, truth in enumerate((source.labels, HABITAT[fine])):
        parents = found.relations[place].relation.argmax(axis=1)[found.assignments.fine]
        assert (parents == truth).mean() > 0.95
    assert all(relation.status == "optimal" for relation in found.relations)


def test_parents_that_never_meet_in_a_sample_meet_in_no_class(twins, tmp_path):
    config = make_config({"counts": {"n_fine": 9}})
    found = discover_to(tmp_path / "out", dataset_of(twins), config)
    assert all(check.ok for check in verify_result(tmp_path / "out"))  # the joint proof, too
    met = found.relations[0].relation.T.astype(int) @ found.relations[1].relation.astype(int)
    _, source, fine = twins
    there = np.zeros((3, 4), int)
    np.add.at(there, (source.labels, HABITAT[fine]), 1)
    assert not met[there == 0].any()


def test_an_estimate_leaves_a_class_for_every_class_of_the_second_source(twins):
    found = discover(dataset_of(twins), make_config({})).discovery
    assert all(r.relation.any(axis=0).all() for r in found.relations)
    assert found.counts[0].n_fine >= 2  # sea and lake


def test_more_classes_in_a_source_than_fine_ones_are_refused_in_a_sentence():
    x, source, _ = planted([3, 3], per_fine=40)
    farms = np.random.default_rng(3).integers(0, 12, len(x))
    names = tuple(f"farm-{k:02d}" for k in range(12))
    data = pretend_dataset(x, source.labels, sources=(LabelSource("farm", farms, names),))
    with pytest.raises(ConfigError, match=r"6 fine classes .* 'farm' has 12 classes"):
        discover(data, make_config({"counts": {"n_fine": 6}}))
    assert discover(data, make_config({})).discovery.n_fine >= 12
