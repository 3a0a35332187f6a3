"""Inception-v3 as FID has it (the TensorFlow graph of 2015-12-05): 2048 pooled features of a picture.

It differs from the Inception-v3 of Szegedy et al. 2016 (arXiv:1512.00567): average pools leave the padding out of the count,
the last block pools by the maximum, and there are 1008 classes. Parameter names are those of the public file
``pt_inception-2015-12-05-6726825d.pth``. Axis letters: ``b`` pictures, ``h w`` pixels, ``d`` features.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from everroad.evaluation.networks.batches import check_pictures, in_chunks
from everroad.evaluation.networks.manifest import load_manifest
from everroad.evaluation.networks.resize import tensorflow_bilinear, torch_bilinear
from everroad.evaluation.networks.types import Kind
from everroad.evaluation.networks.weights import WeightsFile, filled, load_weights_file, weights_folder

MANIFEST = "inception-2015-12-05"
WIDTH, CLASSES, SIDE_PX = 2048, 1008, 299
CHUNK_PICTURES = 16

PREPARATIONS: dict[str, str] = {
    "pytorch-fid": "bilinear to 299x299 between pixel centres, 2 x / 255 - 1",
    "torch-fidelity": "bilinear to 299x299 as TensorFlow 1 (corners), (x - 128) / 128",
}
# A branch of a block by its layers, (channels, kernel); a kernel written twice is a fork into 1x3 and 3x1.
_Layer = tuple[int, int | tuple[int, int]]
_FORK = (3, 3)


class _Unit(nn.Module):
    """Convolution, batch normalisation, ReLU. With stride 1 the size stays, with 2 there is no padding, unless told."""

    def __init__(self, inner: int, outer: int, kernel: int | tuple[int, int], stride: int = 1, pad: bool = True) -> None:
        super().__init__()
        sides = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (sides[0] // 2, sides[1] // 2) if pad and stride == 1 else 0
        self.conv = nn.Conv2d(inner, outer, sides, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outer, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class _Block(nn.Module):
    """Branches side by side, joined over channels, the pooled one last.

    A branch of one layer has its plain name, layers of longer ones are counted from 1, and a fork's are called a and b.
    """

    def __init__(self, inner: int, branches: dict[str, list[_Layer]], pool: Literal["average", "maximum", "halve"]) -> None:
        super().__init__()
        self.pool = pool
        self.paths: list[list[tuple[str, ...]]] = []
        for branch, layers in branches.items():
            path, width = [], inner
            for index, (outer, kernel) in enumerate(layers, 1):
                name = branch if len(layers) == 1 else f"{branch}_{index}"
                stride = 2 if pool == "halve" and index == len(layers) else 1
                if kernel == _FORK:
                    path.append((f"{name}a", f"{name}b"))
                    self.add_module(f"{name}a", _Unit(width, outer, (1, 3)))
                    self.add_module(f"{name}b", _Unit(width, outer, (3, 1)))
                else:
                    path.append((name,))
                    self.add_module(name, _Unit(width, outer, kernel, stride))
                width = outer
            self.paths.append(path)

    def forward(self, x: Tensor) -> Tensor:
        if self.pool == "halve":
            return torch.cat([*(self._along(path, x) for path in self.paths), F.max_pool2d(x, 3, 2)], 1)
        *plain, last = self.paths
        maximum = self.pool == "maximum"
        pooled = F.max_pool2d(x, 3, 1, 1) if maximum else F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        return torch.cat([*(self._along(path, x) for path in plain), self._along(last, pooled)], 1)

    def _along(self, path: list[tuple[str, ...]], x: Tensor) -> Tensor:
        for names in path:
            outputs = [self.get_submodule(name)(x) for name in names]
            x = outputs[0] if len(outputs) == 1 else torch.cat(outputs, 1)
        return x


def _block_35(inner: int, pooled: int) -> _Block:
    """On 35x35 maps."""
    branches: dict[str, list[_Layer]] = {
        "branch1x1": [(64, 1)],
        "branch5x5": [(48, 1), (64, 5)],
        "branch3x3dbl": [(64, 1), (96, 3), (96, 3)],
        "branch_pool": [(pooled, 1)],
    }
    return _Block(inner, branches, "average")


def _block_17(narrow: int) -> _Block:
    """On 17x17 maps, with kernels of 1x7 and 7x1."""
    across, down = (1, 7), (7, 1)
    branches: dict[str, list[_Layer]] = {
        "branch1x1": [(192, 1)],
        "branch7x7": [(narrow, 1), (narrow, across), (192, down)],
        "branch7x7dbl": [(narrow, 1), (narrow, down), (narrow, across), (narrow, down), (192, across)],
        "branch_pool": [(192, 1)],
    }
    return _Block(768, branches, "average")


def _block_8(inner: int, pool: Literal["average", "maximum"]) -> _Block:
    """On 8x8 maps, with forks."""
    branches: dict[str, list[_Layer]] = {
        "branch1x1": [(320, 1)],
        "branch3x3": [(384, 1), (384, _FORK)],
        "branch3x3dbl": [(448, 1), (384, 3), (384, _FORK)],
        "branch_pool": [(192, 1)],
    }
    return _Block(inner, branches, pool)


class FidInception(nn.Module):
    """The network alone: prepared pictures in, pooled features out. ``fc``, the 1008 classes, is the file's, not FID's."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = _Unit(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = _Unit(32, 32, 3, pad=False)
        self.Conv2d_2b_3x3 = _Unit(32, 64, 3)
        self.Conv2d_3b_1x1 = _Unit(64, 80, 1)
        self.Conv2d_4a_3x3 = _Unit(80, 192, 3, pad=False)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _block_35(192, 32), _block_35(256, 64), _block_35(288, 64)
        self.Mixed_6a = _Block(288, {"branch3x3": [(384, 3)], "branch3x3dbl": [(64, 1), (96, 3), (96, 3)]}, "halve")
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = (_block_17(narrow) for narrow in (128, 160, 160, 192))
        self.Mixed_7a = _Block(
            768, {"branch3x3": [(192, 1), (320, 3)], "branch7x7x3": [(192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3)]}, "halve"
        )
        self.Mixed_7b, self.Mixed_7c = _block_8(1280, "average"), _block_8(2048, "maximum")
        self.fc = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = F.max_pool2d(x, 3, 2)
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x))
        x = F.max_pool2d(x, 3, 2)
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        return x.mean((2, 3))


