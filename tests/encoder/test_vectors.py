"""Views of vectors and single cells, their network, and training on them end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from falcon_svc.data import load_dataset
from falcon_svc.encoder import EncoderConfig, EncoderRun, extract_features, open_encoder
from falcon_svc.encoder.backbones.network_encoder import NetworkEncoder
from falcon_svc.encoder.backbones.vector_config import VectorConfig
from falcon_svc.encoder.backbones.vector_network import VectorNetwork
from falcon_svc.encoder.moco.config import MocoConfig
from falcon_svc.encoder.views.vector_views import (
    VectorViews,
    are_logged_counts,
    mixed,
    recovered,
    thinned,
)
from falcon_svc.errors import ConfigError, InputError
from tests.data.builders import image_files, write_npz, write_zip

NONE = dict.fromkeys(("mixing", "noise", "dropout", "gene_dropout", "thinning"), 0.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def plain(n: int = 400, d: int = 6) -> np.ndarray:
    random = np.random.default_rng(0)
    return (random.normal(size=(n, d)) * np.arange(1, d + 1) + 5).astype(np.float32)


def cells(n: int = 300, genes: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Counts, and their log-normalised values of 10,000 per cell; cells have unequal depths."""
    random = np.random.default_rng(0)
    depth = random.uniform(0.5, 4, (n, 1))
    counts = random.poisson(depth * random.gamma(0.5, 2, genes))
    counts[np.arange(n), random.integers(0, genes, n)] = 1
    totals = counts.sum(axis=1, keepdims=True)
    return counts, np.log1p(counts / totals * 1e4).astype(np.float32)


def view(x: np.ndarray, seed: int = 0, **strengths: float) -> torch.Tensor:
    views = VectorViews(x, VectorConfig(**{**NONE, **strengths}))
    return views.strong(torch.from_numpy(x), generator(seed))


def test_without_strength_a_view_is_the_vector() -> None:
    for x in (plain(), cells()[1]):
        torch.testing.assert_close(view(x), torch.from_numpy(x))


def test_noise_has_the_asked_share_of_each_deviation() -> None:
    x = plain(20_000)
    noise = view(x, noise=0.3).numpy() - x
    assert np.allclose(noise.std(axis=0), 0.3 * x.std(axis=0), rtol=0.03)
    assert np.abs(noise.mean(axis=0) / x.std(axis=0)).max() < 0.02
    assert np.abs(np.corrcoef(noise.T) - np.eye(6)).max() < 0.04


def test_dropout_blanks_its_share_with_the_mean_or_with_no_molecules() -> None:
    x = plain(5_000)
    seen = view(x, dropout=0.3).numpy()
    blank = seen != x
    assert np.isclose(blank.mean(), 0.3, atol=0.01)
    assert np.allclose(seen[blank], np.broadcast_to(x.mean(axis=0), x.shape)[blank])
    logged = cells()[1]
    dropped = view(logged, gene_dropout=0.5).numpy()
    blank = (logged > 0) & (dropped == 0)
    assert np.isclose(blank.sum() / (logged > 0).sum(), 0.5, atol=0.02)
    assert np.allclose(dropped[~blank], logged[~blank], rtol=1e-4)


def test_mixing_moves_towards_one_other_row_by_at_most_its_share() -> None:
    x = torch.eye(50)
    seen = mixed(x, 0.4, generator())
    assert torch.allclose(seen.sum(dim=1), torch.ones(50))
    assert (seen.diagonal() >= 0.6).all()
    assert ((seen > 0).sum(dim=1) <= 2).all()


def test_counts_are_recovered_from_their_logarithms() -> None:
    counts, logged = cells()
    found, unit = recovered(torch.from_numpy(logged))
    assert np.allclose(found.numpy(), counts, rtol=1e-3)
    assert np.allclose(unit[:, 0].numpy(), 1e4 / counts.sum(axis=1), rtol=1e-3)


def test_only_log_normalised_counts_are_taken_for_them() -> None:
    random = np.random.default_rng(0)
    assert are_logged_counts(cells()[1])
    for other in (
        plain(),
        np.maximum(random.normal(size=(200, 30)), 0),  # features after a ReLU
        random.gamma(1, 1, (200, 30)),
        np.zeros((20, 3)),
        cells()[0] * 10.0,
    ):
        assert not are_logged_counts(other.astype(np.float32))


def test_thinning_is_sequencing_less_deeply() -> None:
    """Whole counts, no more than before, normalised so that the mean stays."""
    counts, logged = cells()
    before, molecules = torch.from_numpy(logged), torch.from_numpy(counts).float()
    units = 1e4 / molecules.sum(dim=1, keepdim=True)
    draws = [thinned(before, 0.5, generator(seed)) for seed in range(60)]
    linear = torch.stack(draws).expm1()  # unit / p * what is left of the count, p from 0.5 to 1
    assert torch.allclose(linear.mean(dim=0).mean(), before.expm1().mean(), rtol=0.02)
    left = linear / units
    assert (left <= 2 * molecules + 1e-2).all()
    assert (left[left > 0] > 1 - 1e-2).all()
    again, _ = recovered(draws[0])
    assert ((again - again.round()).abs() < 0.02).float().mean() > 0.9


