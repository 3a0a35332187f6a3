"""Everything that stands beside the road, derived once from the map and the appearance seed, as flat arrays."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from everroad.render import buildings, furniture, hashing, lots, plants, roads
from everroad.render.look import Look
from everroad.render.mesh import Colour, Face, box, make_mesh, unit_normals_of
from everroad.render.semantics import BUILDING, POLE, VEGETATION
from everroad.render.tiles import Shadows
from everroad.scenario.types import VectorMap

_POLE_COLOUR = (74, 78, 80)


@dataclass(frozen=True, eq=False)
class Scenery:
    """Static objects (n), their polygons (q) and leaf balls (b), world xy and z above the ground; ranges index these two.

    ``texture`` is 4 * building + side for walls and -1 else. A ``footprint_m`` of a plant is a point: it turns with the camera.
    """

    areas: roads.RoadAreas
    buildings: tuple[buildings.Building, ...]
    lamps: tuple[furniture.Pole, ...]
    plants: tuple[plants.Plant, ...]
    footprint_m: Float[ndarray, "n 4 2"]
    centre_m: Float[ndarray, "n 2"]
    radius_m: Float[ndarray, "n"]
    top_m: Float[ndarray, "n"]
    semantic: Int[ndarray, "n"]
    instance: Int[ndarray, "n"]
    polygons: Int[ndarray, "n 2"]
    ball_range: Int[ndarray, "n 2"]
    points_m: Float[ndarray, "q 8 3"]
    normal: Float[ndarray, "q 3"]
    albedo: Float[ndarray, "q 3"]
    glow: Float[ndarray, "q"]
    two_sided: Bool[ndarray, "q"]
    texture: Int[ndarray, "q"]
    balls: Float[ndarray, "b 4"]
    ball_albedo: Float[ndarray, "b 3"]
    ball_outline: Float[ndarray, "b 8"]


class _Builder:
    """Collects objects; ``finish`` stacks them."""

    def __init__(self) -> None:
        self.footprints: list[np.ndarray] = []
        self.radii: list[float] = []
        self.tops: list[float] = []
        self.ids: list[tuple[int, int]] = []
        self.faces: list[Face] = []
        self.textures: list[int] = []
        self.ranges: list[tuple[int, int, int, int]] = []
        self.balls: list[np.ndarray] = []
        self.leaves: list[Colour] = []
        self.seeds: list[int] = []
        self.n_balls = 0

    def add(
        self,
        footprint: np.ndarray,
        radius: float,
        top: float,
        semantic: int,
        instance: int,
        faces: list[Face],
        textures: list[int],
    ) -> None:
        start = len(self.faces)
        self.faces += faces
        self.textures += textures + [-1] * (len(faces) - len(textures))
        self.footprints.append(footprint)
        self.radii.append(radius)
        self.tops.append(top)
        self.ids.append((semantic, instance))
        self.ranges.append((start, len(self.faces), self.n_balls, self.n_balls))

    def add_balls(self, plant: plants.Plant) -> None:
        """Gives the last object leaves."""
        first, last, start, _ = self.ranges[-1]
        self.balls.append(plant.balls)
        self.leaves += [plant.leaves] * len(plant.balls)
        self.seeds += [plant.seed ^ i for i in range(len(plant.balls))]
        self.n_balls += len(plant.balls)
        self.ranges[-1] = (first, last, start, self.n_balls)


def _upright(point: np.ndarray, half: float, top: float, colour: Colour, base: float = 0.0) -> list[Face]:
    x, y = float(point[0]), float(point[1])
    return box((x - half, y - half, base), (x + half, y + half, top), colour)


def _lamp_faces(pole: furniture.Pole) -> list[Face]:
    faces = _upright(pole.point_m, 0.08, pole.height_m, _POLE_COLOUR)[:4]
    head = pole.point_m + pole.arm_m
    side = np.array([-pole.arm_m[1], pole.arm_m[0]]) / np.linalg.norm(pole.arm_m) * 0.05
    z = pole.height_m - 0.06
    ring = (pole.point_m + side, pole.point_m - side, head - side, head + side)
    arm = Face(tuple((float(p[0]), float(p[1]), z) for p in ring), _POLE_COLOUR, two_sided=True)
    edge = Face(
        tuple(
            (float(p[0]), float(p[1]), h) for p, h in ((pole.point_m, z), (pole.point_m, z - 0.1), (head, z - 0.1), (head, z))
        ),
        _POLE_COLOUR,
        two_sided=True,
    )
    lamp = [Face(f.points_m, (255, 236, 190), 1.0) for f in _upright(head, 0.22, z + 0.06, (0, 0, 0), z - 0.16)]
    return [*faces, arm, edge, *lamp]


def _hull(points: np.ndarray) -> np.ndarray:
    origin = points.mean(axis=0)
    return cv2.convexHull((points - origin).astype(np.float32))[:, 0, :].astype(np.float64) + origin


def make_shadows(scenery: Scenery, look: Look) -> Shadows:
    """What the sun casts on the ground: hulls of bases and displaced tops, and a disc for every leaf ball."""
    x, y, z = look.sun_direction
    reach = min(1 / max(z, 0.05), 3.0)
    drift = -np.array([x, y]) * reach if look.sun[0] > 0.1 else np.zeros(2)
    shapes = [
        _hull(np.concatenate([b.lot.corners_m, b.lot.corners_m + drift * (b.eaves_m + b.ridge_m / 2)]))
        for b in scenery.buildings
    ]
    ring = np.stack([np.cos(np.arange(10) * 2 * np.pi / 10), np.sin(np.arange(10) * 2 * np.pi / 10)], axis=1)
    balls = scenery.balls
    shapes += list((balls[:, :2] + drift * balls[:, 2:3])[:, None] + ring * balls[:, 3, None, None])
    if not shapes:
        return Shadows((), np.zeros((0, 2)), np.zeros((0, 2)))
    starts = np.cumsum([0] + [len(shape) for shape in shapes[:-1]])
    points = np.concatenate(shapes)
    return Shadows(tuple(shapes), np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts))


def make_scenery(vector_map: VectorMap | None, seed: int, reach: roads.Reach | None = None) -> Scenery:
    """The scenery of a map, of what lies within ``reach`` if given; none without a map."""
    areas = roads.road_areas(vector_map, reach)
    placed = lots.make_lots(areas, seed)
    houses = [b for b in map(buildings.make_building, placed) if b is not None]
    lamps = furniture.make_lamps(areas, seed)
    green = furniture.make_plants(placed, areas, seed)
    out = _Builder()
    for i, house in enumerate(houses):
        corners = house.lot.corners_m
        faces = buildings.wall_faces(house) + buildings.roof_faces(house)
        hut = buildings.chimney(house)
        if hut is not None:
            faces += _upright(hut[0], hut[1], hut[2], house.style.base, house.eaves_m + house.ridge_m - 0.6)
        radius = float(np.linalg.norm(corners - corners.mean(axis=0), axis=1).max())
        top = house.eaves_m + house.ridge_m + 2.0
        out.add(corners, radius, top, BUILDING, 1 + i, faces, [4 * i + side for side in range(4)])
    for pole in lamps:
        square = pole.point_m + 0.08 * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
        out.add(square, float(np.linalg.norm(pole.arm_m)) + 0.3, pole.height_m, POLE, 0, _lamp_faces(pole), [])
    for plant in green:
        top, half = plant.trunk_m
        trunk = _upright(plant.point_m, half, top, plant.trunk)[:4] if top > 0 else []
        out.add(
            np.tile(plant.point_m, (4, 1)),
            plant.radius_m,
            float((plant.balls[:, 2] + plant.balls[:, 3]).max()),
            VEGETATION,
            0,
            trunk,
            [],
        )
        out.add_balls(plant)
    return _finish(out, areas, tuple(houses), tuple(lamps), tuple(green))


def _finish(out: _Builder, areas: roads.RoadAreas, houses: tuple, lamps: tuple, green: tuple) -> Scenery:
    footprint = np.array(out.footprints, dtype=np.float64).reshape(-1, 4, 2)
    ids = np.array(out.ids, dtype=np.int64).reshape(-1, 2)
    ranges = np.array(out.ranges, dtype=np.int64).reshape(-1, 4)
    if out.faces:
        mesh = make_mesh([out.faces])
        points, albedo, glow, two_sided = mesh.points_m, mesh.albedo, mesh.glow, mesh.two_sided
    else:
        points, albedo, glow, two_sided = np.zeros((0, 8, 3)), np.zeros((0, 3)), np.zeros(0), np.zeros(0, bool)
    return Scenery(
        areas=areas,
        buildings=houses,
        lamps=lamps,
        plants=green,
        footprint_m=footprint,
        centre_m=footprint.mean(axis=1),
        radius_m=np.array(out.radii, dtype=np.float64),
        top_m=np.array(out.tops, dtype=np.float64),
        semantic=ids[:, 0],
        instance=ids[:, 1],
        polygons=ranges[:, :2],
        ball_range=ranges[:, 2:],
        points_m=points,
        normal=unit_normals_of(points),
        albedo=albedo,
        glow=glow,
        two_sided=two_sided,
        texture=np.array(out.textures, dtype=np.int64),
        balls=np.concatenate(out.balls) if out.balls else np.zeros((0, 4)),
        ball_albedo=np.array(out.leaves, dtype=np.float64).reshape(-1, 3),
        ball_outline=0.82 + 0.32 * hashing.spread(np.array(out.seeds, dtype=np.uint64), 8),
    )
