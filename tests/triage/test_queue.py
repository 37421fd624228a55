"""Questions: what they show, what replies mean, and that the queue learns and moves on."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.bench.triage_oracle import Oracle
from falcon_svc.triage import corrections as c
from falcon_svc.triage import questions as q
from falcon_svc.triage.evidence import scene_of
from falcon_svc.triage.queue import Queue
from falcon_svc.triage.session import Session
from tests.discoveries import blobs
from tests.triage.reviews import write_result

SHOWN = [q.Shown(class_id=f"c{i}", name=f"n{i}", exemplars=(f"s{i}",)) for i in range(3)]


def test_replies_and_their_meaning():
    same = q.SameClass(text="?", gain=1, first=SHOWN[0], second=SHOWN[1])
    assert q.corrections_of(same, q.Reply(choice="same")) == [c.Merge(class_ids=("c0", "c1"))]
    assert q.corrections_of(same, q.Reply(choice="different")) == [
        c.KeepApart(class_id="c0", other="c1")
    ]
    one = q.OneClass(
        text="?", gain=1, rest=SHOWN[0], part=("a", "b"), part_shown=("a",), candidates=(SHOWN[1],)
    )
    assert q.corrections_of(one, q.Reply(choice="one")) == [c.Whole(class_id="c0")]
    assert q.corrections_of(one, q.Reply(choice="two"))[0].parts == (("a", "b"),)
    assert q.corrections_of(one, q.Reply(choice="c1")) == [
        c.Move(samples=("a", "b"), class_id="c1", firm=False)
    ]
    belong = q.Belong(text="?", gain=1, to=SHOWN[0], samples=("a", "b", "d"))
    assert q.corrections_of(belong, q.Reply(marked=("b",))) == [
        c.Label(samples=("a", "d"), class_id="c0"),
        c.Exclude(samples=("b",), class_id="c0"),
    ]
    place = q.Place(text="?", gain=1, samples=("a", "b"), candidates=tuple(SHOWN))
    assert q.corrections_of(place, q.Reply(choice="c2")) == [
        c.Label(samples=("a", "b"), class_id="c2")
    ]
    assert q.corrections_of(place, q.Reply(choice="mixed")) == []
    assert [x.kind for x in q.corrections_of(place, q.Reply(choice="own"))] == ["label", "split"]
    coarse = q.CoarseRight(text="?", gain=1, sample="a", given="bird", proposed="fish")
    assert q.corrections_of(coarse, q.Reply(choice="wrong")) == [
        c.WrongCoarse(samples=("a",), coarse="fish")
    ]
    assert q.corrections_of(coarse, q.Reply(choice="right")) == []
    accept = q.AcceptClass(text="?", gain=0, shown=SHOWN[0], look_at=("a", "b"), most_wrong=0)
    made = q.corrections_of(accept, q.Reply(choice="accept"))
    assert made[-1] == c.Accept(class_id="c0", looked=2, wrong=0)
    assert [x.kind for x in q.corrections_of(accept, q.Reply(choice="accept", marked=("a",)))] == [
        "label", "exclude",
    ]  # fmt: skip


def test_replies_that_do_not_fit_are_refused():
    same = q.SameClass(text="?", gain=1, first=SHOWN[0], second=SHOWN[1])
    with pytest.raises(c.CorrectionError, match="same, different"):
        q.corrections_of(same, q.Reply(choice="perhaps"))
    belong = q.Belong(text="?", gain=1, to=SHOWN[0], samples=("a",))
    with pytest.raises(c.CorrectionError, match="was not"):
        q.corrections_of(belong, q.Reply(marked=("z",)))


@pytest.fixture
def session(tmp_path):
    """Seven true classes, of which 0 was halved and 1 and 4 were lumped."""
    fine = blobs(per_fine=30)[2]
    found = fine.copy()
    found[(fine == 0) & (np.arange(len(fine)) % 2 == 0)] = 7
    found[fine == 4] = 1
    found[found == 7] = 4
    write_result(tmp_path / "result", found=found, per_fine=30)
    return Session(tmp_path / "result")


def test_the_queue_asks_about_what_is_wrong(session):
    fine = blobs(per_fine=30)[2]
    oracle = Oracle(dict(zip(session.review.ids, fine.tolist(), strict=True)))
    queue = Queue()
    seen = []
    for _ in range(12):
        best = queue.questions(scene_of(session))[0]
        reply = oracle.answer(best)
        queue.learn(best, reply)
        made = q.corrections_of(best, reply)
        if made:
            session.submit(made, author="oracle", expected=session.head)
        seen.append((best.kind, reply.choice))
        if best.kind == "belong":
            session.resolve(author="oracle", epochs=1)
    assert ("one", "two") in seen
    assert ("same", "same") in seen
    sizes = sorted(np.bincount(session.review.fine[session.review.fine >= 0]))
    assert sizes[-1] <= 36


def test_questions_are_ordered_by_gain_and_json_ready(session):
    made = Queue().questions(scene_of(session), 50)
    gains = [question.gain for question in made]
    assert gains == sorted(gains, reverse=True)
    assert len({question.kind for question in made}) >= 3
    for question in made:
        assert type(question).model_validate_json(question.model_dump_json()) == question


def test_what_was_settled_is_not_asked_again(session):
    scene = scene_of(session)
    pairs = [x for x in Queue().questions(scene, 500) if x.kind == "same"]
    first = pairs[0]
    wish = c.KeepApart(class_id=first.first.class_id, other=first.second.class_id)
    session.submit([wish, c.Whole(class_id="c1")], author="Ada", expected=session.head)
    after = Queue().questions(scene_of(session), 500)
    assert first.first.class_id + first.second.class_id not in {
        x.first.class_id + x.second.class_id for x in after if x.kind == "same"
    }
    assert "c1" not in {x.rest.class_id for x in after if x.kind == "one"}


def test_a_kind_that_comes_out_idle_goes_back():
    queue = Queue()
    one = q.OneClass(
        text="?", gain=5, expected=0.5, rest=SHOWN[0], part=tuple("abcdefghij"), part_shown=("a",)
    )
    for _ in range(10):
        queue.learn(one, q.Reply(choice="one"))
    assert queue.tracks["one"].factor < 0.5


def test_the_queue_learns_across_restarts():
    idle = Queue.after([c.Whole(class_id=f"c{i}") for i in range(40)])
    busy = Queue.after([c.Split(class_id="c1", parts=(("a",),), how="automatic")] * 5)
    assert idle.tracks["one"].factor < 1 < busy.tracks["one"].factor
    assert idle.asked["c7"] == 1


def test_pairs_are_counted_by_hand(session):
    """Links and confusions against a double loop."""
    scene = scene_of(session)
    review, placed = session.review, session.placement
    for pair in scene.pairs()[:4]:
        links, confusion = 0, 0.0
        for row in range(len(review.ids)):
            own = int(review.fine[row])
            if own not in (pair.first, pair.second):
                continue
            other = pair.second if own == pair.first else pair.first
            links += int((review.fine[scene.neighbors[row, :10]] == other).sum())
            if placed.runner_up[row] == other:
                confusion += placed.rival[row] / scene.size(own)
        home = (review.coarse == review.classes[pair.first].parents[0]).sum()
        chance = 20 * scene.size(pair.first) * scene.size(pair.second) / home
        assert pair.link == pytest.approx((links + 1) / (chance + 1))
        assert pair.confusion == pytest.approx(confusion + 1e-3)


def test_doubtful_rows_against_a_plain_loop(session):
    scene, review, placed = scene_of(session), session.review, session.placement
    rows, worth = scene.doubtful(3)
    expected = {}
    for row in range(len(review.ids)):
        if review.fine[row] == 3:
            expected[row] = 1 - placed.confidence[row]
        elif placed.runner_up[row] == 3 and placed.rival[row] > 0.35:
            expected[row] = placed.rival[row]
    expected = {row: value for row, value in expected.items() if value > 1e-3}
    assert dict(zip(rows.tolist(), worth.tolist(), strict=True)) == pytest.approx(expected)
    assert (np.diff(worth) <= 0).all()
