"""Actors as meshes: the shape by category, colours by the track's name, lamps and legs by what it does."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.render import hashing
from everroad.render.look import Look
from everroad.render.mesh import Mesh, without_fine
from everroad.render.people import make_pedestrian, make_thing, make_two_wheeler
from everroad.render.placed import Placed
from everroad.render.semantics import OBJECT, PEDESTRIAN, TWO_WHEELER, VEHICLE
from everroad.render.vehicles import Lights, body_kind, make_vehicle
from everroad.scenario.types import ActorState

BRAKING_MPS2 = -0.9
_RIDDEN_MPS = 0.5
# Leg positions in a stride, and meshes kept.
SWINGS = 12
_KEPT_MODELS = 600


def semantic_of(category: str | None) -> int:
    """The class of an actor's pixels; an unknown category is an object."""
    if category is None:
        return OBJECT
    if category in ("vehicle.bicycle", "vehicle.motorcycle"):
        return TWO_WHEELER
    if category.startswith("vehicle."):
        return VEHICLE
    return PEDESTRIAN if category.startswith("human.") else OBJECT


@dataclass(frozen=True)
class _State:
    """What changes in an actor's shape: lamps, a rider, and where in their swing the legs are."""

    lights: Lights
    moving: bool
    swing: int

    @property
    def key(self) -> tuple[bool | int, ...]:
        """The state as plain numbers."""
        return (self.lights.head, self.lights.tail, self.lights.brake, self.moving, self.swing)


def _state_of(actor: ActorState, look: Look) -> _State:
    brake = actor.acceleration_mps2 is not None and actor.acceleration_mps2 < BRAKING_MPS2
    speed = 0.0 if actor.velocity_mps is None else float(np.hypot(*actor.velocity_mps[:2]))
    shining = (look.dark or look.weather in ("rain", "fog")) and (actor.velocity_mps is None or speed > 0.2)
    swing = 0
    if speed > 0.2 and semantic_of(actor.category) == PEDESTRIAN:
        # A walker's place along its heading stands in for the way it has walked.
        walked = float(actor.world_from_actor[:2, 3] @ actor.world_from_actor[:2, 0])
        swing = 1 + int(np.floor(walked / (0.84 * actor.size_lwh_m[2]) * SWINGS)) % SWINGS
    return _State(Lights(head=shining, tail=shining, brake=brake), speed > _RIDDEN_MPS, swing)


def actor_mesh(track_id: str, category: str | None, size_lwh_m: Float[ndarray, "3"], state: _State, seed: int) -> Mesh:
    """The shape and colours of an actor in its own frame."""
    seed = hashing.mix(seed, hashing.text_key(track_id))
    length, width, height = (float(v) for v in size_lwh_m)
    size = (length, width, height)
    kind = semantic_of(category)
    if kind == VEHICLE:
        return make_vehicle(body_kind(category, seed), size, seed, state.lights)
    if kind == TWO_WHEELER:
        return make_two_wheeler(size, seed, category == "vehicle.motorcycle", state.moving, state.lights.brake)
    if category in ("human.pedestrian.stroller", "human.pedestrian.wheelchair") or kind != PEDESTRIAN:
        return make_thing(size, seed, category)
    swing = float(np.sin((state.swing - 1) / SWINGS * 2 * np.pi)) if state.swing else 0.0
    return make_pedestrian(size, seed, swing, category)


@dataclass(frozen=True)
class _Model:
    near: Mesh
    far: Mesh


class ActorModels:
    """Meshes of actors as they look now; made on demand, the latest are kept."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._models: OrderedDict[tuple, _Model] = OrderedDict()

    def model(self, actor: ActorState) -> _Model:
        """The near and the far mesh of an actor."""
        state = _state_of(actor, self._look)
        key = (actor.track_id, actor.category, actor.size_lwh_m.tobytes(), *state.key)
        if key in self._models:
            self._models.move_to_end(key)
            return self._models[key]
        mesh = actor_mesh(actor.track_id, actor.category, actor.size_lwh_m, state, self._look.seed)
        model = _Model(mesh, without_fine(mesh))
        self._models[key] = model
        if len(self._models) > _KEPT_MODELS:
            self._models.popitem(last=False)
        return model


def place_actor(actor: ActorState, instance: int, models: ActorModels) -> Placed:
    """An actor as a thing to paint."""
    model = models.model(actor)
    return Placed(model.near, model.far, actor.world_from_actor, actor.size_lwh_m, instance, semantic_of(actor.category))
