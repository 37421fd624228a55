"""What an epoch of training tells: for progress, `run.jsonl` and the training curves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EpochReport:
    """Means over an epoch, for progress and `run.jsonl`; losses before weighting."""

    epoch: int
    coarse_loss: float
    neighbor_loss: float
    confidence_loss: float
    balance_loss: float
    learning_rate: float
    soft_weight: float
    relation_changes: int
    relation_seconds: float
    seconds: float
    samples_per_s: float
