"""A small network that has learnt to see the painter's towns: what is where, how far, and how things move between two frames.

Its features are what *town-FID*, *town-KID* and *town-FVD* compare. They are no FID and no FVD: those are of networks that saw
photographs. It is trained on clean pictures alone, so that damage moves its features (``recipe``). What it has learnt hardly
tells a slight blur, so that how much its finest scale changes from place to place, the *texture*, is among them.
Axis letters: ``b`` pictures, ``f`` frames of a clip, ``c`` classes, ``h w`` pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from everroad.evaluation.trunk import Neck, Seen, Trunk, layer
from everroad.render.semantics import SEMANTIC_CLASSES

GRID = (3, 4)  # cells of the picture whose contents the embedding tells
REACH = 3  # cells of an eighth of the picture over which two frames are compared, each way


@dataclass(frozen=True)
class FeaturesConfig:
    """Widths at a half, a quarter, an eighth and a sixteenth of the picture; of the embeddings of a picture and of a motion."""

    widths: tuple[int, int, int, int] = (24, 48, 72, 96)
    picture: int = 64
    motion: int = 32
    compared: int = 32
    classes: tuple[str, ...] = SEMANTIC_CLASSES

    def __post_init__(self) -> None:
        if len(self.widths) != 4 or min(*self.widths, self.picture, self.motion, self.compared) < 1:
            raise ValueError(f"widths: expected four positive numbers, and positive embeddings, got {self}")

    @property
    def pooled(self) -> int:
        """What is averaged over one picture: a quarter, an eighth and a sixteenth."""
        return sum(self.widths[1:])

    @property
    def texture(self) -> int:
        """Features of the finest scale."""
        return self.widths[0]


class Moved(NamedTuple):
    """Between two frames: flow in pixels of the picture at an eighth of it, and the embedding of the motion."""

    flow_px: Float[Tensor, "b 2 h8 w8"]
    embedding: Float[Tensor, "b m"]


class FeatureNetwork(nn.Module):
    """Fully convolutional: any picture whose sides are multiples of 16."""

    pooled_mean: Tensor
    pooled_deviation: Tensor
    embedding_mean: Tensor
    embedding_deviation: Tensor
    texture_mean: Tensor
    texture_deviation: Tensor
    motion_mean: Tensor
    motion_deviation: Tensor

    def __init__(self, config: FeaturesConfig | None = None) -> None:
        super().__init__()
        self.config = config = FeaturesConfig() if config is None else config
        _, quarter, eighth, _ = config.widths
        classes = len(config.classes)
        self.trunk, self.neck = Trunk(config.widths), Neck(config.widths)
        self.classes, self.log_depth = nn.Conv2d(quarter, classes, 1), nn.Conv2d(quarter, 1, 1)
        self.picture = nn.Linear(config.pooled, config.picture)
        self.grid = nn.Linear(config.picture, classes * GRID[0] * GRID[1])
        self.compared = nn.Conv2d(eighth, config.compared, 1)
        self.motion = nn.Sequential(layer((2 * REACH + 1) ** 2 + config.compared, 64), layer(64, 64))
        self.flow, self.moved, self.ego = (
            nn.Conv2d(64, 2, 3, padding=1),
            nn.Linear(64, config.motion),
            nn.Linear(config.motion, 2),
        )
        # Of the training pictures, so that all features weigh alike; set when the network ships.
        widths = {"pooled": config.pooled, "embedding": config.picture, "texture": config.texture, "motion": config.motion}
        for name, width in widths.items():
            self.register_buffer(f"{name}_mean", torch.zeros(width))
            self.register_buffer(f"{name}_deviation", torch.ones(width))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def see(self, images: Float[Tensor, "b 3 h w"]) -> Seen:
        """The trunk, of pictures in [0, 1]. Raises ``ValueError`` for sides that are no multiples of 16."""
        return self.trunk(images)

    def label(self, seen: Seen) -> tuple[Float[Tensor, "b c h4 w4"], Float[Tensor, "b h4 w4"]]:
        """Logits of the semantic classes and the logarithm of the depth in metres, at a quarter of the size."""
        _, quarter = self.neck(seen)
        return self.classes(quarter), self.log_depth(quarter)[:, 0] + 3.0

    def pool(self, seen: Seen) -> Float[Tensor, "b p"]:
        """What is seen, averaged over the picture, at three scales."""
        return torch.cat([h.float().mean((-2, -1)) for h in seen[1:]], 1)

    def texture(self, seen: Seen) -> Float[Tensor, "b t"]:
        """How much what is seen at a half of the size changes from place to place, along rows and along columns, averaged over
        the picture."""
        fine = seen.half.float()
        along, down = fine.diff(dim=-1), fine.diff(dim=-2)
        return along.abs().mean((-2, -1)) + down.abs().mean((-2, -1))

    def move(self, first: Seen, second: Seen) -> Moved:
        """What moves from the first frame to the second."""
        one, other = self.compared(first.eighth), self.compared(second.eighth)
        h = self.motion(torch.cat([correlation(one, other), one], 1))
        return Moved(8 * self.flow(h), self.moved(h.mean((-2, -1))))

    @torch.no_grad()
    def picture_features(self, seen: Seen) -> tuple[Float[Tensor, "b p"], Float[Tensor, "b e"]]:
        """Of one picture: all features (for distances of pictures), and the embedding (for those of clips), both with the
        texture at their end, in units of their deviation over painted towns."""
        pooled = self.pool(seen)
        texture = self._in_units("texture", self.texture(seen))
        embedding = self._in_units("embedding", self.picture(pooled))
        return torch.cat([self._in_units("pooled", pooled), texture], 1), torch.cat([embedding, texture], 1)

    @torch.no_grad()
    def motion_features(self, first: Seen, second: Seen) -> Float[Tensor, "b m"]:
        """Of two frames that follow one another, in units of their deviation over painted towns."""
        return self._in_units("motion", self.move(first, second).embedding.float())

    def _in_units(self, name: str, features: Float[Tensor, "b k"]) -> Float[Tensor, "b k"]:
        return (features - getattr(self, f"{name}_mean")) / getattr(self, f"{name}_deviation")


def clip_features(embeddings: Float[Tensor, "b f e"], motions: Float[Tensor, "b g m"]) -> Float[Tensor, "b d"]:
    """Of clips, from the embeddings of their frames and the motions between them: mean and deviation over time of both."""
    parts = [embeddings.mean(1), embeddings.std(1, correction=0), motions.mean(1), motions.std(1, correction=0)]
    return torch.cat(parts, 1)


def as_input(pictures: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """Pictures as the network takes them."""
    return pictures.float() / 255


def correlation(one: Float[Tensor, "b c h w"], other: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
    """How alike each place is to those of the other up to ``REACH`` away: products of unit vectors, one channel a shift."""
    one, other = F.normalize(one, dim=1), F.pad(F.normalize(other, dim=1), (REACH,) * 4)
    height, width = one.shape[-2:]
    shifts = [(row, column) for row in range(2 * REACH + 1) for column in range(2 * REACH + 1)]
    return torch.stack([(one * other[..., r : r + height, c : c + width]).sum(1) for r, c in shifts], 1)
