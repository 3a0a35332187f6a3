"""The toy world's painter: a scene frame and a camera in, a picture with depth, instance and semantic ids out.

Everything the layout does not say (facades, trees, ground, colours of cars) is a function of the world position and the
scenario's appearance seed, so it stays the same while in view and is the same again later. The ground is the ego car's own
plane z = 0, also where a log has hills; actors stand where their boxes are. What the painter keeps between frames only saves
time: a picture depends on the scenario, the frame and the camera alone.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import cv2
import numpy as np
from jaxtyping import Float, Int32, UInt8
from numpy import ndarray

from everroad import geometry
from everroad.render import air, hashing
from everroad.render.actors import ActorModels, place_actor
from everroad.render.cover import Facades
from everroad.render.ground import Ground
from everroad.render.look import Look, make_look
from everroad.render.markings import make_markings
from everroad.render.ordering import back_to_front
from everroad.render.placed import Placed, placed_polygons
from everroad.render.raster import Polygons, Prepared, depth_of, paint_colour, paint_index, prepare
from everroad.render.scenery import make_scenery, make_shadows
from everroad.render.semantics import SKY
from everroad.render.signals import facings, place_signals
from everroad.render.sky import Sky
from everroad.render.statics import LitScenery, footprints, in_sight, light_scenery, static_polygons, visible_objects
from everroad.render.tiles import GroundWorld, TileStore
from everroad.render.view import Lens, View, make_lens, make_view
from everroad.scenario.types import ActorState, Camera, Scenario, SceneFrame

OUTPUTS = frozenset({"rgb", "depth", "instance", "semantic"})
_SAMPLES = 2
_KEPT_LENSES = 12
# Scenery stands this far around the ego's path: further than anyone sees and than the maps of drives go, so that a map of a
# whole country costs no more than one of a city.
REACH_M = 5_000.0
_UNLISTED_ACTOR = 1 << 24


@dataclass(frozen=True, eq=False)
class Painting:
    """What was asked for; the rest is ``None``. Depth is metres along the camera's axis, infinite in the sky."""

    rgb: UInt8[ndarray, "h w 3"] | None = None
    depth_m: Float[ndarray, "h w"] | None = None
    instance: Int32[ndarray, "h w"] | None = None
    semantic: UInt8[ndarray, "h w"] | None = None


@dataclass(frozen=True, eq=False)
class _World:
    """What one look needs."""

    look: Look
    lit: LitScenery
    ground: Ground
    facades: Facades
    sky: Sky
    models: ActorModels
    airs: WeakKeyDictionary[Lens, air.GroundAir]


class Painter:
    """Paints frames of one scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._map = scenario.map
        self._seed = scenario.appearance_seed
        path_m = scenario.world_from_ego.translation_m[:, :2]
        (left, low), (right, high) = (path_m.min(axis=0) - REACH_M).tolist(), (path_m.max(axis=0) + REACH_M).tolist()
        self._scenery = make_scenery(scenario.map, scenario.appearance_seed, (left, low, right, high))
        self._markings = make_markings(scenario.map)
        first = 1 + len(self._scenery.buildings)
        self._instances = {actor.track_id: first + i for i, actor in enumerate(scenario.actors)}
        self._names = {instance: f"actor:{track_id}" for track_id, instance in self._instances.items()}
        self._signals = facings(scenario.signals, scenario.map)
        self._worlds: dict[tuple[str | None, str | None], _World] = {}
        self._lenses: OrderedDict[bytes, Lens] = OrderedDict()

    def __reduce__(self) -> tuple[type[Painter], tuple[Scenario]]:
        """Pickled as what it was made of: the rest is derived, and kept by references that cannot go along."""
        return Painter, (self._scenario,)

    def instance_name(self, instance: int) -> str:
        """ "actor:<track_id>" or "building:<number>" of an id in ``Painting.instance``; ids are the same in all frames."""
        if 1 <= instance <= len(self._scenery.buildings):
            return f"building:{instance}"
        if instance not in self._names:
            raise ValueError(f"instance {instance}: expected an id that this painter has painted, got none of them")
        return self._names[instance]

    def paint(self, frame: SceneFrame, camera: Camera, want: frozenset[str] = frozenset({"rgb"})) -> Painting:
        """Paints what is wanted of ``OUTPUTS``, at the camera's size."""
        unknown = want - OUTPUTS
        if unknown:
            raise ValueError(f"want: expected some of {', '.join(sorted(OUTPUTS))}, got '{sorted(unknown)[0]}'")
        world = self._world(frame)
        view = make_view(frame, self._lens(camera))
        actors = _in_sight(frame.actors, view, world.look)
        things = [place_actor(actor, self._instance(actor.track_id), world.models) for actor in actors]
        things += place_signals(frame, self._signals)
        prepared = _prepare(view, world, things)
        index = paint_index(prepared, view.lens) if want - {"rgb"} or world.look.wet else np.zeros((0, 0), np.int32)
        rgb = _paint_rgb(view, world, things, prepared) if "rgb" in want else None
        if rgb is not None and world.look.wet:
            ground = view.lens.ground_mask(1) & (index == 0)
            rgb = air.rain(air.wet_ground(rgb, ground, view.lens.first_ground_row), self._seed, frame.frame_index)
        return Painting(rgb=rgb, **_paint_ids(view, world, prepared, index, want))

    def _lens(self, camera: Camera) -> Lens:
        key = b"".join(
            [
                camera.intrinsics.tobytes(),
                camera.ego_from_camera.tobytes(),
                bytes(f"{camera.width_px}x{camera.height_px}", "ascii"),
            ]
        )
        if key not in self._lenses:
            self._lenses[key] = make_lens(camera, _SAMPLES)
            if len(self._lenses) > _KEPT_LENSES:
                self._lenses.popitem(last=False)
        return self._lenses[key]

    def _world(self, frame: SceneFrame) -> _World:
        key = (frame.weather, frame.time_of_day)
        if key not in self._worlds:
            look = make_look(frame.weather, frame.time_of_day, self._seed)
            lit = light_scenery(self._scenery, look)
            shadows = make_shadows(self._scenery, look)
            tiles = TileStore(GroundWorld(self._scenery.areas, self._markings, self._scenery.lamps, shadows, look, self._seed))
            self._worlds[key] = _World(
                look, lit, Ground(tiles), Facades(lit), Sky(look), ActorModels(look), WeakKeyDictionary()
            )
        return self._worlds[key]

    def _instance(self, track_id: str) -> int:
        """Actors that an edit brought in get an id from their name."""
        if track_id not in self._instances:
            instance = _UNLISTED_ACTOR + hashing.text_key(track_id) % (1 << 30)
            self._instances[track_id] = instance
            self._names[instance] = f"actor:{track_id}"
        return self._instances[track_id]


