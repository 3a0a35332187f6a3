"""The rows of one scene in the nuScenes tables, in the scenario's own coordinates; ``finalize`` moves them to their place.

A shot is one sensor's file at one frame. Boxes, poses and calibrations are the scenario's; prev and next chain what follows in
time. Frames after the last key frame have no rows: nuScenes labels a sweep through the key frame that follows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad import geometry
from everroad.export import lidar
from everroad.export.options import NO_MAP
from everroad.export.timing import date_of
from everroad.export.tokens import token
from everroad.export.vocabulary import attribute_of, attribute_token, category_token, visibility_token
from everroad.scenario.nuscenes.description import time_of_day_of, weather_of
from everroad.scenario.types import Actor, Camera, Scenario

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Shot:
    """One file of one sensor at one frame."""

    frame_index: int
    channel: str
    filename: str
    fileformat: str  # jpg, png or pcd
    width_px: int = 0
    height_px: int = 0


@dataclass(frozen=True)
class Witnessed:
    """What a key frame's sensors have of one actor: lidar points, and the share of its pixels that all cameras see of it."""

    lidar_points: int
    seen_share: float
    box_px: dict[str, tuple[int, int, int, int]]  # by channel: left, top, right, bottom of the seen pixels


@dataclass(frozen=True)
class SceneFacts:
    """What the rows are made of."""

    name: str
    location: str
    scenario: Scenario
    stamps_us: list[int]
    keys: list[int]
    shots: list[Shot]
    witnessed: dict[int, dict[str, Witnessed]]  # by key frame and track id


def scene_tables(facts: SceneFacts) -> dict[str, Rows]:
    """Rows by table, ``image_annotations`` (2D boxes of visible pixels) among them."""
    name = facts.name
    annotations, instances = _annotations(facts)
    samples = [_sample_token(facts, key) for key in facts.keys]
    scene = {
        "token": token("scene", name),
        "log_token": token("log", name),
        "nbr_samples": len(facts.keys),
        "first_sample_token": samples[0],
        "last_sample_token": samples[-1],
        "name": name,
        "description": _description(facts.scenario),
    }
    log = {
        "token": scene["log_token"],
        "logfile": name,
        "vehicle": "everroad",
        "date_captured": date_of(facts.stamps_us[0]),
        # A map of empty layers would say that there is no road.
        "location": NO_MAP if facts.scenario.map is None else facts.location,
    }
    sample_rows = [
        {
            "token": samples[i],
            "timestamp": facts.stamps_us[key],
            "prev": samples[i - 1] if i else "",
            "next": samples[i + 1] if i + 1 < len(samples) else "",
            "scene_token": scene["token"],
        }
        for i, key in enumerate(facts.keys)
    ]
    return {
        "scene": [scene],
        "log": [log],
        "sample": sample_rows,
        "sample_data": _sample_data(facts),
        "ego_pose": _ego_poses(facts),
        **_sensors(facts),
        "instance": instances,
        "sample_annotation": annotations,
        "image_annotations": _image_annotations(facts, {row["token"]: row for row in annotations}),
    }


def _description(scenario: Scenario) -> str:
    """In words that Everroad's reader takes back: it looks for weather and time of day in the whole, names included."""
    known = f"{scenario.weather or 'weather unknown'}, {scenario.time_of_day or 'time of day unknown'}"
    whole = f"{known}, {scenario.source} scenario {scenario.name}"
    read = (weather_of(whole), time_of_day_of(whole))
    return whole if read == (scenario.weather, scenario.time_of_day) else known


def _sample_token(facts: SceneFacts, key_frame: int) -> str:
    return token("sample", facts.name, facts.stamps_us[key_frame])


def _data_token(facts: SceneFacts, channel: str, frame_index: int) -> str:
    return token("sample_data", facts.name, channel, facts.stamps_us[frame_index])


def _pose_token(facts: SceneFacts, frame_index: int) -> str:
    return token("ego_pose", facts.name, facts.stamps_us[frame_index])


def _sensor_token(facts: SceneFacts, channel: str) -> str:
    return token("calibrated_sensor", facts.name, channel)


def _annotation_token(facts: SceneFacts, track_id: str, key_frame: int) -> str:
    return token("sample_annotation", facts.name, track_id, facts.stamps_us[key_frame])


def _sample_data(facts: SceneFacts) -> Rows:
    keys = np.array(facts.keys)
    rows: Rows = []
    last_of: dict[str, dict[str, Any]] = {}
    for shot in sorted(facts.shots, key=lambda shot: shot.frame_index):
        if shot.frame_index > facts.keys[-1]:
            continue
        following = int(keys[np.searchsorted(keys, shot.frame_index)])
        row = {
            "token": _data_token(facts, shot.channel, shot.frame_index),
            "sample_token": _sample_token(facts, following),
            "ego_pose_token": _pose_token(facts, shot.frame_index),
            "calibrated_sensor_token": _sensor_token(facts, shot.channel),
            "timestamp": facts.stamps_us[shot.frame_index],
            "fileformat": shot.fileformat,
            "is_key_frame": following == shot.frame_index,
            "height": shot.height_px,
            "width": shot.width_px,
            "filename": shot.filename,
            "prev": "",
            "next": "",
        }
        before = last_of.get(shot.channel)
        if before is not None:
            row["prev"], before["next"] = before["token"], row["token"]
        last_of[shot.channel] = row
        rows.append(row)
    return rows


