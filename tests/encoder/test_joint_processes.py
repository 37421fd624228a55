"""Two processes do what one does with the joint batch, and are started, heard and ended."""

from __future__ import annotations

import copy
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
import torch.distributed as dist
from torch import Tensor, nn

from falcon_svc.encoder.backbones.network_encoder import NetworkEncoder
from falcon_svc.encoder.backbones.networks import make_network
from falcon_svc.encoder.moco.distributed import JointBatchNorm, shared, use_joint_statistics
from falcon_svc.encoder.moco.loss import MoCo
from falcon_svc.encoder.moco.pretrain import pretrain
from falcon_svc.encoder.moco.pretrain_state import PretrainReport
from falcon_svc.encoder.moco.processes import run_processes
from falcon_svc.encoder.preprocessing import Preprocessing
from falcon_svc.encoder.views.image_views import ImageViews
from falcon_svc.errors import StorageError
from falcon_svc.types import ByteArray
from tests.encoder import tiny

pytestmark = pytest.mark.slow
TWO = 2


def joint_model() -> tuple[MoCo, torch.optim.Optimizer]:
    torch.manual_seed(0)
    moco = MoCo(tiny.network(), tiny.config(coarse_weight=0.3), queue_length=20)
    return moco, torch.optim.SGD(moco.parameters(), lr=0.1)


def joint_batch(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = (2, 12, 1, tiny.SIDE, tiny.SIDE)
    x1, x2 = torch.randn(shape, generator=generator)
    return x1, x2, torch.arange(12) % 3


def steps(part: slice) -> dict[str, Tensor]:
    """Two steps on a part of the joint batches; return losses, gradients, weights, buffers."""
    moco, optimizer = joint_model()
    model, found = shared(moco), {}
    for number in (1, 2):
        optimizer.zero_grad()
        loss = model(*(tensor[part] for tensor in joint_batch(number)))
        loss.backward()
        found |= {
            f"{number}.grad.{n}": p.grad for n, p in moco.named_parameters() if p.requires_grad
        }
        optimizer.step()
        moco.move_keys(0.9)
        mean = loss.detach().clone()
        if dist.is_initialized():
            dist.all_reduce(mean)
            mean /= TWO
        found[f"{number}.loss"] = mean
    found |= {f"state.{name}": tensor for name, tensor in moco.state_dict().items()}
    return {name: tensor.clone().contiguous() for name, tensor in found.items()}


def one_of_two(rank: int, folder: str, work: Callable[[int], dict[str, Tensor]]) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=TWO)
    safetensors.torch.save_file(work(rank), f"{folder}/{rank}.safetensors")
    dist.destroy_process_group()


def in_two(folder: Path, work: Callable[[int], dict[str, Tensor]]) -> list[dict[str, Tensor]]:
    context = multiprocessing.get_context("spawn")
    started = [
        context.Process(target=one_of_two, args=(rank, str(folder), work)) for rank in range(TWO)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join()
    assert [process.exitcode for process in started] == [0, 0]
    return [safetensors.torch.load_file(folder / f"{rank}.safetensors") for rank in range(TWO)]


def half(rank: int) -> dict[str, Tensor]:
    return steps(slice(6 * rank, 6 * rank + 6))


def test_loss_gradients_norms_and_queue_are_those_of_the_joint_batch(tmp_path: Path) -> None:
    alone = steps(slice(None))
    for found in in_two(tmp_path, half):
        assert found.keys() == alone.keys()
        for name, tensor in found.items():
            torch.testing.assert_close(tensor, alone[name], msg=lambda m, name=name: f"{name}: {m}")


def test_a_joint_norm_alone_is_torch_s_own() -> None:
    """Here with one process of a group, which needs no other."""
    torch.manual_seed(0)
    for theirs, shape in (
        (nn.BatchNorm1d(3, affine=False), (7, 3)),
        (nn.BatchNorm2d(3), (4, 3, 5, 5)),
    ):
        ours = copy.deepcopy(theirs)
        use_joint_statistics(ours)
        assert isinstance(ours, JointBatchNorm)
        x = torch.randn(shape)
        theirs.eval()
        torch.testing.assert_close(ours.eval()(x), theirs(x))


def start_encoder() -> NetworkEncoder:
    torch.manual_seed(0)
    seen = Preprocessing(side=tiny.SIDE, resized=tiny.SIDE, channels=1, mean=(0.5,), std=(0.25,))
    network = make_network("conv", channels=1, side=tiny.SIDE)
    return NetworkEncoder(network, "conv", seen)


def run(folder: Path, samples: ByteArray) -> tuple[NetworkEncoder, list[PretrainReport]]:
    encoder, told, config = start_encoder(), [], tiny.config(processes=2)
    coarse = tiny.drawings()[1]
    run_processes(folder, encoder, samples, coarse, config, seed=0, on_epoch=told.append)
    history = pretrain(
        samples,
        ImageViews(encoder.seen, config.views.drawing),
        encoder.network,
        coarse,
        config,
        seed=0,
        work_dir=folder,
        on_epoch=lambda report: pytest.fail("all epochs were done"),
    )
    assert tuple(told) == history
    return encoder, told


def test_processes_train_and_leave_the_last_checkpoint(tmp_path: Path) -> None:
    encoder, told = run(tmp_path, tiny.drawings()[0])
    assert [report.epoch for report in told] == [1, 2, 3]
    assert encoder.spec != start_encoder().spec


def test_an_error_of_the_processes_is_raised_here(tmp_path: Path) -> None:
    samples, coarse = tiny.drawings()
    config = tiny.config()
    pretrain(samples, tiny.views(), tiny.network(), coarse, config, seed=0, work_dir=tmp_path)
    with pytest.raises(StorageError, match="other data, settings or seed"):
        run(tmp_path, samples)
