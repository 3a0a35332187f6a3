"""I3D of 400 Kinetics classes (Carreira and Zisserman 2017, arXiv:1705.07750), RGB: the logits of a clip, as FVD takes them.

Parameter names are those of the public file ``i3d_pretrained_400.pt``. Axis letters: ``b`` clips, ``f`` frames, ``h w`` pixels,
``d`` classes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from everroad.evaluation.networks.batches import check_clips, in_chunks
from everroad.evaluation.networks.manifest import load_manifest
from everroad.evaluation.networks.resize import lowest_rows, short_side_crop, torch_bilinear
from everroad.evaluation.networks.types import Kind
from everroad.evaluation.networks.weights import WeightsFile, filled, load_weights_file, weights_folder

MANIFEST = "i3d-kinetics-400"
CLASSES, SIDE_PX = 400, 224
LEAST_FRAMES = 9  # three halvings leave two of 9, which the last pool needs
CHUNK_FRAMES = 64
# The FVD code that goes with the file (VideoGPT, TATS, cd-fvd) has 1e-5; pytorch-i3d, with weights of its own, has 1e-3.
BATCH_NORM_EPSILON = 1e-5

WCODA_WIDTH_PX = 400
PREPARATIONS: dict[str, str] = {
    "resize": "bilinear to 224x224, [-1, 1]",
    "short-side-crop": "bilinear to a short side of 224, middle 224x224, [-1, 1]",
    "wcoda": "bicubic to a width of 400, lowest 224 rows, middle 224x224, [-1, 1]",
}
Sides = tuple[int, int, int]


def pad_same(x: Float[Tensor, "b c f h w"], kernel: Sides, stride: Sides) -> Float[Tensor, "b c _ _ _"]:
    """Zeros around ``x`` as TensorFlow's 'SAME' puts them: ceil(size / stride) outputs, an odd zero behind."""
    around: list[int] = []
    for size, side, step in zip(reversed(x.shape[2:]), reversed(kernel), reversed(stride), strict=True):
        zeros = max(side - (size % step or step), 0)
        around += [zeros // 2, zeros - zeros // 2]
    return F.pad(x, around)


def _pool_same(x: Tensor, kernel: Sides, stride: Sides) -> Tensor:
    """Zeros as padding change nothing: what comes in was rectified."""
    return F.max_pool3d(pad_same(x, kernel, stride), kernel, stride)


class _Unit(nn.Module):
    """'Same' convolution, batch normalisation, ReLU."""

    def __init__(self, inner: int, outer: int, side: int, step: int = 1) -> None:
        super().__init__()
        self.sides, self.steps = (side, side, side), (step, step, step)
        self.conv3d = nn.Conv3d(inner, outer, side, step, bias=False)
        self.bn = nn.BatchNorm3d(outer, eps=BATCH_NORM_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv3d(pad_same(x, self.sides, self.steps))), inplace=True)


class _Mixed(nn.Module):
    """Four branches: 1x1x1, two of 1x1x1 and 3x3x3, and a pool with 1x1x1."""

    def __init__(self, inner: int, widths: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        plain, narrow_1, wide_1, narrow_2, wide_2, pooled = widths
        self.b0 = _Unit(inner, plain, 1)
        self.b1a, self.b1b = _Unit(inner, narrow_1, 1), _Unit(narrow_1, wide_1, 3)
        self.b2a, self.b2b = _Unit(inner, narrow_2, 1), _Unit(narrow_2, wide_2, 3)
        self.b3b = _Unit(inner, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        pooled = _pool_same(x, (3, 3, 3), (1, 1, 1))
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(pooled)], 1)