def _prepare(view: View, world: _World, things: list[Placed]) -> Prepared:
    """Everything in sight, sorted and projected."""
    objects = visible_objects(view, world.lit)
    prints = np.concatenate([footprints(view, world.lit, objects), _footprints(things, view)])
    forward = view.flat_from_camera[:2, 2]
    yaw = np.arctan2(forward[1], forward[0])
    turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
    order = back_to_front(prints @ turn)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    batches = static_polygons(view, world.lit, objects, rank[: len(objects)])
    batches += placed_polygons(view, things, world.look, rank[len(objects) :])
    return prepare(_join(batches), view.lens)


def _join(batches: list[Polygons]) -> Polygons:
    names = Polygons.__dataclass_fields__
    return Polygons(**{name: np.concatenate([getattr(batch, name) for batch in batches]) for name in names})


def _in_sight(actors: tuple[ActorState, ...], view: View, look: Look) -> list[ActorState]:
    if not actors:
        return []
    flat_from_world = view.flat_from_ego @ view.ego_from_world
    centres = np.stack([actor.world_from_actor[:3, 3] for actor in actors])
    radii = np.linalg.norm(np.stack([actor.size_lwh_m for actor in actors]), axis=1) / 2
    return [actors[i] for i in in_sight(view, geometry.apply(flat_from_world, centres), radii, look).tolist()]


def _footprints(things: list[Placed], view: View) -> np.ndarray:
    flat_from_world = view.flat_from_ego @ view.ego_from_world
    camera = view.flat_from_camera[:2, 3]
    prints = [geometry.footprint(thing.size_lwh_m, flat_from_world @ thing.world_from_mesh) - camera for thing in things]
    return np.array(prints, dtype=np.float64).reshape(-1, 4, 2)


def _paint_rgb(view: View, world: _World, things: list[Placed], prepared: Prepared) -> np.ndarray:
    lens, look = view.lens, world.look
    if lens not in world.airs:
        world.airs[lens] = air.make_ground_air(lens, look)
    canvas = np.empty((lens.height_px * lens.samples, lens.width_px * lens.samples, 3), np.uint8)
    yaw = float(np.arctan2(view.flat_from_ego[1, 0], view.flat_from_ego[0, 0]))
    world.ground.paint(canvas, view)
    air.shade_ground(canvas, world.airs[lens], air.shadows(view, things, look), air.shine(view, things) if look.night else None)
    world.sky.paint(canvas, lens, yaw)
    paint_colour(canvas, prepared, lens.samples, world.facades.covering(prepared, lens))
    return cv2.resize(canvas, (lens.width_px, lens.height_px), interpolation=cv2.INTER_AREA)


def _paint_ids(view: View, world: _World, prepared: Prepared, index: np.ndarray, want: frozenset[str]) -> dict[str, np.ndarray]:
    if not want - {"rgb"}:
        return {}
    lens = view.lens
    ground = lens.ground_mask(1)
    out: dict[str, np.ndarray] = {}
    if "depth" in want:
        out["depth_m"] = np.minimum(depth_of(index, prepared, lens), np.where(index > 0, np.inf, lens.ground_depth)).astype(
            np.float32
        )
    if "instance" in want:
        out["instance"] = np.concatenate([[0], prepared.instance]).astype(np.int32)[index]
    if "semantic" in want:
        under = np.full(index.shape, SKY, np.uint8)
        world.ground.paint_semantics(under, view)
        under[~ground] = SKY
        table = np.concatenate([[0], prepared.semantic]).astype(np.uint8)
        out["semantic"] = np.where(index > 0, table[index], under)
    return out
