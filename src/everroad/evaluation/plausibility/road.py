"""Driving off the road: the share of footprints outside of the drivable area; where the map has none, outside of its lanes."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from jaxtyping import Bool, Float
from numpy import ndarray

from everroad.scenario.edit.overlap import bodies_of
from everroad.scenario.types import Scenario

# Motor vehicles: bicycles ride, and people walk, where they like.
DRIVEN = ("car", "truck", "bus", "trailer", "construction_vehicle", "motorcycle")
LANE_WIDTH_M = 3.5  # of lanes whose width nobody recorded (ours)
_SEAM_M = 0.05  # areas whose common edges were simplified apart are one


def drivable(scenario: Scenario, within_m: float = 150.0) -> Any:
    """The drivable ground around the ego's path as one shapely geometry, ``None`` where the map does not tell."""
    if scenario.map is None:
        return None
    left, low, right, high = _bounds(scenario, within_m)
    path = shapely.box(left, low, right, high)
    if scenario.map.drivable_areas is not None:
        polygons = [
            shapely.polygons(area.exterior_m[:, :2], [hole[:, :2] for hole in area.holes_m] or None)
            for area in scenario.map.drivable_areas
        ]
    elif scenario.map.lanes is not None:
        polygons = [
            shapely.buffer(shapely.linestrings(lane.centerline_m[:, :2]), (lane.width_m or LANE_WIDTH_M) / 2)
            for lane in scenario.map.lanes
        ]
    else:
        return None
    near = [shapely.make_valid(polygon) for polygon in polygons if shapely.intersects(polygon, path)]
    road = shapely.union_all(shapely.buffer(np.array(near, object), _SEAM_M, join_style="mitre"))
    shapely.prepare(road)
    return road


def _bounds(scenario: Scenario, within_m: float) -> list[float]:
    path = scenario.world_from_ego.translation_m[:, :2]
    return [*(path.min(0) - within_m).tolist(), *(path.max(0) + within_m).tolist()]


def off_road(scenario: Scenario, within_m: float = 60.0) -> tuple[Float[ndarray, "n f"], Bool[ndarray, "n f"]]:
    """Share of each footprint (the ego first, then the actors) off the road, and where that is known: of the ego and of motor
    vehicles within ``within_m`` of it, where the map tells."""
    bodies = bodies_of(scenario)
    road = drivable(scenario)
    share = np.zeros(bodies.valid.shape)
    if road is None:
        return share, np.zeros_like(bodies.valid)
    centre = bodies.centre_m[..., :2]
    near = np.linalg.norm(centre - centre[:1], axis=-1) <= within_m
    motor = np.array([True, *(actor.detection_class in DRIVEN for actor in scenario.actors)])
    valid = bodies.valid & near & motor[:, None]
    valid[0] &= scenario.ego_motion_known
    at = np.nonzero(valid)
    c, a, b = centre[at], bodies.ahead_m[at], bodies.left_m[at]
    prints: Any = shapely.polygons(np.stack([c + a + b, c - a + b, c - a - b, c + a - b], axis=1))
    outside = ~np.asarray(shapely.covers(road, prints))
    cut = np.zeros(len(prints))
    cut[outside] = 1 - shapely.area(shapely.intersection(prints[outside], road)) / shapely.area(prints[outside])
    share[at] = np.clip(cut, 0.0, 1.0)
    return share, valid
