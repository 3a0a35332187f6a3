"""The vector map of an authored town: drivable areas, markings, crossings, stop lines, walkways and lanes, all at z = 0."""

from __future__ import annotations

import numpy as np
import shapely
from jaxtyping import Float
from numpy import ndarray

from everroad.scenario.lane_graph import LaneGraph
from everroad.scenario.roads import Leg, Road, Roads
from everroad.scenario.types import Area, Divider, Lane, MarkType, VectorMap

_TOLERANCE_M = 0.04  # how far a simplified line may stray
_FILLET_POINTS = 7


def _flat(points: Float[ndarray, "p 2"], tolerance_m: float = _TOLERANCE_M) -> Float[ndarray, "p 3"]:
    line = shapely.get_coordinates(shapely.simplify(shapely.linestrings(points), tolerance_m))
    return np.concatenate([line, np.zeros((len(line), 1))], axis=1)


def _area(*lines: Float[ndarray, "_ 3"]) -> Area:
    return Area(np.concatenate(lines))


def _quad(leg: Leg, near_m: float, far_m: float, left_m: float, right_m: float) -> Float[ndarray, "4 3"]:
    """A piece of a leg between two distances from the node and two offsets (seen leaving the node, left positive)."""
    stations = np.array([leg.station(near_m), leg.station(far_m), leg.station(far_m), leg.station(near_m)])
    offsets = leg.outward * np.array([left_m, left_m, right_m, right_m])
    return np.concatenate([leg.street.at(stations, offsets), np.zeros((4, 1))], axis=1)


def _leg_line(leg: Leg, from_m: float, to_m: float, left_m: float) -> Float[ndarray, "p 2"]:
    return leg.street.line(leg.station(from_m), leg.station(to_m), leg.outward * left_m)


def _corner(first: Leg, second: Leg, beyond_kerb_m: float) -> Float[ndarray, "p 2"]:
    """The rounded corner between two neighbouring legs, from the cut of the first to that of the second, counter-clockwise:
    along the left kerb of ``first`` inwards, round, and along the right kerb of ``second`` outwards."""
    left = first.street.profile.kerb_m + beyond_kerb_m
    right = -(second.street.profile.kerb_m + beyond_kerb_m)
    inwards = _leg_line(first, first.cut_m, first.corner_m, left)
    outwards = _leg_line(second, second.corner_m, second.cut_m, right)
    a, b = inwards[-1], outwards[0]
    along_a = inwards[-1] - _leg_line(first, first.corner_m + 0.5, first.corner_m, left)[0]
    along_b = outwards[0] - _leg_line(second, second.corner_m + 0.5, second.corner_m, right)[0]
    across = along_a[0] * along_b[1] - along_a[1] * along_b[0]
    gap = b - a
    tip = a + along_a * ((gap[0] * along_b[1] - gap[1] * along_b[0]) / across)
    u = np.linspace(0, 1, _FILLET_POINTS)[1:-1, None]
    # A rational quadratic curve with weight cos 45 degrees is the circular arc when the legs are square to each other.
    weight = 2 * u * (1 - u) * np.sqrt(0.5)
    arc = ((1 - u) ** 2 * a + weight * tip + u**2 * b) / ((1 - u) ** 2 + weight + u**2)
    return np.concatenate([inwards, arc, outwards])


def _wall(before: Leg, after: Leg, beyond_kerb_m: float) -> Float[ndarray, "p 2"]:
    """The straight kerb where a leg is missing: from the cut of the leg before it to that of the leg after it, which lie on one
    street."""
    offset = before.outward * (before.street.profile.kerb_m + beyond_kerb_m)
    return before.street.line(before.station(before.cut_m), after.station(after.cut_m), offset)


def kerb_sides(legs: tuple[Leg, ...], beyond_kerb_m: float) -> list[tuple[Leg, Leg, Float[ndarray, "p 2"]]]:
    """The kerbs around an intersection, one between each two neighbouring open legs, moved out by ``beyond_kerb_m``."""
    present = [leg for leg in legs if leg.open]
    out = []
    for first, second in zip(present, present[1:] + present[:1], strict=True):
        neighbours = (second.side - first.side) % 4 == 1
        out.append((first, second, (_corner if neighbours else _wall)(first, second, beyond_kerb_m)))
    return out