def prepare_pictures(pictures: UInt8[Tensor, "b 3 _ _"], preparation: str) -> Float[Tensor, "b 3 299 299"]:
    """What the network takes, after one of ``PREPARATIONS``."""
    if preparation == "pytorch-fid":
        return 2 * torch_bilinear(pictures.float() / 255, SIDE_PX, SIDE_PX) - 1
    return (tensorflow_bilinear(pictures.float(), SIDE_PX, SIDE_PX) - 128) / 128


@dataclass(frozen=True, eq=False)
class InceptionFeatures:
    """A ``FeatureNetwork`` of pictures: the features of FID and KID."""

    network: FidInception
    weights: WeightsFile
    preparation: str
    device: torch.device
    kind: Kind = field(default="picture", init=False)
    width: int = field(default=WIDTH, init=False)

    @property
    def name(self) -> str:
        return f"inception-v3-fid ({self.preparation})"

    def features(self, samples: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """float32, on the CPU. Raises ``ValueError`` for what are no pictures in uint8."""
        check_pictures(samples, self.name)
        return in_chunks(
            lambda part: self.network(prepare_pictures(part, self.preparation)), samples, CHUNK_PICTURES, self.device
        )

    def described(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "kind": self.kind,
            "width": self.width,
            "measures": {"frechet": "FID", "kernel": "KID"},
            "weights": [asdict(self.weights)],
            "verified_against": load_manifest(MANIFEST).verification(),
            "preparation": PREPARATIONS[self.preparation],
        }


def load_inception(preparation: str = "pytorch-fid", folder: Path | None = None, device: str = "cpu") -> InceptionFeatures:
    """With the public weights in ``folder``, or in the one that ``EVERROAD_WEIGHTS`` names.

    Raises ``ValueError``: no folder, no file, another preparation, and what ``load_weights_file`` refuses.
    """
    if preparation not in PREPARATIONS:
        raise ValueError(f"preparation: expected one of {', '.join(PREPARATIONS)}, got '{preparation}'; name one of them")
    tensors, weights = load_weights_file(load_manifest(MANIFEST), weights_folder() if folder is None else folder)
    return InceptionFeatures(filled(FidInception, tensors).to(device), weights, preparation, torch.device(device))
