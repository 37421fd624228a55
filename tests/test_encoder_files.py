"""What a client may name as encoder: the operator's files, by their names in one folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from falcon_svc.encoder_files import available, resolve
from falcon_svc.errors import ConfigError
from falcon_svc.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for name in ("net.onnx", "birds.safetensors", "birds.json", "notes.txt"):
        (tmp_path / name).write_text("")
    return Settings(encoder_files=tmp_path)


def test_files_are_named_by_what_reads_them(settings: Settings, tmp_path: Path) -> None:
    assert available(settings) == {
        "onnx:net.onnx": f"onnx:{tmp_path}/net.onnx",
        "moco:continue=birds.safetensors": f"moco:continue={tmp_path}/birds.safetensors",
    }
    assert available(Settings()) == {}
    assert available(Settings(encoder_files=tmp_path / "none")) == {}


@pytest.mark.parametrize("name", ["onnx:net.onnx", "moco:continue=birds.safetensors"])
def test_a_name_becomes_its_path(settings: Settings, tmp_path: Path, name: str) -> None:
    given = {"encoder": {"name": name, "side": 64}, "seed": 1}
    found = resolve(given, settings)
    assert found == {"encoder": {"name": available(settings)[name], "side": 64}, "seed": 1}
    assert given["encoder"]["name"] == name


def test_a_folder_with_a_tokenizer_is_a_sentence_model(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "requests").mkdir()
    (tmp_path / "requests" / "tokenizer.json").write_text("{}")
    found = resolve({"encoder": {"name": "text:requests"}}, settings)
    assert found["encoder"]["name"] == f"text:{tmp_path}/requests"
    assert resolve({"encoder": {"name": "text"}}, settings)["encoder"]["name"] == "text"
    with pytest.raises(ConfigError, match="text:requests"):
        resolve({"encoder": {"name": "text:org/model", "allow_download": True}}, settings)


@pytest.mark.parametrize("config", [{}, {"encoder": {}}, {"encoder": {"name": "moco"}}])
def test_other_settings_stay_as_they_are(settings: Settings, config: dict[str, object]) -> None:
    assert resolve(config, settings) == config


@pytest.mark.parametrize(
    "name",
    [
        "onnx:/etc/passwd",
        "onnx:../net.onnx",
        "onnx:notes.txt",
        "moco:continue=/tmp",
        "moco:continue=net.onnx",
        "moco:continue=birds.json",
        "moco:birds.safetensors",
        "onnx:birds.safetensors",
        "timm:resnet18",
        "torchvision:resnet18@birds.safetensors",
    ],
)
def test_nothing_else_is_opened(settings: Settings, name: str) -> None:
    offered = r"moco:continue=birds\.safetensors, onnx:net\.onnx"
    with pytest.raises(ConfigError, match=offered) as caught:
        resolve({"encoder": {"name": name}}, settings)
    assert caught.value.code == "bad_encoder"


def test_processes_are_the_operator_s_to_start(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="processes") as caught:
        resolve({"encoder": {"name": "moco", "moco": {"processes": 64}}}, settings)
    assert caught.value.code == "unknown_option"
