"""What every town asks of a frame as it is, and under an alteration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from everroad import geometry
from everroad.conditions.types import Conditions
from everroad.evaluation.ablation.altered import Alteration, altered, differs
from everroad.evaluation.ablation.yardsticks import Asked, motion_between
from everroad.evaluation.colour import lab
from everroad.evaluation.consistency.ego_measures import asked_motion, ego_record, readable
from everroad.evaluation.consistency.ego_motion import ego_motion, ground_mask
from everroad.evaluation.consistency.stacking import stack_records
from everroad.evaluation.reference import EvaluationTown, Reference
from everroad.evaluation.sources.types import Picture
from everroad.scenario.types import SceneFrame

# The ego motion counts as altered from a difference of this on: half a metre a second (``motion_between``).
LEAST_MOTION_MPS = 0.5


def asked_of(town: EvaluationTown, frame_index: int, now: Reference, before: Reference) -> Asked:
    """What a town asks of a frame from 1 on; the references are of that frame and of the one before."""
    scenario, camera = town.source.scenario, town.source.camera
    seconds = float(scenario.time_s[frame_index] - scenario.time_s[frame_index - 1])
    poses = scenario.world_from_ego
    motion = asked_motion(geometry.invert(poses.matrix(frame_index - 1)) @ poses.matrix(frame_index), seconds)
    shown = ego_motion(now.picture, before.picture, ground_mask(now.semantic), camera, seconds)
    counts = readable(stack_records([[ego_record(motion, shown)]]))
    return Asked(now.semantic, motion, bool(counts[0, 0]), mean_colour(now.picture))


def asked_instead(
    alteration: Alteration, towns: Sequence[EvaluationTown], frame_index: int, asked: Sequence[Asked]
) -> list[Asked] | None:
    """The same under an alteration; ``None`` where it asks for nothing that could be followed (zero, and the camera)."""
    if alteration.way == "zero" or alteration.part == "camera":
        return None
    others = [asked[i - 1] for i in range(len(asked))]
    if alteration.way == "mirror":
        if alteration.part == "ego_motion":
            return [replace(own, motion=(own.motion[0], -own.motion[1])) for own in asked]
        return [replace(own, semantic=np.ascontiguousarray(own.semantic[:, ::-1])) for own in asked]
    if alteration.part == "ego_motion":
        return [replace(own, motion=other.motion) for own, other in zip(asked, others, strict=True)]
    if alteration.part in ("anchor", "start"):
        return [replace(own, colour=other.colour) for own, other in zip(asked, others, strict=True)]
    if alteration.part in ("weather", "time_of_day"):
        return _repainted(alteration.part, towns, frame_index, asked)
    return [replace(own, semantic=other.semantic) for own, other in zip(asked, others, strict=True)]


def is_altered(alteration: Alteration, conditions: Conditions, asked: Sequence[Asked]) -> Bool[ndarray, "n"]:
    """For which towns the alteration changes anything at this frame. Ego motions that differ too little to be told count as
    the same."""
    if alteration.part in ("anchor", "start"):
        return np.ones(len(asked), dtype=bool)
    if alteration.part == "ego_motion" and alteration.way != "zero":
        motions = [own.motion for own in asked]
        others = [(v, -w) for v, w in motions] if alteration.way == "mirror" else [motions[i - 1] for i in range(len(motions))]
        return np.array([motion_between(a, b) >= LEAST_MOTION_MPS for a, b in zip(motions, others, strict=True)])
    return differs(altered(conditions, alteration), conditions, alteration.part).cpu().numpy()


def mean_colour(picture: Picture) -> ndarray:
    """L*a*b*."""
    return lab(picture).mean((0, 1)).astype(np.float64)


def _repainted(part: str, towns: Sequence[EvaluationTown], frame_index: int, asked: Sequence[Asked]) -> list[Asked]:
    """Each town's colour as the painter shows it in the weather, or at the time of day, of the town before it."""
    change: dict[str, Callable[[SceneFrame, SceneFrame], SceneFrame]] = {
        "weather": lambda own, other: replace(own, weather=other.weather),
        "time_of_day": lambda own, other: replace(own, time_of_day=other.time_of_day),
    }
    frames = [town.source.scenario.frame(frame_index) for town in towns]
    found = []
    for i, (town, own) in enumerate(zip(towns, asked, strict=True)):
        frame = change[part](frames[i], frames[i - 1])
        if (frame.weather, frame.time_of_day) == (frames[i].weather, frames[i].time_of_day):
            found.append(own)
            continue
        picture = town.painter.paint(frame, town.source.camera).rgb
        assert picture is not None
        found.append(replace(own, colour=mean_colour(picture)))
    return found
