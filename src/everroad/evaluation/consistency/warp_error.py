"""Warp error and flicker: does the picture of a frame agree with the one before where both show the same thing?

With the previous picture carried over by a ``Correspondence`` to W, over its valid pixels of a window's frames and all towns,

    warp error     = Σ ΔE*ab(I, W) / pixels;   its share = the model's / the painter's own, of the same pixels;
    to detail      = Σ (L*(I) - L*(W))² / Σ |grad L*(I)|²: resampling makes error of sharp pictures and hardly any of
                     blurred ones, and here blur gains less by that; its share likewise;
    left by motion = Σ ΔE(I, W) / (Σ ΔE(I, W) + Σ ΔE(I, previous picture where it was)): 0 when the motion explains all change,
                     1 when the pictures stand although the car drives;
    static flicker = mean over blocks of the picture of |mean of L*(I) - L*(W) in the block|: light that comes and goes;
    light flicker  = root mean square over frames of (m[i+1] - 2 m[i] + m[i-1]) / 2, m the mean L* of the picture;
    still frames   = share of the frames whose pixels change by less than ``STILL`` from the frame before.

All the errors are L*a*b* (0 to 100). Under *estimated* flow frozen pictures have no error at all; only the known motion and
the still frames find them. Where a frame has no valid pixels it counts for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from everroad.evaluation.colour import delta_e, lab
from everroad.evaluation.consistency.correspondence import Correspondence
from everroad.evaluation.measure import INVALID, Measure, Window, pooled

BLOCK_PX = 16
_LEAST_OF_BLOCK = 0.25
STILL = 0.05  # ΔE*ab, a mean over pixels (ours): what compression leaves of a frame that is repeated
NAMES = ("warp error", "warp error to detail", "left by motion", "static flicker", "light flicker", "still frames")


@dataclass(frozen=True)
class WarpRecord:
    """Sums over the pixels of one pair of pictures, and the later one's mean L*."""

    pixels: float
    error: float
    unmoved_error: float
    squared: float
    detail: float
    blocks: float
    block_error: float
    light: float


FIELDS = tuple(WarpRecord.__dataclass_fields__)


def first_record(picture: UInt8[ndarray, "h w 3"]) -> WarpRecord:
    """Of frame 0, which has none before it."""
    return WarpRecord(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, float(lab(picture)[..., 0].mean()))


def warp_record(picture: UInt8[ndarray, "h w 3"], other: UInt8[ndarray, "_ _ 3"], correspondence: Correspondence) -> WarpRecord:
    """Of a picture and the one before it, or of another camera."""
    colours, others = lab(picture), lab(other)
    places, valid = correspondence.places, correspondence.valid
    carried = cv2.remap(others, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    light, change = colours[..., 0], colours[..., 0] - carried[..., 0]
    down, across = np.gradient(light)
    same_size = colours.shape == others.shape
    means = _block_means(np.where(valid, change, 0.0), valid)
    return WarpRecord(
        pixels=float(valid.sum()),
        error=float(delta_e(colours, carried)[valid].sum(dtype=np.float64)),
        unmoved_error=float(delta_e(colours, others)[valid].sum(dtype=np.float64)) if same_size else 0.0,
        squared=float(np.square(change[valid]).sum(dtype=np.float64)),
        detail=float((down**2 + across**2)[valid].sum(dtype=np.float64)),
        blocks=float(len(means)),
        block_error=float(np.abs(means).sum()),
        light=float(light.mean(dtype=np.float64)),
    )


def _block_means(change: Float[ndarray, "h w"], valid: ndarray) -> Float[ndarray, "k"]:
    """Mean over each block's valid pixels, of the blocks that have enough."""
    rows, columns = (size // BLOCK_PX for size in valid.shape)
    cut = (slice(rows * BLOCK_PX), slice(columns * BLOCK_PX))

    def sums(of: ndarray) -> ndarray:
        return of[cut].reshape(rows, BLOCK_PX, columns, BLOCK_PX).sum((1, 3), dtype=np.float64)

    counts = sums(valid)
    enough = counts >= _LEAST_OF_BLOCK * BLOCK_PX**2
    return sums(change)[enough] / counts[enough]


def warp_measures(model: Float[ndarray, "n f q"], painter: Float[ndarray, "n f q"], window: Window) -> dict[str, Measure]:
    """``NAMES``, each the model's own, and "share …" of the painter's (or of whatever is compared with), of stacked records."""
    both = [_sums(of) for of in (model, painter)]
    sums = window.sums(np.concatenate(both, 2))
    if sums is None:
        return {f"{kind}{name}": INVALID for kind in ("", "share ") for name in NAMES}
    q = both[0].shape[2]
    found = {}
    for i, name in enumerate(NAMES):
        found[name] = pooled(sums, lambda rows, i=i: _value(rows[:, :q], i))
        found[f"share {name}"] = pooled(sums, lambda rows, i=i: _value(rows[:, :q], i) / _value(rows[:, q:], i))
    return found


def _sums(records: Float[ndarray, "n f q"]) -> Float[ndarray, "n f p"]:
    """The records with, for their light, its squared second difference and one where it has one; and with one where the picture
    stands, and one where it might have moved."""
    light = records[..., FIELDS.index("light")]
    second = np.zeros((*light.shape, 2))
    second[:, 1:-1, 0] = np.square(light[:, 2:] - 2 * light[:, 1:-1] + light[:, :-2]) / 4
    second[:, 1:-1, 1] = 1
    pixels, unmoved = records[..., FIELDS.index("pixels")], records[..., FIELDS.index("unmoved_error")]
    still = np.stack([(pixels > 0) & (unmoved < STILL * pixels), pixels > 0], -1)
    return np.concatenate([records, second, still], 2)


def _value(rows: Float[ndarray, "d p"], which: int) -> Float[ndarray, "d"]:
    column = {name: rows[:, i] for i, name in enumerate(FIELDS)}
    if which == 0:
        return column["error"] / column["pixels"]
    if which == 1:
        return column["squared"] / column["detail"]
    if which == 2:
        return column["error"] / (column["error"] + column["unmoved_error"])
    if which == 3:
        return column["block_error"] / column["blocks"]
    if which == 4:
        return np.sqrt(rows[:, -4] / rows[:, -3])
    return rows[:, -2] / rows[:, -1]