def _edge_lines(road: Road, offset_m: float) -> tuple[ndarray, ndarray]:
    return (_flat(road.street.line(road.start_m, road.end_m, offset_m)), _flat(road.street.line(road.start_m, road.end_m, -offset_m)))


def _centre_mark(road: Road) -> MarkType:
    if road.street.profile.lanes > 1:
        return "double_solid"
    return "solid" if road.street.profile.speed_limit_mps > 9 else "dashed"


def _lanes(graph: LaneGraph) -> tuple[Lane, ...]:
    lines = [graph.curves.points(i) for i in range(len(graph.options))]
    simple = shapely.simplify([shapely.linestrings(line) for line in lines], _TOLERANCE_M)
    out = []
    for i in np.flatnonzero(~graph.bicycle).tolist():
        points = shapely.get_coordinates(simple[i])
        out.append(
            Lane(
                lane_id=f"lane{i}",
                centerline_m=np.concatenate([points, np.zeros((len(points), 1))], axis=1),
                width_m=float(graph.width_m[i]),
                successors=tuple(f"lane{o}" for o in graph.options[i]),
                left_neighbour=f"lane{graph.left[i]}" if graph.left[i] >= 0 else None,
                right_neighbour=f"lane{graph.right[i]}" if graph.right[i] >= 0 else None,
                speed_limit_mps=float(graph.speed_limit_mps[i]),
                is_intersection=bool(graph.is_connector[i]),
            )
        )
    return tuple(out)


def build_map(roads: Roads, graph: LaneGraph) -> VectorMap:
    """All layers. Every road is one drivable area and every intersection another; they share their common edge exactly."""
    drivable: list[Area] = []
    walkways: list[Area] = []
    dividers: list[Divider] = []
    centre: list[Divider] = []
    crossings: list[Area] = []
    stops: list[Divider] = []
    for road in roads.roads:
        profile = road.street.profile
        left, right = _edge_lines(road, profile.kerb_m)
        drivable.append(_area(right, left[::-1]))
        far_left, far_right = _edge_lines(road, profile.kerb_m + profile.sidewalk_m)
        walkways += [_area(left, far_left[::-1]), _area(far_right, right[::-1])]
        dividers += [Divider(line, "solid", "white") for line in _edge_lines(road, profile.edge_m)]
        for lane in range(1, profile.lanes):
            between = profile.centre_gap_m / 2 + lane * profile.lane_width_m
            dividers += [Divider(line, "dashed", "white") for line in _edge_lines(road, between)]
        centre.append(Divider(_flat(road.street.line(road.start_m, road.end_m, 0.0)), _centre_mark(road), "yellow"))
    for legs in roads.legs:
        inner = kerb_sides(legs, 0.0)
        drivable.append(_area(*[_flat(line) for _, _, line in inner]))
        for (first, second, near), (_, _, far) in zip(inner, kerb_sides(legs, _corner_walk_m(legs)), strict=True):
            walkways.append(_walk_area(first, second, near, far))
        for leg in legs:
            if not leg.open:
                continue
            profile = leg.street.profile
            if leg.crosswalk:
                crossings.append(Area(_quad(leg, *leg.crossing_m, profile.kerb_m - 0.2, -(profile.kerb_m - 0.2))))
            stops.append(Divider(_quad(leg, leg.cut_m - 0.2, leg.cut_m - 0.2, profile.centre_gap_m / 2, profile.edge_m)[1:3], "solid", "white"))
    return VectorMap(
        drivable_areas=tuple(drivable), lane_dividers=tuple(dividers), road_dividers=tuple(centre), ped_crossings=tuple(crossings),
        stop_lines=tuple(stops), walkways=tuple(walkways), lanes=_lanes(graph),
    )  # fmt: skip


def _corner_walk_m(legs: tuple[Leg, ...]) -> float:
    return min(leg.street.profile.sidewalk_m for leg in legs)


def _walk_area(first: Leg, second: Leg, near: ndarray, far: ndarray) -> Area:
    """The pavement at a corner, closed off at the cuts with the full width of each street's own pavement."""
    a, b = first.street.profile, second.street.profile
    start = _leg_line(first, first.cut_m, first.cut_m - 1.0, a.kerb_m + a.sidewalk_m)[:1]
    end = _leg_line(second, second.cut_m, second.cut_m - 1.0, -(b.kerb_m + b.sidewalk_m))[:1]
    return _area(_flat(near), _flat(np.concatenate([end, far[::-1], start])))
