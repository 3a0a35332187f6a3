"""The evaluation towns: their conditions, and the painter's pictures with semantic and instance ids, frame by frame.

Each (town, frame) is painted once, whatever the number of models that are measured against it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from everroad import geometry
from everroad.conditions.types import Conditions
from everroad.data.blocks import FIRST_EVALUATION_SEED
from everroad.evaluation.first_frame_baselines import FASTER_THAN_MPS, ego_speeds
from everroad.evaluation.persistence import Masks, instance_masks
from everroad.render.painter import Painter
from everroad.scenario.town import author_town
from everroad.scenario.types import Scenario
from everroad.stream.source import PictureFormat, Source, make_source


@dataclass(frozen=True)
class Reference:
    """One frame of one town as the painter shows it."""

    picture: UInt8[ndarray, "h w 3"]
    semantic: UInt8[ndarray, "h w"]
    masks: Masks


@dataclass(frozen=True)
class EvaluationTown:
    """One town, or another scenario, its camera at the model's size, and what is known of it beforehand.

    ``seed`` is that of the noise too.
    """

    seed: int
    source: Source
    painter: Painter
    fast: Bool[ndarray, "f"]
    label: str = ""

    @property
    def name(self) -> str:
        """Of its rows in a report."""
        return self.label or str(self.seed)

    def picture(self, frame_index: int) -> UInt8[ndarray, "h w 3"]:
        """The painter's picture of a frame."""
        rgb = self.painter.paint(self.source.scenario.frame(frame_index), self.source.camera, frozenset({"rgb"})).rgb
        assert rgb is not None
        return rgb

    def conditions(self, frame_index: int) -> Conditions:
        """What a model is told at a frame."""
        return self.source.conditions(frame_index)

    def reference(self, frame_index: int) -> Reference:
        """What the painter shows at a frame."""
        frame = self.source.scenario.frame(frame_index)
        painting = self.painter.paint(frame, self.source.camera, frozenset({"rgb", "semantic", "instance"}))
        assert painting.rgb is not None
        assert painting.semantic is not None
        assert painting.instance is not None
        return Reference(painting.rgb, painting.semantic, instance_masks(painting.instance))

    def first_from_current(self, frame_index: int) -> Float[ndarray, "4 4"]:
        """Where the ego car of a frame is, seen from that of frame 0."""
        poses = self.source.scenario.world_from_ego
        return geometry.invert(poses.matrix(0)) @ poses.matrix(frame_index)

    def kind(self, instance: int) -> str:
        """ "actor" or "facade"."""
        return "actor" if self.painter.instance_name(instance).startswith("actor:") else "facade"


def evaluation_seeds(towns: int) -> list[int]:
    """The first so many evaluation seeds."""
    return list(range(FIRST_EVALUATION_SEED, FIRST_EVALUATION_SEED + towns))


def open_town(seed: int, frames: int, config: PictureFormat) -> EvaluationTown:
    """A town of frames 0 to ``frames``, at a model's size and frame rate."""
    scenario = author_town(seed, seconds=(frames + 1) / config.frame_rate_hz, frame_rate_hz=config.frame_rate_hz)
    return open_scenario(scenario, frames, config, seed, "")


def open_scenario(scenario: Scenario, frames: int, config: PictureFormat, seed: int, label: str) -> EvaluationTown:
    """A scenario of which frames 0 to ``frames`` are evaluated. Raises ``ValueError`` for one that is too short, or without a
    camera."""
    source = make_source(scenario, config)
    if len(source.scenario) <= frames:
        raise ValueError(
            f"{label or scenario.name}: expected {frames + 1} frames at {config.frame_rate_hz:g} Hz, "
            f"got {len(source.scenario)}; use a longer scenario, or fewer frames"
        )
    fast = np.asarray(ego_speeds(source.scenario) > FASTER_THAN_MPS)
    return EvaluationTown(seed, source, Painter(source.scenario), fast, label)
