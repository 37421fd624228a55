"""Pieces of the structure step: killed after any of them, it resumes to the same bits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Event
from time import sleep

import numpy as np
import pytest

from falcon_svc.discovery.counts import unimodal_twins
from falcon_svc.discovery.counts.bounds import count_bounds
from falcon_svc.discovery.counts.config import CountConfig
from falcon_svc.discovery.partition import contrast, votes
from falcon_svc.discovery.partition.merge_tree import trees_of
from falcon_svc.discovery.partition.tree_arrays import tree_arrays, trees_in
from falcon_svc.discovery.pieces import SECONDS, Arrays, Pieces
from falcon_svc.discovery.structure import Structure, find_structure
from falcon_svc.progress import THOUSANDTHS
from falcon_svc.types import LabelSource

SIZES = (60, 50, 12, 40, 30, 40, 25)
COARSE = np.repeat([0, 0, 0, 1, 1, 2, 2], SIZES)
UNEVEN = {"c0": 3, "c1": 1, "c2": 5}
EVEN = {"c0": 3, "c1": 2, "c2": 2}
WAYS = {
    "counts given, unequal": {"n_fine_per_coarse": UNEVEN, "sizes": "long tail"},
    "counts given, equal": {"n_fine_per_coarse": EVEN, "sizes": "equal"},
    "total given": {"n_fine": 7, "sizes": "natural"},
    "total given, equal": {"n_fine": 7, "sizes": "equal"},
    "nothing given": {},
}


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Most of the time goes into these, and their length is all the same here."""
    monkeypatch.setattr(contrast, "N_STEPS", 20)
    monkeypatch.setattr(votes, "KMEANS_STARTS", 2)
    monkeypatch.setattr(unimodal_twins, "N_TWINS", 9)


class Killed(BaseException):
    """The process is no more."""


class Shelf:
    """Keeps pieces in memory, and kills whoever keeps one too many."""

    def __init__(self, kept: dict[str, Arrays] | None = None, most: int | None = None) -> None:
        self.kept, self.most, self.found = dict(kept or {}), most, list[str]()

    def find(self, piece: str) -> Arrays | None:
        if piece in self.kept:
            self.found.append(piece)
            return {name: array.copy() for name, array in self.kept[piece].items()}
        return None

    def keep(self, piece: str, arrays: Arrays) -> None:
        self.kept[piece] = {name: array.copy() for name, array in arrays.items()}
        if len(self.kept) == self.most:
            raise Killed


def structure_of(settings: dict[str, object], pieces: Pieces | None = None) -> Structure:
    rng = np.random.default_rng(0)
    fine = np.repeat(np.arange(len(SIZES)), SIZES)
    x = 2.0 * rng.standard_normal((len(SIZES), 10))[fine] + rng.standard_normal((len(fine), 10))
    source = LabelSource("coarse", COARSE.astype(np.int64), ("c0", "c1", "c2"))
    bounds = count_bounds(CountConfig.model_validate(settings), source)
    return find_structure(x.astype(np.float32), source, bounds, seed=3, pieces=pieces)


def assert_same(one: Structure, two: Structure) -> None:
    np.testing.assert_array_equal(one.fine, two.fine)
    np.testing.assert_array_equal(one.stability, two.stability)
    for name, value in vars(one.counts).items():
        if name != "total":
            np.testing.assert_array_equal(value, getattr(two.counts, name), err_msg=name)
    assert (one.counts.total is None) == (two.counts.total is None)
    if one.counts.total is not None and two.counts.total is not None:
        for name, value in vars(one.counts.total).items():
            np.testing.assert_array_equal(value, getattr(two.counts.total, name), err_msg=name)


@pytest.mark.parametrize("way", WAYS)
def test_killed_after_any_piece_it_resumes_to_the_same_bits(way):
    whole, told = Shelf(), list[tuple[int, int]]()
    pieces = Pieces(lambda done, taken: told.append((done, taken)), whole)
    expected = structure_of(WAYS[way], pieces)
    assert_same(structure_of(WAYS[way]), expected)  # with nowhere to keep anything
    assert len(whole.kept) >= 6
    for most in range(1, len(whole.kept) + 1):
        killed = Shelf(most=most)
        if most % 4 == 1:  # the real way; the others are the same shelf, filled at once
            with pytest.raises(Killed):
                structure_of(WAYS[way], Pieces(kept=killed))
        else:
            killed.kept = dict(list(whole.kept.items())[:most])
        resumed = Shelf(killed.kept)
        assert_same(structure_of(WAYS[way], Pieces(kept=resumed)), expected)
        assert resumed.found == list(whole.kept)[:most], "what was kept is taken over"


