"""Polygons of one object: at most eight corners each, padded by repeating the last, counter-clockwise seen from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

CORNERS = 8

# Written out because a run-time type checker does not take an int for a float.
Number = float | int
Point = tuple[Number, Number, Number]
Colour = tuple[Number, Number, Number]


@dataclass(frozen=True, eq=False)
class Mesh:
    """``albedo`` is RGB 0 to 255, ``glow`` the share of it that shines by itself, ``two_sided`` is drawn from behind too.

    ``part`` groups polygons into convex parts; inside a part polygons are drawn as listed, so that lamps and windows follow
    the face they lie on. ``planes`` part them from each other: (upper part, lower part, axis, where). ``fine`` polygons are
    left out far away.
    """

    points_m: Float[ndarray, "n 8 3"]
    albedo: Float[ndarray, "n 3"]
    glow: Float[ndarray, "n"]
    two_sided: Bool[ndarray, "n"]
    fine: Bool[ndarray, "n"]
    part: Int[ndarray, "n"]
    normal: Float[ndarray, "n 3"]
    planes: tuple[tuple[int, int, int, float], ...]
    parts: int


@no_type_check
@dataclass(frozen=True)
class Face:
    """One polygon of a mesh in the making."""

    points_m: tuple[Point, ...]
    albedo: Colour
    glow: float = 0.0
    two_sided: bool = False
    fine: bool = False


def stack(rings: Sequence[Sequence[Point]]) -> Float[ndarray, "n 8 3"]:
    """Rings of three to eight corners as one array, each padded."""
    counts = np.array([len(ring) for ring in rings])
    out = np.empty((len(rings), CORNERS, 3))
    for count in np.unique(counts).tolist():
        same = np.flatnonzero(counts == count)
        out[same, :count] = np.array([rings[i] for i in same.tolist()], dtype=np.float64)
        out[same, count:] = out[same, count - 1 : count]
    return out


def make_mesh(parts: Sequence[Sequence[Face]]) -> Mesh:
    """A mesh of convex parts."""
    faces = [face for part in parts for face in part]
    points = stack([face.points_m for face in faces])
    part = np.concatenate([np.full(len(p), i) for i, p in enumerate(parts)]).astype(np.int64)
    bounds = [points[part == i].reshape(-1, 3) for i in range(len(parts))]
    return Mesh(
        points_m=points,
        albedo=np.array([face.albedo for face in faces], dtype=np.float64),
        glow=np.array([face.glow for face in faces], dtype=np.float64),
        two_sided=np.array([face.two_sided for face in faces], dtype=bool),
        fine=np.array([face.fine for face in faces], dtype=bool),
        part=part,
        normal=unit_normals_of(points),
        planes=_planes(np.stack([b.min(axis=0) for b in bounds]), np.stack([b.max(axis=0) for b in bounds])),
        parts=len(parts),
    )


def without_fine(mesh: Mesh) -> Mesh:
    """The mesh as seen from far away."""
    keep = ~mesh.fine
    arrays = {name: getattr(mesh, name)[keep] for name in ("points_m", "albedo", "glow", "two_sided", "fine", "part", "normal")}
    return replace(mesh, **arrays)


def _planes(low: np.ndarray, high: np.ndarray) -> tuple[tuple[int, int, int, float], ...]:
    """For every two parts the axis along which they lie most apart; parts that overlap deeply on every axis have none."""
    planes = []
    for i in range(len(low)):
        for j in range(i + 1, len(low)):
            above, below = low[j] - high[i], low[i] - high[j]
            axis = int(np.argmax(np.maximum(above, below)))
            thinner = min(high[i, axis] - low[i, axis], high[j, axis] - low[j, axis])
            if max(above[axis], below[axis]) < -0.35 * thinner:
                continue
            upper, lower = (j, i) if above[axis] > below[axis] else (i, j)
            planes.append((upper, lower, axis, float(low[upper, axis] + high[lower, axis]) / 2))
    return tuple(planes)


def part_ranks(mesh: Mesh, eye: Float[ndarray, "3"]) -> Int[ndarray, "k"]:
    """Painting order of the parts for an eye in the mesh's frame: of two, the one on the eye's side of their plane is later."""
    behind: list[list[int]] = [[] for _ in range(mesh.parts)]
    for upper, lower, axis, where in mesh.planes:
        front, back = (upper, lower) if eye[axis] > where else (lower, upper)
        behind[front].append(back)
    order: list[int] = []
    seen: set[int] = set()

    def place(part: int) -> None:
        if part not in seen:
            seen.add(part)
            for other in behind[part]:
                place(other)
            order.append(part)

    for part in range(mesh.parts):
        place(part)
    ranks = np.empty(mesh.parts, np.int64)
    ranks[order] = np.arange(mesh.parts)
    return ranks


def box(
    low: Point, high: Point, albedo: Colour, *, inset: Point = (0, 0, 0), shift_x: float = 0.0, bottom: bool = False
) -> list[Face]:
    """Faces front (+x), back, left (+y), right, top of a box; the top is narrower by ``inset`` and moved by ``shift_x``."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    ix, iy, _ = inset
    a, b, c, d = (x1, y1, z0), (x1, y0, z0), (x0, y0, z0), (x0, y1, z0)
    e, f = (x1 - ix + shift_x, y1 - iy, z1), (x1 - ix + shift_x, y0 + iy, z1)
    g, h = (x0 + ix + shift_x, y0 + iy, z1), (x0 + ix + shift_x, y1 - iy, z1)
    rings = [(f, b, a, e), (h, d, c, g), (e, a, d, h), (g, c, b, f), (e, h, g, f)]
    if bottom:
        rings.append((a, b, c, d))
    return [Face(ring, albedo) for ring in rings]


