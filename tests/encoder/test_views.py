"""Random views: reproducible, finite, asymmetric, and the clean image where nothing is random."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from falcon_svc.encoder.preprocessing import Preprocessing
from falcon_svc.encoder.views.config import DrawingStrengths, ViewConfig, ViewStrengths
from falcon_svc.encoder.views.image_views import ImageViews

STILL = ViewStrengths(crop_scale=(1, 1), crop_ratio=(1, 1), flip=0, jitter=0, grey=0, solarize=0)


def views(channels: int, side: int, config: ViewConfig | None = None) -> ImageViews:
    mean, std = (0.4, 0.5, 0.6)[:channels], (0.2, 0.3, 0.25)[:channels]
    seen = Preprocessing(side=side, resized=side, channels=channels, mean=mean, std=std)
    return ImageViews(seen, (config or ViewConfig()).strengths(channels))


def pixels(channels: int, side: int, count: int = 6) -> Tensor:
    shape, generator = (count, channels, side, side), torch.Generator().manual_seed(1)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("channels", [1, 3])
def test_views_without_strength_are_the_clean_images(channels: int) -> None:
    made = views(channels, 12, ViewConfig(kind="photo", photo=STILL))
    batch = pixels(channels, 12)
    clean = made.clean(batch)
    for view in (*made.two(batch, seeded()), made.strong(batch, seeded())):
        torch.testing.assert_close(view, clean, rtol=0, atol=1e-5)
    torch.testing.assert_close(made.weak(batch, seeded()), clean, rtol=0, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_equal_generators_give_equal_views_and_the_two_differ(channels: int) -> None:
    made, batch = views(channels, 12), pixels(channels, 12)
    first, second = made.two(batch, seeded())
    again, other = made.two(batch, seeded()), made.two(batch, seeded(1))
    assert torch.equal(first, again[0])
    assert torch.equal(second, again[1])
    assert not torch.equal(first, second)
    assert not torch.equal(first, other[0])


@pytest.mark.parametrize("kind", ["photo", "drawing"])
@pytest.mark.parametrize(("channels", "side"), [(1, 1), (3, 1), (3, 2), (1, 28), (3, 96)])
def test_views_are_finite_and_stay_in_the_range_of_pixels(
    kind: str, channels: int, side: int
) -> None:
    made, batch = views(channels, side, ViewConfig(kind=kind)), pixels(channels, side)
    batch[0], batch[1] = 0, 255
    limits = made.clean(torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)
                        .expand(2, channels, 1, 1))  # fmt: skip
    low, high = limits[:1] - 1e-4, limits[1:] + 1e-4
    for seed in range(5):
        for view in (*made.two(batch, seeded(seed)), made.weak(batch, seeded(seed))):
            assert view.shape == batch.shape
            assert view.dtype == torch.float32
            assert bool(((view >= low) & (view <= high)).all())


def test_the_batch_is_left_as_it_was() -> None:
    batch = pixels(3, 12)
    before = batch.clone()
    views(3, 12).two(batch, seeded())
    assert torch.equal(batch, before)


def test_only_the_second_view_is_solarized() -> None:
    dark = STILL.model_copy(update={"solarize": 1.0})
    made = views(3, 8, ViewConfig(kind="photo", photo=dark))
    batch = torch.full((4, 3, 8, 8), 255, dtype=torch.uint8)
    first, second = made.two(batch, seeded())
    torch.testing.assert_close(first, made.clean(batch), rtol=0, atol=1e-5)
    torch.testing.assert_close(second, made.clean(torch.zeros_like(batch)), rtol=0, atol=1e-5)


def test_weak_views_keep_colours_and_most_of_the_image() -> None:
    made, batch = views(3, 32), torch.arange(32, dtype=torch.uint8).expand(50, 3, 32, 32)
    weak, strong = made.weak(batch, seeded()), made.strong(batch, seeded())
    clean = made.clean(batch)
    spread = clean.flatten(1).std(1)
    assert float((weak.flatten(1).std(1) / spread).mean()) > 0.75
    assert float((weak - clean).abs().mean()) < float((strong - clean).abs().mean())
    grey = weak * torch.tensor([0.2, 0.3, 0.25]).view(3, 1, 1)
    assert float((grey[:, 0] + 0.4 - grey[:, 2] - 0.6).abs().max()) < 1e-5


def test_kinds_follow_the_channels_unless_given() -> None:
    assert ViewConfig().strengths(1) == DrawingStrengths()
    assert ViewConfig().strengths(3) == ViewStrengths()
    assert ViewConfig(kind="photo").strengths(1) == ViewStrengths()


def test_one_strength_given_keeps_the_others_of_its_kind() -> None:
    config = ViewConfig.model_validate({"drawing": {"rotation_deg": 40}})
    assert config.drawing == DrawingStrengths(rotation_deg=40)
    assert ViewConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    "wrong",
    [{"crop_scale": (0.5, 0.2)}, {"crop_scale": (0.5, 2)}, {"flip": 1.5}, {"zoom": (2, 1)},
     {"hue": 0.6}, {"crop_ratio": (0, 1)}, {"colour": 1}],
)  # fmt: skip
def test_impossible_strengths_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ViewStrengths.model_validate(wrong)
