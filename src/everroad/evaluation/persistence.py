"""Persistence: does a car keep its colour, and a facade its own? The figure of the memory.

Of every instance (an actor or a building) that covers at least 30 pixels of the painter's instance picture at its *first sight*
(the first such frame, s) and 40 frames later, with L(i) the mean L*a*b* of the *generated* frame i inside the mask of frame i,

    change    = ‖L(s + 40) - mean of L(s + 1), L(s + 2), L(s + 3)‖                          (ΔE*ab),
    painter's = the same of the painter's pictures: how much light and viewpoint change it, the floor;
    beyond    = ‖(change of the generated colour) - (change of the painter's colour)‖      (ΔE*ab, 0 for the painter).

Values are means over instances of all towns. A model that paints everything grey persists perfectly, so beside them stands

    variety   = spread of the generated colours L(s + 40) over instances / spread of the painter's (root mean square).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Int32
from numpy import ndarray

from everroad.evaluation.colour import delta_e
from everroad.evaluation.measure import INVALID, Measure, pooled

LEAST_PX = 30
LATER_FRAMES = 40
EARLY_FRAMES = (1, 2, 3)
KINDS = ("actor", "facade")


@dataclass(frozen=True)
class Masks:
    """The instances of one frame that are large enough. ``row`` is each pixel's instance: 1 + its place in ``ids``, or 0."""

    ids: Int[ndarray, "i"]
    pixels: Int[ndarray, "i"]
    row: Int[ndarray, "h w"]


@dataclass(frozen=True)
class Sighting:
    """One instance that is there at first sight and 40 frames later: its mean colours early and late, L*a*b*."""

    town: int
    instance: int
    first_frame: int
    early: Float[ndarray, "3"]
    late: Float[ndarray, "3"]


def instance_masks(instance: Int32[ndarray, "h w"]) -> Masks:
    """The masks of a painter's instance picture (0 is no instance)."""
    ids, place, counts = np.unique(instance, return_inverse=True, return_counts=True)
    kept = (ids > 0) & (counts >= LEAST_PX)
    row_of_place = np.where(kept, np.cumsum(kept), 0)
    return Masks(ids[kept].astype(np.int64), counts[kept], row_of_place[place.reshape(instance.shape)])


def mean_colours(colours: Float[ndarray, "h w 3"], masks: Masks) -> Float[ndarray, "i 3"]:
    """Mean of a picture's L*a*b* inside each mask."""
    sums = [np.bincount(masks.row.ravel(), colours[..., i].ravel(), len(masks.ids) + 1) for i in range(3)]
    return np.stack(sums, 1)[1:] / masks.pixels[:, None]


def sightings(town: int, ids: Sequence[Int[ndarray, "_"]], colours: Sequence[Float[ndarray, "_ 3"]]) -> list[Sighting]:
    """The sightings of one town from each frame's instances (``Masks.ids``) and their mean colours, frame 0 first."""
    seen = [dict(zip(of_frame.tolist(), range(len(of_frame)), strict=True)) for of_frame in ids]
    first: dict[int, int] = {}
    for frame, of_frame in enumerate(seen):
        for instance in of_frame:
            first.setdefault(instance, frame)
    found = []
    for instance, start in sorted(first.items()):
        later = start + LATER_FRAMES
        near = [i for i in (start + after for after in EARLY_FRAMES) if i < len(seen) and instance in seen[i]]
        if near and later < len(seen) and instance in seen[later]:
            early = np.mean([colours[i][seen[i][instance]] for i in near], axis=0)
            found.append(Sighting(town, instance, start, early, colours[later][seen[later][instance]]))
    return found


def persistence(model: Sequence[Sighting], painter: Sequence[Sighting], towns: int) -> dict[str, Measure]:
    """Count, change, painter's change, change beyond the painter's, and variety, of the same instances in both."""
    assert [(s.town, s.instance) for s in model] == [(s.town, s.instance) for s in painter], "sightings of the same masks"
    count = Measure(float(len(model)), True)
    if not model:
        return {"instances": count} | dict.fromkeys(("change", "painter's change", "beyond the painter's", "variety"), INVALID)
    town = np.array([s.town for s in model])
    ours, theirs = np.stack([s.late - s.early for s in model]), np.stack([s.late - s.early for s in painter])
    still, one = np.zeros_like(theirs), np.ones(len(town))
    changes = {"change": (ours, still), "painter's change": (theirs, still), "beyond the painter's": (ours, theirs)}
    found = {"instances": count}
    for name, (change, other) in changes.items():
        sums = _by_town(np.stack([delta_e(change, other), one], 1), town, towns)
        found[name] = pooled(sums, lambda rows: rows[:, 0] / rows[:, 1])
    late = [np.stack([s.late for s in of]) for of in (model, painter)]
    moments = np.concatenate([one[:, None], *(np.concatenate([c, c**2], 1) for c in late)], 1)
    found["variety"] = pooled(_by_town(moments, town, towns), lambda rows: _spread(rows, 1) / _spread(rows, 7))
    return found


def _spread(rows: Float[ndarray, "d q"], at: int) -> Float[ndarray, "d"]:
    """Root of the summed variances, from the count (column 0), sums (three columns) and sums of squares (three more)."""
    mean, square = rows[:, at : at + 3] / rows[:, :1], rows[:, at + 3 : at + 6] / rows[:, :1]
    return np.sqrt(np.maximum((square - mean**2).sum(1), 0))


def _by_town(values: Float[ndarray, "s q"], town: Int[ndarray, "s"], towns: int) -> Float[ndarray, "n q"]:
    out = np.zeros((towns, values.shape[1]))
    np.add.at(out, town, values)
    return out
