"""Distances of a source's pictures and clips from the painter's, with the painter's own as the floor.

All are to the painter's pictures of *other* towns, of the same frames: the painter's own distance to them is the floor, and
what is above it is the source's doing. Kernel distances are unbiased, so that a difference of two means what it says; Fréchet
distances of few samples are far above zero even between equals, and only the floor of as many samples says how far.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.evaluation.distances.frechet import frechet_distance
from everroad.evaluation.distances.kernel import kernel_distance, kernel_sums
from everroad.evaluation.distances.moments import Moments, all_joined, moments_of
from everroad.evaluation.measure import INVALID, Measure, combined, linearised, town_draws, with_draws

ByTown = Sequence[Float[ndarray, "_ d"]]


def distances_above_floor(model: ByTown, painter: ByTown, others: ByTown, names: tuple[str, str]) -> dict[str, Measure]:
    """Of both kinds (``names``: of the kernel distance and of the Fréchet distance): the source's, "… floor" the painter's, and
    "… above floor" their difference. Invalid with fewer than two towns on a side, or too few samples."""
    found: dict[str, Measure] = {}
    for name, distance in zip(names, (kernel_between, frechet_between), strict=True):
        own, floor = distance(model, others), distance(painter, others)
        above = combined(lambda a, b: a - b, own, floor)
        found |= {name: own, f"{name} floor": floor, f"{name} above floor": above}
    return found


def kernel_between(first: ByTown, second: ByTown) -> Measure:
    """The unbiased kernel distance; its interval draws the towns of ``first``. Invalid with fewer than two towns on a side."""
    if min(len(first), len(second)) < 2:
        return INVALID
    sums = kernel_sums(first, second)
    return with_draws(float(kernel_distance(sums)[0]), kernel_distance(sums, town_draws(len(first))), len(first))


def frechet_between(first: ByTown, second: ByTown) -> Measure:
    """The Fréchet distance; its interval draws the towns of ``first``. Invalid with fewer than two samples on a side."""
    parts = [moments_of(features) for features in first]
    others = all_joined(moments_of(features) for features in second)
    if sum(part.count for part in parts) < 2 or others.count < 2:
        return INVALID
    value = frechet_distance(all_joined(parts), others)
    left_out = [parts[:i] + parts[i + 1 :] for i in range(len(parts))] if len(parts) > 2 else []
    if any(sum(part.count for part in rest) < 2 for rest in left_out):
        return Measure(value, True)
    return linearised(value, np.array([_between(rest, others) for rest in left_out]))


def _between(parts: Sequence[Moments], others: Moments) -> float:
    return frechet_distance(all_joined(parts), others)


def by_town(
    frames: Sequence[int], towns: int, features: Callable[[int, Sequence[int]], Float[ndarray, "_ d"]]
) -> list[Float[ndarray, "_ d"]]:
    """The features of each town at those frames."""
    return [features(town, frames) for town in range(towns)]


def others_by_town(features: Mapping[int, Float[ndarray, "n d"]], frames: Sequence[int]) -> list[Float[ndarray, "_ d"]]:
    """Features by frame, as features by town."""
    return list(np.stack([features[i] for i in frames], 1))
