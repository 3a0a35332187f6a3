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
    ego_from_world = geometry.invert(scenario.world_from_ego.matrix(frame_index))
    rows = []
    for actor in scenario.actors:
        name = actor.detection_class
        if name is None or not actor.valid[frame_index] or (seen is not None and actor.track_id not in seen):
            continue
        pose = ego_from_world @ actor.poses.matrix(frame_index)
        velocity = (
            np.full(3, np.nan) if actor.velocity_mps is None else ego_from_world[:3, :3] @ actor.velocity_mps[frame_index]
        )
        attribute = attribute_label_of(attribute_of(actor, frame_index) or "")
        turn = geometry.quaternion_from_rotation(pose[:3, :3])
        rows.append((pose[:3, 3], actor.size_lwh_m, turn, velocity[:2], label_of(name), attribute))
    if not rows:
        return Truth(no_boxes())
    centre, size, turn, velocity, label, attribute = (np.array(column) for column in zip(*rows, strict=True))
    return Truth(Boxes(centre, size.astype(np.float64), turn, velocity, label, attribute))
