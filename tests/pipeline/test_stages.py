"""Stages: what they find, what they depend on, and what a resumed run takes over of them."""

from __future__ import annotations

import typing
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from falcon_svc.config import DiscoveryConfig, make_config
from falcon_svc.data import load_dataset
from falcon_svc.discovery.counts import unimodal_twins
from falcon_svc.discovery.partition import contrast
from falcon_svc.discovery.training.warm_start import WarmStart
from falcon_svc.durable.shelf import Kept, Shelf
from falcon_svc.errors import StorageError
from falcon_svc.pipeline import at_rest, stages
from falcon_svc.pipeline.discover import discover
from falcon_svc.pipeline.found import Found
from falcon_svc.pipeline.outcome import Run
from falcon_svc.pipeline.stage import Stage, key_of
from falcon_svc.pipeline.stages import BY_NAME, STAGES
from falcon_svc.progress import TAKEN_OVER
from falcon_svc.types import CoarseDataset
from tests.discoveries import pretend_dataset
from tests.discovery.test_structure_laws import planted
from tests.encoder import tiny

TABLES: dict[str, Any] = {"train": {"epochs": 3, "batch_size": 32}, "device": "cpu", "seed": 1}
EVERYTHING = {**TABLES, "labels": {"coarse_noise": 0.05, "several_parents": True}}


class Listener:
    """Notes what is told, and kills the run when a stage has told so much."""

    def __init__(self, kill: tuple[str, int] | None = None) -> None:
        self.totals: dict[str, int] = {}
        self.done: dict[str, list[int]] = {}
        self.taken: Counter[str] = Counter()
        self.name, self.kill = "", kill

    def stage(self, name: str, total: int) -> None:
        self.name, self.totals[name], self.done[name] = name, total, []
        self._end(0)

    def advance(self, done: int, metrics: typing.Mapping[str, float]) -> None:
        self.done[self.name].append(done)
        self.taken[self.name] = int(metrics.get(TAKEN_OVER, 0))
        self._end(done)

    def _end(self, done: int) -> None:
        if self.kill is not None and self.name == self.kill[0] and done >= self.kill[1]:
            raise KeyboardInterrupt


