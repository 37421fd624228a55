"""Where the pixels of a random view come from: one affine map per image, sampled once.

Crop, mirror, rotation, shear, zoom and translation are composed into a single matrix, so that an
image is interpolated once whatever is done to it. Coordinates run from -1 to 1 over the image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from falcon_svc.encoder.views.config import ViewStrengths


@dataclass(frozen=True)
class Affine:
    """The parameters of B views, each (B,); angles in radians.

    A view shows the box with centre (`x`, `y`) and half sides (`half_width`, `half_height`); what
    it shows is mirrored where `mirror` is -1, sheared along x, turned clockwise, enlarged by
    `zoom`, and moved by (`right`, `down`), in this order.
    """

    x: Tensor
    y: Tensor
    half_width: Tensor
    half_height: Tensor
    mirror: Tensor
    turn: Tensor
    shear: Tensor
    zoom: Tensor
    right: Tensor
    down: Tensor

    def matrices(self) -> Tensor:
        """Return (B, 2, 3): from a place in the view to the place in the image it shows."""
        sin, cos = self.turn.sin(), self.turn.cos()
        tan = self.shear.tan()
        # Inverse of turn * shear, by rows; then the mirror, which changes the sign of x.
        rows = (
            (cos - tan * sin, sin + tan * cos),
            (-sin, cos),
        )
        to_box = torch.stack([torch.stack(row, 1) for row in rows], 1)  # (B, 2, 2)
        signed = torch.stack([self.mirror * self.half_width, self.half_height], 1)
        turned = to_box * (signed / self.zoom[:, None])[:, :, None]
        moved = torch.stack([self.right, self.down], 1)[:, :, None]
        centre = torch.stack([self.x, self.y], 1)[:, :, None]
        return torch.cat([turned, centre - turned @ moved], 2)


def draw_affine(
    count: int, strengths: ViewStrengths, generator: torch.Generator, device: torch.device
) -> Affine:
    """Return random parameters for `count` views; boxes lie inside the image."""
    s = strengths
    u = uniform(10, count, generator, device)

    def between(row: int, low: float, high: float) -> Tensor:
        return low + (high - low) * u[row]

    area = between(0, *s.crop_scale)
    ratio = between(1, *(math.log(edge) for edge in s.crop_ratio)).exp()
    half_width = (area * ratio).sqrt().clamp(max=1)
    half_height = (area / ratio).sqrt().clamp(max=1)
    turn, shear = math.radians(s.rotation_deg), math.radians(s.shear_deg)
    shift = 2 * s.translation  # the whole side is 2
    return Affine(
        x=between(2, -1, 1) * (1 - half_width),
        y=between(3, -1, 1) * (1 - half_height),
        half_width=half_width,
        half_height=half_height,
        mirror=torch.where(u[4] < s.flip, -1.0, 1.0),
        turn=between(5, -turn, turn),
        shear=between(6, -shear, shear),
        zoom=between(7, *s.zoom),
        right=between(8, -shift, shift),
        down=between(9, -shift, shift),
    )


def uniform(rows: int, count: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Return (rows, count) numbers in [0, 1), the same on every device."""
    shape = (rows, count)
    return torch.rand(shape, generator=generator, device=generator.device).to(device)


def sample(images: Tensor, matrices: Tensor) -> Tensor:
    """Return the views (B, C, S, S) of images of the same shape; edges are continued outside."""
    return F.grid_sample(
        images,
        _places(matrices, images.shape[-1]),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )


def _places(matrices: Tensor, side: int) -> Tensor:
    """Return (B, S, S, 2), where each pixel is taken from: `affine_grid`, in a third of its time.

    The map of a column and that of a row are added, instead of one product per pixel.
    """
    axis = (2 * torch.arange(side, device=matrices.device) + 1) / side - 1  # (S,)
    along_x, along_y, shift = (column[:, None] for column in matrices.unbind(2))  # (B, 1, 2)
    columns = along_x * axis[:, None]  # (B, S, 2)
    rows = along_y * axis[:, None] + shift
    return rows[:, :, None] + columns[:, None]
