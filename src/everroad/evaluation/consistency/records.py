"""All consistency of one camera's video: what is known of a frame, the record of a picture, and the measures of all records.

What the painter knows of a pair of frames is worked out once (``prepare``), whatever the number of models; of every picture
only the record stays. Frame 0 is the start image, which has no frame before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int32, UInt8
from numpy import ndarray

from everroad import geometry
from everroad.evaluation.consistency.correspondence import MOVING, Correspondence, Seen, estimated, known, static_pixels
from everroad.evaluation.consistency.ego_measures import FIRST, EgoRecord, asked_motion, ego_measures, ego_record
from everroad.evaluation.consistency.ego_motion import ego_motion, ground_mask
from everroad.evaluation.consistency.identity import (
    NOBODY,
    Features,
    IdentityRecord,
    histogram_features,
    identity,
    identity_record,
)
from everroad.evaluation.consistency.stacking import stack_records
from everroad.evaluation.consistency.warp_error import WarpRecord, first_record, warp_measures, warp_record
from everroad.evaluation.measure import Measure, Window
from everroad.scenario.types import Camera


@dataclass(frozen=True, eq=False)
class KnownFrame:
    """What the painter knows of a frame: its time, the ego's pose and the camera's pictures of depth, classes and instances."""

    time_s: float
    world_from_ego: Float[ndarray, "4 4"]
    camera: Camera
    depth_m: Float[ndarray, "h w"]
    semantic: UInt8[ndarray, "h w"]
    instance: Int32[ndarray, "h w"]


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a record needs of a frame and the one before; ``shown`` is ``None`` in frame 0."""

    camera: Camera
    seconds: float
    asked: tuple[float, float]
    shown: Correspondence | None
    ground: Bool[ndarray, "h w"]
    instance: Int32[ndarray, "h w"]
    moving: frozenset[int]


@dataclass(frozen=True)
class ConsistencyRecord:
    """Of one picture: against the one before by the known motion and by estimated flow, the ego motion, and the objects."""

    warp: WarpRecord
    flow: WarpRecord
    ego: EgoRecord
    objects: IdentityRecord


def prepare(now: KnownFrame, before: KnownFrame | None) -> Prepared:
    """From what is known of a frame and of the one before it (``None`` at frame 0)."""
    moving = frozenset(np.unique(now.instance[np.isin(now.semantic, MOVING)]).tolist()) - {0}
    ground = ground_mask(now.semantic)
    if before is None:
        return Prepared(now.camera, 0.0, (0.0, 0.0), None, ground, now.instance, moving)
    step = geometry.invert(before.world_from_ego) @ now.world_from_ego
    seconds = now.time_s - before.time_s
    shown = known(_static(now), _static(before), now.camera, before.camera, step)
    return Prepared(now.camera, seconds, asked_motion(step, seconds), shown, ground, now.instance, moving)


def consistency_record(
    picture: UInt8[ndarray, "h w 3"],
    previous: UInt8[ndarray, "h w 3"] | None,
    prepared: Prepared,
    features: Features = histogram_features,
    *,
    whole: bool = True,
) -> ConsistencyRecord:
    """The numbers of one picture and the one before it (``None`` at frame 0, and only there).

    Estimated flow, ego motion and objects, which are dear, are looked at where ``whole``; elsewhere they count for nothing.
    """
    objects = identity_record(picture, prepared.instance, prepared.moving.__contains__, features) if whole else NOBODY
    if previous is None or prepared.shown is None:
        first = first_record(picture)
        return ConsistencyRecord(first, first, FIRST, objects)
    asked, ground = prepared.asked, prepared.ground
    return ConsistencyRecord(
        warp_record(picture, previous, prepared.shown),
        warp_record(picture, previous, estimated(picture, previous)) if whole else first_record(picture),
        ego_record(asked, ego_motion(picture, previous, ground, prepared.camera, prepared.seconds)) if whole else FIRST,
        objects,
    )


Records = Sequence[Sequence[ConsistencyRecord]]  # by frame (frame 0 is the start image), then by town


def consistency(model: Records, painter: Records, windows: Sequence[Window]) -> dict[str, dict[str, dict[str, Measure]]]:
    """By window's name: "known motion" and "estimated flow" (``warp_error.NAMES``), "ego motion" and "identity"."""
    warp, flow, ego = ([_stack(of, part) for of in (model, painter)] for part in ("warp", "flow", "ego"))
    seen = [[[record.objects for record in of_frame] for of_frame in of] for of in (model, painter)]
    return {
        window.name: {
            "known motion": warp_measures(warp[0], warp[1], window),
            "estimated flow": warp_measures(flow[0], flow[1], window),
            "ego motion": ego_measures(ego[0], ego[1], window),
            "identity": identity(seen[0], seen[1], window),
        }
        for window in windows
    }


def _stack(records: Records, part: str) -> Float[ndarray, "n f q"]:
    return stack_records([[getattr(record, part) for record in of_frame] for of_frame in records])


def _static(frame: KnownFrame) -> Seen:
    return static_pixels(frame.depth_m, frame.semantic)
