"""What of each actor a camera sees, counted in the painter's instance pictures.

An actor's *whole* pixels are those it has when it is painted alone in the picture; its *seen* pixels those it has among all
that is painted. Pictures that the painter did not make (recorded or generated ones) do not show the painter's houses, trees
and poles, so there only actors hide each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int, UInt16
from numpy import ndarray

from everroad import geometry
from everroad.render.painter import Painter, Painting
from everroad.scenario.types import ActorState, Camera, Scenario, SceneFrame

# Painted actors may stick out of their boxes by a wheel or a mirror.
APART_PX = 4
NEAR_M = 0.25


@dataclass(frozen=True, eq=False)
class Sight:
    """What one camera sees of one actor. ``box_px``: left, top, right, bottom of the seen pixels, the last two exclusive."""

    seen_px: int
    whole_px: int
    box_px: tuple[int, int, int, int] | None


@dataclass(frozen=True, eq=False)
class Seen:
    """One camera at one frame: by track id, the actors of which there is anything to see, and the pictures behind it.

    ``instance``: 0 nothing of interest, 1 to n the scenario's actors in their order, from n + 1 the painter's buildings.
    """

    of_actor: dict[str, Sight]
    instance: UInt16[ndarray, "h w"]
    depth_m: Float[ndarray, "h w"]


class Witness:
    """Looks at frames of one scenario. ``painter`` is the one of the pictures, or ``None`` where the painter made none."""

    def __init__(self, scenario: Scenario, painter: Painter | None) -> None:
        self._scenario = scenario
        # Without a map the painter puts up no scenery: actors alone, on bare ground.
        self._bare = Painter(replace(scenario, map=None, signals=()))
        self._painter = self._bare if painter is None else painter
        self._bare_signals = painter is None
        self._number = {actor.track_id: i for i, actor in enumerate(scenario.actors, start=1)}

    @property
    def names(self) -> dict[int, str]:
        """Track ids by instance number; buildings have the numbers after them."""
        return {number: track_id for track_id, number in self._number.items()}

    def depth(self, frame: SceneFrame, camera: Camera) -> Float[ndarray, "h w"]:
        """Metres along the camera's axis of what stands there; infinite in the sky."""
        depth_m = self._paint(frame, camera, frozenset({"depth"})).depth_m
        assert depth_m is not None
        return depth_m

    def ids(self, frame: SceneFrame, camera: Camera) -> tuple[UInt16[ndarray, "h w"], Float[ndarray, "h w"]]:
        """Instance numbers (see ``Seen``) and depth in metres of one picture."""
        painting = self._paint(frame, camera, frozenset({"instance", "depth"}))
        assert painting.instance is not None
        assert painting.depth_m is not None
        return self._numbered(painting.instance, self._painter), painting.depth_m

    def look(self, frame: SceneFrame, camera: Camera) -> Seen:
        """What a camera sees of the actors."""
        instance, depth_m = self.ids(frame, camera)
        count = np.bincount(instance.ravel(), minlength=len(self._number) + 1)
        whole = self._whole(frame, camera)
        sights = {}
        for track_id, whole_px in whole.items():
            number = self._number[track_id]
            seen_px = int(count[number])
            box = _bounds(instance == number) if seen_px else None
            sights[track_id] = Sight(seen_px, max(whole_px, seen_px), box)
        return Seen(sights, instance, depth_m)

    def _paint(self, frame: SceneFrame, camera: Camera, want: frozenset[str]) -> Painting:
        return self._painter.paint(replace(frame, signals=()) if self._bare_signals else frame, camera, want)

    def _whole(self, frame: SceneFrame, camera: Camera) -> dict[str, int]:
        """Whole pixels of the actors in the picture. Those that lie apart in it are painted together."""
        camera_from_world = geometry.invert(frame.world_from_ego @ camera.ego_from_camera)
        in_picture = {
            actor.track_id: (actor, box)
            for actor in frame.actors
            if (box := projected_box(actor, camera, camera_from_world)) is not None and _clipped(box, camera)
        }
        groups: list[list[tuple[ActorState, Float[ndarray, "4"]]]] = []
        for actor, box in in_picture.values():
            group = next((g for g in groups if all(_apart(box, other) for _, other in g)), None)
            if group is None:
                groups.append([(actor, box)])
            else:
                group.append((actor, box))
        out: dict[str, int] = {}
        for group in groups:
            alone = replace(frame, actors=tuple(actor for actor, _ in group), signals=())
            instance = self._bare.paint(alone, camera, frozenset({"instance"})).instance
            assert instance is not None
            count = np.bincount(self._numbered(instance, self._bare).ravel(), minlength=len(self._number) + 1)
            out |= {actor.track_id: int(count[self._number[actor.track_id]]) for actor, _ in group}
        return {track_id: whole_px for track_id, whole_px in out.items() if whole_px}

    def _numbered(self, painted: Int[ndarray, "h w"], painter: Painter) -> UInt16[ndarray, "h w"]:
        """The painter's ids as our numbers."""
        count = np.bincount(painted.ravel())
        table = np.zeros(len(count), dtype=np.uint16)
        for painted_id in np.flatnonzero(count).tolist():
            table[painted_id] = self._number_of(painted_id, painter)
        return table[painted]

    def _number_of(self, painted_id: int, painter: Painter) -> int:
        if painted_id == 0:
            return 0
        kind, _, name = painter.instance_name(painted_id).partition(":")
        return self._number[name] if kind == "actor" else len(self._number) + int(name)


def projected_box(actor: ActorState, camera: Camera, camera_from_world: Float[ndarray, "4 4"]) -> Float[ndarray, "4"] | None:
    """Left, top, right, bottom of an actor's box in pixels, not clipped to the picture; ``None`` behind the camera."""
    corners = geometry.box_corners(actor.size_lwh_m, camera_from_world @ actor.world_from_actor)
    starts, ends, ahead = geometry.clip_segments_near(corners[_EDGES[:, 0]], corners[_EDGES[:, 1]], NEAR_M)
    if not ahead.any():
        return None
    pixels, _ = geometry.project(np.concatenate([starts[ahead], ends[ahead]]), camera.intrinsics)
    return np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])


def _edges() -> Int[ndarray, "12 2"]:
    corners = geometry.UNIT_BOX_CORNERS
    return np.array([(i, j) for i in range(8) for j in range(i + 1, 8) if np.abs(corners[i] - corners[j]).sum() == 1])


_EDGES = _edges()


def _clipped(box: Float[ndarray, "4"], camera: Camera) -> bool:
    """Whether anything of the box lies in the picture."""
    return bool(box[0] < camera.width_px and box[1] < camera.height_px and box[2] > -1 and box[3] > -1)


def _apart(a: Float[ndarray, "4"], b: Float[ndarray, "4"]) -> bool:
    return bool(((a[:2] - APART_PX > b[2:]) | (b[:2] - APART_PX > a[2:])).any())


def _bounds(mask: Bool[ndarray, "h w"]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
