"""What a stage of a run is, and how it is run: taken over, or made and kept.

Place: between `found`, which stages read and add to, and `stages`, which lists them. A stage's key
is a sha256 over this version, its own settings and the keys of the stages that it depends on. What
lies in the work directory under the same key is taken over: a run that is resumed repeats what has
changed, and what depends on that, and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import getitem
from typing import Any

from falcon_svc import __version__
from falcon_svc.config import DiscoveryConfig
from falcon_svc.durable.shelf import Kept
from falcon_svc.pipeline.found import Found

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rest:
    """How what a stage finds lies in the work directory.

    Parameters
    ----------
    kept : callable
        From the finding to arrays and numbers.
    again : callable
        From these, and what was found before, to the same finding.
    """

    kept: Callable[[Any], Kept]
    again: Callable[[Kept, Found], Any]


@dataclass(frozen=True)
class Stage:
    """One stage of a run.

    Parameters
    ----------
    name : str
        As it is told and recorded.
    finds : str
        The attribute of `Found` that it sets.
    make : callable
        Finds it.
    total : callable
        The units of work that it will tell, known when it begins.
    own : callable
        What its finding depends on besides the stages of `after`, JSON-ready.
    after : sequence of str
        Stages whose findings it reads; those that a run leaves out change nothing.
    wanted : callable
        Whether the settings ask for it.
    rest : Rest or None
        How its finding is kept; None = it is cheap, or has checkpoints of its own.
    """

    name: str
    finds: str
    make: Callable[[Found], Any]
    total: Callable[[Found], int] = lambda _: 1
    own: Callable[[Found], Any] = lambda _: None
    after: Sequence[str] = ()
    wanted: Callable[[DiscoveryConfig], bool] = lambda _: True
    rest: Rest | None = None


def settings(*paths: str) -> Callable[[Found], list[Any]]:
    """Return what reads these settings, such as ``"seed"`` or ``"labels.coarse_noise"``."""

    def own(found: Found) -> list[Any]:
        record = found.config.model_dump(mode="json")
        return [reduce(getitem, path.split("."), record) for path in paths]

    return own


def run_stage(stage: Stage, found: Found) -> None:
    """Find what the stage finds, or take it over from an earlier attempt, and add it to `found`."""
    key = found.keys[stage.name] = key_of(stage, found)
    total = stage.total(found)
    with found.recorder.stage(stage.name, total=total):
        finding = _taken_over(stage, key, found)
        if finding is not None:
            _log.info("stage %s: taken over from an earlier attempt", stage.name)
            found.recorder.advance(total, earlier=total)
        else:
            finding = stage.make(found)
            if stage.rest is not None and found.shelf is not None:
                found.shelf.put(stage.name, key, stage.rest.kept(finding))
    setattr(found, stage.finds, finding)


def key_of(stage: Stage, found: Found) -> str:
    """Return the sha256 hex of all that the stage's finding depends on."""
    before = {name: found.keys.get(name) for name in stage.after}
    record = [__version__, stage.name, stage.own(found), before]
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _taken_over(stage: Stage, key: str, found: Found) -> Any:
    if stage.rest is None or found.shelf is None:
        return None
    kept = found.shelf.get(stage.name, key)
    return None if kept is None else stage.rest.again(kept, found)
