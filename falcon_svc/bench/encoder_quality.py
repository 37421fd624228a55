"""What encoders are worth: purity of neighborhoods, k-means and our discovery on their features.

`falcon bench encoder SET [SET ...] [--seeds 0] [--train-encoder] [--json FILE]`; how sets and
their encoders are named is told in `falcon_svc.bench.set_name`, for example
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
from falcon_svc.bench.bench_set import BenchSet
from falcon_svc.bench.made_sets import Made
from falcon_svc.bench.scores import TITLES, agreement
from falcon_svc.bench.set_name import FileSource, SetName, parse_all
from falcon_svc.bench.table import Figure, markdown, write_json
from falcon_svc.config import DiscoveryConfig
from falcon_svc.discovery.counts.config import CountConfig
from falcon_svc.errors import ConfigError
from falcon_svc.joint import JointConfig
from falcon_svc.metrics import neighbor_purity_score
from falcon_svc.pipeline.discover import discover
from falcon_svc.pipeline.outcome import Run
from falcon_svc.pipeline.record import versions
from falcon_svc.progress import Progress
from falcon_svc.types import Features, IntArray

ENCODER_STAGES = ("encoder", "features", "pixels", "joint", "features, encoder trained")
HEADER = (
    *("set", "features", "purity@20"),
    *(f"{method} {title}" for method in ("k-means", "ours") for title in TITLES.values()),
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
    kmeans_acc, kmeans_ari, kmeans_macro_acc
        k-means inside each coarse class with the true counts.
    acc, ari, macro_acc
        Our discovery, total given.
    encoder_min, rest_min
        Minutes of training the encoder and encoding, and of all else.
    """

    set: str
    features: str
    purity: Figure
    kmeans_acc: Figure
    kmeans_ari: Figure
    kmeans_macro_acc: Figure
    acc: Figure
    ari: Figure
    macro_acc: Figure
    encoder_min: Figure
    rest_min: Figure

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the Markdown table."""
        kmeans = (self.kmeans_acc, self.kmeans_ari, self.kmeans_macro_acc)
        minutes = (self.encoder_min, self.rest_min)
        return (
            *(self.set, self.features, f"{self.purity.mean:.3f}"),
            *(score.percent() for score in (*kmeans, self.acc, self.ari, self.macro_acc)),
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
    for name, source in [(name, _file(name)) for name in parse_all(paths)]:
        found = [_figures(name, source, seed, train_encoder, progress) for seed in seeds]
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


def _figures(
    name: SetName, source: FileSource, seed: int, train_encoder: bool, progress: Progress
) -> dict[str, float]:
    """Discover once, and judge the features and the answer."""
    dataset, truth = source.read()
    counted = BenchSet(name.text, dataset, truth, "")
    config = DiscoveryConfig(
        data=source.data,
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


def _file(name: SetName) -> FileSource:
    """Return where the set lies; what has no images, texts or cells of its own needs no encoder."""
    if not isinstance(name.source, FileSource) or name.made != Made():
        raise ConfigError(
            f"Expected a data set as it lies in its file, found {name.text}; the encoder benchmark "
            "takes no planted and scikit-learn sets, and no thin and null."
        )
    return name.source


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
    best = max(found, key=lambda scores: scores["acc"])
    kmeans = {f"kmeans_{name}": score for name, score in best.items()}
    return {"d": float(data.features.shape[1]), "purity": purity, **kmeans}


def _of_answer(data: BenchSet, run: Run) -> dict[str, float]:
    minutes = {stage.name: 0.0 for stage in run.discovery.stages}
    for stage in run.discovery.stages:
        minutes[stage.name] += stage.seconds / 60
    encoder = sum(minutes.get(stage, 0.0) for stage in ENCODER_STAGES)
    rest = sum(minutes.values()) - encoder
    scores = _scores(data, run.discovery.assignments.fine)
    return {**scores, "encoder_min": encoder, "rest_min": rest}


def _scores(data: BenchSet, fine: IntArray) -> dict[str, float]:
    return agreement(data.truth[data.judged], fine[data.judged])
