"""From a partition to a head that already tells its classes apart.

The closed form of linear discriminant analysis with equal priors in a whitened space,
``score_f(y) = s (mu_f . y - |mu_f|^2 / 2)``, needs one more number: the scale s, chosen so that
the mean probability of the best class among the children of the true coarse label is
`START_CONFIDENCE`. Sharper starts leave training nothing to correct, softer ones forget.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import softmax

from falcon_svc.core import children_of
from falcon_svc.discovery.other_sources import compatible_pairs
from falcon_svc.discovery.partition.shared_metric import class_means
from falcon_svc.discovery.structure import Structure
from falcon_svc.discovery.training.head_start import HeadStart
from falcon_svc.discovery.training.relation_step import kept_compatible, solve_relation
from falcon_svc.types import BoolArray, FloatArray, IntArray, LabelSource
from solver import Constraints

START_CONFIDENCE = 0.9
CALIBRATION_ROWS = 5_000
SCALE_RANGE = (1e-3, 1e4)
BISECTIONS = 40
SOLVE_LIMIT_S = 30.0


@dataclass(frozen=True)
class WarmStart:
    """All that head training starts from.

    Parameters
    ----------
    head
        Class vectors and one relation per source.
    fine_prior
        (F,) expected shares of the fine classes.
    size_targets
        Per source (C,) how many fine classes each coarse class holds.
    """

    head: HeadStart
    fine_prior: FloatArray
    size_targets: tuple[IntArray, ...]


def start_of(
    inputs: FloatArray,
    rows: IntArray,
    structure: Structure,
    sources: tuple[LabelSource, ...],
    *,
    seed: int,
) -> WarmStart:
    """Return the start that a structure of the first source gives to the head.

    The first source's relation is the structure's own. Every further source's relation is solved
    for from the classes of the samples which that source labels (as the partition or the started
    head has them), without a wish for sizes; its sizes then stay wishes during training.

    Parameters
    ----------
    inputs
        (N, D) head inputs.
    rows
        (n,) rows that the structure was found on.
    structure
        Partition and counts.
    sources
        Label sources, the structure's first.
    seed
        Seed of the calibration sample.
    """
    counts = structure.counts.n_fine
    relation = np.repeat(np.eye(len(counts), dtype=np.bool_), counts, axis=0)
    prior = size_shares(structure, sources[0].labels[rows])
    return start_from(inputs, rows, structure.fine, relation, prior, sources, seed=seed)


def start_from(
    inputs: FloatArray,
    rows: IntArray,
    fine: IntArray,
    relation: BoolArray,
    fine_prior: FloatArray,
    sources: tuple[LabelSource, ...],
    *,
    seed: int,
) -> WarmStart:
    """Return the start that a partition `fine` (n,) with a relation (F, C) gives; as `start_of`."""
    coarse = sources[0].labels[rows]
    first = discriminant_start(inputs[rows], fine, coarse, (relation,), seed=seed)
    further = (
        _further_relation(first, inputs, rows, fine, sources[0], other) for other in sources[1:]
    )
    relations = (relation, *further)
    return WarmStart(
        head=HeadStart(first.weight, first.bias, relations),
        fine_prior=fine_prior,
        size_targets=tuple(r.sum(axis=0).astype(np.int64) for r in relations),
    )


def size_shares(structure: Structure, coarse: IntArray) -> FloatArray:
    """Return (F,) shares: even inside a coarse class where sizes are alike, as found where not.

    A long tail is a long tail to the balance term, too: it keeps to these shares.
    """
    counts = structure.counts.n_fine
    even = np.repeat(np.bincount(coarse, minlength=len(counts)) / counts, counts)
    found = np.bincount(structure.fine, minlength=int(counts.sum())) + 1.0
    shares = even if structure.counts.equal else found
    return np.asarray(shares / shares.sum(), np.float32)


def _further_relation(
    start: HeadStart,
    inputs: FloatArray,
    rows: IntArray,
    fine: IntArray,
    first: LabelSource,
    source: LabelSource,
) -> BoolArray:
    """Solve for a further source's relation, kept compatible with the first one's.

    Samples of the partition count for their own class, others for what the started head says.
    """
    affinity = np.zeros((start.n_fine, source.n_coarse))
    outside = np.ones(len(inputs), np.bool_)
    outside[rows] = False
    for q, own in enumerate(source.rows_by_class()):
        others = own[outside[own]]
        scores = inputs[others] @ start.weight.T + start.bias
        affinity[:, q] = softmax(scores, axis=1).sum(axis=0)
    labels = source.labels[rows]
    np.add.at(affinity, (fine[labels >= 0], labels[labels >= 0]), 1.0)
    compatible = compatible_pairs(first, source)
    beside = () if compatible is None else kept_compatible(start.relations[0], compatible)
    return solve_relation(
        affinity / len(inputs),
        balance=0.0,
        size_targets=None,
        time_limit_s=SOLVE_LIMIT_S,
        wishes=Constraints(beside),
    ).relation


def discriminant_start(
    inputs: FloatArray,
    fine: IntArray,
    coarse: IntArray,
    relations: tuple[BoolArray, ...],
    *,
    seed: int,
) -> HeadStart:
    """Return class vectors, biases and relations for head training.

    Parameters
    ----------
    inputs
        (n, D) head inputs.
    fine
        (n,) partition of these rows.
    coarse
        (n,) coarse labels of the first relation's source.
    relations
        Per source (F, C) bool; the first one masks the calibration.
    seed
        Seed of the rows that the scale is calibrated on.
    """
    means = class_means(inputs, fine, len(relations[0]))
    rows = np.random.default_rng(seed).permutation(len(inputs))[:CALIBRATION_ROWS]
    scale = _scale_for_confidence(_child_scores(inputs[rows], means, relations[0], coarse[rows]))
    bias = -scale * (means**2).sum(axis=1) / 2
    return HeadStart((scale * means).astype(np.float32), bias.astype(np.float32), relations)


def _child_scores(
    inputs: FloatArray, means: FloatArray, relation: BoolArray, coarse: IntArray
) -> FloatArray:
    """Scores (n, M) of the children of each row's coarse class at scale 1, -inf on padding."""
    children = children_of(torch.from_numpy(relation))
    index, valid = children.index.numpy()[coarse], children.valid.numpy()[coarse]
    scores = inputs @ means.T - (means**2).sum(axis=1) / 2
    taken = np.take_along_axis(scores, index, axis=1)
    return np.where(valid, taken, np.float32(-np.inf))


def _scale_for_confidence(scores: FloatArray) -> float:
    """Bisect on log s; mean confidence never falls as s grows."""
    low, high = np.log(SCALE_RANGE)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        confidence = float(softmax(np.exp(middle) * scores, axis=1).max(axis=1).mean())
        low, high = (middle, high) if confidence < START_CONFIDENCE else (low, middle)
    return float(np.exp((low + high) / 2))
