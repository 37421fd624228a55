"""The doors: what each public package offers, and that the first one costs nothing to open."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import falcon_svc
from tests.architecture.sources import ROOT

DOORS = {
    "falcon_svc": {
        "CollapsedError", "ConfigError", "DeviceError", "DiscoveryConfig", "DivergedError",
        "FalconError", "FineClassDiscovery", "InputError", "MissingExtraError", "Result",
        "StorageError", "discover", "load_dataset", "predict", "read_result",
    },
    "falcon_svc.data": {
        "DataConfig", "Inspection", "RowProblem", "SourceSummary", "inspect_dataset",
        "load_dataset", "load_new_samples", "load_truth",
    },
    "falcon_svc.encoder": {
        "Encoder", "EncoderConfig", "EncoderRun", "encode", "extract_features", "notes_of",
        "open_encoder", "open_saved",
    },
}  # fmt: skip


@pytest.mark.parametrize("package", DOORS)
def test_a_door_offers_what_it_is_to_offer(package):
    door = import_module(package)
    assert set(door.__all__) == DOORS[package]
    assert all(getattr(door, name) is not None for name in door.__all__)


def test_the_first_door_lists_its_names_and_no_others():
    assert set(falcon_svc.__all__) <= set(dir(falcon_svc))
    with pytest.raises(AttributeError, match="no attribute 'discovr'"):
        _ = falcon_svc.discovr


def test_importing_the_package_loads_nothing():
    code = "import falcon_svc, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"torch", "numpy", "sklearn", "scipy", "pyarrow", "pydantic", "faiss"}