@pytest.fixture(scope="module", autouse=True)
def short():
    """Most of the time goes into these, and their length is all the same here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contrast, "N_STEPS", 20)
        patch.setattr(unimodal_twins, "N_TWINS", 9)
        yield


@pytest.fixture(scope="module")
def dataset() -> CoarseDataset:
    x, source, _ = planted([2, 3, 1], per_fine=30, spread=2.0)
    return pretend_dataset(x, source.labels)


@pytest.fixture(scope="module")
def whole(dataset) -> Run:
    return discover(dataset, make_config(TABLES))


def assert_same(one: Run, two: Run) -> None:
    for name in ("fine", "confidence"):
        values = (getattr(run.discovery.assignments, name) for run in (one, two))
        np.testing.assert_array_equal(*values)
    a, b = one.discovery, two.discovery
    np.testing.assert_array_equal(a.map_xy, b.map_xy)
    np.testing.assert_array_equal(a.relations[0].relation, b.relations[0].relation)
    assert a.counts == b.counts
    assert [c.medoids for c in a.classes] == [c.medoids for c in b.classes]
    files = (run.model_files() for run in (one, two))
    timed = "encoder.json"  # tells how long its epochs took
    first, second = ({n: c for n, c in each.items() if n != timed} for each in files)
    assert first == second


def test_every_stage_finds_what_its_signature_says_and_reads_earlier_ones():
    late = {"WarmStart": WarmStart}  # of a module that is loaded with torch
    declared, names = typing.get_type_hints(Found, localns=late), [stage.name for stage in STAGES]
    assert len(set(names)) == len(names)
    for place, stage in enumerate(STAGES):
        assert typing.get_type_hints(stage.make, localns=late)["return"] == declared[stage.finds], (
            stage.name
        )
        assert set(stage.after) <= set(names[:place]), stage.name


def test_every_stage_tells_a_total_and_reaches_it(dataset):
    told = Listener()
    discover(dataset, make_config(EVERYTHING), progress=told)
    expected = [s.name for s in STAGES if s.wanted(make_config(EVERYTHING))]
    assert list(told.totals) == expected
    for name, done in told.done.items():
        assert told.totals[name] > 0 and done[-1] == told.totals[name], name
        assert done == sorted(done), name
    assert len(told.done["structure"]) > 10


MOMENTS = [
    ("labels", 1), ("structure", 200), ("structure", 600), ("structure", 900), ("space", 0),
    ("neighbors", 1), ("start", 0), ("head", 2), ("assignments", 0), ("map", 1),
]  # fmt: skip


PARTLY = (("structure", 600), ("structure", 900), ("head", 2))
"""Moments at which pieces or epochs of the stage itself are kept."""


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_killed_at_any_stage_a_run_resumes_to_the_same_answer(dataset, whole, tmp_path, moment):
    tables = EVERYTHING if moment[0] == "labels" else TABLES
    expected = discover(dataset, make_config(tables)) if tables is EVERYTHING else whole
    with pytest.raises(KeyboardInterrupt):
        discover(dataset, make_config(tables), work_dir=tmp_path, progress=Listener(moment))
    told = Listener()
    assert_same(discover(dataset, make_config(tables), work_dir=tmp_path, progress=told), expected)
    before = list(told.totals)[: list(told.totals).index(moment[0])]
    for name in (name for name in before if BY_NAME[name].rest is not None):
        assert told.taken[name] == told.totals[name], "found, so taken over"
    if moment in PARTLY:
        assert 0 < told.taken[moment[0]] < told.totals[moment[0]]


ALL_KEPT = ("structure", "space", "neighbors", "start", "map")
CHANGES: list[tuple[dict[str, Any], tuple[str, ...], bool]] = [
    ({}, ALL_KEPT, True),
    ({"train": {"epochs": 2}}, ALL_KEPT, False),
    ({"labels": {"several_parents": True}}, ALL_KEPT, True),
    ({"counts": {"n_fine": 7}}, (), False),
    ({"seed": 2}, (), False),
    ({"labels": {"coarse_noise": 0.1}}, (), False),
]


@pytest.mark.parametrize(("change", "same", "head"), CHANGES, ids=str)
def test_what_has_not_changed_is_taken_over_and_nothing_else(dataset, tmp_path, change, same, head):
    discover(dataset, make_config(TABLES), work_dir=tmp_path)
    config, told = make_config({**TABLES, **change}), Listener()
    resumed = discover(dataset, config, work_dir=tmp_path, progress=told)
    assert_same(resumed, discover(dataset, config))
    taken = {name for name, n in told.taken.items() if n and BY_NAME[name].rest}
    assert taken == set(same)
    assert (told.done["head"] == [told.totals["head"]]) == head, "no epoch is trained again"


@pytest.mark.parametrize("moment", [("pixels", 60), ("joint", 1), ("map", 0)], ids=str)
def test_a_run_that_trains_its_encoder_resumes_to_the_same_answer(tmp_path, moment):
    pixels, kind = tiny.drawings(60, n_coarse=6)
    labels = np.array(["a", "b", "c"])[kind // 2]
    moco = {"epochs": 2, "batch_size": 16, "projector_width": 16, "predictor_width": 16}
    config = make_config({
        **TABLES,
        "encoder": {"name": "moco", "moco": {**moco, "embedding_dim": 8}},
        "counts": {"n_fine": 6},
        "joint": {"train_encoder": True, "epochs": 2, "batch_size": 16},
        "data": {"coarse_column": "coarse"},
    })  # fmt: skip
    images = load_dataset(pixels[:, 0], config.reading, labels={"coarse": labels})
    with pytest.raises(KeyboardInterrupt):
        discover(images, config, work_dir=tmp_path, progress=Listener(moment))
    told = Listener()
    resumed = discover(images, config, work_dir=tmp_path, progress=told)
    assert_same(resumed, discover(images, config))
    assert told.done["joint"] == ([1, 2] if moment[0] == "pixels" else [2])
    expected = [stage.name for stage in STAGES if stage.wanted(config)]
    assert [stage.name for stage in resumed.discovery.stages] == expected


def test_other_data_have_other_keys(dataset):
    config = make_config(TABLES)
    one = Found(dataset, config, None, None)
    two = Found(replace(dataset, digest="another"), config, None, None)
    keys = []
    for found in (one, two):
        found.encoder = stages.find_encoder(found)
        found.keys["features"] = key_of(BY_NAME["features"], found)
        keys.append(key_of(BY_NAME["structure"], found))
    assert keys[0] != keys[1]


def test_a_damaged_finding_is_made_again(dataset, whole, tmp_path, caplog):
    discover(dataset, make_config(TABLES), work_dir=tmp_path)
    for path in (tmp_path / "stages").glob("structure-*"):
        content = bytearray(path.read_bytes())
        content[-3] ^= 1
        path.write_bytes(content)
    told = Listener()
    again = discover(dataset, make_config(TABLES), work_dir=tmp_path, progress=told)
    assert_same(again, whole)
    assert told.taken["structure"] == 0
    assert "damaged" in caplog.text


def test_findings_come_back_with_every_bit_and_word(tmp_path):
    shelf = Shelf(tmp_path / "a")
    arrays = {
        "empty": np.zeros((0, 2), np.int64),
        "nan": np.array([np.nan, 1 / 3]),
        "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "flags": np.array([True, False]),
    }
    shelf.put("x", "k", Kept(arrays, {"share": 1 / 3, "word": "t-SNE", "none": None}))
    found = shelf.get("x", "k")
    assert found is not None and found.numbers == {"share": 1 / 3, "word": "t-SNE", "none": None}
    for name, array in arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype
    assert shelf.get("x", "other") is None and shelf.get("y", "k") is None
    assert not list((tmp_path / "a").glob("*.tmp"))


def test_a_finding_of_another_key_under_the_same_name_is_not_taken_over(tmp_path):
    shelf = Shelf(tmp_path)
    shelf.put("x", "a" * 64, Kept({"n": np.arange(3)}))
    assert shelf.get("x", "a" * 63 + "b") is None


def test_no_room_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="name another folder, then resume"):
        Shelf(tmp_path / "file" / "stages").put("x", "k", Kept({"n": np.arange(3)}))


def test_each_rest_gives_back_what_it_was_given(dataset):
    found = Found(dataset, make_config(EVERYTHING), None, None)
    for stage in STAGES:
        if stage.wanted(found.config):
            setattr(found, stage.finds, stage.make(found))
            if stage.rest is not None:
                finding = getattr(found, stage.finds)
                assert_equal(stage.rest.again(stage.rest.kept(finding), found), finding, stage)


def assert_equal(one: Any, two: Any, stage: Stage) -> None:
    """Compare records, tuples and arrays to the bit."""
    assert type(one) is type(two), stage.name
    if isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, two)
        assert one.dtype == two.dtype, stage.name
    elif isinstance(one, tuple):
        for a, b in zip(one, two, strict=True):
            assert_equal(a, b, stage)
    elif hasattr(one, "__dataclass_fields__") and not isinstance(one, DiscoveryConfig):
        for name in one.__dataclass_fields__:
            assert_equal(getattr(one, name), getattr(two, name), stage)
    else:
        assert one == two, stage.name


def test_only_what_is_cheap_or_keeps_itself_has_no_rest():
    without = {stage.name for stage in STAGES if stage.rest is None}
    assert "structure" not in without and at_rest.STRUCTURE.kept is not None
    assert without == {
        *("encoder", "features", "head", "head, several parents", "pixels", "joint"),
        *("features, encoder trained", "space, encoder trained", "assignments"),
    }
