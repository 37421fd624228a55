"""What encoders are worth: purity of neighborhoods, k-means and our discovery on their features.

`falcon bench encoder SET [SET ...] [--seeds 0] [--train-encoder] [--json FILE]`; how sets and
their encoders are named is told in `falcon_svc.bench.bench_set`, for example
``letters.npz@encoder=moco,moco.epochs=20``. The discovery is told the total number of fine
classes, k-means that of every coarse class and the better of raw and unit rows, by the truth.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from falcon_svc.bench import baselines
from falcon_svc.bench.bench_set import BenchSet, SetName
from falcon_svc.bench.table import Figure, markdown, write_json
from falcon_svc.config import CountConfig, DiscoveryConfig
from falcon_svc.joint import JointConfig
from falcon_svc.metrics import accuracy_score, adjusted_rand_score, neighbor_purity_score
from falcon_svc.pipeline.discover import Run, discover
from falcon_svc.pipeline.record import versions
from falcon_svc.progress import Progress
from falcon_svc.types import Features, IntArray

ENCODER_STAGES = ("encoder", "features", "pixels", "joint")
HEADER = (
    *("set", "features", "purity@20", "k-means ACC", "ARI", "ours ACC", "ARI"),
    *("encoder min", "rest min"),
)


@dataclass(frozen=True)
class Quality:
    """Figures of one encoder on one set, over seeds: shares in [0, 1], and minutes.

    Parameters
    ----------
    set, features
        Name of the set with its options, and D.
    purity
        Same-coarse neighbor purity at 20.
    kmeans_acc, kmeans_ari
        k-means inside each coarse class with the true counts.
    acc, ari
        Our discovery, total given.
    encoder_min, rest_min
        Of training the encoder and encoding; of all else.
    """

    set: str
    features: str
    purity: Figure
    kmeans_acc: Figure
    kmeans_ari: Figure
    acc: Figure
    ari: Figure
    encoder_min: Figure
    rest_min: Figure

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the Markdown table."""
        scores = (self.kmeans_acc, self.kmeans_ari, self.acc, self.ari)
        minutes = (self.encoder_min, self.rest_min)
        return (
            *(self.set, self.features, f"{self.purity.mean:.3f}"),
            *(score.percent() for score in scores),
            *(f"{figure.mean:.1f}" for figure in minutes),
        )


def run(
    paths: Sequence[str],
    *,
    seeds: Sequence[int],
    train_encoder: bool,
    json_path: Path | None,
    progress: Progress,
) -> str:
    """Measure every set and return a Markdown table.

    Parameters
    ----------
    paths
        Names of data sets.
    seeds
        One run per seed.
    train_encoder
        Whether encoder and head are trained jointly at the end.
    json_path
        Where the figures are also written, anew after every set.
    progress
        Told of what the runs do.
    """
    rows: list[Quality] = []
    for path in paths:
        name = SetName.parse(path)
        found = [_figures(name, seed, train_encoder, progress) for seed in seeds]
        figures = {key: Figure(tuple(one[key] for one in found)) for key in found[0] if key != "d"}
        rows.append(Quality(name.text, f"{found[0]['d']:.0f}", **figures))
        write_json(json_path, _document(seeds, train_encoder, rows))
    return markdown(HEADER, (row.cells() for row in rows))


def _document(seeds: Sequence[int], train_encoder: bool, rows: list[Quality]) -> dict[str, Any]:
    return {
        "schema_version": "1.0",
        "benchmark": "encoder quality",
        "seeds": list(seeds),
        "train_encoder": train_encoder,
        "versions": versions(),
        "rows": [asdict(row) for row in rows],
    }


def _figures(name: SetName, seed: int, train_encoder: bool, progress: Progress) -> dict[str, float]:
    """Discover once, and judge the features and the answer."""
    dataset, truth = name.read()
    counted = BenchSet(name.text, dataset, truth, "")
    config = DiscoveryConfig(
        data=name.data,
        encoder=name.encoder,
        counts=CountConfig(n_fine=counted.n_fine),
        joint=JointConfig(train_encoder=train_encoder),
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        run = discover(dataset, config, work_dir=Path(folder), progress=progress)
        features = Features(np.array(run.features), run.encoder.spec, "")
    judged = name.with_features(dataset, truth, features)
    return {**_of_features(judged, seed), **_of_answer(judged, run)}


def _of_features(data: BenchSet, seed: int) -> dict[str, float]:
    rows, coarse = data.judged, data.dataset.coarse
    purity = neighbor_purity_score(data.truth[rows], coarse.labels[rows], data.features[rows])
    found = [
        _scores(
            data,
            baselines.per_class(data.view(v), coarse, data.true_counts, baselines.kmeans, seed),
        )
        for v in ("raw", "L2")
    ]
    acc, ari = max(found)
    dim = float(data.features.shape[1])
    return {"d": dim, "purity": purity, "kmeans_acc": acc, "kmeans_ari": ari}


def _of_answer(data: BenchSet, run: Run) -> dict[str, float]:
    acc, ari = _scores(data, run.discovery.assignments.fine)
    minutes = {stage.name: 0.0 for stage in run.discovery.stages}
    for stage in run.discovery.stages:
        minutes[stage.name] += stage.seconds / 60
    encoder = sum(minutes.get(stage, 0.0) for stage in ENCODER_STAGES)
    rest = sum(minutes.values()) - encoder
    return {"acc": acc, "ari": ari, "encoder_min": encoder, "rest_min": rest}


def _scores(data: BenchSet, fine: IntArray) -> tuple[float, float]:
    rows = data.judged
    truth, found = data.truth[rows], fine[rows]
    return accuracy_score(truth, found), adjusted_rand_score(truth, found)
