"""Pages of batches: right numbers, at a cost that does not grow with the page."""

from __future__ import annotations

import pytest
from sqlalchemy import event

from falcon_svc.service import batches
from falcon_svc.service.jobs import Order
from tests.storage.records import add_dataset, do


@pytest.fixture
def made(context, ann):
    """Three batches of ann's with 1, 2 and 3 jobs; one job of the last is canceled."""
    dataset = add_dataset(context.database, ann.tenant)
    found = []
    for size in (1, 2, 3):
        orders = [Order(dataset.id, {}, {}, custom_id=f"job {i}") for i in range(size)]
        found.append(batches.submit(context, ann, orders, {}, key=None))
    with context.database.read() as session:
        job = next(batches.BatchRepository(session).jobs(found[-1].batch.id))
    do(context.database, "cancel", job.id, keep_s=1000.0)
    return [one.batch.id for one in found]


def test_a_page_counts_every_batch_by_state(context, ann, made):
    page, more = batches.page(context, ann, size=10, before=None)
    assert not more
    assert [one.batch.id for one in page] == made[::-1]
    assert [one.counts["total"] for one in page] == [3, 2, 1]
    assert page[0].counts == {"total": 3, "queued": 2, "canceled": 1} and not page[0].ended


def test_one_batch_is_counted_as_on_the_page(context, ann, made):
    page, _ = batches.page(context, ann, size=10, before=None)
    for one in page:
        assert batches.get(context, ann, one.batch.id).counts == one.counts


@pytest.mark.parametrize("size", [1, 3])
def test_a_page_takes_two_queries_whatever_its_length(context, ann, made, size):
    seen = []
    event.listen(context.database.engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
    assert len(batches.page(context, ann, size=size, before=None)[0]) == size
    assert len([statement for statement in seen if statement.startswith("SELECT")]) == 2
