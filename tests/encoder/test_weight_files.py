"""Weight files: what is read, what is refused, and that nothing in them is ever run."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from falcon_svc.encoder.backbones import weight_files
from falcon_svc.encoder.backbones.weight_files import read_weights
from falcon_svc.encoder.backbones.weight_fit import fit_weights
from falcon_svc.errors import ConfigError


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        OrderedDict(conv=nn.Conv2d(3, 4, 3), norm=nn.BatchNorm2d(4), fc=nn.Identity())
    )


def weights(seed: int = 1) -> dict[str, Tensor]:
    return {**network(seed).state_dict(), "fc.weight": torch.ones(2, 4), "fc.bias": torch.ones(2)}


def fitted(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    module = network()
    fit_weights(module, tensors, heads=("fc",), where="net in file")
    return module.state_dict()


def assert_equal(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_safetensors_and_torch_files_hold_the_same(tmp_path: Path) -> None:
    safetensors.torch.save_file(weights(), tmp_path / "a.bin")
    torch.save(weights(), tmp_path / "b.bin")
    torch.save(weights(), tmp_path / "c.bin", _use_new_zipfile_serialization=False)
    for name in ("a.bin", "b.bin", "c.bin"):
        assert_equal(read_weights(tmp_path / name), weights())


@pytest.mark.parametrize(
    "wrap",
    [
        lambda w: {"state_dict": w, "epoch": 7, "optimizer": {"state": {}}},
        lambda w: {"model": w, "args": {"lr": 0.1}},
        lambda w: {"student": {}, "teacher": {"state_dict": w}},
        lambda w: {**w, "epoch": 7},
    ],
)
def test_checkpoints_of_training_programs_are_opened(tmp_path: Path, wrap: object) -> None:
    torch.save(wrap(weights()), tmp_path / "w.pt")  # type: ignore[operator]
    assert_equal(read_weights(tmp_path / "w.pt"), weights())


@pytest.mark.parametrize(
    ("prefix", "others"),
    [
        ("", ()),
        ("module.", ()),
        ("backbone.", ("momentum_backbone.", "projector.", "classifier.")),  # solo-learn
        ("module.base_encoder.", ("module.momentum_encoder.", "module.predictor.")),  # MoCo v3
        ("module.encoder_q.", ("module.encoder_k.",)),  # MoCo v2
        ("_orig_mod.model.", ()),
    ],
)
def test_the_backbone_is_found_under_its_prefix(prefix: str, others: tuple[str, ...]) -> None:
    file = {prefix + name: value for name, value in weights().items()}
    for other in others:
        file |= {other + name: value * 0 for name, value in weights(2).items()}
    assert_equal(fitted(file), network(1).state_dict())


def test_a_projector_in_the_classifiers_place_is_dropped() -> None:
    file = {**network(1).state_dict(), "fc.0.weight": torch.ones(1), "fc.2.bias": torch.ones(1)}
    assert_equal(fitted(file), network(1).state_dict())
    with pytest.raises(ConfigError, match=r"1 unexpected \(fcn.weight\)"):
        fitted({**file, "fcn.weight": torch.ones(1)})


def test_half_precision_weights_are_widened() -> None:
    file = {n: t.half() if t.is_floating_point() else t for n, t in network(1).state_dict().items()}
    found = fitted(file)
    assert found["conv.weight"].dtype == torch.float32
    assert torch.equal(found["conv.weight"], file["conv.weight"].float())


def test_files_without_batch_counters_are_whole() -> None:
    file = {n: t for n, t in weights().items() if not n.endswith("num_batches_tracked")}
    assert_equal(fitted(file), network(1).state_dict())


def test_every_misfit_is_named_in_one_sentence() -> None:
    file = {n: t for n, t in weights().items() if n != "norm.bias"}
    file |= {"stem.weight": torch.ones(3), "conv.weight": torch.ones(4, 3, 7, 7)}
    with pytest.raises(ConfigError) as caught:
        fitted(file)
    assert caught.value.code == "bad_encoder"
    assert str(caught.value) == (
        "Expected the weights of net in file, found 1 missing (norm.bias), 1 unexpected "
        "(stem.weight), 1 of another shape (conv.weight (4, 3, 7, 7) instead of (4, 3, 3, 3)); "
        "give a file of this architecture, or name the architecture of the file."
    )


def test_long_lists_are_cut() -> None:
    many = {f"x{i}": torch.ones(1) for i in range(5)}
    with pytest.raises(ConfigError, match=r"5 unexpected \(x0, x1, x2, \.\.\.\)"):
        fitted(network(1).state_dict() | many)


class Evil:
    """Unpickled, it makes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


def test_pickled_objects_are_refused_and_never_run(tmp_path: Path) -> None:
    torch.save({"state_dict": weights(), "hook": Evil(tmp_path / "evil")}, tmp_path / "w.pt")
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(Evil(tmp_path / "evil")))
    for name in ("w.pt", "plain.pkl"):
        with pytest.raises(ConfigError, match=r"posix\.mkdir|neither") as caught:
            read_weights(tmp_path / name)
        assert "weights_only" not in str(caught.value)
        assert "safetensors" in str(caught.value)
    assert not (tmp_path / "evil").exists()


def test_unusable_files_are_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = tmp_path / "good.safetensors"
    safetensors.torch.save_file(weights(), good)
    (tmp_path / "cut.safetensors").write_bytes(good.read_bytes()[:-9])
    torch.save(weights(), tmp_path / "good.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "good.pt").read_bytes()[:-200])
    (tmp_path / "text.pt").write_text("not weights")
    (tmp_path / "empty.pt").write_bytes(b"")
    torch.save({"epoch": 3}, tmp_path / "none.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    names = ("cut.safetensors", "cut.pt", "text.pt", "empty.pt", "none.pt", "list.pt", "absent", "")
    for name in names:
        with pytest.raises(ConfigError) as caught:
            read_weights(tmp_path / name)
        assert caught.value.code == "bad_encoder"
        assert "\n" not in str(caught.value)
    monkeypatch.setattr(weight_files, "MAX_BYTES", 10)
    with pytest.raises(ConfigError, match="more than 10"):
        read_weights(good)
