"""A network with drawn weights, for tests of what takes features. Its distances mean nothing, and are never FID or FVD."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from everroad.evaluation.networks.batches import check_clips, check_pictures, in_chunks
from everroad.evaluation.networks.types import Kind
from everroad.evaluation.networks.weights import filled

CHUNK = 64
_HIDDEN = 16


@dataclass(frozen=True, eq=False)
class RandomFeatures:
    """A ``FeatureNetwork`` of two convolutions; a clip's features are the mean and the mean change of its frames'."""

    layers: nn.Sequential
    seed: int
    width: int
    kind: Kind

    @property
    def name(self) -> str:
        return f"random-{self.kind}-{self.seed}"

    def features(self, samples: UInt8[Tensor, "b 3 h w"] | UInt8[Tensor, "b f 3 h w"]) -> Float[Tensor, "b d"]:
        """float32, on the CPU. Raises ``ValueError`` for samples of another kind."""
        (check_pictures if self.kind == "picture" else check_clips)(samples, self.name)
        return in_chunks(self._of_pictures if self.kind == "picture" else self._of_clips, samples, CHUNK, torch.device("cpu"))

    def _of_pictures(self, pictures: Tensor) -> Tensor:
        return self.layers(pictures.float() / 127.5 - 1).mean((2, 3))

    def _of_clips(self, clips: Tensor) -> Tensor:
        frames = self._of_pictures(clips.flatten(0, 1)).unflatten(0, clips.shape[:2])
        return frames.mean(1) + frames.diff(dim=1).abs().sum(1) / clips.shape[1]

    def described(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "kind": self.kind,
            "width": self.width,
            "measures": {"frechet": "random-frechet", "kernel": "random-kernel"},
            "weights": [],
            "verified_against": "unverified",
            "preparation": "2 x / 255 - 1, size as given",
        }


def random_features(seed: int, width: int, kind: Kind = "picture") -> RandomFeatures:
    """The same network for the same seed, everywhere. Raises ``ValueError`` for a width below 1."""
    if width < 1:
        raise ValueError(f"width: expected 1 feature at least, got {width}")
    generator = np.random.Generator(np.random.Philox(key=seed))
    shapes = {"0.weight": (_HIDDEN, 3, 5, 5), "0.bias": (_HIDDEN,), "2.weight": (width, _HIDDEN, 3, 3), "2.bias": (width,)}
    drawn = {
        name: torch.from_numpy(generator.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).float()
        for name, shape in shapes.items()
    }
    return RandomFeatures(filled(lambda: _layers(width), drawn), seed, width, kind)


def _layers(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, _HIDDEN, 5, 2, padding=2), nn.ReLU(), nn.Conv2d(_HIDDEN, width, 3, 2, padding=1), nn.ReLU()
    )
