"""The boxes one camera sees: selection, projection with near-plane clipping, and the list that becomes tokens."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from everroad import geometry
from everroad.scenario.types import DETECTION_CLASSES, Camera, SceneFrame

NEAR_M = 0.3
RANGE_M = 100.0
# Corners that each of the twelve edges joins (order of geometry.UNIT_BOX_CORNERS).
EDGES: Int[ndarray, "12 2"] = np.array(
    [[0, 1], [1, 2], [2, 3], [3, 0], [4, 5], [5, 6], [6, 7], [7, 4], [0, 4], [1, 5], [2, 6], [3, 7]]
)
FRONT_FACE = (0, 1, 2, 3)


@dataclass(frozen=True, eq=False)
class SeenBoxes:
    """Boxes with a part in the picture, nearest (by the distance of their centres) first. Camera frame, metres.

    ``hulls_px`` are convex outlines of the part in front of the near plane; ``fronts_px`` the same part of the front face (no
    points where there is none); ``front_faces_camera`` says that the camera is on the outer side of that face.
    """

    corners_m: Float[ndarray, "n 8 3"]
    velocity_mps: Float[ndarray, "n 3"]
    class_index: Int[ndarray, "n"]
    hulls_px: tuple[Float[ndarray, "_ 2"], ...]
    fronts_px: tuple[Float[ndarray, "_ 2"], ...]
    front_faces_camera: Bool[ndarray, "n"]

    def __len__(self) -> int:
        return len(self.corners_m)


def seen_boxes(frame: SceneFrame, camera: Camera) -> SeenBoxes:
    """Boxes of which a part lies in front of ``NEAR_M`` and in the picture, with the centre within ``RANGE_M`` of the camera.

    Boxes hidden by others count, too: what is hidden now may show in the next frame.
    """
    camera_from_world = geometry.invert(frame.world_from_ego @ camera.ego_from_camera)
    actors = frame.actors
    world_from_box = np.array([actor.world_from_actor for actor in actors]).reshape(-1, 4, 4)
    size = np.array([actor.size_lwh_m for actor in actors]).reshape(-1, 3)
    camera_from_box = camera_from_world @ world_from_box
    distance = np.linalg.norm(camera_from_box[:, :3, 3], axis=1)
    reach = camera_from_box[:, 2, 3] + np.linalg.norm(size, axis=1) / 2
    order = np.argsort(distance, kind="stable")
    order = order[(distance[order] <= RANGE_M) & (reach[order] > NEAR_M)]
    corners = np.einsum("nij,nkj->nki", camera_from_box[order, :3, :3], geometry.UNIT_BOX_CORNERS * size[order, None])
    corners += camera_from_box[order, None, :3, 3]
    candidates, valid = clip_boxes_near(corners, NEAR_M)
    pixels, _ = geometry.project(candidates, camera.intrinsics)
    overlaps, is_inside = _overlaps_picture(pixels, valid, camera)
    pixels = pixels.astype(np.float32)  # as OpenCV's convex hull takes them
    kept, hulls = [], []
    for i in np.flatnonzero(overlaps).tolist():
        hull = cv2.convexHull(pixels[i, valid[i]])[:, 0].astype(np.float64)
        if is_inside[i] or _hull_overlaps_picture(hull, camera):
            kept.append(i)
            hulls.append(hull)
    corners, order = corners[kept], order[kept]
    forward = corners[:, 0] - corners[:, 4]
    return SeenBoxes(
        corners_m=corners,
        velocity_mps=_velocities(frame, order, camera_from_world[:3, :3]),
        class_index=np.array([class_index(actors[i].detection_class) for i in order], dtype=np.int64),
        hulls_px=tuple(hulls),
        fronts_px=_front_faces(corners[:, FRONT_FACE], camera),
        front_faces_camera=np.einsum("ni,ni->n", forward, corners[:, 0]) < 0,
    )


def class_index(detection_class: str | None) -> int:
    """Row of ``DETECTION_CLASSES``, or one past its end for objects without a detection class."""
    return len(DETECTION_CLASSES) if detection_class is None else DETECTION_CLASSES.index(detection_class)


def clip_boxes_near(
    corners_camera: Float[ndarray, "n 8 3"], near_m: float
) -> tuple[Float[ndarray, "n 20 3"], Bool[ndarray, "n 20"]]:
    """Points whose convex hull is the part of each box at depth >= near_m, with a mask of those that count.

    Rows 0 to 7 are the corners, rows 8 to 19 the points where the edges pass the near plane.
    """
    starts, ends = corners_camera[:, EDGES[:, 0]], corners_camera[:, EDGES[:, 1]]
    za, zb = starts[..., 2] - near_m, ends[..., 2] - near_m
    crosses = (za >= 0) != (zb >= 0)
    ratio = za / np.where(crosses, za - zb, 1.0)
    cuts = starts + np.where(crosses, ratio, 0.0)[..., None] * (ends - starts)
    points = np.concatenate([corners_camera, cuts], axis=1)
    return points, np.concatenate([corners_camera[..., 2] >= near_m, crosses], axis=1)


def _overlaps_picture(
    pixels: Float[ndarray, "n 20 2"], valid: Bool[ndarray, "n 20"], camera: Camera
) -> tuple[Bool[ndarray, "n"], Bool[ndarray, "n"]]:
    """Whether the bounding rectangle of the valid pixels overlaps the picture, and whether it lies inside of it."""
    low = np.where(valid[..., None], pixels, np.inf).min(axis=1)
    high = np.where(valid[..., None], pixels, -np.inf).max(axis=1)
    end = np.array([camera.width_px, camera.height_px]) - 0.5
    overlaps = ((high > -0.5) & (low < end)).all(axis=1)
    return overlaps, ((low.astype(np.float32) > -0.5) & (high.astype(np.float32) < end)).all(axis=1)


def _hull_overlaps_picture(hull: Float[ndarray, "p 2"], camera: Camera) -> bool:
    """Separating axis test of a convex outline and the picture, whose own axes ``_overlaps_picture`` has tried."""
    right, bottom = camera.width_px - 0.5, camera.height_px - 0.5
    picture = np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])
    if ((hull > -0.5) & (hull < [right, bottom])).all(axis=1).any():
        return True
    return len(hull) >= 3 and geometry.convex_overlap(hull, picture)


def _front_faces(faces_camera: Float[ndarray, "n 4 3"], camera: Camera) -> tuple[Float[ndarray, "_ 2"], ...]:
    pixels, depth = geometry.project(faces_camera, camera.intrinsics)
    fronts = list(pixels)
    for i in np.flatnonzero((depth < NEAR_M).any(axis=1)).tolist():
        fronts[i], _ = geometry.project(geometry.clip_polygon_near(faces_camera[i], NEAR_M), camera.intrinsics)
    return tuple(fronts)


def _velocities(frame: SceneFrame, order: Int[ndarray, "n"], camera_from_world: Float[ndarray, "3 3"]) -> Float[ndarray, "n 3"]:
    zero = np.zeros(3)
    known = [frame.actors[i].velocity_mps for i in order]
    return np.array([zero if v is None else v for v in known]).reshape(-1, 3) @ camera_from_world.T
