"""Attention over the frames of a clip, at the same pixel: what makes a model of frames one of clips.

As in the models that the baselines stand for, it follows the spatial layers of its level and begins as the identity: its
output projection is zero (Blattmann et al. 2023, "Align your latents"). Positions are rotations of queries and keys (Su et al.
2021), so only distances between frames count and a clip may be of any length. Axis letters: ``n`` clips, ``f`` frames, ``s``
sequences.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from everroad.model.unet import Stage

SLOWEST_FRAMES = 1000.0  # the slowest of the rotations turns by one radian in nearly so many frames (ours)


def rotated(x: Float[Tensor, "s e f d"], positions: Float[Tensor, "f"]) -> Float[Tensor, "s e f d"]:
    """Queries or keys of e heads, turned pairwise (component i with i + d/2) by their positions."""
    half = x.shape[-1] // 2
    speeds = SLOWEST_FRAMES ** -(torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angles = positions.float()[:, None] * speeds
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    one, two = x[..., :half], x[..., half : 2 * half]
    return torch.cat([one * cos - two * sin, one * sin + two * cos, x[..., 2 * half :]], -1)


class TemporalAttention(nn.Module):
    """Each pixel's feature reads those of the same pixel in all frames of its clip, earlier and later ones."""

    def __init__(self, channels: int, heads: int, frames: int) -> None:
        super().__init__()
        self.heads, self.frames = heads, frames
        self.norm = nn.GroupNorm(32, channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.output = nn.Linear(channels, channels)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, h: Float[Tensor, "nf c y x"]) -> Float[Tensor, "nf c y x"]:
        """Frames are the faster axis of the batch."""
        positions = torch.arange(self.frames, device=h.device, dtype=torch.float32)
        each = self.norm(h).unflatten(0, (-1, self.frames)).permute(0, 3, 4, 1, 2)  # n y x f c
        mixed = self.mix(each.flatten(0, 2), positions).unflatten(0, each.shape[:3])
        return h + mixed.permute(0, 3, 4, 1, 2).flatten(0, 1)

    def mix(self, sequences: Float[Tensor, "s f c"], positions: Float[Tensor, "f"]) -> Float[Tensor, "s f c"]:
        """What is added to each frame's feature, for frames at those positions in time."""
        q, k, v = (a.unflatten(-1, (self.heads, -1)).transpose(1, 2) for a in self.qkv(sequences).chunk(3, dim=-1))
        q, k = rotated(q, positions), rotated(k, positions)
        # Written out: at these few frames the fused CPU kernel is slower (docs/decisions/0003).
        weights = torch.softmax((q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2), dim=-1)
        return self.output((weights.to(v.dtype) @ v).transpose(1, 2).flatten(2))


class ClipStage(Stage):
    """A stage of the U-Net, its own layers with the names they had, and then attention over the frames."""

    def __init__(self, stage: Stage, channels: int, heads: int, frames: int) -> None:
        nn.Module.__init__(self)
        self.res, self.attention = stage.res, stage.attention
        self.temporal = TemporalAttention(channels, heads, frames)

    def forward(self, h: Tensor, embedding: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        return self.temporal(super().forward(h, embedding, tokens, mask))
