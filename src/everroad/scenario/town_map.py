"""The vector map of an authored town: drivable areas, markings, crossings, stop lines, walkways and lanes, all at z = 0."""

from __future__ import annotations

import numpy as np
import shapely
from jaxtyping import Float
from numpy import ndarray

from everroad.scenario.corners import lines_around
from everroad.scenario.lane_graph import LaneGraph
from everroad.scenario.roads import Leg, Road, Roads
from everroad.scenario.types import Area, Divider, Lane, MarkType, VectorMap

_TOLERANCE_M = 0.04  # how far a simplified line may stray; roads are far from crossing themselves, so topology needs no care


def _flat(points: Float[ndarray, "p 2"], tolerance_m: float = _TOLERANCE_M) -> Float[ndarray, "q 3"]:
    line = shapely.get_coordinates(shapely.simplify(shapely.linestrings(points), tolerance_m, preserve_topology=False))
    return np.concatenate([line, np.zeros((len(line), 1))], axis=1)


def _area(*lines: Float[ndarray, "_ 3"]) -> Area:
    return Area(np.concatenate(lines))


def _quad(leg: Leg, near_m: float, far_m: float, left_m: float, right_m: float) -> Float[ndarray, "4 3"]:
    """A piece of a leg between two distances from the node and two offsets (seen leaving the node, left positive)."""
    stations = np.array([leg.station(near_m), leg.station(far_m), leg.station(far_m), leg.station(near_m)])
    offsets = leg.outward * np.array([left_m, left_m, right_m, right_m])
    return np.concatenate([leg.street.at(stations, offsets), np.zeros((4, 1))], axis=1)


def _edge_lines(road: Road, offset_m: float) -> tuple[ndarray, ndarray]:
    return (
        _flat(road.street.line(road.start_m, road.end_m, offset_m)),
        _flat(road.street.line(road.start_m, road.end_m, -offset_m)),
    )


def _centre_mark(road: Road) -> MarkType:
    if road.street.profile.lanes > 1:
        return "double_solid"
    return "solid" if road.street.profile.speed_limit_mps > 9 else "dashed"


def _lanes(graph: LaneGraph) -> tuple[Lane, ...]:
    owner = np.repeat(np.arange(len(graph.options)), graph.curves.count)
    lines: np.ndarray = np.asarray(shapely.linestrings(graph.curves.xy_m, indices=owner))
    simple = np.asarray(shapely.simplify(lines, _TOLERANCE_M, preserve_topology=False))
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
        kerbs = lines_around(legs, lambda leg: 0.0, lambda leg: leg.cut_m)
        backs = lines_around(legs, lambda leg: leg.street.profile.sidewalk_m, lambda leg: leg.cut_m)
        drivable.append(_area(*[_flat(line) for _, _, line in kerbs]))
        walkways += [_area(_flat(kerb), _flat(back)[::-1]) for (_, _, kerb), (_, _, back) in zip(kerbs, backs, strict=True)]
        for leg in legs:
            if not leg.open:
                continue
            profile = leg.street.profile
            if leg.crosswalk:
                crossings.append(Area(_quad(leg, *leg.crossing_m, profile.kerb_m - 0.2, -(profile.kerb_m - 0.2))))
            stops.append(
                Divider(
                    _quad(leg, leg.cut_m - 0.2, leg.cut_m - 0.2, profile.centre_gap_m / 2, profile.edge_m)[1:3],
                    "solid",
                    "white",
                )
            )
    return VectorMap(
        drivable_areas=tuple(drivable), lane_dividers=tuple(dividers), road_dividers=tuple(centre),
        ped_crossings=tuple(crossings), stop_lines=tuple(stops), walkways=tuple(walkways), lanes=_lanes(graph),
    )  # fmt: skip
