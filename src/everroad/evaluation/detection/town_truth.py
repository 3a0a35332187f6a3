"""The truth of a scenario's frame, in the ego car's frame."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from everroad import geometry
from everroad.evaluation.detection.boxes import Boxes, Truth, attribute_label_of, label_of, no_boxes
from everroad.export.vocabulary import attribute_of
from everroad.scenario.types import Scenario


def truth_of_frame(scenario: Scenario, frame_index: int, seen: Collection[str] | None = None) -> Truth:
    """The actors that have a detection class, the ego car's place being the origin. Velocities are over ground, ego axes.

    Args:
        scenario: where to look.
        frame_index: which frame.
        seen: names of the actors that count, such as those that a camera sees; all if not given.

    Attributes that the scenario does not name are inferred from how the actor moves, like those of an export.
    Raises ``IndexError`` outside of the scenario.
    """
    if not 0 <= frame_index < len(scenario):
        raise IndexError(f"frame {frame_index}: expected 0 to {len(scenario) - 1}")
    actors = [
        actor
        for actor in scenario.actors
        if actor.detection_class and actor.valid[frame_index] and (seen is None or actor.track_id in seen)
    ]
    if not actors:
        return Truth(no_boxes())
    ego_from_world = geometry.invert(scenario.world_from_ego.matrix(frame_index))
    turn = geometry.rotation_from_quaternion(np.stack([actor.poses.rotation_wxyz[frame_index] for actor in actors]))
    place = np.stack([actor.poses.translation_m[frame_index] for actor in actors])
    unknown = np.full(3, np.nan)
    velocity = [unknown if actor.velocity_mps is None else actor.velocity_mps[frame_index] for actor in actors]
    boxes = Boxes(
        geometry.apply(ego_from_world, place),
        np.stack([actor.size_lwh_m for actor in actors]),
        geometry.quaternion_from_rotation(ego_from_world[:3, :3] @ turn),
        (np.stack(velocity) @ ego_from_world[:3, :3].T)[:, :2],
        np.array([label_of(str(actor.detection_class)) for actor in actors]),
        np.array([attribute_label_of(attribute_of(actor, frame_index) or "") for actor in actors]),
    )
    return Truth(boxes)
