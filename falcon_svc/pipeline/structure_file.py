"""The structure step's answer in the work directory, so that a resumed run need not repeat it.

Two files' worth of numbers in one safetensors file under the run's key: a file of other data,
settings or version is not found; a damaged one is made again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from falcon_svc import __version__
from falcon_svc.config import DiscoveryConfig
from falcon_svc.discovery.counts.choice import Counts
from falcon_svc.discovery.structure import Structure
from falcon_svc.durable.atomic_directory import write_durably
from falcon_svc.result.record import TotalEstimate

TOTAL_COLUMNS = ("totals", "probability", "stability")


def run_key(dataset_digest: str, config: DiscoveryConfig) -> str:
    """Return sha256 hex over all that determines the structure, and nothing else."""
    own = config.model_dump(mode="json", include={"encoder", "counts", "labels", "seed"})
    settings = json.dumps(own, sort_keys=True)
    text = f"{__version__}\n{dataset_digest}\n{settings}"
    return hashlib.sha256(text.encode()).hexdigest()


def save_structure(work_dir: Path | None, key: str, structure: Structure) -> None:
    """Write the structure, durably and under a temporary name first; None = nowhere."""
    if work_dir is None:
        return
    work_dir.mkdir(parents=True, exist_ok=True)
    counts = structure.counts
    tensors: dict[str, np.ndarray] = {
        "fine": structure.fine,
        "stability": structure.stability,
        "n_fine": counts.n_fine,
        "low": counts.low,
        "high": counts.high,
        "whole": counts.whole,
        "scalars": np.array([counts.dispersion, float(counts.equal)]),
        **({} if counts.total is None else _total_tensors(counts.total)),
    }
    temporary = work_dir / f"structure-{key}.tmp"
    write_durably(temporary, safetensors.numpy.save(tensors))
    temporary.replace(_path(work_dir, key))


def load_structure(work_dir: Path | None, key: str) -> Structure | None:
    """Return the structure of an earlier attempt at the same run, or None."""
    if work_dir is None or not _path(work_dir, key).exists():
        return None
    try:
        tensors = safetensors.numpy.load_file(_path(work_dir, key))
    except (OSError, SafetensorError):
        return None
    dispersion, equal = tensors["scalars"].tolist()
    n_fine, low, high, whole = (tensors[name] for name in ("n_fine", "low", "high", "whole"))
    total = _read_total(tensors)
    counts = Counts(n_fine, low, high, whole, dispersion, bool(equal), total)
    return Structure(tensors["fine"], counts, tensors["stability"])


def _total_tensors(total: TotalEstimate) -> dict[str, np.ndarray]:
    runner_up = -1 if total.runner_up is None else total.runner_up
    return {
        "total.numbers": np.array([total.n_fine, total.low, total.high, runner_up]),
        **{f"total.{name}": getattr(total, name) for name in TOTAL_COLUMNS},
    }


def _read_total(tensors: dict[str, np.ndarray]) -> TotalEstimate | None:
    if "total.numbers" not in tensors:
        return None
    n_fine, low, high, runner_up = tensors["total.numbers"].tolist()
    columns = (tensors[f"total.{name}"] for name in TOTAL_COLUMNS)
    return TotalEstimate(n_fine, low, high, None if runner_up < 0 else runner_up, *columns)


def _path(work_dir: Path, key: str) -> Path:
    return work_dir / f"structure-{key}.safetensors"
