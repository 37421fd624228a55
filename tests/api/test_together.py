"""Lookups that arrive while one is under way share the next, and are never answered from before."""

from __future__ import annotations

import asyncio
import threading

import pytest

from falcon_svc.api.together import Together


class Table:
    """Looks up in a dict, as slowly as a test wants; notes what it was asked."""

    def __init__(self, **rows):
        self.rows, self.asked = rows, []
        self.may_answer = threading.Event()
        self.may_answer.set()

    def look_up(self, keys):
        self.asked.append(set(keys))
        assert self.may_answer.wait(10)
        if "bad" in keys:
            raise LookupError("bad")
        return {key: self.rows[key] for key in keys if key in self.rows}


async def during_a_lookup(table, together, *keys):
    """Ask for `keys` while a lookup of "a" is under way; return the tasks."""
    table.may_answer.clear()
    first = asyncio.create_task(together.get("a"))
    while not table.asked:
        await asyncio.sleep(0.001)
    tasks = [asyncio.create_task(together.get(key)) for key in keys]
    await asyncio.sleep(0.01)
    return [first, *tasks]


def test_those_who_ask_at_the_same_time_share_one_lookup():
    table = Table(a=1, b=2)

    async def ask():
        together = Together(table.look_up)
        tasks = await during_a_lookup(table, together, "b", "a", "b", "none")
        table.may_answer.set()
        return await asyncio.gather(*tasks)

    assert asyncio.run(ask()) == [1, 2, 1, 2, None]
    assert table.asked == [{"a"}, {"a", "b", "none"}]


def test_an_answer_is_never_older_than_its_question():
    table = Table(a=1)

    async def ask():
        together = Together(table.look_up)
        first, second = await during_a_lookup(table, together, "a")
        table.rows = {"a": 2}  # the first lookup may see either
        table.may_answer.set()
        await first
        return await second

    assert asyncio.run(ask()) == 2


def test_an_error_is_told_to_those_who_asked_and_to_nobody_else():
    table = Table(a=1, b=2)

    async def ask():
        together = Together(table.look_up)
        first, bad, beside = await during_a_lookup(table, together, "bad", "b")
        table.may_answer.set()
        outcomes = await asyncio.gather(first, bad, beside, return_exceptions=True)
        return outcomes, await together.get("b")

    (first, bad, beside), later = asyncio.run(ask())
    assert (first, later) == (1, 2)
    assert isinstance(bad, LookupError) and isinstance(beside, LookupError)


def test_one_who_goes_away_takes_nothing_from_the_others():
    table = Table(a=1, b=2)

    async def ask():
        together = Together(table.look_up)
        first, gone, stays = await during_a_lookup(table, together, "b", "b")
        first.cancel()
        gone.cancel()
        table.may_answer.set()
        with pytest.raises(asyncio.CancelledError):
            await gone
        return await stays

    assert asyncio.run(ask()) == 2
