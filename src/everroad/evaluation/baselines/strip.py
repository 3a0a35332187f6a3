"""Sample strips of the baselines' trainings: the first frames of one evaluation town, beside the true pictures."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor

from everroad.training.strips import STRIP_FRAMES, Reference


def last_shown(truth: Reference) -> int:
    """The last frame that a strip shows."""
    return max(index for index in STRIP_FRAMES if index < len(truth.images))


def strip(truth: Reference, made: Iterable[Float[Tensor, "1 1 3 h w"]]) -> UInt8[ndarray, "h w 3"]:
    """Two rows, truth above what was made, of those frames of ``STRIP_FRAMES`` that there are; ``made`` begins at frame 1."""
    pairs = []
    for index, image in enumerate(made, start=1):
        if index in STRIP_FRAMES:
            picture = image[0, 0].clamp(0, 1).mul(255).round().to(torch.uint8).cpu()
            pairs.append(torch.cat([truth.images[index], picture], 1).permute(1, 2, 0).numpy())
    return cv2.resize(np.concatenate(pairs, 1), None, fx=1.5, fy=1.5, interpolation=cv2.INTER_NEAREST).astype(np.uint8)