def test_views_follow_from_the_generator() -> None:
    for x in (plain(), cells()[1]):
        views = VectorViews(x, VectorConfig())
        first, second = views.two(torch.from_numpy(x), generator(3))
        again, _ = views.two(torch.from_numpy(x), generator(3))
        assert torch.equal(first, again)
        assert not torch.equal(first, second)
        assert first.dtype == torch.float32


def test_weak_views_are_nearer_than_strong_ones() -> None:
    for x in (plain(), cells()[1]):
        views, batch = VectorViews(x, VectorConfig()), torch.from_numpy(x)
        weak = (views.weak(batch, generator()) - batch).square().mean()
        strong = (views.strong(batch, generator()) - batch).square().mean()
        assert 0 < weak < 0.6 * strong
        assert torch.equal(views.clean(batch), batch)


def test_one_deviation_keeps_distances_and_each_makes_them_equal() -> None:
    x = plain(2_000)
    x[:, 0] = 3  # constant
    network = VectorNetwork(6, 8)
    network.standardise_like(x, each=False)
    scaled = (torch.from_numpy(x) - network.mean) / network.scale
    ratio = torch.cdist(scaled[:20], scaled[:20]) / torch.cdist(*[torch.from_numpy(x[:20])] * 2)
    assert ratio.nan_to_num(ratio[0, 1]).std() < 1e-4
    assert torch.allclose(scaled.square().sum(), torch.tensor(scaled.numel() * 1.0), rtol=1e-3)
    network.standardise_like(x, each=True)
    scaled = (torch.from_numpy(x) - network.mean) / network.scale
    assert torch.allclose(scaled.std(dim=0, correction=0)[1:], torch.ones(5), rtol=1e-3)
    assert torch.equal(scaled[:, 0], torch.zeros(2_000))


SMALL = {"epochs": 2, "batch_size": 32, "projector_width": 8, "predictor_width": 8}


def run(**moco: object) -> EncoderRun:
    config = MocoConfig(**{"embedding_dim": 4, "vectors": {"width": 8}, **SMALL, **moco})
    return EncoderRun(EncoderConfig(name="moco", moco=config))


def test_a_network_is_trained_on_vectors_and_saved(tmp_path: Path) -> None:
    x = cells(64, 12)[1]
    data = load_dataset(write_npz(tmp_path, x=x, coarse=np.arange(64) % 2, fine=None))
    encoder = open_encoder(data, run())
    assert isinstance(encoder, NetworkEncoder)
    assert encoder.architecture == "mlp:8"
    assert encoder.dim == 8
    for name, content in encoder.files().items():
        (tmp_path / name).write_bytes(content)
    again = NetworkEncoder.load(tmp_path)
    found = np.zeros((64, 8), np.float32)
    again.encode(data, found, run().progress)
    assert again.spec == encoder.spec
    assert np.array_equal(found, extract_features(data, run()).vectors)


def test_an_encoder_refuses_samples_of_another_kind(tmp_path: Path) -> None:
    data = load_dataset(write_npz(tmp_path, x=plain(40, 5), coarse=np.arange(40) % 2, fine=None))
    other = load_dataset(write_npz(tmp_path, x=plain(40, 6), coarse=np.arange(40) % 2, fine=None))
    pictures = load_dataset(write_zip(tmp_path, image_files(4)))
    on_vectors, on_images = open_encoder(data, run()), open_encoder(pictures, run())
    for encoder, wrong, words in (
        (on_vectors, other, "vectors of 5 numbers"),
        (on_vectors, pictures, "found images"),
        (on_images, data, "Expected images"),
    ):
        out = np.zeros((len(wrong), encoder.dim), np.float32)
        with pytest.raises(InputError, match=words) as caught:
            encoder.encode(wrong, out, run().progress)
        assert caught.value.code == "bad_shape"


def test_training_goes_on_from_an_earlier_encoder_of_the_same_width(tmp_path: Path) -> None:
    data = load_dataset(write_npz(tmp_path, x=plain(40, 5), coarse=np.arange(40) % 2, fine=None))
    for name, content in open_encoder(data, run()).files().items():
        (tmp_path / name).write_bytes(content)
    name = f"moco:continue={tmp_path}"
    config = run().config.model_copy(update={"name": name})
    assert open_encoder(data, EncoderRun(config)).dim == 8
    wide = run(vectors={"width": 16}).config.model_copy(update={"name": name})
    with pytest.raises(ConfigError, match="network mlp:16 to continue, found mlp:8"):
        open_encoder(data, EncoderRun(wide))
