"""Changes of colour and light on batches: each image by its own amount.

Images are (B, C, S, S) float in [0, 1], amounts (B,). Definitions are torchvision's, so that its
functions, called image by image, serve as the oracle; colour changes leave grey images alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from falcon_svc.encoder.views.config import ViewStrengths
from falcon_svc.encoder.views.geometry import uniform

BLUR_SIDE = 96
BLUR_SIGMA_PX = (0.1, 2.0)
ERASED_AREA = (0.02, 0.2)
ERASED_RATIO = (0.3, 3.3)
NO_CHROMA = 1e-30

GREY = (0.2989, 0.587, 0.114)
"""Parts of red, green and blue in grey (ITU-R 601)."""


def recolour(images: Tensor, strengths: ViewStrengths, generator: torch.Generator) -> Tensor:
    """Return images with random colours, light and sharpness; may write into `images`.

    The order of the four jitters is drawn once per batch.
    """
    s = strengths
    u = uniform(9, len(images), generator, images.device)  # (9, B)
    order = torch.randperm(4, generator=generator, device=generator.device).tolist()
    jitter = torch.where(u[4] < s.jitter, 2 * u[:4] - 1, 0)  # (4, B) in -1 to 1, 0 = leave
    amounts = jitter * jitter.new_tensor([s.brightness, s.contrast, s.saturation, s.hue])[:, None]
    changes: list[tuple[float, Callable[[Tensor], Tensor]]] = [
        (s.brightness, lambda x: adjust_brightness(x, 1 + amounts[0])),
        (s.contrast, lambda x: adjust_contrast(x, 1 + amounts[1])),
        (s.saturation, lambda x: adjust_saturation(x, 1 + amounts[2])),
        (s.hue, lambda x: adjust_hue(x, amounts[3])),
    ]
    for strength, change in (changes[i] for i in order):
        images = change(images) if s.jitter and strength else images
    if images.shape[1] > 1:
        images = _where(u[5] < s.grey, images, lambda x, _: grey_of(x))
    if images.shape[-1] >= BLUR_SIDE:
        low, high = BLUR_SIGMA_PX
        images = _where(u[6] < s.blur, images, lambda x, i: blur(x, low + (high - low) * u[7, i]))
    return _where(u[8] < s.solarize, images, lambda x, _: solarize(x))


def erase_some(images: Tensor, strengths: ViewStrengths, generator: torch.Generator) -> Tensor:
    """Return the images, some with a rectangle of zeros: the mean, where they are normalised."""
    if not strengths.erase:
        return images
    u = uniform(5, len(images), generator, images.device)
    area = ERASED_AREA[0] + (ERASED_AREA[1] - ERASED_AREA[0]) * u[0]
    narrow, wide = (math.log(edge) for edge in ERASED_RATIO)
    ratio = (narrow + (wide - narrow) * u[1]).exp()
    width = torch.where(u[4] < strengths.erase, (area * ratio).sqrt().clamp(max=1), 0)
    height = (area / ratio).sqrt().clamp(max=1)
    left, top = u[2] * (1 - width), u[3] * (1 - height)
    return erase(images, torch.stack([left, top, left + width, top + height], 1))


def grey_of(images: Tensor) -> Tensor:
    """Return (B, 1, S, S)."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.unbind(1)
    return (red * GREY[0]).add_(green, alpha=GREY[1]).add_(blue, alpha=GREY[2]).unsqueeze(1)


def adjust_brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply the images, in place."""
    return images.mul_(_wide(factor)).clamp_(0, 1)


def adjust_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Move the images away from the mean of their grey or towards it, in place."""
    mean = grey_of(images).mean(dim=(1, 2, 3), keepdim=True)
    return images.lerp_(mean, 1 - _wide(factor)).clamp_(0, 1)


def adjust_saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Move the images away from their grey or towards it, in place."""
    if images.shape[1] == 1:
        return images
    return images.lerp_(grey_of(images), 1 - _wide(factor)).clamp_(0, 1)


def adjust_hue(images: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue by a share of the circle, -0.5 to 0.5; saturation and value (HSV) stay."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.unbind(1)
    value = torch.maximum(torch.maximum(red, green), blue)
    chroma = value - torch.minimum(torch.minimum(red, green), blue)
    scale = 1 / (6 * chroma.clamp(min=NO_CHROMA))
    # In turns of the circle, counted from the largest channel.
    hue = (red - green).mul_(scale).add_(4 / 6)
    hue = torch.where(value == green, (blue - red).mul_(scale).add_(2 / 6), hue)
    hue = torch.where(value == red, (green - blue).mul_(scale), hue)
    hue = hue.add_(turn.view(-1, 1, 1))
    # Each channel falls from `value` by up to `chroma` as the hue goes away from its own.
    place = hue[:, None] + images.new_tensor([5 / 6, 3 / 6, 1 / 6]).view(3, 1, 1)
    place.sub_(place.floor())
    missing = place.sub_(1 / 3).abs_().mul_(-6).add_(2).clamp_(0, 1).mul_(chroma[:, None])
    return torch.sub(value[:, None], missing, out=missing)


def solarize(images: Tensor) -> Tensor:
    """Turn the light half of the values dark."""
    return torch.where(images >= 0.5, 1 - images, images)


def blur(images: Tensor, sigma_px: Tensor) -> Tensor:
    """Blur with Gaussians of these deviations, 0.1 px and more."""
    count, channels, height, width = images.shape
    radius = max(1, round(0.05 * height))
    places = torch.arange(-radius, radius + 1, device=images.device)
    kernel = torch.exp(-0.5 * (places / sigma_px[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)  # (BC, taps)
    flat = F.pad(images.reshape(1, count * channels, height, width), (radius,) * 4, "reflect")
    along_x = F.conv2d(flat, kernel[:, None, None, :], groups=count * channels)
    both = F.conv2d(along_x, kernel[:, None, :, None], groups=count * channels)
    return both.view(images.shape)


def erase(images: Tensor, boxes: Tensor) -> Tensor:
    """Set to 0 what lies inside boxes (B, 4): left, top, right, bottom as shares of the sides."""
    height, width = images.shape[2:]
    x = (torch.arange(width, device=images.device) + 0.5) / width
    y = (torch.arange(height, device=images.device) + 0.5) / height
    left, top, right, bottom = boxes.unsqueeze(2).unbind(1)  # (B, 1)
    columns = (left <= x) & (x < right)  # (B, width)
    rows = (top <= y) & (y < bottom)  # (B, height)
    return images.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0.0)


def _where(chosen: Tensor, images: Tensor, change: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Change the chosen images in place; `change` is given them and their rows."""
    rows = chosen.nonzero()[:, 0]
    if len(rows):
        images[rows] = change(images[rows], rows).expand(-1, images.shape[1], -1, -1)
    return images


def _wide(amounts: Tensor) -> Tensor:
    return amounts.view(-1, 1, 1, 1)
