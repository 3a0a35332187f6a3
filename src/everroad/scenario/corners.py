"""The lines around an intersection: its kerbs, the back of its pavements, and the paths of those who walk round it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.scenario.roads import Leg

_FILLET_POINTS = 7

LegMeasure = Callable[[Leg], float]


def leg_line(leg: Leg, from_m: float, to_m: float, left_m: float) -> Float[ndarray, "p 2"]:
    """The line along a leg between two distances from the node, ``left_m`` to the left as seen when leaving."""
    return leg.street.line(leg.station(from_m), leg.station(to_m), leg.outward * left_m)


def _round(first: Leg, second: Leg, beyond_kerb_m: LegMeasure, start_m: LegMeasure) -> Float[ndarray, "p 2"]:
    """Inwards along the left kerb of ``first``, round the corner, outwards along the right kerb of ``second``."""
    left = first.street.profile.kerb_m + beyond_kerb_m(first)
    right = -(second.street.profile.kerb_m + beyond_kerb_m(second))
    inwards = leg_line(first, start_m(first), first.corner_m, left)
    outwards = leg_line(second, second.corner_m, start_m(second), right)
    a, b = inwards[-1], outwards[0]
    along_a = a - leg_line(first, first.corner_m + 0.5, first.corner_m, left)[0]
    along_b = leg_line(second, second.corner_m + 0.5, second.corner_m, right)[0] - b
    across = along_a[0] * along_b[1] - along_a[1] * along_b[0]
    gap = b - a
    tip = a + along_a * ((gap[0] * along_b[1] - gap[1] * along_b[0]) / across)
    u = np.linspace(0, 1, _FILLET_POINTS)[1:-1, None]
    # A rational quadratic curve with weight cos 45 degrees is the circular arc when the legs are square to each other.
    weight = 2 * u * (1 - u) * np.sqrt(0.5)
    arc = ((1 - u) ** 2 * a + weight * tip + u**2 * b) / ((1 - u) ** 2 + weight + u**2)
    return np.concatenate([inwards, arc, outwards])


def _past_missing_leg(before: Leg, after: Leg, beyond_kerb_m: LegMeasure, start_m: LegMeasure) -> Float[ndarray, "p 2"]:
    """Straight on where a leg is missing: ``before`` and ``after`` lie on one street."""
    offset = before.outward * (before.street.profile.kerb_m + beyond_kerb_m(before))
    return before.street.line(before.station(start_m(before)), after.station(start_m(after)), offset)


def lines_around(
    legs: tuple[Leg, ...], beyond_kerb_m: LegMeasure, start_m: LegMeasure
) -> list[tuple[Leg, Leg, Float[ndarray, "p 2"]]]:
    """Counter-clockwise, one line between each two neighbouring open legs, from the left side of the first to the right side of
    the second. It runs ``beyond_kerb_m(leg)`` outside the kerb and begins and ends ``start_m(leg)`` from the node."""
    present = [leg for leg in legs if leg.open]
    out = []
    for first, second in zip(present, present[1:] + present[:1], strict=True):
        neighbours = (second.side - first.side) % 4 == 1
        out.append((first, second, (_round if neighbours else _past_missing_leg)(first, second, beyond_kerb_m, start_m)))
    return out
