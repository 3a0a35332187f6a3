"""Layout agreement: is there road where road was asked, and are markings, vehicles and buildings where they should be?

A segmenter names the classes of a generated frame; the truth is what the painter shows at each pixel of that frame. Of class
c, with intersections and unions summed over the frames of a window and all towns,

    IoU_c = Σ |labels = c and truth = c| / Σ |labels = c or truth = c|,   mIoU = mean over the classes that occur,

and the figure is the *share*: IoU of the model's frames / IoU that the same segmenter gets on the painter's own pictures.
Beside the mean over all four classes stands that over the three which the conditions tell: of buildings they say nothing.
Axis letters: ``n`` towns, ``f`` frames, ``c`` the classes of ``LAYOUT_CLASSES``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from everroad.evaluation.measure import INVALID, Measure, Window, pooled
from everroad.render.semantics import SEMANTIC_CLASSES

LAYOUT_CLASSES: tuple[str, ...] = ("road", "lane_marking", "vehicle", "building")
TOLD = tuple(LAYOUT_CLASSES.index(name) for name in ("road", "lane_marking", "vehicle"))
CLASS_IDS = np.array([SEMANTIC_CLASSES.index(name) for name in LAYOUT_CLASSES])
EARLY, LATE = Window(1, 40), Window(200, 240)


def overlaps(labels: UInt8[ndarray, "h w"], truth: UInt8[ndarray, "h w"]) -> Float[ndarray, "2 4"]:
    """Pixels of intersection (row 0) and union (row 1) of each layout class."""
    # One joint histogram instead of a comparison for each class.
    n = len(SEMANTIC_CLASSES)
    joint = np.bincount(labels.ravel().astype(np.int64) * n + truth.ravel(), minlength=n * n).reshape(n, n)
    both = joint.diagonal()
    either = joint.sum(0) + joint.sum(1) - both
    return np.stack([both[CLASS_IDS], either[CLASS_IDS]]).astype(np.float64)


def agreement(model: Float[ndarray, "n f 2 4"], painter: Float[ndarray, "n f 2 4"], window: Window) -> dict[str, Measure]:
    """IoU of each class, their mean and that of those which the conditions tell ("iou <class>", "iou mean", "iou told"), and
    the same as shares of the painter's ("share …")."""
    sums = window.sums(np.concatenate([model, painter], 2).reshape(*model.shape[:2], -1))
    if sums is None:
        return {f"{kind} {name}": INVALID for name in (*LAYOUT_CLASSES, "mean", "told") for kind in ("iou", "share")}
    found = {}
    for index, name in enumerate(LAYOUT_CLASSES):
        found[f"iou {name}"] = pooled(sums, lambda rows, i=index: _ious(rows)[0][:, i])
        found[f"share {name}"] = pooled(sums, lambda rows, i=index: _ious(rows)[0][:, i] / _ious(rows)[1][:, i])
    for name, classes in (("mean", range(len(LAYOUT_CLASSES))), ("told", TOLD)):
        found[f"iou {name}"] = pooled(sums, lambda rows, of=classes: _mean(rows, of)[0])
        found[f"share {name}"] = pooled(sums, lambda rows, of=classes: _mean(rows, of)[0] / _mean(rows, of)[1])
    return found


def _ious(rows: Float[ndarray, "d 16"]) -> tuple[Float[ndarray, "d 4"], Float[ndarray, "d 4"]]:
    """IoUs of the model and of the painter; NaN where a class does not occur."""
    parts = rows.reshape(-1, 2, 2, len(LAYOUT_CLASSES))
    ious = parts[:, :, 0] / parts[:, :, 1]
    return ious[:, 0], ious[:, 1]


def _mean(rows: Float[ndarray, "d 16"], classes: Sequence[int]) -> tuple[Float[ndarray, "d"], Float[ndarray, "d"]]:
    """mIoUs over those of the classes for which both have one."""
    model, painter = (ious[:, list(classes)] for ious in _ious(rows))
    known = np.isfinite(model) & np.isfinite(painter)
    counts = known.sum(1)
    return np.where(known, model, 0).sum(1) / counts, np.where(known, painter, 0).sum(1) / counts