def on_face(
    face: Face, u0: Number, v0: Number, u1: Number, v1: Number, albedo: Colour, *, glow: float = 0.0, fine: bool = True
) -> Face:
    """A rectangle painted on a four-cornered face: u from its first corner to its last, v from its first to its second."""
    p = np.array(face.points_m[:4])

    def at(u: Number, v: Number) -> Point:
        point = (1 - u) * ((1 - v) * p[0] + v * p[1]) + u * ((1 - v) * p[3] + v * p[2])
        return (float(point[0]), float(point[1]), float(point[2]))

    return Face((at(u0, v0), at(u0, v1), at(u1, v1), at(u1, v0)), albedo, glow, False, fine)


def disc(centre: Point, radius: float, side: float, albedo: Colour, *, two_sided: bool = False, fine: bool = False) -> Face:
    """An octagon in the xz plane, seen from +y (``side`` = 1) or -y (-1)."""
    angles = -side * (np.arange(8) + 0.5) * np.pi / 4
    ring = [
        (centre[0] + radius * float(np.cos(angle)), centre[1], centre[2] + radius * float(np.sin(angle))) for angle in angles
    ]
    return Face(tuple(ring), albedo, 0.0, two_sided, fine)


def normals_of(points_m: Float[ndarray, "n 8 3"]) -> Float[ndarray, "n 3"]:
    """Outward normals, not of unit length (Newell's sum, exact for any planar polygon)."""
    after = points_m[:, [1, 2, 3, 4, 5, 6, 7, 0]]
    x, y, z = points_m[..., 0], points_m[..., 1], points_m[..., 2]
    xa, ya, za = after[..., 0], after[..., 1], after[..., 2]
    return np.stack([((y - ya) * (z + za)).sum(-1), ((z - za) * (x + xa)).sum(-1), ((x - xa) * (y + ya)).sum(-1)], axis=-1)


def unit_normals_of(points_m: Float[ndarray, "n 8 3"]) -> Float[ndarray, "n 3"]:
    """Outward unit normals."""
    normals = normals_of(points_m - points_m[:, :1])
    return normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
