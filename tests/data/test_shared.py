"""The real data sets beside the project read as their README says, and fast."""

from __future__ import annotations

from pathlib import Path

import pytest

from falcon_svc.data import inspect_dataset, load_dataset, load_truth
from falcon_svc.encoder import EncoderConfig, EncoderRun, extract_features

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data sets are not here"),
]

SETS = {
    "clinc150_demo.npz": (6_000, 10, 150),
    "clinc150.npz": (18_000, 10, 150),
    "omniglot_demo.npz": (3_060, 6, 153),
    "omniglot.npz": (19_280, 30, 964),
    "grocery_features.npz": (3_319, 12, 50),
    "cifar100_12k.npz": (12_000, 20, 100),
    "cifar100_12k_features.npz": (12_000, 20, 100),
    "fashion_mnist.npz": (10_000, 4, 10),
    "pbmc68k.npz": (700, 4, 10),
}


@pytest.mark.parametrize("name", SETS)
def test_sizes_are_those_of_the_readme(name: str) -> None:
    n, n_coarse, n_fine = SETS[name]
    data = load_dataset(SHARED / name)
    truth = load_truth(SHARED / name)
    assert (len(data), data.coarse.n_coarse, len(truth.names)) == (n, n_coarse, n_fine)
    assert len(truth.aligned_to(data.ids)) == n
    assert data.skipped == ()


def test_photos_have_their_truth_in_a_table() -> None:
    data = load_dataset(SHARED / "grocery.zip")
    truth = load_truth(SHARED / "grocery_truth.csv")
    assert (len(data), data.coarse.n_coarse, len(truth.names)) == (3_319, 12, 50)
    assert len(truth.aligned_to(data.ids)) == 3_319
    assert inspect_dataset(SHARED / "grocery.zip").ok


def test_the_onnx_encoder_reads_photos() -> None:
    data = load_dataset(SHARED / "grocery.zip")
    config = EncoderConfig(name=f"onnx:{SHARED}/efficientnet_lite0_features.onnx", side=32)
    assert extract_features(data, EncoderRun(config)).vectors.shape == (3_319, 1_280)


@pytest.mark.timeout(60)  # measured: 0.2 s
def test_clinc150_reads_within_seconds() -> None:
    assert len(load_dataset(SHARED / "clinc150.npz")) == 18_000
