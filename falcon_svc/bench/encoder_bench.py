"""Encoder benchmark: pre-training's images per second beside lightly's, or what encoders find.

`falcon bench encoder SET ...` measures quality: see `falcon_svc.bench.encoder_quality`. Without a
set it measures speed: `falcon bench encoder [--images N] [--side PX] [--channels C] [--batch B]
[--epochs E] [--network NAME] [--json FILE] [--quiet]`. Both loops train the same network on the
same images in batches of the same size with the same number of threads, one after the other in
one process; lightly's gets the number of loader processes that suits it best. Ours makes each
view a query once (MoCo v3), twice the work of lightly's example; its loop is run both ways.
"""

from __future__ import annotations

import gc
import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from falcon_svc.bench import encoder_quality
from falcon_svc.bench.command import parser, progress_of
from falcon_svc.bench.lightly_loop import LightlyLoop
from falcon_svc.bench.table import markdown, write_json
from falcon_svc.encoder.backbones.networks import make_network
from falcon_svc.encoder.moco.config import MocoConfig
from falcon_svc.encoder.moco.pretrain import pretrain
from falcon_svc.encoder.moco.pretrain_state import PretrainReport
from falcon_svc.encoder.pixel_store import PixelStore
from falcon_svc.encoder.views.config import ViewConfig
from falcon_svc.encoder.views.image_views import ImageViews
from falcon_svc.pipeline.record import versions
from falcon_svc.progress import Progress, Silent

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class Workload:
    """What both loops are given.

    Parameters
    ----------
    images
        N random images.
    side, channels
        S and C.
    batch_size, epochs
        B, and the epochs that are timed after a first one.
    network
        Its name.
    """

    images: int = 4_096
    side: int = 28
    channels: int = 1
    batch_size: int = 256
    epochs: int = 3
    network: Literal["conv", "resnet18"] = "conv"

    def store(self) -> PixelStore:
        """Return the images; speed does not depend on what they show."""
        shape = (self.images, self.channels, self.side, self.side)
        return PixelStore.of(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


@dataclass(frozen=True)
class Line:
    """A loop's speed; `waiting_share` is known of ours only, `workers` of lightly's.

    `cpu_ms_per_image` is the processor time of all threads and processes, the first epoch
    included: unlike the speed, it hardly depends on what else the machine does.
    """

    loop: str
    precision: Precision
    queries_per_image: int
    images_per_s: float
    cpu_ms_per_image: float
    waiting_share: float | None = None
    workers: int | None = None


def run(
    json_path: Path | None = None,
    progress: Progress | None = None,
    *,
    workload: Workload | None = None,
) -> str:
    """Run the benchmark.

    Parameters
    ----------
    json_path
        Where the figures are also written.
    progress
        Told of every loop.
    workload
        Sizes; None = those of the command.

    Returns
    -------
    str
        Markdown table.

    Raises
    ------
    MissingExtraError
        lightly is not installed.
    """
    progress, workload = progress or Silent(), workload or Workload()
    loops: dict[str, Callable[[], Line]] = {
        "lightly, both views": lambda: lightly_line(workload, both_views=True),
        "lightly, as its example": lambda: lightly_line(workload, both_views=False),
        "lightly, both views, bf16": lambda: lightly_line(workload, both_views=True, bf16=True),
        "ours, fp32": lambda: our_line(workload, "fp32"),
        "ours, bf16": lambda: our_line(workload, "bf16"),
    }
    lines = []
    for name, loop in loops.items():
        progress.stage(name, 1)
        lines.append(loop())
    write_json(json_path, _document(workload, lines))
    return _table(lines)


def our_line(workload: Workload, precision: Precision) -> Line:
    """Train as `falcon discover --encoder moco` does."""
    store, reports = workload.store(), list[PretrainReport]()
    config = MocoConfig(
        network=workload.network,
        batch_size=workload.batch_size,
        epochs=1 + workload.epochs,
        optimizer="sgd",
        precision=precision,
        views=ViewConfig(kind="photo"),  # lightly's views are those of photographs
    )
    network = make_network(workload.network, channels=workload.channels, side=workload.side)
    with _processor_time() as spent:
        pretrain(
            store.pixels,
            ImageViews(store.preprocessing, config.views.photo),
            network,
            np.zeros(workload.images, np.int64),
            config,
            seed=0,
            on_epoch=reports.append,
        )
    speed, waiting = (
        statistics.median(getattr(report, name) for report in reports[1:])
        for name in ("samples_per_s", "waiting_share")
    )
    cost = 1_000 * spent[0] / (workload.images * config.epochs)
    return Line("ours", precision, 2, speed, cost, waiting_share=waiting)


def lightly_line(workload: Workload, *, both_views: bool, bf16: bool = False) -> Line:
    """Train as lightly's example does, with the number of loader processes that is fastest."""
    cpus = os.cpu_count() or 1
    precision: Precision = "bf16" if bf16 else "fp32"
    lines = []
    for workers in sorted({0, (cpus + 1) // 2, cpus}):
        with _processor_time() as spent:
            speeds = _lightly_speeds(workload, workers=workers, both_views=both_views, bf16=bf16)
        cost = 1_000 * spent[0] / (workload.images * len(speeds))
        speed = statistics.median(speeds[1:])
        lines.append(Line("lightly", precision, 1 + both_views, speed, cost, workers=workers))
    return max(lines, key=lambda line: line.images_per_s)


def _lightly_speeds(
    workload: Workload, *, workers: int, both_views: bool, bf16: bool
) -> list[float]:
    """Train all epochs; the loader's processes end with it."""
    loop = LightlyLoop(
        workload.store().pixels,
        make_network(workload.network, channels=workload.channels, side=workload.side),
        batch_size=workload.batch_size,
        workers=workers,
        both_views=both_views,
        bf16=bf16,
    )
    return [loop.train_epoch() for _ in range(1 + workload.epochs)]


@contextmanager
def _processor_time() -> Iterator[list[float]]:
    """Give a list that holds, at the end, the seconds spent here and by processes that ended."""
    spent, before = list[float](), sum(os.times()[:4])
    yield spent
    gc.collect()  # a loader ends its processes when it goes
    spent.append(sum(os.times()[:4]) - before)


def _document(workload: Workload, lines: Sequence[Line]) -> dict[str, Any]:
    return {
        "schema_version": "1.0",
        "benchmark": "encoder",
        "cpus": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "workload": asdict(workload),
        "versions": versions(),
        "lines": [asdict(line) for line in lines],
    }


def _table(lines: Sequence[Line]) -> str:
    """Return the lines beside the first, lightly's loop with the same queries as ours."""
    header = (
        *("loop", "precision", "queries per image", "images/s", "times"),
        *("CPU ms per image", "times", "waiting", "workers"),
    )
    first = lines[0]
    rows = [
        (
            line.loop,
            line.precision,
            str(line.queries_per_image),
            f"{line.images_per_s:,.0f}",
            f"{line.images_per_s / first.images_per_s:.3g}",
            f"{line.cpu_ms_per_image:.2f}",
            f"{first.cpu_ms_per_image / line.cpu_ms_per_image:.3g}",
            "" if line.waiting_share is None else f"{100 * line.waiting_share:.1f} %",
            "" if line.workers is None else str(line.workers),
        )
        for line in lines
    ]
    return markdown(header, rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; see this module's docstring for the arguments."""
    made, sizes = parser("encoder", "Pre-training's images per second."), Workload()
    made.add_argument(
        "sets", nargs="*", metavar="SET", help="sets to measure the quality on: FILE@encoder=NAME"
    )
    made.add_argument("--seeds", default="0", help="seeds of the runs for quality, one run each")
    made.add_argument(
        "--train-encoder",
        action="store_true",
        help="train encoder and head jointly, too, for quality",
    )
    made.add_argument("--images", type=int, default=sizes.images, metavar="N")
    made.add_argument("--side", type=int, default=sizes.side, metavar="PX")
    made.add_argument("--channels", type=int, choices=(1, 3), default=sizes.channels)
    made.add_argument("--batch", type=int, default=sizes.batch_size, metavar="B")
    made.add_argument("--epochs", type=int, default=sizes.epochs, metavar="E")
    made.add_argument("--network", choices=("conv", "resnet18"), default=sizes.network)
    given = made.parse_args(argv)
    workload = Workload(
        given.images, given.side, given.channels, given.batch, given.epochs, given.network
    )
    if given.sets:
        print(
            encoder_quality.run(
                given.sets,
                seeds=[int(seed) for seed in given.seeds.split(",")],
                train_encoder=given.train_encoder,
                json_path=given.json,
                progress=progress_of(given),
            )
        )
        return 0
    print(run(given.json, progress_of(given), workload=workload))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
