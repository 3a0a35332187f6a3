"""Annotated boxes of an Argoverse 2 log as actors in the world."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from everroad import geometry
from everroad.scenario.argoverse2_tables import Boxes
from everroad.scenario.types import Actor, Poses

# Full nuScenes names. Absent: what has no counterpart there (BOLLARD, SIGN, TRUCK_CAB without its trailer, message boards ...),
# and riders, whom nuScenes draws into the box of the bicycle or motorcycle below them and never as pedestrians.
CATEGORY_OF_AV2: dict[str, str] = {
    "REGULAR_VEHICLE": "vehicle.car",
    "LARGE_VEHICLE": "vehicle.truck",
    "BOX_TRUCK": "vehicle.truck",
    "TRUCK": "vehicle.truck",
    "BUS": "vehicle.bus.rigid",
    "SCHOOL_BUS": "vehicle.bus.rigid",
    "ARTICULATED_BUS": "vehicle.bus.bendy",
    "VEHICULAR_TRAILER": "vehicle.trailer",
    "MOTORCYCLE": "vehicle.motorcycle",
    "BICYCLE": "vehicle.bicycle",
    "PEDESTRIAN": "human.pedestrian.adult",
    "OFFICIAL_SIGNALER": "human.pedestrian.adult",
    "STROLLER": "human.pedestrian.stroller",
    "WHEELCHAIR": "human.pedestrian.wheelchair",
    "WHEELED_DEVICE": "human.pedestrian.personal_mobility",
    "CONSTRUCTION_CONE": "movable_object.trafficcone",
    "CONSTRUCTION_BARREL": "movable_object.trafficcone",
    "ANIMAL": "animal",
    "DOG": "animal",
}
EGO_CATEGORY = "EGO_VEHICLE"


def actors_from_boxes(
    boxes: Boxes, stamps_ns: Int[ndarray, "f"], time_s: Float[ndarray, "f"], world_from_ego: Poses
) -> tuple[Actor, ...]:
    """One actor a track, in the order of first appearance, without the ego car's own box.

    Args:
        boxes: in the ego frame of ``world_from_ego``; every ``stamp_ns`` is one of ``stamps_ns``.
        stamps_ns: time stamps of the frames, increasing.
        time_s: the same from 0 in seconds.
        world_from_ego: the pose at every frame.

    Raises ``ValueError`` for a track with two boxes at one time.
    """
    frames = np.searchsorted(stamps_ns, boxes.stamp_ns)
    world_from_box = world_from_ego.matrices()[frames] @ boxes.poses.matrices()
    position_m = world_from_box[:, :3, 3]
    rotation_wxyz = geometry.quaternion_from_rotation(world_from_box[:, :3, :3])
    rows_of_track: dict[str, list[int]] = defaultdict(list)
    for row, (track, category) in enumerate(zip(boxes.track, boxes.category, strict=True)):
        if category != EGO_CATEGORY:
            rows_of_track[track].append(row)
    actors = []
    for track, unordered in rows_of_track.items():
        rows = np.array(unordered)[np.argsort(frames[unordered], kind="stable")]
        seen = frames[rows]
        if (np.diff(seen) == 0).any():
            twice = stamps_ns[seen[np.argmin(np.diff(seen))]]
            raise ValueError(f"actor {track}: expected one box at a time, got two at {twice} ns; drop one")
        valid = np.zeros(len(stamps_ns), dtype=bool)
        valid[seen] = True
        # Frames without a box hold the last one before (or the first), so that they stay finite.
        held = rows[np.maximum(np.searchsorted(seen, np.arange(len(stamps_ns)), side="right") - 1, 0)]
        source_category = boxes.category[rows[0]]
        actors.append(
            Actor(
                track_id=track,
                category=CATEGORY_OF_AV2.get(source_category),
                # The data set keeps a track's size constant; the median says which one where it does not.
                size_lwh_m=np.median(boxes.size_lwh_m[rows], axis=0),
                poses=Poses(position_m[held], rotation_wxyz[held]),
                valid=valid,
                velocity_mps=central_differences(position_m[rows], seen, time_s),
                source_category=source_category,
            )
        )
    return tuple(actors)


def central_differences(
    position_m: Float[ndarray, "n 3"], seen: Int[ndarray, "n"], time_s: Float[ndarray, "f"]
) -> Float[ndarray, "f 3"] | None:
    """Velocities at every frame from positions at the frames ``seen``: between the sights before and after, one-sided at the
    ends, zero where not seen; ``None`` when one sight is all there is."""
    if len(seen) < 2:
        return None
    index = np.arange(len(seen))
    before, after = np.maximum(index - 1, 0), np.minimum(index + 1, len(seen) - 1)
    velocity_mps = np.zeros((len(time_s), 3))
    velocity_mps[seen] = (position_m[after] - position_m[before]) / (time_s[seen[after]] - time_s[seen[before]])[:, None]
    return velocity_mps
