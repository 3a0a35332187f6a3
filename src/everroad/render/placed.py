"""Things that move or change: meshes at a pose, turned into polygons for one view, parts ordered for the eye, lit and hazed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from everroad import geometry
from everroad.render.lighting import to_the_eye
from everroad.render.look import Look
from everroad.render.mesh import Mesh, part_ranks
from everroad.render.raster import Polygons
from everroad.render.view import View

# Fine polygons are drawn from this height of the whole thing on.
_FINE_PX = 14.0


@dataclass(frozen=True, eq=False)
class Placed:
    """A mesh for near and one for far, at a pose. The mesh fills a box of ``size_lwh_m`` around its origin."""

    near: Mesh
    far: Mesh
    world_from_mesh: Float[ndarray, "4 4"]
    size_lwh_m: Float[ndarray, "3"]
    instance: int
    semantic: int


def placed_polygons(view: View, things: Sequence[Placed], look: Look, rank: Int[ndarray, "n"]) -> list[Polygons]:
    """Polygons of the things, which must be in sight; nothing for none."""
    if not things:
        return []
    world_from_mesh = np.stack([thing.world_from_mesh for thing in things])
    camera_from_mesh = view.camera_from_world @ world_from_mesh
    eyes = geometry.invert(camera_from_mesh)[:, :3, 3]
    focal = view.lens.intrinsics[1, 1]
    meshes, keys = [], []
    for thing, eye in zip(things, eyes, strict=True):
        mesh = thing.near if thing.size_lwh_m[2] * focal > _FINE_PX * np.linalg.norm(eye) else thing.far
        meshes.append(mesh)
        keys.append(part_ranks(mesh, eye)[mesh.part])
    owner = np.repeat(np.arange(len(things)), [len(mesh.part) for mesh in meshes])
    turn, shift = camera_from_mesh[owner, :3, :3], camera_from_mesh[owner, :3, 3]
    points = np.concatenate([mesh.points_m for mesh in meshes]) @ turn.transpose(0, 2, 1) + shift[:, None]
    normal = (world_from_mesh[owner, :3, :3] @ np.concatenate([mesh.normal for mesh in meshes])[..., None])[..., 0]
    centre = points[:, :4].mean(axis=1)
    colour = to_the_eye(
        np.concatenate([mesh.albedo for mesh in meshes]),
        np.concatenate([mesh.glow for mesh in meshes]),
        look.light(normal),
        geometry.apply(view.lens.ego_from_camera, centre),
        np.linalg.norm(centre, axis=1),
        look,
    )
    return [
        Polygons(
            points_m=points,
            colour=colour,
            two_sided=np.concatenate([mesh.two_sided for mesh in meshes]),
            rank=rank[owner],
            key=np.concatenate(keys).astype(np.float64),
            texture=np.full(len(owner), -1),
            instance=np.array([thing.instance for thing in things], np.int64)[owner],
            semantic=np.array([thing.semantic for thing in things], np.int64)[owner],
        )
    ]
