"""Light damage for the segmenter's training, so that generated frames are not foreign to it; too light to hide real damage.

All functions are formulas: what they draw is given to them. Axis letter: ``b`` pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from everroad.data.addressing import addressed_generator


@dataclass(frozen=True)
class DamageConfig:
    """The most there is: blur as a standard deviation in pixels; noise, gain and shift for values in [0, 1].

    Half of the pictures stay sharp, half stay clean of noise.
    """

    blur_px: float = 1.0
    noise: float = 0.03
    gain: float = 0.12
    shift: float = 0.06

    def __post_init__(self) -> None:
        for name, most in (("blur_px", 100), ("noise", 1), ("gain", 1), ("shift", 1)):
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"{name}: expected 0 to {most}, got {getattr(self, name)}")


@dataclass(frozen=True)
class Damage:
    """What each picture suffers."""

    mirrored: Bool[Tensor, "b"]
    blur_px: Float[Tensor, "b"]
    gain: Float[Tensor, "b 3 1 1"]
    shift: Float[Tensor, "b 3 1 1"]
    noise: Float[Tensor, "b 3 h w"]


def draw_damage(config: DamageConfig, shape: tuple[int, ...], *address: int | str) -> Damage:
    """The damage of pictures of ``shape`` (b, 3, h, w) that belongs to an address."""
    draw = addressed_generator(*address)
    b = shape[0]
    level = (draw.random(b, dtype=np.float32) * (draw.random(b) < 0.5) * config.noise).astype(np.float32)
    shift = config.shift * (0.5 * draw.uniform(-1, 1, (b, 3)) + 0.5 * draw.uniform(-1, 1, (b, 1)))
    return Damage(
        mirrored=torch.from_numpy(draw.random(b) < 0.5),
        blur_px=torch.from_numpy((draw.random(b) * (draw.random(b) < 0.5) * config.blur_px).astype(np.float32)),
        gain=torch.from_numpy((1 + config.gain * draw.uniform(-1, 1, (b, 3))).astype(np.float32))[..., None, None],
        shift=torch.from_numpy(shift.astype(np.float32))[..., None, None],
        noise=torch.from_numpy(level)[:, None, None, None] * torch.from_numpy(draw.standard_normal(shape, dtype=np.float32)),
    )


def damaged(images: Float[Tensor, "b 3 h w"], damage: Damage) -> Float[Tensor, "b 3 h w"]:
    """Pictures in [0, 1] after mirroring, blur, colour gain and shift, and noise."""
    images = mirrored(images, damage.mirrored)
    images = blurred(images, damage.blur_px) * damage.gain + damage.shift + damage.noise
    return images.clamp(0, 1)


def mirrored(pictures: Tensor, which: Bool[Tensor, "b"]) -> Tensor:
    """Left and right exchanged in some of the pictures ("b ... w")."""
    return torch.where(which.view(-1, *[1] * (pictures.ndim - 1)), pictures.flip(-1), pictures)


def blurred(images: Float[Tensor, "b 3 h w"], blur_px: Float[Tensor, "b"]) -> Float[Tensor, "b 3 h w"]:
    """Gaussian blur over 7x7 pixels of each picture's own width; edges are repeated."""
    offsets = torch.arange(-3.0, 4.0, device=images.device)
    kernel = torch.softmax(-0.5 * (offsets / blur_px.clamp(min=1e-2)[:, None]).square(), 1)  # b 7
    kernel = kernel.repeat_interleave(images.shape[1], 0)[:, None]  # 3b 1 7
    planes = F.pad(images.flatten(0, 1)[None], (3, 3, 3, 3), mode="replicate")
    planes = F.conv2d(planes, kernel[:, :, None], groups=len(kernel))
    return F.conv2d(planes, kernel[..., None], groups=len(kernel))[0].unflatten(0, images.shape[:2])
