"""What a part of the conditions asks of a picture, what the picture shows of it, and how well the two agree.

Three kinds: *layout* (map and boxes), by the segmenter's labels; *motion*, by the ego motion that the road shows; *colour*
(weather, time of day, anchor and start), by the mean colour. The agreement of many pictures is a function of sums, so that it
has an interval over towns. Axis letters: ``q`` summed quantities, ``d`` draws, ``c`` classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from everroad.evaluation.ablation.altered import Part
from everroad.evaluation.consistency.ego_motion import UNKNOWN, EgoMotion
from everroad.evaluation.layout_agreement import LAYOUT_CLASSES, overlaps

# Turning moves a point of the road this far ahead by so much more than driving does.
LEVER_M = 10.0
Kind = Literal["layout", "motion", "colour"]
Motion = tuple[float, float]  # metres and radians a second


@dataclass(frozen=True, eq=False)
class Asked:
    """What one picture should show: the painter's classes, the ego's motion (``readable``: the painter's picture shows it)
    and a mean colour, L*a*b*."""

    semantic: UInt8[ndarray, "h w"]
    motion: Motion
    readable: bool
    colour: Float[ndarray, "3"]


@dataclass(frozen=True, eq=False)
class Seen:
    """What one picture shows: the classes that a judge names, the ego's motion since the picture before, its mean colour."""

    colour: Float[ndarray, "3"]
    labels: UInt8[ndarray, "h w"] | None = None
    motion: EgoMotion = UNKNOWN


@dataclass(frozen=True)
class Yardstick:
    """``of`` gives the quantities of one picture, ``agreement`` is a function of their sums: the higher the better."""

    kind: Kind
    of: Callable[[Seen, Asked], Float[ndarray, "q"]]
    agreement: Callable[[Float[ndarray, "d q"]], Float[ndarray, "d"]]


def motion_between(one: Motion, other: Motion) -> float:
    """How much faster, in metres a second, a point of the road ``LEVER_M`` ahead moves by one motion than by the other."""
    return float(np.hypot(one[0] - other[0], LEVER_M * (one[1] - other[1])))


def layout_yardstick(*classes: str) -> Yardstick:
    """Agreement is the mean IoU of these classes, of those that occur."""
    columns = [LAYOUT_CLASSES.index(name) for name in classes]

    def of(seen: Seen, asked: Asked) -> Float[ndarray, "q"]:
        assert seen.labels is not None
        return overlaps(seen.labels, asked.semantic)[:, columns].ravel()

    def agreement(sums: Float[ndarray, "d q"]) -> Float[ndarray, "d"]:
        both, either = np.split(sums, 2, axis=1)
        return np.where(either > 0, both / np.maximum(either, 1), 0).sum(1) / (either > 0).sum(1)

    return Yardstick("layout", of, agreement)


def _motion_of(seen: Seen, asked: Asked) -> Float[ndarray, "q"]:
    if not (asked.readable and seen.motion.sure):
        return np.zeros(2)
    shown = (seen.motion.speed_mps, seen.motion.yaw_rate_radps)
    return np.array([motion_between(shown, asked.motion), motion_between((0.0, 0.0), asked.motion)])


def _colour_of(seen: Seen, asked: Asked) -> Float[ndarray, "q"]:
    return np.array([np.linalg.norm(seen.colour - asked.colour), 1.0])


# Of motion: 1 is as asked, 0 as wrong as a standing picture. Frames count of which the motion can be read.
MOTION = Yardstick("motion", _motion_of, lambda sums: 1 - sums[:, 0] / sums[:, 1])
# Of colour: the distance to what is asked (ΔE*ab), negative, so that here too more is better.
COLOUR = Yardstick("colour", _colour_of, lambda sums: -sums[:, 0] / sums[:, 1])

YARDSTICKS: dict[Part, Yardstick | None] = {
    "map": layout_yardstick("road", "lane_marking"),
    "boxes": layout_yardstick("vehicle"),
    "ego_motion": MOTION,
    "camera": None,
    "weather": COLOUR,
    "time_of_day": COLOUR,
    "anchor": COLOUR,
    "start": COLOUR,
}
