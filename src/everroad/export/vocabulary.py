"""The tables that are the same in every export (category, attribute, visibility), and attributes that the scenario leaves out.

An attribute that the scenario names is written as it is. Where it names none, it is inferred from how the actor moves (ours):
nuScenes has one for every vehicle, cycle and pedestrian, and detectors are trained on it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from everroad.export.tokens import token
from everroad.scenario.types import CATEGORIES, DETECTION_CLASS_OF_CATEGORY, Actor

ATTRIBUTES: dict[str, str] = {
    "vehicle.moving": "Vehicle is moving.",
    "vehicle.stopped": "Vehicle has stopped for the traffic and will go on.",
    "vehicle.parked": "Vehicle stands and stays.",
    "cycle.with_rider": "Somebody rides the cycle.",
    "cycle.without_rider": "Nobody rides the cycle.",
    "pedestrian.sitting_lying_down": "The person sits or lies.",
    "pedestrian.standing": "The person stands.",
    "pedestrian.moving": "The person moves.",
}
# Upper end of each level: the share of the actor's pixels that is seen.
VISIBILITY_LEVELS: tuple[tuple[str, str, float], ...] = (
    ("1", "v0-40", 0.4),
    ("2", "v40-60", 0.6),
    ("3", "v60-80", 0.8),
    ("4", "v80-100", np.inf),
)
MOVES_MPS = 0.5  # of a vehicle and a cycle (ours)
WALKS_MPS = 0.2


def category_token(category: str) -> str:
    """Token of a nuScenes category."""
    return token("category", category)


def attribute_token(attribute: str) -> str:
    """Token of a nuScenes attribute."""
    return token("attribute", attribute)


def fixed_tables() -> dict[str, list[dict[str, Any]]]:
    """The rows of category, attribute and visibility."""
    return {
        "category": [
            {"token": category_token(name), "name": name, "description": _described(name), "index": i}
            for i, name in enumerate(sorted(CATEGORIES), start=1)
        ],
        "attribute": [{"token": attribute_token(n), "name": n, "description": text} for n, text in ATTRIBUTES.items()],
        "visibility": [
            {"token": name, "level": level, "description": f"visibility of an object is {level[1:].replace('-', ' to ')} %"}
            for name, level, _ in VISIBILITY_LEVELS
        ],
    }


def visibility_token(share: float) -> str:
    """Level "1" to "4" of the share of an actor's pixels that is seen; an actor that no camera sees is "1"."""
    return next(name for name, _, below in VISIBILITY_LEVELS if share < below)


def attribute_of(actor: Actor, frame_index: int) -> str | None:
    """The nuScenes attribute of an actor at one frame: the scenario's own, else inferred, else ``None``."""
    own = "" if actor.attributes is None else actor.attributes[frame_index]
    if own in ATTRIBUTES:
        return own
    match actor.detection_class:
        case "bicycle" | "motorcycle":
            if actor.velocity_mps is None:
                return None
            return "cycle.with_rider" if _fastest(actor) > MOVES_MPS else "cycle.without_rider"
        case "pedestrian":
            speed = _speed(actor, frame_index)
            return None if speed is None else "pedestrian.moving" if speed > WALKS_MPS else "pedestrian.standing"
        case "car" | "truck" | "bus" | "trailer" | "construction_vehicle":
            speed = _speed(actor, frame_index)
            if speed is None:
                return None
            if speed > MOVES_MPS:
                return "vehicle.moving"
            return "vehicle.stopped" if _fastest(actor) > MOVES_MPS else "vehicle.parked"
    return None


def _described(category: str) -> str:
    detection_class = DETECTION_CLASS_OF_CATEGORY.get(category)
    return f"Detection class {detection_class}." if detection_class else "No detection class."


def _speed(actor: Actor, frame_index: int) -> float | None:
    return None if actor.velocity_mps is None else float(np.linalg.norm(actor.velocity_mps[frame_index]))


def _fastest(actor: Actor) -> float:
    if actor.velocity_mps is None or not actor.valid.any():
        return 0.0
    return float(np.linalg.norm(actor.velocity_mps[actor.valid], axis=1).max())
