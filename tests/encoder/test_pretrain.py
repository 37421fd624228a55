"""The loop: it learns, goes on after a kill as if nothing had happened, and stops when it must."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from falcon_svc.encoder.moco import pretrain as loop
from falcon_svc.encoder.moco.config import MocoConfig
from falcon_svc.encoder.moco.pretrain import pretrain
from falcon_svc.encoder.moco.pretrain_state import PretrainReport
from falcon_svc.errors import CollapsedError, DivergedError, StorageError
from falcon_svc.types import UNLABELLED
from tests.encoder import tiny


class Killed(BaseException):
    """The process ends here."""


def train(
    config: MocoConfig, *, network: nn.Module | None = None, seed: int = 0, **rest: Any
) -> tuple[nn.Module, tuple[PretrainReport, ...]]:
    samples, coarse = tiny.drawings()
    network = tiny.network() if network is None else network
    return network, pretrain(samples, tiny.views(), network, coarse, config, seed=seed, **rest)


def kill_at(epoch: int) -> Any:
    def on_epoch(report: PretrainReport) -> None:
        if report.epoch == epoch:
            raise Killed

    return on_epoch


def same(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


def test_views_of_a_sample_are_told_apart_from_others() -> None:
    samples, coarse = tiny.drawings(48, n_coarse=48)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU())
    net.dim = 32
    config = tiny.config(epochs=20, learning_rate=0.05)
    history = pretrain(samples, NoisyViews(), net, coarse, config, seed=0)
    assert history[-1].loss < 0.5 * history[-1].chance_loss
    assert history[-1].loss < history[10].loss < history[0].loss


def test_every_epoch_is_reported() -> None:
    told: list[PretrainReport] = []
    _, history = train(tiny.config(epochs=6), on_epoch=told.append)
    assert tuple(told) == history
    assert [report.epoch for report in history] == [1, 2, 3, 4, 5, 6]
    measured = [report.epoch for report in history if report.coarse_purity is not None]
    assert measured == [5, 6]
    for report in history:
        assert report.samples_per_s > 0
        assert 0 <= report.waiting_share <= 1
        assert 0 < report.feature_std < 1


class NoisyViews:
    """Samples with a little noise."""

    def two(self, batch: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        x = self.clean(batch)
        noise = 0.05 * torch.randn(2, *x.shape, generator=generator)
        return x + noise[0], x + noise[1]

    def clean(self, batch: Tensor) -> Tensor:
        return (batch.float() - 100) / 58


VARIANTS: list[dict[str, Any]] = [
    {},
    {"queue": 20, "coarse_weight": 0.3, "optimizer": "sgd"},
    {"optimizer": "lars", "accumulate": 2},
    {"precision": "bf16"},
]


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_a_resumed_run_has_the_same_weights_bit_for_bit(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    config = tiny.config(epochs=4, **changes)
    whole, history = train(config)
    for epoch in (1, 3):
        with pytest.raises(Killed):
            train(config, work_dir=tmp_path, on_epoch=kill_at(epoch))
    resumed, again = train(config, work_dir=tmp_path)
    assert same(whole, resumed)
    assert [r.loss for r in again] == [r.loss for r in history]
    finished, _ = train(config, work_dir=tmp_path)
    assert same(whole, finished)


def test_channels_last_networks_resume_bit_for_bit(tmp_path: Path) -> None:
    """Moments of a fused optimiser lie in memory as their weights do."""
    config = tiny.config(epochs=3)

    def wide() -> nn.Module:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 6, 3), nn.Flatten())
        net.dim = 6 * 4 * 4
        return net.to(memory_format=torch.channels_last)

    whole, _ = train(config, network=wide())
    with pytest.raises(Killed):
        train(config, network=wide(), work_dir=tmp_path, on_epoch=kill_at(2))
    resumed, _ = train(config, network=wide(), work_dir=tmp_path)
    assert same(whole, resumed)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path) -> None:
    config = tiny.config()
    whole, _ = train(config, work_dir=tmp_path)
    newest = sorted((tmp_path / "checkpoints").iterdir())[-1] / "state.safetensors"
    newest.write_bytes(newest.read_bytes()[:-3])
    resumed, history = train(config, work_dir=tmp_path)
    assert same(whole, resumed)
    assert len(history) == 3


@pytest.mark.parametrize("other", [{"temperature": 0.3}, {"queue": 8}])
def test_checkpoints_of_other_settings_are_refused(tmp_path: Path, other: dict[str, Any]) -> None:
    train(tiny.config(), work_dir=tmp_path)
    with pytest.raises(StorageError, match="other data, settings or seed"):
        train(tiny.config(**other), work_dir=tmp_path)


def test_checkpoints_of_another_start_or_seed_are_refused(tmp_path: Path) -> None:
    train(tiny.config(), work_dir=tmp_path)
    with pytest.raises(StorageError):
        train(tiny.config(), network=tiny.network(seed=1), work_dir=tmp_path)
    with pytest.raises(StorageError):
        train(tiny.config(), seed=1, work_dir=tmp_path)


def test_coarse_labels_do_not_touch_plain_training() -> None:
    samples, coarse = tiny.drawings()
    nets = [tiny.network(), tiny.network()]
    for net, labels in zip(nets, (coarse, np.full_like(coarse, UNLABELLED)), strict=True):
        pretrain(samples, tiny.views(), net, labels, tiny.config(), seed=0)
    assert same(*nets)


def test_coarse_targets_draw_the_samples_of_a_class_together() -> None:
    samples, coarse = tiny.drawings(96, n_coarse=2)
    spreads = []
    for weight in (0.0, 0.8):
        net = tiny.network()
        config = tiny.config(epochs=20, learning_rate=0.02, coarse_weight=weight)
        history = pretrain(samples, tiny.views(), net, coarse, config, seed=0)
        x = tiny.views().clean(torch.from_numpy(samples))
        z = nn.functional.normalize(net.eval()(x), dim=1)
        within = torch.stack([z[coarse == k].std(dim=0).norm() for k in (0, 1)]).mean()
        spreads.append(float((within / z.std(dim=0).norm()).detach()))
        assert history[-1].coarse_purity is not None
    assert spreads[1] < spreads[0]


def test_one_batch_is_enough_and_fewer_samples_than_a_batch_work() -> None:
    samples, coarse = tiny.drawings(5, n_coarse=2)
    config = tiny.config(batch_size=64, queue=64)
    assert len(pretrain(samples, tiny.views(), tiny.network(), coarse, config, seed=0)) == 3


class Constant(nn.Module):
    """Sees nothing of its input."""

    dim = 6

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.ones(6))

    def forward(self, x: Tensor) -> Tensor:
        return self.value.expand(len(x), -1) + 0 * x.flatten(1).sum(dim=1, keepdim=True)


def test_a_collapsed_network_stops_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SETTLING_STEPS", 1)
    with pytest.raises(CollapsedError, match="nearly the same"):
        train(tiny.config(epochs=20), network=Constant())


def test_equal_images_stop_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SETTLING_STEPS", 1)
    samples = np.zeros((48, 1, tiny.SIDE, tiny.SIDE), np.uint8)
    with pytest.raises(CollapsedError, match="check that the samples differ"):
        pretrain(
            samples,
            tiny.views(),
            tiny.network(),
            np.arange(48) % 2,
            tiny.config(epochs=20),
            seed=0,
        )


def test_few_steps_are_no_collapse() -> None:
    _, history = train(tiny.config(epochs=10, batch_size=64, learning_rate=1e-9))
    assert history[-1].loss > 0.98 * history[-1].chance_loss


def test_numbers_that_are_not_finite_stop_with_a_sentence() -> None:
    net = tiny.network()
    with torch.no_grad():
        net[0].weight[0] = torch.nan
    with pytest.raises(DivergedError, match="learning_rate"):
        train(tiny.config(), network=net)


def test_accumulated_batches_make_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    move = loop._step
    monkeypatch.setattr(loop, "_step", lambda *a: steps.append(1) or move(*a))
    train(tiny.config(epochs=1, batch_size=8, accumulate=4))  # 6 batches
    assert len(steps) == 2


def test_an_accumulated_step_is_the_mean_of_its_batches() -> None:
    """A step of plain SGD over two equal batches is that over one of them."""
    samples, coarse = tiny.drawings(16)
    weights = []
    for accumulate in (1, 2):
        net, config = (
            tiny.network().eval(),
            tiny.config(
                epochs=1,
                batch_size=16,
                accumulate=accumulate,
                optimizer="sgd",
                learning_rate=0.1 / accumulate,  # it is scaled by the samples of a step
                warmup_epochs=0,
            ),
        )
        rows, labels = np.tile(samples, (accumulate, 1, 1, 1)), np.tile(coarse, accumulate)
        pretrain(rows, SameViews(), net, labels, config, seed=0)
        weights.append(net[0].weight.detach())
    torch.testing.assert_close(*weights)


class SameViews:
    """Both views are those of the first 16 samples, whatever the batch."""

    def two(self, batch: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        x = self.clean(torch.from_numpy(tiny.drawings(16)[0]))
        return x, x.flip(-1)

    def clean(self, batch: Tensor) -> Tensor:
        return batch.float() / 255


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_gpu_learns_what_a_cpu_does_and_resumes(tmp_path: Path, precision: str) -> None:
    config = tiny.config(epochs=4, precision=precision, queue=20, coarse_weight=0.3)
    _, here = train(config)
    with pytest.raises(Killed):
        train(config, device="cuda", work_dir=tmp_path, on_epoch=kill_at(2))
    network, there = train(config, device="cuda", work_dir=tmp_path)
    assert next(network.parameters()).is_cuda
    assert [report.epoch for report in there] == [1, 2, 3, 4]
    # Weights are the same at first, views differ in rounding only.
    assert there[0].loss == pytest.approx(here[0].loss, rel=0.05)
