"""Affine views equal torchvision's crops, mirrors and affine maps."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as reference

from falcon_svc.encoder.views.config import DrawingStrengths, ViewStrengths
from falcon_svc.encoder.views.geometry import Affine, draw_affine, sample

SIDE = 16
BILINEAR = InterpolationMode.BILINEAR
IDENTITY = {
    "x": 0.0, "y": 0.0, "half_width": 1.0, "half_height": 1.0, "mirror": 1.0, "turn": 0.0,
    "shear": 0.0, "zoom": 1.0, "right": 0.0, "down": 0.0,
}  # fmt: skip


def picture(channels: int = 3, margin: int = 0) -> Tensor:
    drawn = torch.rand(1, channels, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    inside = torch.zeros(SIDE, SIDE)
    inside[margin : SIDE - margin, margin : SIDE - margin] = 1
    return drawn * inside


def view(image: Tensor, **changes: float) -> Tensor:
    parameters = {name: torch.tensor([v]) for name, v in {**IDENTITY, **changes}.items()}
    return sample(image, Affine(**parameters).matrices())


def test_the_identity_gives_the_image() -> None:
    torch.testing.assert_close(view(picture()), picture(), rtol=0, atol=1e-6)


def test_a_mirror_equals_torchvision() -> None:
    want = reference.horizontal_flip(picture())
    torch.testing.assert_close(view(picture(), mirror=-1.0), want, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("left", "top", "width", "height"), [(4, 2, 8, 12), (0, 3, 5, 7)])
def test_a_crop_equals_torchvision_inside(left: int, top: int, width: int, height: int) -> None:
    half = SIDE / 2
    box = {
        "x": (left + width / 2) / half - 1,
        "y": (top + height / 2) / half - 1,
        "half_width": width / SIDE,
        "half_height": height / SIDE,
    }
    image = picture()
    want = reference.resized_crop(
        image, top, left, height, width, [SIDE, SIDE], BILINEAR, antialias=False
    )
    # At the edge of the box torchvision repeats its last pixels, we look at the ones outside.
    edge = math.ceil(SIDE / min(width, height) / 2)
    inside = (..., slice(edge, -edge), slice(edge, -edge))
    torch.testing.assert_close(view(image, **box)[inside], want[inside], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("angle", "shear", "zoom", "right", "down"),
    [(0, 0, 1, 2, -1), (30, 0, 1, 0, 0), (0, 20, 1, 0, 0), (0, 0, 1.3, 0, 0), (-25, 10, 0.8, 1, 2)],
)
def test_affine_maps_equal_torchvision(
    angle: float, shear: float, zoom: float, right: int, down: int
) -> None:
    image = picture(margin=4)  # zeros outside, which both continue
    want = reference.affine(image, angle, [right, down], zoom, [shear, 0], BILINEAR, [0.0])
    found = view(
        image,
        turn=math.radians(angle),
        shear=math.radians(shear),
        zoom=zoom,
        right=2 * right / SIDE,
        down=2 * down / SIDE,
    )
    torch.testing.assert_close(found, want, rtol=0, atol=1e-5)


def test_a_quarter_turn_moves_the_corners() -> None:
    corner = torch.zeros(1, 1, 2, 2)
    corner[0, 0, 0, 0] = 1  # top left goes to top right, clockwise
    turned = view(corner, turn=math.pi / 2)
    want = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    torch.testing.assert_close(turned[0, 0], want, rtol=0, atol=1e-6)


@pytest.mark.parametrize("strengths", [ViewStrengths(), DrawingStrengths()])
def test_drawn_parameters_keep_to_their_ranges(strengths: ViewStrengths) -> None:
    drawn = draw_affine(5_000, strengths, torch.Generator().manual_seed(0), torch.device("cpu"))
    assert bool((drawn.x.abs() + drawn.half_width <= 1 + 1e-6).all())
    assert bool((drawn.y.abs() + drawn.half_height <= 1 + 1e-6).all())
    area = drawn.half_width * drawn.half_height
    assert float(area.max()) <= strengths.crop_scale[1] + 1e-6
    assert float(area.min()) >= 0.8 * strengths.crop_scale[0]  # narrow boxes are clipped
    assert abs(float((drawn.mirror < 0).float().mean()) - strengths.flip) < 0.03
    assert float(drawn.turn.abs().max()) <= math.radians(strengths.rotation_deg)
    assert float(drawn.shear.abs().max()) <= math.radians(strengths.shear_deg)
    assert strengths.zoom[0] <= float(drawn.zoom.min()) <= float(drawn.zoom.max())
    assert float(drawn.right.abs().max()) <= 2 * strengths.translation
