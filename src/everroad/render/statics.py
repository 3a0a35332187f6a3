"""The scenery's polygons for one view: what is near and in sight, lit once for a look, leaves turned to the camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from everroad import geometry
from everroad.render.lighting import beam, to_the_eye
from everroad.render.look import Look
from everroad.render.raster import Polygons
from everroad.render.scenery import Scenery
from everroad.render.view import View

_FARTHEST_M = 240.0
_SMALLEST_PX = 0.8
_HIDDEN_BY_HAZE = 0.985
_RING = np.stack([np.cos(-np.arange(8) * np.pi / 4), np.sin(-np.arange(8) * np.pi / 4), np.zeros(8)], axis=1)


@dataclass(frozen=True, eq=False)
class LitScenery:
    """The scenery under one look: light on every polygon, and the two tones of every leaf ball."""

    scenery: Scenery
    look: Look
    light: Float[ndarray, "q 3"]
    ball_tones: Float[ndarray, "2 b 3"]


def light_scenery(scenery: Scenery, look: Look) -> LitScenery:
    """Lights all polygons."""
    ambient, sun = np.array(look.ambient), np.array(look.sun)
    dim = scenery.ball_albedo * (ambient * 0.82 + 0.22 * sun)
    bright = scenery.ball_albedo * (ambient * 1.05 + 0.85 * sun)
    return LitScenery(scenery, look, look.light(scenery.normal), np.stack([dim, bright]))


def in_sight(view: View, centre_flat_m: Float[ndarray, "n 3"], radius_m: Float[ndarray, "n"], look: Look) -> Int[ndarray, "k"]:
    """Indices of spheres that touch the picture and are neither too far nor too small nor lost in haze."""
    lens = view.lens
    x, y, z = geometry.apply(view.camera_from_flat, centre_flat_m).T
    distance = np.sqrt(x * x + y * y + z * z)
    keep = (z > -radius_m) & (distance < _FARTHEST_M + radius_m)
    k = lens.intrinsics
    keep &= radius_m * 2 * k[0, 0] > _SMALLEST_PX * np.maximum(z - radius_m, 0.0)
    keep &= look.haze_share(distance - radius_m) < _HIDDEN_BY_HAZE
    # Distance to each side plane of the frustum against the radius.
    for tangent, along in (
        ((lens.width_px - 0.5 - k[0, 2]) / k[0, 0], x),
        ((k[0, 2] + 0.5) / k[0, 0], -x),
        ((lens.height_px - 0.5 - k[1, 2]) / k[1, 1], y),
        ((k[1, 2] + 0.5) / k[1, 1], -y),
    ):
        keep &= along - z * tangent < radius_m * np.sqrt(1 + tangent * tangent)
    return np.flatnonzero(keep)


def visible_objects(view: View, lit: LitScenery) -> Int[ndarray, "k"]:
    """Scenery objects in sight."""
    scenery = lit.scenery
    near = np.flatnonzero((np.abs(scenery.centre_m - view.origin_m[:2]) < _FARTHEST_M + 30).all(axis=1))
    half = scenery.top_m[near] / 2
    centre = np.concatenate([scenery.centre_m[near] - view.origin_m[:2], half[:, None]], axis=1)
    return near[in_sight(view, centre, np.hypot(scenery.radius_m[near], half), lit.look)]


def footprints(view: View, lit: LitScenery, objects: Int[ndarray, "k"]) -> Float[ndarray, "k 4 2"]:
    """Flat-frame footprints relative to the camera; plants are a line across the view."""
    scenery = lit.scenery
    camera = view.flat_from_camera[:2, 3]
    prints = scenery.footprint_m[objects] - view.origin_m[:2] - camera
    leafy = scenery.ball_range[objects, 1] > scenery.ball_range[objects, 0]
    middle = prints[leafy, 0]
    across = np.stack([-middle[:, 1], middle[:, 0]], axis=1)
    across *= (scenery.radius_m[objects[leafy]] / np.maximum(np.linalg.norm(middle, axis=1), 0.1))[:, None]
    prints[leafy] = middle[:, None] + np.array([-1.0, -1.0, 1.0, 1.0])[None, :, None] * across[:, None]
    return prints


def _ranges(ranges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All indices in the ranges, and which range each is from."""
    count = ranges[:, 1] - ranges[:, 0]
    owner = np.repeat(np.arange(len(ranges)), count)
    return np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(ranges[:, 0], count), owner


def static_polygons(view: View, lit: LitScenery, objects: Int[ndarray, "k"], rank: Int[ndarray, "k"]) -> list[Polygons]:
    """Polygons of the objects, and of their leaves."""
    scenery, look = lit.scenery, lit.look
    ego_from_camera = view.lens.ego_from_camera
    which, owner = _ranges(scenery.polygons[objects])
    points = geometry.apply(view.camera_from_flat, scenery.points_m[which] - [*view.origin_m[:2], 0.0])
    centre = points[:, :4].mean(axis=1)
    colour = to_the_eye(
        scenery.albedo[which],
        scenery.glow[which] if look.dark else np.zeros(len(which)),
        lit.light[which],
        geometry.apply(ego_from_camera, centre),
        np.linalg.norm(centre, axis=1),
        look,
    )
    walls = Polygons(
        points_m=points,
        colour=colour,
        two_sided=scenery.two_sided[which],
        rank=rank[owner],
        # Trunks stand behind their leaves.
        key=np.full(len(which), -1e6),
        texture=scenery.texture[which],
        instance=scenery.instance[objects[owner]],
        semantic=scenery.semantic[objects[owner]],
    )
    return [walls, _leaves(view, lit, objects, rank)]


def _leaves(view: View, lit: LitScenery, objects: np.ndarray, rank: np.ndarray) -> Polygons:
    """Two octagons a ball: the shaded side, and on it the lit side moved towards the sun."""
    scenery, look = lit.scenery, lit.look
    which, owner = _ranges(scenery.ball_range[objects])
    balls = scenery.balls[which]
    centre = geometry.apply(view.camera_from_flat, balls[:, :3] - [*view.origin_m[:2], 0.0])
    sun = view.camera_from_flat[:3, :3] @ (np.array(look.sun_direction) * 0.6 + [0, 0, 0.5])
    shift = np.array([sun[0], sun[1], 0.0]) * 0.32
    ring = _RING[None] * (scenery.ball_outline[which] * balls[:, 3:])[..., None]
    shaded = centre[:, None] + ring
    bright = centre[:, None] + ring * 0.68 + shift * balls[:, 3, None, None]
    points = np.stack([shaded, bright], axis=1).reshape(-1, 8, 3)
    distance = np.linalg.norm(centre, axis=1)
    share = look.haze_share(distance)[None, :, None]
    beams = np.zeros((1, len(which), 1))
    if look.night:
        beams = beam(geometry.apply(view.lens.ego_from_camera, centre))[None, :, None]
    tones = lit.ball_tones[:, which] + scenery.ball_albedo[None, which] * beams
    tones = tones * (1 - share) + np.array(look.haze) * share
    twice = np.repeat(owner, 2)
    return Polygons(
        points_m=points,
        colour=tones.transpose(1, 0, 2).reshape(-1, 3),
        two_sided=np.ones(len(points), bool),
        rank=rank[twice],
        key=np.repeat(-centre[:, 2], 2),
        texture=np.full(len(points), -1),
        instance=scenery.instance[objects[twice]],
        semantic=scenery.semantic[objects[twice]],
    )
