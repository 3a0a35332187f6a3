"""Consistency across cameras: where the views of two cameras overlap they must show the same, at the same time.

Pixels of one picture are looked up in the other by their depth (the painter's) or, for recorded pictures, on the empty ground
plane (``ground_pixels``); everything counts, moving things too. The error is ΔE*ab, and its share the model's over the
painter's own: two pictures never agree quite, for one camera sees a facade smaller than the other. With a single camera, or
views that do not overlap, there is nothing to measure, and the measure is invalid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from everroad.evaluation.consistency.correspondence import Correspondence, Seen, known
from everroad.evaluation.consistency.warp_error import FIELDS, WarpRecord, warp_record
from everroad.evaluation.measure import INVALID, Measure, Window, pooled
from everroad.scenario.types import Camera

NAMES = ("overlap error", "overlap error to detail")
Overlaps = Mapping[tuple[str, str], Correspondence]


def overlaps(cameras: Sequence[Camera], seen: Mapping[str, Seen]) -> dict[tuple[str, str], Correspondence]:
    """Of each pair of cameras (by name) where the second shows what the first does; those that do not overlap are left out."""
    found = {}
    for one, other in combinations(cameras, 2):
        shown = known(seen[one.name], seen[other.name], one, other, np.eye(4))
        if shown.valid.any():
            found[one.name, other.name] = shown
    return found


def overlap_record(pictures: Mapping[str, UInt8[ndarray, "_ _ 3"]], shown: Overlaps) -> WarpRecord:
    """Sums over all pairs of one frame's pictures, by camera name."""
    rows = [
        [getattr(warp_record(pictures[one], pictures[other], at), name) for name in FIELDS]
        for (one, other), at in shown.items()
    ]
    return WarpRecord(*np.array(rows).sum(0).tolist()) if rows else WarpRecord(*[0.0] * len(FIELDS))


def overlap_measures(model: Float[ndarray, "n f q"], painter: Float[ndarray, "n f q"], window: Window) -> dict[str, Measure]:
    """``NAMES`` and "share …" of the painter's, of stacked records."""
    pairs = (("error", "pixels"), ("squared", "detail"))
    picked = [of[..., [FIELDS.index(name) for pair in pairs for name in pair]] for of in (model, painter)]
    sums = window.sums(np.concatenate(picked, 2))
    if sums is None:
        return {f"{kind}{name}": INVALID for kind in ("", "share ") for name in NAMES}
    found = {}
    for i, name in enumerate(NAMES):
        found[name] = pooled(sums, lambda rows, i=2 * i: rows[:, i] / rows[:, i + 1])
        found[f"share {name}"] = pooled(
            sums, lambda rows, i=2 * i: (rows[:, i] / rows[:, i + 1]) / (rows[:, i + 4] / rows[:, i + 5])
        )
    return found
