"""A scenario as a Rerun recording (https://rerun.io): everything in one viewer, in space and over time; extra ``rerun``.

Entities: ``world/map/<layer>`` line strips, ``world/ego_path``, ``world/actors`` boxes with class and track id, ``world/ego``
the car's pose and under it ``world/ego/<camera>``, a pinhole with its JPEG pictures. Timelines: ``time`` in seconds, ``frame``
the frame index. The world frame is the scenario's: metres, right-handed, z up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad import geometry
from everroad.conditions.boxes import class_index
from everroad.conditions.show_map import shown_map
from everroad.conditions.show_paint import COLOUR_OF_LAYER, COLOUR_OF_OUTLINE, COLOUR_OF_PATH, Colour, colour_of_class
from everroad.conditions.show_view import View, base_picture, shown_camera
from everroad.scenario.files import write_atomically
from everroad.scenario.types import DETECTION_CLASSES, ActorState, Area, Divider, Lane, VectorMap

_COLOUR_OF_MAP: dict[str, Colour] = {
    "drivable_areas": COLOUR_OF_OUTLINE["drivable_area"],
    "lane_dividers": COLOUR_OF_LAYER["divider_solid"],
    "road_dividers": COLOUR_OF_LAYER["road_divider"],
    "ped_crossings": COLOUR_OF_LAYER["ped_crossing"],
    "stop_lines": COLOUR_OF_LAYER["stop_line"],
    "walkways": COLOUR_OF_OUTLINE["walkway"],
    "lanes": (90, 110, 140),
}
INSTALL = 'pip install -c constraints.txt -e ".[rerun]"'
_JPEG_QUALITY = 90
_PICTURE_AT_M = 0.5  # how far in front of a camera its picture hangs


def refuse_without_rerun() -> None:
    """Raises ``ValueError`` that names the extra where Rerun is not installed."""
    if find_spec("rerun") is None:
        raise ValueError(f"rerun: expected the package for .rrd files, got none; {INSTALL}")


def write_recording(view: View, out: Path, indices: Sequence[int], progress: Callable[[int, int], None] | None = None) -> None:
    """Writes the frames as a recording.

    It is made in memory, some 30 KB a frame and camera at the usual height: Rerun's own files do not say when the disk is full.
    """
    import rerun as rr  # pyright: ignore[reportMissingImports]

    recording = rr.RecordingStream("everroad")
    stream = recording.binary_stream()
    _log_static(rr, recording, view)
    for done, index in enumerate(indices, start=1):
        _log_frame(rr, recording, view, index)
        if progress is not None:
            progress(done, len(indices))
    write_atomically(out, stream.read())


def _log_static(rr: Any, recording: Any, view: View) -> None:
    classes = [*DETECTION_CLASSES, None]
    context = [rr.AnnotationInfo(class_index(name), name or "other", colour_of_class(name)) for name in classes]
    recording.log("/", rr.AnnotationContext(context), static=True)
    recording.log("world", rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
    if view.scenario.map is not None:
        for layer, strips in _strips(shown_map(view.scenario.map)).items():
            recording.log(f"world/map/{layer}", rr.LineStrips3D(strips, colors=_COLOUR_OF_MAP[layer]), static=True)
    path_m = view.scenario.world_from_ego.translation_m
    if len(path_m) > 1:
        recording.log("world/ego_path", rr.LineStrips3D([path_m], colors=COLOUR_OF_PATH), static=True)
    for camera in view.cameras:
        entity, shown, mount = f"world/ego/{camera.name}", shown_camera(view, camera), camera.ego_from_camera
        recording.log(entity, rr.Transform3D(translation=mount[:3, 3], mat3x3=mount[:3, :3]), static=True)
        pinhole = rr.Pinhole(
            image_from_camera=shown.intrinsics,
            resolution=[shown.width_px, shown.height_px],
            camera_xyz=rr.ViewCoordinates.RDF,
            image_plane_distance=_PICTURE_AT_M,
        )
        recording.log(entity, pinhole, static=True)


def _log_frame(rr: Any, recording: Any, view: View, index: int) -> None:
    frame = view.scenario.frame(index)
    recording.set_time("time", duration=frame.time_s)
    recording.set_time("frame", sequence=index)
    ego = frame.world_from_ego
    recording.log("world/ego", rr.Transform3D(translation=ego[:3, 3], mat3x3=ego[:3, :3]))
    recording.log("world/actors", _boxes(rr, frame.actors, view.ids))
    for camera in view.cameras:
        picture = cv2.cvtColor(base_picture(view, frame, camera), cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        recording.log(f"world/ego/{camera.name}", rr.EncodedImage(contents=data.tobytes(), media_type="image/jpeg"))


def _boxes(rr: Any, actors: Sequence[ActorState], ids: bool) -> Any:
    rotations = np.array([actor.world_from_actor[:3, :3] for actor in actors]).reshape(-1, 3, 3)
    return rr.Boxes3D(
        half_sizes=np.array([actor.size_lwh_m for actor in actors]).reshape(-1, 3) / 2,
        centers=np.array([actor.world_from_actor[:3, 3] for actor in actors]).reshape(-1, 3),
        quaternions=np.roll(geometry.quaternion_from_rotation(rotations), -1, axis=-1),  # Rerun's are xyzw
        colors=[colour_of_class(actor.detection_class) for actor in actors],
        class_ids=[class_index(actor.detection_class) for actor in actors],
        labels=[actor.track_id for actor in actors],
        show_labels=ids,
    )


def _strips(vector_map: VectorMap) -> dict[str, list[Float[ndarray, "_ 3"]]]:
    """Line strips of the map's layers that hold something; areas as closed outlines."""
    layers = {field.name: getattr(vector_map, field.name) or () for field in fields(vector_map)}
    return {layer: [strip for item in items for strip in _lines(item)] for layer, items in layers.items() if items}


def _lines(item: Area | Divider | Lane) -> list[Float[ndarray, "_ 3"]]:
    if isinstance(item, Area):
        return [np.concatenate([ring, ring[:1]]) for ring in (item.exterior_m, *item.holes_m)]
    return [item.centerline_m if isinstance(item, Lane) else item.points_m]
