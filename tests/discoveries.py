"""Made-up discoveries for tests of metrics, files and the report: plausible, not trained.

`pretend_discovery` takes fine classes as found and derives everything else from the features,
so that one builder serves synthetic blobs and real data sets alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from falcon_svc.result.record import (
    Assignments,
    CountEstimate,
    Discovery,
    FineClass,
    LabelNoise,
    SharedPair,
    SourceRelation,
    StageRecord,
    TotalEstimate,
)
from falcon_svc.types import (
    ByteArray,
    CoarseDataset,
    FloatArray,
    IntArray,
    LabelSource,
    Note,
    Resample,
)


@dataclass(frozen=True)
class StoredImages:
    """Images in memory; `side` is honoured by nearest-neighbor sampling."""

    array: ByteArray

    def __len__(self) -> int:
        return len(self.array)

    def read(
        self, start: int, stop: int, *, side: int | None, resample: Resample = "bilinear"
    ) -> ByteArray:
        images = self.array[start:stop]
        if side is None:
            return images
        rows = np.linspace(0, images.shape[1] - 1, side).round().astype(int)
        return images[:, rows][:, :, rows]


def blobs(
    *, n_coarse: int = 3, n_fine: int = 7, per_fine: int = 12, dim: int = 8, seed: int = 0
) -> tuple[FloatArray, IntArray, IntArray]:
    """Return features (N, D), coarse (N,), fine (N,): Gaussian blobs, fine i under i mod C."""
    rng = np.random.default_rng(seed)
    fine = np.repeat(np.arange(n_fine), per_fine)
    centres = rng.normal(size=(n_fine, dim)) * 3
    x = (centres[fine] + rng.normal(size=(len(fine), dim))).astype(np.float32)
    return x, (fine % n_coarse).astype(np.int64), fine.astype(np.int64)


def pretend_dataset(x: FloatArray, coarse: IntArray, **parts) -> CoarseDataset:
    """A vector data set, or an image one with `images`; `names`, `texts`, `ids`, `sources`."""
    names = parts.get("names") or tuple(f"coarse {k}" for k in range(int(coarse.max()) + 1))
    source = LabelSource("coarse", coarse, tuple(names))
    return CoarseDataset(
        vectors=None if "images" in parts else x,
        images=parts.get("images"),
        ids=parts.get("ids") or tuple(f"s{i:05d}" for i in range(len(x))),
        sources=(source, *parts.get("sources", ())),
        digest="ab" * 32,
        texts=parts.get("texts"),
        about=parts.get("about", ()),
    )


def pretend_discovery(dataset: CoarseDataset, x: FloatArray, fine: IntArray) -> Discovery:
    """The discovery that found `fine`, with confidences from the distances to class means."""
    n_fine, parents = int(fine.max()) + 1, _parents(dataset, fine)
    prob = _probabilities(x, fine, n_fine)
    assignments = _assignments(prob, parents[0], fine)
    relations = tuple(
        _relation(source, p) for source, p in zip(dataset.sources, parents, strict=True)
    )
    rows = np.linspace(0, len(x) - 1, min(len(x), 2000)).astype(np.int64)
    return Discovery(
        ids=dataset.ids,
        dataset_digest=dataset.digest,
        sources=dataset.sources,
        assignments=assignments,
        classes=_classes(dataset, x, assignments, parents, n_fine),
        relations=relations,
        counts=_counts(relations[0]),
        total=_total(n_fine),
        map_rows=rows,
        map_xy=_plane(x)[rows],
        history=tuple(_epoch(i) for i in range(12)),
        stages=(
            StageRecord("features", 0.41, 310_000_000),
            StageRecord("neighbors", 1.92, 350_000_000),
            StageRecord("training", 20.3, 700_000_000),
        ),
        seed=0,
        config={"head": {"n_fine": n_fine, "epochs": 12, "kind": "prototypes"}, "device": "cpu"},
        versions={"falcon_svc": "0.1.0", "numpy": "2.4", "python": "3.11"},
        notes=(Note("unlabelled", "1 of 84 samples has no coarse label."),),
        features=("length", "width"),
        left_out=(("row_number", "it counts the rows"),),
    )


def pretend_blobs(**kwargs) -> tuple[CoarseDataset, FloatArray, Discovery]:
    """Data set, features and discovery of `blobs(**kwargs)`."""
    x, coarse, fine = blobs(**kwargs)
    dataset = pretend_dataset(x, coarse)
    return dataset, x, pretend_discovery(dataset, x, fine)


def judged(discovery: Discovery) -> Discovery:
    """The discovery with labels judged in every source (each tenth is suspected), and a pair."""
    pair = SharedPair(fine=(0, 1), balanced_accuracy=0.52, upper=0.6, p_value=1e-4)
    noise = tuple(_noise(source) for source in discovery.sources)
    return replace(discovery, label_noise=noise, shared_pairs=(pair,))


def _noise(source: LabelSource) -> LabelNoise:
    labels, n = source.labels, len(source.labels)
    doubt = np.where(np.arange(n) % 10 == 3, 0.9 + np.arange(n) / n / 20, 0.01)
    wrong = np.where(labels >= 0, doubt, np.nan).astype(np.float32)
    expected = np.bincount(labels[labels >= 0], doubt[labels >= 0], source.n_coarse)
    return LabelNoise(
        source=source.name,
        given=False,
        rate=float(np.nanmean(wrong)),
        low=0.05,
        high=0.15,
        expected=expected,
        expected_low=expected / 2,
        expected_high=expected * 2,
        wrong_probability=wrong,
        proposed=np.where(labels >= 0, (labels + 1) % source.n_coarse, -1),
        proposed_probability=(wrong * np.float32(0.9)),
    )


def _parents(dataset: CoarseDataset, fine: IntArray) -> list[IntArray]:
    parents = []
    for source in dataset.sources:
        votes = np.zeros((int(fine.max()) + 1, source.n_coarse))
        labelled = source.labels >= 0
        np.add.at(votes, (fine[labelled], source.labels[labelled]), 1)
        parents.append(votes.argmax(axis=1))
    return parents


def _probabilities(x: FloatArray, fine: IntArray, n_fine: int) -> FloatArray:
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    means = np.zeros((n_fine, x.shape[1]), np.float32)
    np.add.at(means, fine, unit)
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    logits = 12 * unit @ means.T
    prob = np.exp(logits - logits.max(axis=1, keepdims=True))
    return prob / prob.sum(axis=1, keepdims=True)


def _assignments(prob: FloatArray, parent: IntArray, fine: IntArray) -> Assignments:
    rows = np.arange(len(fine))
    masked = np.where(parent == parent[fine][:, None], prob, 0)
    masked /= masked.sum(axis=1, keepdims=True)
    confidence = masked[rows, fine].astype(np.float32)
    masked[rows, fine] = -1
    runner_up = masked.argmax(axis=1)
    lone = masked[rows, runner_up] <= 0
    rival = np.where(lone, 0, masked[rows, runner_up])
    return Assignments(
        fine=fine,
        confidence=confidence,
        margin=np.clip(confidence - rival, 0, 1).astype(np.float32),
        runner_up=np.where(lone, -1, runner_up),
        fine_unmasked=prob.argmax(axis=1),
    )


def _classes(dataset, x, assignments, parents, n_fine) -> tuple[FineClass, ...]:
    rng, classes = np.random.default_rng(5), []
    for i in range(n_fine):
        members = np.flatnonzero(assignments.fine == i)
        confidence = assignments.confidence[members]
        central = members[np.argsort(-confidence, kind="stable")[:8]]
        classes.append(
            FineClass(
                id=i,
                coarse={s.name: int(p[i]) for s, p in zip(dataset.sources, parents, strict=True)},
                size=len(members),
                mean_confidence=float(confidence.mean()) if len(members) else 0.0,
                medoids=tuple(int(m) for m in central),
                stability=None if i % 11 == 10 else float(rng.beta(6, 2)),
            )
        )
    return tuple(classes)


def _relation(source: LabelSource, parent: IntArray) -> SourceRelation:
    relation = np.eye(source.n_coarse, dtype=bool)[parent]
    noise = np.random.default_rng(1).gamma(2, 1, relation.shape)
    return SourceRelation(
        source=source.name,
        coarse_names=source.names,
        relation=relation,
        regret=np.where(relation, 0, noise).astype(np.float32),
        status="optimal",
        method="cp-sat",
        objective=12.5,
        bound=12.5,
        gap=0.0,
        seconds=0.12,
        certificate={"kind": "min-cost-flow", "duals": [0.5, -0.25], "integral": True},
    )


def _counts(relation: SourceRelation) -> tuple[CountEstimate, ...]:
    sizes = relation.relation.sum(axis=0).tolist()
    return tuple(
        CountEstimate(k, n, low=max(1, n - 2), high=n + 3, origin="estimated", whole=0.2)
        for k, n in enumerate(sizes)
    )


def _total(n_fine: int) -> TotalEstimate:
    totals = np.array([max(1, n_fine - 2), n_fine, n_fine + 4])
    curve = np.array([0.25, 0.5, 0.25], np.float32)
    return TotalEstimate(n_fine, max(1, n_fine - 2), n_fine + 4, n_fine + 4, totals, curve, curve)


def _plane(x: FloatArray) -> FloatArray:
    centred = x - x.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    plane = centred @ axes[:2].T
    return np.pad(plane, ((0, 0), (0, 2 - plane.shape[1]))).astype(np.float32)


def _epoch(i: int) -> dict[str, float]:
    return {"epoch": float(i), "loss": 3 * 0.8**i + 0.4, "loss_fine": 2 * 0.7**i, "changed": 0.5**i}