def _ego_poses(facts: SceneFacts) -> Rows:
    poses = facts.scenario.world_from_ego
    frames = sorted({shot.frame_index for shot in facts.shots if shot.frame_index <= facts.keys[-1]})
    return [
        {
            "token": _pose_token(facts, i),
            "timestamp": facts.stamps_us[i],
            "rotation": _unit(poses.rotation_wxyz[i]),
            "translation": poses.translation_m[i].tolist(),
        }
        for i in frames
    ]


def _sensors(facts: SceneFacts) -> dict[str, Rows]:
    channels = {shot.channel for shot in facts.shots}
    cameras = {camera.name: camera for camera in facts.scenario.cameras if camera.name in channels}
    mounts: dict[str, tuple[str, Float[ndarray, "4 4"], Camera | None]] = {
        name: ("camera", camera.ego_from_camera, camera) for name, camera in cameras.items()
    }
    mounts[lidar.CHANNEL] = ("lidar", lidar.EGO_FROM_LIDAR, None)
    sensors: Rows = []
    calibrated: Rows = []
    for channel, (modality, mount, camera) in mounts.items():
        sensors.append({"token": token("sensor", channel), "channel": channel, "modality": modality})
        calibrated.append(
            {
                "token": _sensor_token(facts, channel),
                "sensor_token": token("sensor", channel),
                "translation": mount[:3, 3].tolist(),
                "rotation": geometry.quaternion_from_rotation(mount[:3, :3]).tolist(),
                "camera_intrinsic": [] if camera is None else camera.intrinsics.tolist(),
            }
        )
    return {"sensor": sensors, "calibrated_sensor": calibrated}


def _annotations(facts: SceneFacts) -> tuple[Rows, Rows]:
    """Annotations and instances of the actors that have a nuScenes category and are there at a key frame."""
    annotations: Rows = []
    instances: Rows = []
    for actor in facts.scenario.actors:
        there = [key for key in facts.keys if actor.valid[key]]
        if actor.category is None or not there:
            continue
        chain = [_annotation(facts, actor, key) for key in there]
        for before, after in pairwise(chain):
            before["next"], after["prev"] = after["token"], before["token"]
        annotations += chain
        instances.append(
            {
                "token": chain[0]["instance_token"],
                "category_token": category_token(actor.category),
                "nbr_annotations": len(chain),
                "first_annotation_token": chain[0]["token"],
                "last_annotation_token": chain[-1]["token"],
            }
        )
    return annotations, instances


def _annotation(facts: SceneFacts, actor: Actor, key_frame: int) -> dict[str, Any]:
    witnessed = facts.witnessed[key_frame][actor.track_id]
    attribute = attribute_of(actor, key_frame)
    length, width, height = actor.size_lwh_m.tolist()
    return {
        "token": _annotation_token(facts, actor.track_id, key_frame),
        "sample_token": _sample_token(facts, key_frame),
        "instance_token": token("instance", facts.name, actor.track_id),
        "visibility_token": visibility_token(witnessed.seen_share),
        "attribute_tokens": [] if attribute is None else [attribute_token(attribute)],
        "translation": actor.poses.translation_m[key_frame].tolist(),
        "size": [width, length, height],
        "rotation": _unit(actor.poses.rotation_wxyz[key_frame]),
        "prev": "",
        "next": "",
        "num_lidar_pts": witnessed.lidar_points,
        "num_radar_pts": 0,
    }


def _image_annotations(facts: SceneFacts, annotations: dict[str, dict[str, Any]]) -> Rows:
    categories = {actor.track_id: actor.category for actor in facts.scenario.actors}
    filenames = {(shot.frame_index, shot.channel): shot.filename for shot in facts.shots}
    copied = ("attribute_tokens", "instance_token", "next", "num_lidar_pts", "num_radar_pts", "prev", "visibility_token")
    rows: Rows = []
    for key, of_actor in facts.witnessed.items():
        for track_id, witnessed in of_actor.items():
            if categories[track_id] is None:
                continue
            annotation = annotations[_annotation_token(facts, track_id, key)]
            for channel, box in witnessed.box_px.items():
                rows.append(
                    {
                        "token": token("image_annotation", annotation["token"], channel),
                        "sample_annotation_token": annotation["token"],
                        "sample_data_token": _data_token(facts, channel, key),
                        "category_name": categories[track_id],
                        "bbox_corners": list(box),
                        "filename": filenames[key, channel],
                        **{field: annotation[field] for field in copied},
                    }
                )
    return rows


def _unit(quaternion: Float[ndarray, "4"]) -> list[float]:
    return (quaternion / np.linalg.norm(quaternion)).tolist()
