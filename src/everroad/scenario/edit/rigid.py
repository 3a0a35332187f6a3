"""A whole scenario moved rigidly: ego, actors, signals, map and ground."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad import geometry
from everroad.scenario.map_types import Area, Divider, GroundHeight, Lane, VectorMap
from everroad.scenario.types import Actor, Poses, Scenario


def moved(scenario: Scenario, new_from_old: Float[ndarray, "4 4"]) -> Scenario:
    """The scenario in another place of the world. Ground heights are read off the old grid onto a new one, nearest cell."""
    return replace(
        scenario,
        world_from_ego=_poses(scenario.world_from_ego, new_from_old),
        map=None if scenario.map is None else _map(scenario.map, new_from_old),
        ground=None if scenario.ground is None else _ground(scenario.ground, new_from_old),
        actors=tuple(_actor(actor, new_from_old) for actor in scenario.actors),
        signals=tuple(
            replace(signal, position_m=geometry.apply(new_from_old, signal.position_m)) for signal in scenario.signals
        ),
    )


def _poses(poses: Poses, new_from_old: Float[ndarray, "4 4"]) -> Poses:
    new = new_from_old @ poses.matrices()
    return Poses(new[:, :3, 3], geometry.quaternion_from_rotation(new[:, :3, :3]))


def _actor(actor: Actor, new_from_old: Float[ndarray, "4 4"]) -> Actor:
    velocity = None if actor.velocity_mps is None else actor.velocity_mps @ new_from_old[:3, :3].T
    return replace(actor, poses=_poses(actor.poses, new_from_old), velocity_mps=velocity)


def _map(vector_map: VectorMap, new_from_old: Float[ndarray, "4 4"]) -> VectorMap:
    def move(line: ndarray) -> ndarray:
        return geometry.apply(new_from_old, line)

    def areas(items: tuple[Area, ...] | None) -> tuple[Area, ...] | None:
        return None if items is None else tuple(Area(move(i.exterior_m), tuple(map(move, i.holes_m))) for i in items)

    def dividers(items: tuple[Divider, ...] | None) -> tuple[Divider, ...] | None:
        return None if items is None else tuple(replace(i, points_m=move(i.points_m)) for i in items)

    def lanes(items: tuple[Lane, ...] | None) -> tuple[Lane, ...] | None:
        return None if items is None else tuple(replace(i, centerline_m=move(i.centerline_m)) for i in items)

    return VectorMap(
        areas(vector_map.drivable_areas), dividers(vector_map.lane_dividers), dividers(vector_map.road_dividers),
        areas(vector_map.ped_crossings), dividers(vector_map.stop_lines), areas(vector_map.walkways), lanes(vector_map.lanes),
    )  # fmt: skip


def _ground(ground: GroundHeight, new_from_old: Float[ndarray, "4 4"]) -> GroundHeight:
    rows, cols = ground.height_m.shape
    corners = ground.origin_xy_m + ground.resolution_m * np.array([[0, 0], [cols - 1, 0], [0, rows - 1], [cols - 1, rows - 1]])
    there = geometry.apply(new_from_old, np.pad(corners, ((0, 0), (0, 1))))[:, :2]
    return regrid([(ground, new_from_old)], there.min(axis=0), there.max(axis=0), ground.resolution_m)


def regrid(
    parts: list[tuple[GroundHeight, Float[ndarray, "4 4"]]],
    least_xy_m: Float[ndarray, "2"],
    most_xy_m: Float[ndarray, "2"],
    resolution_m: float,
) -> GroundHeight:
    """One grid from several, each with the transform (new_from_old) that moves it: the first that knows a cell says it."""
    cols, rows = (np.ceil((most_xy_m - least_xy_m) / resolution_m).astype(int) + 1).tolist()
    x, y = np.meshgrid(np.arange(cols), np.arange(rows))
    cells = least_xy_m + resolution_m * np.stack([x, y], axis=-1).reshape(-1, 2)
    height = np.full(len(cells), np.nan)
    for ground, new_from_old in parts:
        old = geometry.apply(geometry.invert(new_from_old), np.pad(cells, ((0, 0), (0, 1))))[:, :2]
        known = ground.at(old)
        # A rise of the frame itself; a tilt of the ground's frame is below what a nearest cell resolves.
        height = np.where(np.isnan(height), known + new_from_old[2, 3], height)
    return GroundHeight(np.array(least_xy_m, dtype=np.float64), resolution_m, height.reshape(rows, cols))
