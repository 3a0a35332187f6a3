"""What stands in the parking lanes: parked vehicles, and now and then a small building site with cones and barriers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.scenario.draws import generator
from everroad.scenario.recording import Looks
from everroad.scenario.roads import Road, Roads
from everroad.scenario.streets import KERBSIDE_WIDTH_M

_SITE_SHARE = 0.10  # of the road sides with parking
_FROM_JUNCTION_M = 4.0
_GAP_M = (0.9, 1.8)

# category, share, mean size, spread, attribute
_PARKED: tuple[tuple[str, float, tuple[float, float, float], float], ...] = (
    ("vehicle.car", 0.74, (4.5, 1.84, 1.55), 0.06),
    ("vehicle.car", 0.14, (5.0, 1.96, 1.9), 0.05),
    ("vehicle.truck", 0.06, (6.3, 2.2, 2.6), 0.05),
    ("vehicle.trailer", 0.02, (5.2, 2.1, 2.2), 0.06),
    ("vehicle.motorcycle", 0.04, (2.15, 0.8, 1.2), 0.05),
)
_UP_TO_SHARE = np.cumsum([kind[1] for kind in _PARKED])
_UP_TO_SHARE /= _UP_TO_SHARE[-1]


class Standing(NamedTuple):
    """Things that never move: positions, headings and looks, one of each a thing."""

    xy_m: Float[ndarray, "n 2"]
    yaw_rad: Float[ndarray, "n"]
    looks: tuple[Looks, ...]


def _row_of_cars(
    draw: np.random.Generator, length_m: float, share: float
) -> list[tuple[float, float, float, str, tuple[float, float, float]]]:
    """(distance along, sideways, turn, category, size) of the cars parked along one side."""
    out = []
    at = _FROM_JUNCTION_M
    while True:
        kind = int(_UP_TO_SHARE.searchsorted(draw.random(), side="right"))  # what Generator.choice does, many times over
        category, _, mean, spread = _PARKED[kind]
        length, width, height = (float(x) for x in np.array(mean) * draw.normal(1, spread, 3).clip(0.88, 1.1))
        size = (length, width, height)
        if at + length > length_m - _FROM_JUNCTION_M:
            return out
        taken, turn, gap = draw.random() < share, draw.normal(0, 0.01), draw.uniform(*_GAP_M)
        sideways = max(draw.uniform(-0.1, 0.12), (width - KERBSIDE_WIDTH_M["parking"]) / 2 + 0.06)  # off the kerb
        if taken:
            out.append((at + length / 2, float(sideways), float(turn), category, size))
        at += length + float(gap)


def _site(draw: np.random.Generator, length_m: float) -> list[tuple[float, float, float, str, tuple[float, float, float]]]:
    """A building site on one side: a barrier at either end, cones along the traffic, perhaps a machine in the middle."""
    extent = float(draw.uniform(14, 24))
    begin = float(draw.uniform(_FROM_JUNCTION_M, max(length_m - extent - _FROM_JUNCTION_M, _FROM_JUNCTION_M + 0.1)))
    out = [(begin + end, 0.0, 0.0, "movable_object.barrier", (0.5, 1.9, 1.05)) for end in (0.0, extent)]
    for cone in np.arange(2.0, extent - 1.0, float(draw.uniform(2.5, 4.0))).tolist():
        out.append((begin + cone, 0.95, 0.0, "movable_object.trafficcone", (0.38, 0.38, 0.75)))
    if draw.random() < 0.6:
        out.append((begin + extent / 2, -0.25, 0.0, "vehicle.construction", (5.6, 1.7, 2.8)))
    return out


def _kerbside_arc(road: Road, forward: bool) -> tuple[Float[ndarray, "p"], Float[ndarray, "p"]]:
    """Metres along the parking lane in driving direction, and the station there: on the inside of a bend they differ."""
    ends = (road.start_m, road.end_m) if forward else (road.end_m, road.start_m)
    line = road.street.line(*ends, (-1.0 if forward else 1.0) * road.street.profile.kerbside_offset_m)
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))]), np.linspace(*ends, len(line))


def _side(
    road: Road,
    forward: bool,
    arc: tuple[Float[ndarray, "p"], Float[ndarray, "p"]],
    rows: list[tuple[float, float, float, str, tuple[float, float, float]]],
    name: str,
) -> Standing:
    if not rows:
        return Standing(np.zeros((0, 2)), np.zeros(0), ())
    along, sideways, turn = (np.array([row[c] for row in rows]) for c in range(3))
    sign = -1.0 if forward else 1.0
    station = np.interp(along, *arc)
    offset = sign * (road.street.profile.kerbside_offset_m - sideways)
    yaw = road.street.yaw_at(station) + (0.0 if forward else np.pi) + turn
    looks = []
    for number, (_, _, _, category, size) in enumerate(rows):
        standing = "vehicle.parked" if category.startswith("vehicle") else ""
        standing = "cycle.without_rider" if category == "vehicle.motorcycle" else standing
        looks.append(Looks(f"{name}.{number}", category, size, standing=standing))
    return Standing(road.street.at(station, offset), yaw, tuple(looks))


def fill_kerbsides(roads: Roads, seed: int) -> Standing:
    """Everything that stands along the roads of a town, a function of the seed."""
    parts = []
    for index, road in enumerate(roads.roads):
        profile = road.street.profile
        if profile.kerbside != "parking":
            continue
        for forward in (True, False):
            arc = _kerbside_arc(road, forward)
            length = float(arc[0][-1])
            draw = generator(seed, "kerbside", index, int(forward))
            rows = _site(draw, length) if draw.random() < _SITE_SHARE else _row_of_cars(draw, length, profile.parked_share)
            parts.append(_side(road, forward, arc, rows, f"kerb{index}{'r' if forward else 'l'}"))
    empty = Standing(np.zeros((0, 2)), np.zeros(0), ())
    return Standing(
        np.concatenate([p.xy_m for p in (empty, *parts)]),
        np.concatenate([p.yaw_rad for p in (empty, *parts)]),
        tuple(look for p in parts for look in p.looks),
    )
