"""The work of a discovery: from a data set to its fine classes."""

from __future__ import annotations

import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falcon_svc.encoder_files import resolve
from falcon_svc.errors import FalconError
from falcon_svc.setting_tables import SECTIONS, merged
from falcon_svc.worker.failures import OUT_OF_MEMORY, with_smaller_batches
from falcon_svc.worker.kinds import Made, Order

if TYPE_CHECKING:
    from falcon_svc.result.record import Discovery

MODEL_FILES = ("model.json", "model.safetensors", "encoder.json", "encoder.safetensors")


def make(order: Order) -> Made:
    """Discover, or go on with what an earlier attempt left."""
    from falcon_svc.config import make_config
    from falcon_svc.data import load_dataset
    from falcon_svc.pipeline.discover import discover_to

    tables = resolve(merged({"data": order.options}, order.config, SECTIONS), order.settings)
    config = with_smaller_batches(make_config(tables), order.earlier.count(OUT_OF_MEMORY))
    data = load_dataset(order.data, config.reading)
    result = order.begin() / "result"
    found = finished(result) or discover_to(
        result, data, config, resume=True, progress=order.progress
    )
    model = pack_model(result)
    return Made(result, "discovery.json", _summary(found), _measured(found), (model,))


def finished(result: Path) -> Discovery | None:
    """Return the result of an earlier attempt that ended between its last stage and its end."""
    from falcon_svc.result.files import read_discovery

    try:
        return read_discovery(result) if result.exists() else None
    except (FalconError, OSError):
        return None


def pack_model(result: Path) -> Path:
    """Put what `falcon predict` needs of a result directory into a zip file beside it."""
    path = result.with_name("model.zip")
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("discovery.json", *MODEL_FILES):
            if (result / name).exists():
                archive.write(result / name, name)
    return path


def _summary(found: Discovery) -> dict[str, Any]:
    seconds = sum(stage.seconds for stage in found.stages)
    return {
        "n_samples": len(found.ids),
        "n_fine": found.n_fine,
        "n_fine_origin": _origin(found),
        "n_fine_interval": list(found.n_fine_interval),
        "n_fine_runner_up": None if found.total is None else found.total.runner_up,
        "seconds": seconds,
        "stages": [asdict(stage) for stage in found.stages],
    }


def _origin(found: Discovery) -> str:
    """Return the least certain origin of a coarse class's count: all were as certain or more."""
    origins = {one.origin for one in found.counts}
    return next(name for name in ("estimated", "allocated", "given") if name in origins)


def _measured(found: Discovery) -> dict[tuple[str, str], float]:
    """Return (name, label) -> value; a stage that ran twice took its seconds together."""
    stages: dict[tuple[str, str], float] = {}
    for stage in found.stages:  # some run twice where the encoder learns too
        place = ("stage_seconds", stage.name[:40])
        stages[place] = stages.get(place, 0.0) + stage.seconds
    first = found.relations[0]
    return {**stages, ("solve_seconds", "final"): first.seconds, ("solve_gap", "final"): first.gap}
