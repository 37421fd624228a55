"""A review goes on over runs: identity, what a person said, and the wall."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falcon_svc.errors import InputError, StorageError
from falcon_svc.result.ancestry import Ancestry
from falcon_svc.triage import corrections as c
from falcon_svc.triage.carried import carried, known_rows
from falcon_svc.triage.continuing import continue_from, continued
from falcon_svc.triage.corrections import CorrectionError
from falcon_svc.triage.edits import apply
from falcon_svc.triage.session import Session
from falcon_svc.triage.starts import load_start, save_start
from falcon_svc.triage.state import Review
from tests.discoveries import blobs, pretend_dataset, pretend_discovery
from tests.triage.reviews import write_result
from tests.triage.test_edits import edits, ids

HEAD = "ab" * 32


def run(*, fine=None, per_fine=12, names=None, more=0, ids=None):
    """A discovery of blobs, `more` samples of class 1 at its end, that found `fine`."""
    x, coarse, true = blobs(per_fine=per_fine)
    rows = np.concatenate([np.arange(len(x)), np.flatnonzero(true == 1)[:more]])
    dataset = pretend_dataset(x[rows], coarse[rows], names=names, ids=ids)
    return pretend_discovery(dataset, x[rows], true[rows] if fine is None else fine), x[rows]


def going_on(earlier, discovery, x, **how):
    found = continued(discovery, x, x, earlier, head=HEAD, **how)
    return found.taken_by(Review.of(discovery)), found


def test_a_renumbered_run_keeps_ids_names_approval_and_colour():
    earlier = Review.of(run()[0])
    apply(earlier, c.Rename(class_id="c3", name="jay"))
    apply(earlier, c.Accept(class_id="c3"))
    order = np.array([6, 4, 5, 0, 1, 2, 3])
    discovery, x = run(fine=order[earlier.fine])
    review, found = going_on(earlier, discovery, x)
    assert (review.fine == earlier.fine).all()
    for number, held in earlier.classes.items():
        now = review.classes[number]
        assert (now.name, now.status, now.colour, now.named) == (
            *(held.name, held.status, held.colour, held.named),
        )
        assert now.found == order[number]
    assert {line.what for line in found.ancestry.lineage} == {"kept"}
    assert (found.placement.fine == earlier.fine).all()


def test_lineage_of_a_split_and_a_merge():
    earlier = Review.of(run()[0])  # classes 0, 3, 6 under coarse 0; 1, 4 under 1; 2, 5 under 2
    fine = earlier.fine.copy()
    fine[fine == 4] = 1
    fine[earlier.members(0)[:5]] = 4
    review, found = going_on(earlier, *run(fine=fine))
    told = {(line.what, line.id): line.others for line in found.ancestry.lineage}
    assert told["split", "c7"] == ("c0",)
    assert told["merged", "c4"] == ("c1",)
    assert review.next_number == 8 and 4 not in review.classes
    assert "7 kept" not in found.ancestry.sentence() and "1 split" in found.ancestry.sentence()


def test_what_a_person_settled_stays():
    earlier = Review.of(run()[0])
    apply(earlier, c.Accept(class_id="c1"))
    placed = ids(earlier, 0)[:2]
    apply(earlier, c.Move(samples=placed, class_id="c3"))
    apply(earlier, c.Pin(class_id="c3", coarse="coarse 0"))
    apply(earlier, c.KeepApart(class_id="c0", other="c3"))
    apply(earlier, c.Exclude(samples=ids(earlier, 6)[:1], class_id="c6"))
    fine = blobs()[2]
    fine[(fine == 1) | (fine == 4)] = np.where(np.arange(24) % 2, 1, 4)  # nothing as it was
    review, _ = going_on(earlier, *run(fine=fine))
    assert (review.fine[earlier.members(1)] == 1).all()
    assert review.classes[1].status == "accepted"
    rows = review.rows(placed)
    assert (review.fine[rows] == 3).all() and review.fixed[rows].all()
    assert review.wishes.pins == ((3, 0),) and review.wishes.apart == {(0, 3)}
    assert review.excluded and review.fine[next(iter(review.excluded))] == -1


def test_a_corrected_coarse_label_stays_corrected():
    earlier = Review.of(run()[0])
    wrong = ids(earlier, 0)[:2]
    apply(earlier, c.WrongCoarse(samples=wrong[:1], coarse="coarse 1", class_id="c1"))
    apply(earlier, c.WrongCoarse(samples=wrong[1:], coarse=None))
    for keep_classes in (False, True):
        review, _ = going_on(earlier, *run(), keep_classes=keep_classes)
        assert review.coarse[review.rows(wrong)].tolist() == [1, -1]
        assert review.fine[review.rows(wrong[:1])].tolist() == [1]


def test_coarse_classes_carry_over_by_name_and_new_ones_come_with_the_runs_classes():
    earlier = Review.of(run(names=("a", "b", "c"))[0])
    discovery, x = run(names=("a", "new", "c"))
    with_new = continued(discovery, x, x, earlier, head=HEAD, keep_classes=True)
    review = with_new.taken_by(Review.of(discovery))
    assert not len(review.breaches())
    gone = {line.id for line in with_new.ancestry.lineage if line.what in ("merged", "died")}
    assert gone == {"c1", "c4"}
    assert (review.fine[review.coarse == 1] >= earlier.next_number).all()


def test_new_samples_join_classes_that_are_kept():
    earlier = Review.of(run()[0])
    review, found = going_on(earlier, *run(more=6), keep_classes=True)
    assert (review.fine[: len(earlier.ids)] == earlier.fine).all()
    assert (review.fine[-6:] == 1).all()
    assert (found.ancestry.n_known, found.ancestry.n_new) == (84, 6)
    line = next(line for line in found.ancestry.lineage if line.id == "c1")
    assert (line.n_before, line.n_now, line.overlap) == (12, 18, 1.0)
    assert found.placement.confidence[-6:].min() > 0


def test_ids_that_mean_other_samples_are_refused():
    earlier = Review.of(run()[0])
    strangers, x = run(ids=tuple(f"x{i}" for i in range(84)))
    with pytest.raises(InputError, match="none of the 84 sample ids"):
        continued(strangers, x, x, earlier, head=HEAD)
    order = np.random.default_rng(0).permutation(84)
    mixed, x = run(ids=tuple(f"s{i:05d}" for i in order))
    with pytest.raises(InputError, match="same samples, but only"):
        continued(mixed, x, x, earlier, head=HEAD)


@settings(max_examples=30, deadline=None)
@given(st.lists(edits, max_size=8), st.integers(0, 2**31), st.booleans())
def test_the_wall_holds_over_runs(steps, seed, keep_classes):
    earlier = Review.of(run()[0])
    for step in steps:
        try:
            apply(earlier, step(earlier) if callable(step) else step)
        except CorrectionError:
            continue
    rng = np.random.default_rng(seed)
    fine = blobs()[2]
    for coarse in range(3):
        rows = np.flatnonzero(fine % 3 == coarse)
        fine[rows] = rng.permutation(fine[rows])
    review, found = going_on(earlier, *run(fine=fine), keep_classes=keep_classes)
    assert not len(review.breaches())
    assert set(np.unique(review.fine)) - {-1} <= set(review.classes)
    assert all(review.members(n).size or n in review.classes for n in review.classes)
    names = [line.id for line in found.ancestry.lineage]
    assert len(names) == len(set(names))
    assert {*names} == {f"c{n}" for n in {*earlier.classes, *review.classes}}


@pytest.fixture
def sessions(tmp_path):
    """Reviews of two results: the second has found half of class 1 in class 4."""
    write_result(tmp_path / "first")
    found = blobs()[2]
    found[np.flatnonzero(found == 1)[:6]] = 4
    write_result(tmp_path / "second", found=found)
    return Session(tmp_path / "first"), Session(tmp_path / "second")


def test_a_review_goes_on_and_can_be_solved_undone_and_read_again(sessions):
    first, second = sessions
    first.submit([c.Rename(class_id="c3", name="jay")], author="Ada", expected=first.head)
    continue_from(second, first.review, head=first.head, author="Bo", expected=second.head)
    assert second.review.classes[3].name == "jay"
    assert second.ancestry.earlier == first.head
    assert "Went on from an earlier review" in second.change_log()[0].text
    again = Session(second.directory)
    assert again.review.classes == second.review.classes
    assert (again.review.fine == second.review.fine).all()
    assert again.ancestry == second.ancestry
    again.resolve(author="Bo", epochs=1)
    assert again.review.classes[3].name == "jay" and again.found_as(3).id == 3
    again.undo(author="Bo", expected=again.head)
    again.undo(author="Bo", expected=again.head)
    assert again.review.classes[3].name != "jay" and again.ancestry is None


def test_a_review_with_corrections_does_not_go_on_from_another(sessions):
    first, second = sessions
    second.submit([c.Accept(class_id="c0")], author="Ada", expected=second.head)
    with pytest.raises(CorrectionError, match="before anything else"):
        continue_from(second, first.review, head=first.head, author="Bo", expected=second.head)


def test_a_start_comes_back_as_it_was_written_or_is_refused(tmp_path):
    earlier = Review.of(run()[0])
    for step in (
        c.LinkSamples(sample=earlier.ids[0], other=earlier.ids[1], together=True),
        c.CannotLink(class_id="c0", other="c1"),
        c.Exclude(samples=earlier.ids[:1], class_id="c0"),
    ):
        apply(earlier, step)
    discovery, x = run()
    found = continued(discovery, x, x, earlier, head=HEAD)
    digest = save_start(tmp_path, found)
    again = load_start(tmp_path, digest, n_samples=84)
    assert (again.wishes, again.links, again.excluded) == (
        *(found.wishes, found.links, found.excluded),
    )
    assert again.ancestry == found.ancestry == Ancestry.read(found.ancestry.document())
    assert again.placement.classes == found.placement.classes
    with pytest.raises(StorageError, match="missing or not as it was written"):
        load_start(tmp_path, digest, n_samples=83)


def test_known_rows_and_links_follow_the_ids(sessions):
    earlier = Review.of(run()[0])
    apply(earlier, c.LinkSamples(sample="s00001", other="s00030", together=False))
    discovery, _ = run(ids=tuple(f"s{i:05d}" for i in (*range(1, 84), 900)))
    start = Review.of(discovery)
    rows = known_rows(earlier, start)
    assert rows[0] == 1 and rows[-1] == -1
    assert carried(earlier, start, rows).links == ((0, 29, False),)