class _Logits(nn.Module):
    """A 1x1x1 convolution with bias, under the public file's name."""

    def __init__(self) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(1024, CLASSES, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv3d(x)


class I3d(nn.Module):
    """The network alone: prepared clips in, logits out, their mean over time."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = _Unit(3, 64, 7, 2)
        self.Conv3d_2b_1x1, self.Conv3d_2c_3x3 = _Unit(64, 64, 1), _Unit(64, 192, 3)
        self.Mixed_3b = _Mixed(192, (64, 96, 128, 16, 32, 32))
        self.Mixed_3c = _Mixed(256, (128, 128, 192, 32, 96, 64))
        self.Mixed_4b = _Mixed(480, (192, 96, 208, 16, 48, 64))
        self.Mixed_4c = _Mixed(512, (160, 112, 224, 24, 64, 64))
        self.Mixed_4d = _Mixed(512, (128, 128, 256, 24, 64, 64))
        self.Mixed_4e = _Mixed(512, (112, 144, 288, 32, 64, 64))
        self.Mixed_4f = _Mixed(528, (256, 160, 320, 32, 128, 128))
        self.Mixed_5b = _Mixed(832, (256, 160, 320, 32, 128, 128))
        self.Mixed_5c = _Mixed(832, (384, 192, 384, 48, 128, 128))
        self.logits = _Logits()

    def forward(self, x: Float[Tensor, "b 3 f h w"]) -> Float[Tensor, "b d"]:
        x = _pool_same(self.Conv3d_1a_7x7(x), (1, 3, 3), (1, 2, 2))
        x = _pool_same(self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(x)), (1, 3, 3), (1, 2, 2))
        x = _pool_same(self.Mixed_3c(self.Mixed_3b(x)), (3, 3, 3), (2, 2, 2))
        x = self.Mixed_4f(self.Mixed_4e(self.Mixed_4d(self.Mixed_4c(self.Mixed_4b(x)))))
        x = _pool_same(x, (2, 2, 2), (2, 2, 2))
        x = self.Mixed_5c(self.Mixed_5b(x))
        x = self.logits(F.avg_pool3d(x, (2, 7, 7), 1))  # one place of 224x224 pixels
        return x.mean((2, 3, 4))


def prepare_clips(clips: UInt8[Tensor, "b f 3 _ _"], preparation: str) -> Float[Tensor, "b 3 f 224 224"]:
    """What the network takes, after one of ``PREPARATIONS``. The first two leave pictures of 224x224 as they are.

    Raises ``ValueError`` for "wcoda" and pictures so wide that fewer than 224 rows are left.
    """
    pictures = clips.flatten(0, 1).float() / 255
    if preparation == "resize":
        pictures = torch_bilinear(pictures, SIDE_PX, SIDE_PX)
    elif preparation == "wcoda":
        pictures = short_side_crop(lowest_rows(pictures, WCODA_WIDTH_PX, SIDE_PX), SIDE_PX)
    else:
        pictures = short_side_crop(pictures, SIDE_PX)
    return (2 * pictures - 1).unflatten(0, clips.shape[:2]).transpose(1, 2)


@dataclass(frozen=True, eq=False)
class I3dFeatures:
    """A ``FeatureNetwork`` of clips: the logits of FVD."""

    network: I3d
    weights: WeightsFile
    preparation: str
    device: torch.device
    kind: Kind = field(default="clip", init=False)
    width: int = field(default=CLASSES, init=False)

    @property
    def name(self) -> str:
        return f"i3d-kinetics-400 ({self.preparation})"

    def features(self, samples: UInt8[Tensor, "b f 3 h w"]) -> Float[Tensor, "b d"]:
        """float32, on the CPU. At least one clip is computed at once, however long.

        Raises ``ValueError`` for what are no clips in uint8, and for clips of fewer than 9 frames.
        """
        check_clips(samples, self.name)
        frames = samples.shape[1]
        if frames < LEAST_FRAMES:
            raise ValueError(f"{self.name}: expected clips of {LEAST_FRAMES} frames at least, got {frames}; give longer ones")
        chunk = max(1, CHUNK_FRAMES // frames)
        return in_chunks(lambda part: self.network(prepare_clips(part, self.preparation)), samples, chunk, self.device)

    def described(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "kind": self.kind,
            "width": self.width,
            "measures": {"frechet": "FVD", "kernel": "KVD"},
            "weights": [asdict(self.weights)],
            "verified_against": load_manifest(MANIFEST).verification(),
            "preparation": PREPARATIONS[self.preparation],
        }


def load_i3d(preparation: str = "resize", folder: Path | None = None, device: str = "cpu") -> I3dFeatures:
    """With the public weights in ``folder``, or in the one that ``EVERROAD_WEIGHTS`` names.

    Raises ``ValueError``: no folder, no file, another preparation, and what ``load_weights_file`` refuses.
    """
    if preparation not in PREPARATIONS:
        raise ValueError(f"preparation: expected one of {', '.join(PREPARATIONS)}, got '{preparation}'; name one of them")
    tensors, weights = load_weights_file(load_manifest(MANIFEST), weights_folder() if folder is None else folder)
    return I3dFeatures(filled(I3d, tensors).to(device), weights, preparation, torch.device(device))