@pytest.mark.parametrize("way", WAYS)
def test_progress_rises_to_its_end_in_steps_that_a_person_sees(way):
    told = list[int]()
    structure_of(WAYS[way], Pieces(lambda done, _: told.append(done)))
    assert told == sorted(set(told))
    assert told[-1] == THOUSANDTHS
    assert len(told) > 15


def test_what_is_taken_over_is_told_apart_from_what_was_done():
    kept, told = {"trees-0": {"x": np.arange(2)}}, list[tuple[int, int]]()
    pieces = Pieces(lambda *numbers: told.append(numbers), Shelf(kept))
    pieces.plan({"trees": 400})
    for number in range(2):
        pieces.made("trees", number, 200, lambda on_rows: {"x": np.arange(3)})
    assert told == [(500, 500), (1000, 500)]


def test_a_new_plan_keeps_what_was_done_and_shares_out_the_rest():
    told = list[int]()
    pieces = Pieces(lambda done, _: told.append(done))
    pieces.plan({"trees": 200})
    pieces.made("trees", 0, 100, lambda on_rows: {})
    pieces.plan({"trees": 50})
    pieces.made("trees", 1, 50, lambda on_rows: (on_rows(25), on_rows(1_000), {})[2])
    pieces.made("trees", 2, 50, lambda on_rows: {})  # not planned: it stays at the end
    assert told == [500, 750, 1000]


def test_chains_made_at_once_are_told_and_answer_as_one_after_the_other(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    told = list[int]()
    pieces = Pieces(lambda done, _: told.append(done))
    pieces.plan({"trees": 400})

    def chain(first: int) -> list[int]:
        made = (pieces.made("trees", first + i, 100, _two_steps) for i in range(2))
        return [first, *(int(arrays["x"][0]) for arrays in made)]

    assert pieces.at_once([partial(chain, 0), partial(chain, 2)]) == [[0, 7, 7], [2, 7, 7]]
    assert told == sorted(set(told)) and told[-1] == THOUSANDTHS


def _two_steps(on_rows: Callable[[int], None]) -> dict[str, np.ndarray]:
    on_rows(50)
    return {"x": np.array([7])}


def test_where_one_chain_fails_the_others_end_at_their_next_rows(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    pieces, failed, went_on = Pieces(), Event(), list[int]()
    pieces.plan({"trees": 1_000})

    def failing() -> None:
        failed.set()
        raise Killed

    def long() -> None:
        failed.wait(10)
        for number in range(1_000):
            pieces.made("trees", number, 1, lambda on_rows: {})
            went_on.append(number)
            sleep(0.01)

    with pytest.raises(Killed):
        pieces.at_once([failing, long])
    assert len(went_on) < 999


@pytest.mark.parametrize("way", WAYS)
def test_threads_change_no_bit(way, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    alone = structure_of(WAYS[way])
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert_same(structure_of(WAYS[way]), alone)


def test_two_pieces_of_one_name_would_take_each_others_place():
    pieces = Pieces(kept=Shelf())
    pieces.made("trees", 0, 1, lambda on_rows: {})
    with pytest.raises(AssertionError, match="trees-0"):
        pieces.made("trees", 0, 1, lambda on_rows: {})


def test_every_kind_of_piece_has_its_weight():
    kinds = set[str]()
    for settings in WAYS.values():
        shelf = Shelf()
        structure_of(settings, Pieces(kept=shelf))
        kinds |= {name.partition("-")[0] for name in shelf.kept}
    assert kinds == set(SECONDS) - {"even"}  # tests/discovery/test_whole_totals.py has that one


def test_trees_come_back_as_they_were():
    x = np.random.default_rng(1).standard_normal((40, 3)).astype(np.float32)
    groups = [np.arange(1), np.arange(1, 12), np.arange(12, 40)]
    trees = trees_of(x, groups, 0.25, 3)
    for tree, again in zip(trees, trees_in(tree_arrays(trees)), strict=True):
        for name, value in vars(tree).items():
            np.testing.assert_array_equal(value, getattr(again, name))
            assert value.dtype == getattr(again, name).dtype
