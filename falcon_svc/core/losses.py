r"""The losses of FALCON (ICML 2024), equations 3 to 10, as pure functions.

Place: the equations that `discovery.training.trainer` adds up. All but `balance_loss` return
one number per sample, so that a batch with several label sources can be averaged over its
(sample, source) pairs. All work on log-probabilities of the children of the sample's coarse
class y, as `take_children(log_softmax(logits), y, children)` gives them.

Shapes: B batch, F fine classes, M most children of one coarse class, L neighbors.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_TINY = 1e-30
_LEAST_LOG = -87.0
"""Its exponential is about the least normal number; below, one takes 20 times as long."""
_PRIOR_FLOOR = 1e-6
"""Least prior of a fine class: an unused class is discouraged, not infinitely expensive."""


def probabilities(log_prob: Tensor) -> Tensor:
    """Return ``exp(log_prob)``, at least 1.6e-38: nothing beside a probability, and far faster.

    Parameters
    ----------
    log_prob
        (B, F) log-probabilities <= 0.

    Returns
    -------
    Tensor
        (B, F) in (0, 1]; where the floor took effect it has no gradient.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.core import probabilities
    >>> probabilities(torch.tensor([0.0, -1000.0])).round().tolist()
    [1.0, 0.0]
    """
    return log_prob.clamp_min(_LEAST_LOG).exp()


def coarse_loss(child_log_prob: Tensor) -> Tensor:
    r"""Return the cross-entropy of the coarse label, equation 3.

    .. math:: -\log \sum_{i: M[i, y]} p_i = -\mathrm{logsumexp}_{i: M[i, y]} \log p_i

    Parameters
    ----------
    child_log_prob
        (B, M) student's log-probabilities of the children of y.

    Returns
    -------
    Tensor
        (B,), >= 0; 0 where all mass lies on the children of y. Every child gets the same push,
        so this loss alone cannot tell siblings apart (appendix B of the paper).

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.core import coarse_loss
    >>> round(coarse_loss(torch.tensor([[0.25, 0.25]]).log()).item(), 4)
    0.6931
    """
    return -torch.logsumexp(child_log_prob, dim=1)


def neighbor_loss(child_log_prob: Tensor, neighbor_log_prob: Tensor) -> Tensor:
    r"""Return how much a sample and its neighbors disagree on the fine class, equation 4.

    .. math:: -\frac{1}{L} \sum_{l} \log \sum_i p_i(x) \, p^{teacher}_i(x_l)

    taken as a log-sum-exp of summed log-probabilities, which cannot underflow to log 0 as the
    logarithm of the dot product does.

    Parameters
    ----------
    child_log_prob
        (B, M) student's log-probabilities of the children of y.
    neighbor_log_prob
        (B, L, M) teacher's log-probabilities of the neighbors over the same children. No
        gradient is meant to reach them. Their scale shifts the loss but not its gradient.

    Returns
    -------
    Tensor
        (B,), >= 0; 0 where sample and neighbors are sure of the same class.

    Notes
    -----
    The paper sums over all F classes; neighbors share y, so mass outside of the children of y
    is mass on a class that the sample cannot have, and is left out here. With columns for all F
    classes the function is equation 4 to the letter.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.core import neighbor_loss
    >>> sample = torch.tensor([[1.0, 0.0]]).log()
    >>> round(neighbor_loss(sample, torch.tensor([[[0.5, 0.5]]]).log()).item(), 4)
    0.6931
    """
    agreement = torch.logsumexp(child_log_prob[:, None, :] + neighbor_log_prob, dim=2)  # (B, L)
    return -agreement.mean(dim=1)


def confidence_target(
    teacher_child_log_prob: Tensor, *, temperature: float, soft_weight: float
) -> Tensor:
    r"""Return sharpened pseudo-labels among the children of y, equation 7.

    .. math:: q = w \, \mathrm{softmax}(s^{teacher} / T) + (1 - w) \, \mathrm{onehot}(\arg\max)

    Parameters
    ----------
    teacher_child_log_prob
        (B, M) teacher's logits or log-probabilities of the children of y, padded.
    temperature
        T > 0; below 1 sharpens. The paper: 0.9.
    soft_weight
        The w in [0, 1], annealed 1 -> 0 by `falcon_svc.core.schedules.soft_weight` (in the released
        code only).

    Returns
    -------
    Tensor
        (B, M), rows sum to 1, 0 on padding.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.core import confidence_target
    >>> teacher = torch.tensor([[0.75, 0.25]]).log()
    >>> confidence_target(teacher, temperature=1.0, soft_weight=0.5).tolist()
    [[0.875, 0.125]]
    """
    soft = torch.softmax(teacher_child_log_prob / temperature, dim=1)
    hard = torch.zeros_like(soft).scatter_(1, soft.argmax(dim=1, keepdim=True), 1.0)
    return torch.lerp(hard, soft, soft_weight)


def confidence_loss(child_log_prob: Tensor, target: Tensor) -> Tensor:
    r"""Return the cross-entropy with the pseudo-labels, equation 6: ``-sum_i q_i log p_i``.

    Parameters
    ----------
    child_log_prob
        (B, M) student's log-probabilities of the children of y.
    target
        (B, M) from `confidence_target`.

    Returns
    -------
    Tensor
        (B,), >= the entropy of `target`.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.core import confidence_loss
    >>> loss = confidence_loss(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[1.0, 0.0]]))
    >>> round(loss.item(), 4)
    0.6931
    """
    return -(target * child_log_prob).sum(dim=1)


def balance_loss(log_prob: Tensor, prior: Tensor | None = None) -> Tensor:
    r"""Return how far the batch's mean prediction is from the expected class sizes, equation 9.

    .. math:: \mathrm{KL}(\bar p \,\|\, \pi) = \sum_i \bar p_i \log (\bar p_i / \pi_i)

    With a uniform prior this is ``sum_i pbar_i log pbar_i + log F``, the entropy term of the
    paper. A prior of estimated sizes is the remedy that the paper names for long tails.

    Parameters
    ----------
    log_prob
        (B, F) student's log-probabilities.
    prior
        (F,) expected shares of the fine classes, >= 0; None = uniform. It is normalised here.

    Returns
    -------
    Tensor
        Scalar >= 0; 0 where the mean prediction equals the prior.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.core import balance_loss
    >>> balance_loss(torch.tensor([[0.5, 0.5], [0.5, 0.5]]).log()).item()
    0.0
    """
    mean_prob: Tensor = _MeanProbability.apply(log_prob)  # (F,)
    if prior is None:
        prior = torch.ones_like(mean_prob)
    prior = prior.clamp_min(_PRIOR_FLOOR / len(prior))
    log_prior = (prior / prior.sum()).log()
    log_mean = mean_prob.clamp_min(_TINY).log()  # a class may have died out: 0 log 0 = 0
    return (mean_prob * (log_mean - log_prior)).sum()


class _MeanProbability(torch.autograd.Function):
    """`probabilities` and their mean (F,), with one pass over (B, F) on the way back, not four."""

    @staticmethod
    def forward(ctx: Any, log_prob: Tensor) -> Tensor:
        prob = probabilities(log_prob)
        ctx.save_for_backward(prob)
        return prob.mean(dim=0)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        prob: Tensor = ctx.saved_tensors[0]
        return prob * (grad / len(prob))
