"""The work of advice: would finer labels improve the coarse accuracy of a data set?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falcon_svc.worker.encoding import encoder_run, place_of
from falcon_svc.worker.kinds import Made, Order
from falcon_svc.worker.stage_times import StageTimes

if TYPE_CHECKING:
    from falcon_svc.supervised.advising import Advised

ADVICE, REPORT = "advice.json", "report.html"


def make(order: Order) -> Made:
    """Compare, or go on with what an earlier attempt left."""
    from falcon_svc.checkpoint import CheckpointStore
    from falcon_svc.data import load_dataset
    from falcon_svc.supervised.advising import advise_on, fine_if_any
    from falcon_svc.supervised.config import AdviceConfig, make, reading
    from falcon_svc.supervised.encoding import vectors_of

    config = make(AdviceConfig, order.config)
    given = order.options, order.source_options, order.config.get("data", {})
    how = reading(*given, encoder=config.encoder)
    dataset = load_dataset(order.data, how)
    fine = None if config.without_fine else fine_if_any(dataset, order.data, how)
    folder, times = order.begin(), StageTimes(order.progress)
    found = advise_on(
        dataset,
        vectors_of(dataset, encoder_run(order, config, folder, times)),
        fine=fine,
        result=order.source,
        hidden=config.hidden,
        n_folds=config.folds,
        seed=config.seed,
        progress=times,
        checkpoints=CheckpointStore(place_of(order, folder) / "advice"),
    )
    result = folder / "result"
    _write(found, result)
    summary = {"n_samples": len(dataset), **_summary(found), **times.summary()}
    return Made(result, ADVICE, summary, times.measured())


def _write(found: Advised, folder: Path) -> None:
    from falcon_svc.report import render_advice_report

    folder.mkdir(exist_ok=True)
    (folder / REPORT).write_text(render_advice_report(found.advice, found.text()), "utf-8")
    (folder / ADVICE).write_text(json.dumps(_document(found), allow_nan=False), "utf-8")


def _document(found: Advised) -> dict[str, Any]:
    from falcon_svc.supervised.plain import plain

    document: dict[str, Any] = plain(found.advice.document())
    return {**document, "text": found.text(), "n_left_out": found.n_left_out}


def _summary(found: Advised) -> dict[str, Any]:
    verdict = found.advice.verdict
    return {
        "verdict": verdict.word,
        "gain": verdict.difference.mean,
        "rows_needed": verdict.rows_needed,
        "labels": found.advice.labels,
    }
