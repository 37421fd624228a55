"""Batched changes of colour equal torchvision's, image by image."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as reference

from falcon_svc.encoder.views import colour as view_colour
from falcon_svc.encoder.views.config import ViewStrengths

STILL = ViewStrengths(jitter=0, grey=0, solarize=0, blur=0, erase=0)


def pictures(channels: int = 3, side: int = 9, count: int = 7) -> Tensor:
    drawn = torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(0))
    drawn[0] = 0.0
    drawn[1] = 1.0
    drawn[2] = drawn[2, 0]  # grey, so without a hue
    return drawn


def amounts(low: float, high: float, count: int = 7) -> Tensor:
    return torch.linspace(low, high, count)


CHANGES = [
    ("brightness", view_colour.adjust_brightness, reference.adjust_brightness, amounts(0, 2)),
    ("contrast", view_colour.adjust_contrast, reference.adjust_contrast, amounts(0, 2)),
    ("saturation", view_colour.adjust_saturation, reference.adjust_saturation, amounts(0, 2)),
    ("hue", view_colour.adjust_hue, reference.adjust_hue, amounts(-0.5, 0.5)),
    ("blur", view_colour.blur, lambda x, s: reference.gaussian_blur(x, [3, 3], [s, s]),
     amounts(0.1, 2)),
]  # fmt: skip


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("name", "ours", "theirs", "amount"), CHANGES, ids=[c[0] for c in CHANGES])
def test_each_image_is_changed_as_torchvision_would_by_its_own_amount(
    name: str,
    ours: Callable[[Tensor, Tensor], Tensor],
    theirs: Callable[[Tensor, float], Tensor],
    amount: Tensor,
    channels: int,
) -> None:
    images = pictures(channels)
    want = torch.stack([theirs(x, float(a)) for x, a in zip(images, amount, strict=True)])
    torch.testing.assert_close(ours(images.clone(), amount), want, rtol=1e-4, atol=1e-5)


def test_grey_and_solarize_equal_torchvision() -> None:
    images = pictures()
    want = reference.rgb_to_grayscale(images, num_output_channels=1)
    torch.testing.assert_close(view_colour.grey_of(images), want, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(view_colour.solarize(images), reference.solarize(images, 0.5))


def test_blur_of_large_images_equals_torchvision() -> None:
    images = pictures(side=100, count=3)
    sigma = amounts(0.3, 2, 3)
    want = [
        reference.gaussian_blur(x, [11, 11], [float(s)] * 2)
        for x, s in zip(images, sigma, strict=True)
    ]
    torch.testing.assert_close(view_colour.blur(images, sigma), torch.stack(want))


def test_a_box_is_erased_as_torchvision_would() -> None:
    images = pictures(side=10)
    boxes = torch.tensor([[0.2, 0.1, 0.7, 0.4]] * 7)
    want = reference.erase(images, i=1, j=2, h=3, w=5, v=torch.zeros(1))
    assert torch.equal(view_colour.erase(images, boxes), want)


def test_hues_turn_round_the_circle() -> None:
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    turned = view_colour.adjust_hue(red, torch.tensor([1 / 3]))
    torch.testing.assert_close(turned.flatten(), torch.tensor([0.0, 1.0, 0.0]))
    images = pictures()
    there = view_colour.adjust_hue(images, torch.full((7,), 0.3))
    back = view_colour.adjust_hue(there, torch.full((7,), -0.3))
    torch.testing.assert_close(back, images, rtol=1e-4, atol=1e-5)


def recoloured(strengths: ViewStrengths, images: Tensor, seed: int = 0) -> Tensor:
    return view_colour.recolour(images.clone(), strengths, torch.Generator().manual_seed(seed))


def test_without_strength_nothing_changes() -> None:
    images = pictures()
    assert torch.equal(recoloured(STILL, images), images)
    none = ViewStrengths(
        jitter=1, brightness=0, contrast=0, saturation=0, hue=0, grey=0, solarize=0
    )
    assert torch.equal(recoloured(none, images), images)
    assert view_colour.erase_some(images, STILL, torch.Generator()) is images


def test_jittered_images_are_chosen_by_probability() -> None:
    images = torch.rand(2_000, 3, 4, 4)
    half = STILL.model_copy(update={"jitter": 0.5, "hue": 0.0})
    same = (recoloured(half, images) == images).flatten(1).all(1)
    assert 0.45 < float(same.float().mean()) < 0.55


@pytest.mark.parametrize(("name", "share"), [("grey", 1.0), ("solarize", 1.0), ("blur", 1.0)])
def test_certain_changes_reach_every_image(name: str, share: float) -> None:
    images = pictures(side=view_colour.BLUR_SIDE)[3:]
    changed = recoloured(STILL.model_copy(update={name: share}), images)
    assert (changed != images).flatten(1).any(1).all()


def test_small_images_are_not_blurred() -> None:
    images = pictures(side=view_colour.BLUR_SIDE - 1)
    assert torch.equal(recoloured(STILL.model_copy(update={"blur": 1.0}), images), images)


def test_erased_boxes_have_the_agreed_area() -> None:
    images = torch.ones(500, 1, 40, 40)
    always = STILL.model_copy(update={"erase": 1.0})
    gone = 1 - view_colour.erase_some(images, always, torch.Generator().manual_seed(0)).mean(
        (1, 2, 3)
    )
    low, high = view_colour.ERASED_AREA
    assert float(gone.min()) > low / 2
    assert float(gone.max()) < high * 1.2
    assert abs(float(gone.mean()) - (low + high) / 2) < 0.02
