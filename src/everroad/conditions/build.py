"""From one instant of a scenario to ``Conditions``: the only maker of them, in training, generation and simulation alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from everroad import geometry
from everroad.conditions.box_images import box_images
from everroad.conditions.boxes import SeenBoxes, seen_boxes
from everroad.conditions.layout import map_images
from everroad.conditions.types import BoxList, Conditions, Presence
from everroad.scenario.types import TIMES_OF_DAY, WEATHERS, Camera, SceneFrame


def build_conditions(
    frame: SceneFrame, previous: SceneFrame | None, cameras: Sequence[Camera], max_boxes: int = 32
) -> Conditions:
    """Conditions of one frame (b = 1, on the CPU) for cameras of one size, which ``rig.fit_camera`` makes.

    Without a previous frame, or where the scenario does not know it, the ego motion is absent: the identity, which is harmless
    to warp with. Boxes are absent where nobody looked for actors. Only the ``max_boxes`` nearest boxes enter the list; all are
    in the pictures. Raises ``ValueError`` without cameras, for cameras of different sizes, or for a previous frame that is not
    earlier.
    """
    sizes = {(camera.width_px, camera.height_px) for camera in cameras}
    if len(sizes) != 1:
        raise ValueError(f"cameras: expected at least one and all of one size, got {sorted(sizes) or 'none'}; fit them first")
    if previous is not None and previous.time_s >= frame.time_s:
        raise ValueError(f"previous: expected a frame before {frame.time_s} s, got one at {previous.time_s} s")
    boxes = [seen_boxes(frame, camera) for camera in cameras]
    pictures, depths = box_images(boxes, cameras)
    motion, seconds = _ego_motion(frame, previous)
    return Conditions(
        map_image=torch.from_numpy(map_images(frame.map, frame.world_from_ego, cameras)[None]),
        box_image=torch.from_numpy(pictures[None]),
        depth_image=torch.from_numpy(depths[None]),
        boxes=_box_list(boxes, max_boxes),
        intrinsics=_one(np.stack([camera.intrinsics for camera in cameras]), np.float32),
        ego_from_camera=_one(np.stack([camera.ego_from_camera for camera in cameras]), np.float32),
        previous_from_current=_one(motion, np.float32),
        seconds_since_previous=_one(seconds, np.float32),
        weather=_one(0 if frame.weather is None else WEATHERS.index(frame.weather), np.int64),
        time_of_day=_one(0 if frame.time_of_day is None else TIMES_OF_DAY.index(frame.time_of_day), np.int64),
        present=Presence(
            map=_one(frame.map is not None),
            boxes=_one(frame.actors_known),
            camera=_one(True),
            ego_motion=_one(previous is not None and frame.ego_motion_known),
            weather=_one(frame.weather is not None),
            time_of_day=_one(frame.time_of_day is not None),
        ),
    )


def _ego_motion(frame: SceneFrame, previous: SceneFrame | None) -> tuple[np.ndarray, float]:
    """previous_from_current and the seconds between the two."""
    if previous is None:
        return np.eye(4), 0.0
    seconds = frame.time_s - previous.time_s
    if not frame.ego_motion_known:
        return np.eye(4), seconds
    return geometry.invert(previous.world_from_ego) @ frame.world_from_ego, seconds


def _box_list(views: Sequence[SeenBoxes], max_boxes: int) -> BoxList:
    shape = (len(views), max_boxes)
    corners, velocity = np.zeros((*shape, 8, 3)), np.zeros((*shape, 3))
    classes, mask = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=bool)
    for view, seen in enumerate(views):
        n = min(len(seen), max_boxes)
        corners[view, :n] = seen.corners_m[:n]
        velocity[view, :n] = seen.velocity_mps[:n]
        classes[view, :n] = seen.class_index[:n]
        mask[view, :n] = True
    return BoxList(_one(corners, np.float32), _one(velocity, np.float32), _one(classes), _one(mask))


def _one(value: Any, dtype: Any = None) -> Tensor:
    """A value as a tensor of batch size 1."""
    return torch.from_numpy(np.array(value, dtype=dtype)[None])
