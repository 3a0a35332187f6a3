"""LPIPS v0.1 (Zhang et al. 2018, arXiv:1801.03924): how far two pictures are apart to the eye.

Features of a classifier's trunk at five depths, each of unit length over its channels; their squared differences, weighted by
the heads. Trunks have torchvision's parameter names (``features.0.weight``), heads those of the LPIPS files
(``lin0.model.1.weight``). Axis letters: ``b`` pairs of pictures, ``h w`` pixels.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from everroad.evaluation.networks.batches import check_pictures, in_chunks
from everroad.evaluation.networks.manifest import load_manifest
from everroad.evaluation.networks.weights import WeightsFile, filled, load_weights_file, weights_folder

TRUNK_MANIFESTS: dict[str, str] = {"alex": "alexnet", "vgg": "vgg16"}
HEAD_MANIFESTS: dict[str, str] = {"alex": "lpips-alex", "vgg": "lpips-vgg"}
LEAST_SIDE_PX: dict[str, int] = {"alex": 31, "vgg": 16}  # one pixel is left at the last depth
CHUNK_PAIRS = 8
_TAPS: dict[str, tuple[int, ...]] = {"alex": (1, 4, 7, 9, 11), "vgg": (3, 8, 15, 22, 29)}
_WIDTHS: dict[str, tuple[int, ...]] = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}
# Mean and deviation of ImageNet's colours, for pictures in [-1, 1].
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
_SMALL = 1e-10


def _alex_layers() -> list[nn.Module]:
    """Krizhevsky 2014 (arXiv:1404.5997), up to the last convolution."""
    convolutions = [(3, 64, 11, 4, 2), (64, 192, 5, 1, 2), (192, 384, 3, 1, 1), (384, 256, 3, 1, 1), (256, 256, 3, 1, 1)]
    layers: list[nn.Module] = []
    for index, sizes in enumerate(convolutions):
        layers += [nn.Conv2d(*sizes), nn.ReLU()]
        layers += [nn.MaxPool2d(3, 2)] if index < 2 else []
    return layers


def _vgg_layers() -> list[nn.Module]:
    """Configuration D of Simonyan and Zisserman 2015 (arXiv:1409.1556), up to the last convolution."""
    layers: list[nn.Module] = []
    inner = 3
    for outer, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        layers += [nn.MaxPool2d(2, 2)] if layers else []
        for _ in range(count):
            layers += [nn.Conv2d(inner, outer, 3, padding=1), nn.ReLU()]
            inner = outer
    return layers


class _Head(nn.Module):
    """One weight a channel. The file's names count a dropout of the training first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Identity(), nn.Conv2d(width, 1, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class Lpips(nn.Module):
    """Trunk and heads: two batches of pictures in [-1, 1] in, one distance a pair out."""

    def __init__(self, trunk: str) -> None:
        super().__init__()
        self.trunk = trunk
        self.features = nn.Sequential(*(_alex_layers() if trunk == "alex" else _vgg_layers()))
        for depth, width in enumerate(_WIDTHS[trunk]):
            self.add_module(f"lin{depth}", _Head(width))

    def forward(self, first: Float[Tensor, "b 3 h w"], second: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b"]:
        depths = zip(self._unit_features(first), self._unit_features(second), strict=True)
        apart = [
            self.get_submodule(f"lin{depth}")((here - there) ** 2).mean((1, 2, 3)) for depth, (here, there) in enumerate(depths)
        ]
        return torch.stack(apart).sum(0)

    def _unit_features(self, pictures: Tensor) -> list[Tensor]:
        """At the five depths, of length 1 over the channels."""
        x = (pictures - pictures.new_tensor(_SHIFT)[:, None, None]) / pictures.new_tensor(_SCALE)[:, None, None]
        taken: list[Tensor] = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in _TAPS[self.trunk]:
                taken.append(x / (x.square().sum(1, keepdim=True).sqrt() + _SMALL))
        return taken


@dataclass(frozen=True, eq=False)
class PerceptualDistance:
    """LPIPS of pictures in uint8, a few pairs at a time."""

    network: Lpips
    weights: tuple[WeightsFile, WeightsFile]
    device: torch.device

    @property
    def name(self) -> str:
        return f"lpips-{self.network.trunk}"

    def between(self, first: UInt8[Tensor, "b 3 h w"], second: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b"]:
        """One distance a pair, 0 for equal pictures; float32, on the CPU.

        Raises ``ValueError`` for what are no pictures in uint8, for two batches of different shapes, and for pictures too small
        for the trunk.
        """
        check_pictures(first, self.name)
        check_pictures(second, self.name)
        if first.shape != second.shape:
            raise ValueError(
                f"{self.name}: expected two batches of one shape, got {tuple(first.shape)} and {tuple(second.shape)}; "
                "resize one of them"
            )
        least = LEAST_SIDE_PX[self.network.trunk]
        if min(first.shape[-2:]) < least:
            raise ValueError(
                f"{self.name}: expected sides of {least} pixels at least, got {first.shape[-2]}x{first.shape[-1]}; "
                "give larger pictures"
            )
        pairs = torch.stack([first, second], 1)
        return in_chunks(lambda part: self.network(*(2 * part.float() / 255 - 1).unbind(1)), pairs, CHUNK_PAIRS, self.device)

    def described(self) -> dict[str, Any]:
        trunk = self.network.trunk
        return {
            "name": self.name,
            "kind": "picture",
            "measures": {"distance": f"LPIPS ({trunk}, v0.1)"},
            "weights": [asdict(each) for each in self.weights],
            "verified_against": load_manifest(HEAD_MANIFESTS[trunk]).verification(),
            "preparation": "2 x / 255 - 1, size as given",
        }


def load_lpips(trunk: str = "alex", folder: Path | None = None, device: str = "cpu") -> PerceptualDistance:
    """With the public trunk and heads in ``folder``, or in the one that ``EVERROAD_WEIGHTS`` names.

    Raises ``ValueError``: no folder, no file, another trunk, and what ``load_weights_file`` refuses.
    """
    if trunk not in TRUNK_MANIFESTS:
        raise ValueError(f"trunk: expected one of {', '.join(TRUNK_MANIFESTS)}, got '{trunk}'; name one of them")
    folder = weights_folder() if folder is None else folder
    tensors, trunk_file = load_weights_file(load_manifest(TRUNK_MANIFESTS[trunk]), folder)
    heads, head_file = load_weights_file(load_manifest(HEAD_MANIFESTS[trunk]), folder)
    network = filled(lambda: Lpips(trunk), {**tensors, **heads}).to(device)
    return PerceptualDistance(network, (trunk_file, head_file), torch.device(device))
