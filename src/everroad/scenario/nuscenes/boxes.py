"""The annotated boxes of a scene as actors, at key frames and between them.

- At a key frame a box is what its sample's annotation says, whatever the camera's own time stamp; between two samples its
  centre is linear in time and its rotation a slerp, at the camera's time: ``NuScenes.get_boxes`` of nuscenes-devkit.
- An instance that only one of the two samples has is absent between them, as in ASAP's ``interp`` annotations
  (github.com/JeffWang987/ASAP); the devkit holds the later box. Before the first and after the last sample there is none.
- The velocity at a key frame is the devkit's ``box_velocity``, a central difference, or a one-sided one at the first and the
  last annotation. Where that is unknown, since the annotations lie too far apart, it is the difference to the nearer one;
  an instance that was annotated once has none. Between key frames it is the derivative of the interpolation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from everroad import geometry
from everroad.scenario.nuscenes.dataset import DataSet
from everroad.scenario.types import CATEGORIES, Actor, Poses


@dataclass(frozen=True, eq=False)
class Instants:
    """Frames among the samples of a scene: the sample before and after each, and how far between them (0 to 1) it lies.

    At a key frame both are its own sample. ``inside`` is false before the first and after the last sample.
    """

    before: Int[ndarray, "f"]
    after: Int[ndarray, "f"]
    ratio: Float[ndarray, "f"]
    inside: Bool[ndarray, "f"]


def instants(stamp_us: Int[ndarray, "f"], key_sample: Int[ndarray, "f"], sample_us: Int[ndarray, "k"]) -> Instants:
    """Where frames lie among samples. ``key_sample`` is the sample that a frame is the key frame of, -1 for others."""
    last = len(sample_us) - 1
    before = np.clip(np.searchsorted(sample_us, stamp_us, side="right") - 1, 0, last)
    before = np.where(key_sample >= 0, key_sample, before)
    exact = (key_sample >= 0) | (sample_us[before] == stamp_us)
    after = np.where(exact, before, np.minimum(before + 1, last))
    span_us = sample_us[after] - sample_us[before]
    ratio = np.where(span_us > 0, (stamp_us - sample_us[before]) / np.maximum(span_us, 1), 0.0)
    inside = exact | ((span_us > 0) & (stamp_us >= sample_us[before]))
    return Instants(before, after, np.where(inside, ratio, 0.0), inside)


def scene_actors(
    data_set: DataSet, scene: int, at: Instants, sample_us: Int[ndarray, "k"], world_from_global_m: Float[ndarray, "3"]
) -> tuple[Actor, ...]:
    """One actor an instance that exists at one of the frames at least, in the order of the instances' table."""
    index, rows = data_set.index, data_set.rows("box", scene)
    box = {
        name: np.asarray(index[f"box.{name}"][rows])
        for name in (
            "instance", "sample", "attribute", "translation_m", "rotation_wxyz", "size_wlh_m", "velocity_mps",
        )
    }  # fmt: skip
    box["velocity_mps"] = _completed(box, sample_us)
    category_names, attribute_names = data_set.texts("category.name"), (*data_set.texts("attribute.name"), "")
    instances, first = np.unique(box["instance"], return_index=True)
    actors = []
    for instance, begin, stop in zip(instances.tolist(), first, np.append(first, len(box["instance"]))[1:], strict=True):
        row_of_sample = np.full(len(sample_us), -1)
        row_of_sample[box["sample"][begin:stop]] = np.arange(begin, stop)
        before, after = row_of_sample[at.before], row_of_sample[at.after]
        valid = at.inside & (before >= 0) & (after >= 0)
        if not valid.any():
            continue
        # Frames without a box get the first one, so that they stay finite.
        before, after = np.where(valid, before, begin), np.where(valid, after, begin)
        attribute = box["attribute"][before]
        category = category_names[int(index["instance.category"][instance])]
        size_wlh_m = np.median(box["size_wlh_m"][begin:stop], axis=0)
        actors.append(
            Actor(
                track_id=data_set.texts("instance.token", instance, instance + 1)[0],
                category=category if category in CATEGORIES else None,
                size_lwh_m=size_wlh_m[[1, 0, 2]],
                poses=_poses(box, before, after, at.ratio, world_from_global_m),
                valid=valid,
                velocity_mps=_velocity(box, before, after, at, sample_us) if stop - begin > 1 else None,
                source_category=None if category in CATEGORIES else category,
                attributes=tuple(attribute_names[i] for i in np.where(valid, attribute, -1).tolist())
                if (attribute[valid] >= 0).any()
                else None,
            )
        )
    return tuple(actors)


_Box = dict[str, ndarray]
_Rows = Int[ndarray, "f"]


def _poses(box: _Box, before: _Rows, after: _Rows, ratio: Float[ndarray, "f"], world_from_global_m: ndarray) -> Poses:
    start_m, end_m = box["translation_m"][before], box["translation_m"][after]
    rotation = box["rotation_wxyz"]
    rotation = rotation / np.linalg.norm(rotation, axis=1, keepdims=True)
    return Poses(
        start_m + ratio[:, None] * (end_m - start_m) + world_from_global_m,
        geometry.slerp(rotation[before], rotation[after], ratio),
    )


def _velocity(box: _Box, before: _Rows, after: _Rows, at: Instants, sample_us: ndarray) -> Float[ndarray, "f 3"]:
    between = before != after
    seconds = np.where(between, (sample_us[at.after] - sample_us[at.before]) / 1e6, 1.0)
    slope_mps = (box["translation_m"][after] - box["translation_m"][before]) / seconds[:, None]
    return np.where(between[:, None], slope_mps, box["velocity_mps"][before])


def _completed(box: _Box, sample_us: ndarray) -> Float[ndarray, "n 3"]:
    """The velocities, those that are unknown from the neighbour of the same instance that is nearer in time."""
    velocity_mps = box["velocity_mps"].copy()
    row, last = np.arange(len(velocity_mps)), len(velocity_mps) - 1
    seconds = np.full((2, len(row)), np.inf)
    neighbour = np.stack([np.maximum(row - 1, 0), np.minimum(row + 1, last)])
    for side in range(2):
        mine = (neighbour[side] != row) & (box["instance"][neighbour[side]] == box["instance"])
        apart = np.abs(sample_us[box["sample"][neighbour[side]]] - sample_us[box["sample"]]) / 1e6
        seconds[side, mine] = apart[mine]
    nearer = np.argmin(seconds, axis=0)
    other = neighbour[nearer, row]
    wanted = np.isnan(velocity_mps).any(axis=1) & np.isfinite(seconds[nearer, row])
    signed = np.where(nearer == 1, 1.0, -1.0) * seconds[nearer, row]
    velocity_mps[wanted] = ((box["translation_m"][other] - box["translation_m"]) / signed[:, None])[wanted]
    return np.nan_to_num(velocity_mps)  # what is left belongs to instances that were annotated once, and is not used
