"""Has pre-training collapsed? What is measured, and when it is stopped.

Place: asked by `falcon_svc.encoder.moco.pretrain` after every epoch. Coarse labels only.

    feature_std     spread of the network's unit features, 0 where all samples are alike
    chance_loss     what the loss is where no view tells its sample from the others
    coarse_purity   share of 5 nearest neighbors with the sample's coarse class, on some samples;
                    measured every few epochs, for all between
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from falcon_svc.errors import CollapsedError

LEAST_STD = 0.02
LEAST_GAIN = 0.01
"""Share of the chance loss by which a loss must lie below it."""
LEAST_PURITY_GAIN = 0.1
"""Share of the way from purity by chance to 1 that a purity must have made."""
PATIENCE = 3
"""Epochs in a row that have to look collapsed."""
PROBED_NEIGHBORS = 5

Epoch = Mapping[str, float | None]


def check_health(history: Sequence[Epoch], *, grace: int, chance_purity: float) -> None:
    """Raise where the last epochs look collapsed, all of them.

    Parameters
    ----------
    history
        What was measured in every epoch so far.
    grace
        First epochs that may look so: the learning rate is still rising.
    chance_purity
        The coarse purity of features that say nothing.

    Raises
    ------
    CollapsedError
        Training goes nowhere.
    """
    measured = [p for epoch in history if (p := epoch["coarse_purity"]) is not None]
    purity = measured[-1] if measured else chance_purity
    blind = purity < chance_purity + LEAST_PURITY_GAIN * (1 - chance_purity)
    ailments = [_ailment(epoch, blind=blind) for epoch in history[grace:][-PATIENCE:]]
    if len(ailments) < PATIENCE or None in ailments:
        return
    raise CollapsedError(
        f"Pre-training needs features that tell samples apart, but by epoch {len(history)} "
        f"{ailments[-1]}; coarse kNN purity is {purity:.2f}, by chance {chance_purity:.2f}; lower "
        "encoder.moco.learning_rate, use larger batches, or check that the samples differ."
    )


def _ailment(epoch: Epoch, *, blind: bool) -> str | None:
    """Return what is wrong with an epoch, in words; None when nothing is.

    A loss by chance alone is no illness: near-duplicates cannot be told apart.
    """
    std, loss, chance = epoch["feature_std"], epoch["loss"], epoch["chance_loss"]
    assert std is not None and loss is not None and chance is not None
    if std < LEAST_STD:
        return f"all samples have nearly the same (standard deviation {std:.3f} of at most 1)"
    if blind and loss > (1 - LEAST_GAIN) * chance:
        return f"views are not told apart (loss {loss:.3f}, by chance {chance:.3f})"
    return None


@torch.no_grad()
def spread(features: Tensor) -> Tensor:
    """Return the spread of the directions of features (B, D): 0 where all agree, at most 1."""
    unit = F.normalize(features.float(), dim=1)
    return (unit - unit.mean(dim=0)).square().sum(dim=1).mean().sqrt()


@torch.no_grad()
def coarse_purity(features: Tensor, coarse: Tensor) -> float | None:
    """Return the share of nearest neighbors that have the sample's coarse class.

    Parameters
    ----------
    features, coarse
        (B, D) and (B,) of labelled samples.

    Returns
    -------
    float or None
        In [0, 1]; None for fewer than two samples.
    """
    count = min(PROBED_NEIGHBORS, len(features) - 1)
    if count < 1:
        return None
    unit = F.normalize(features.float(), dim=1)
    nearest = (unit @ unit.T).fill_diagonal_(-2).topk(count, dim=1).indices  # (B, count)
    return float((coarse[nearest] == coarse[:, None]).float().mean())
