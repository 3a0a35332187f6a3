"""A world model that is told something else: its stream under altered conditions, as a source of pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from everroad.conditions.types import Conditions, cat_conditions
from everroad.evaluation.ablation.altered import Alteration, altered, altered_start, with_altered_anchor
from everroad.evaluation.candidates import Candidate
from everroad.evaluation.reference import EvaluationTown
from everroad.evaluation.sources.types import Picture
from everroad.stream.generate import next_frame
from everroad.stream.start import start


@dataclass
class Told:
    """What a batch of towns is told. Mutable: the last frame is kept, since many streams in lockstep ask for it."""

    towns: Sequence[EvaluationTown]
    frame_index: int = -1
    kept: Conditions | None = None

    def at(self, frame_index: int) -> Conditions:
        """The conditions of all towns at a frame."""
        if self.kept is None or frame_index != self.frame_index:
            self.kept = cat_conditions([town.conditions(frame_index) for town in self.towns])
            self.frame_index = frame_index
        return self.kept


@dataclass(frozen=True)
class AlteredModel:
    """A candidate whose conditions are altered, from frame 1 on; unaltered without an ``alteration``.

    The seeds and the noise are the same whatever the alteration; frame 0 is shown as the painter's, whatever the stream began
    with. ``told`` is shared by streams that run in
    lockstep over the same towns.
    """

    candidate: Candidate
    alteration: Alteration | None = None
    steps: int | None = None
    dtype: str = "float32"
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    told: Told | None = None

    @property
    def name(self) -> str:
        """The candidate's, and what is altered."""
        return self.candidate.name if self.alteration is None else f"{self.candidate.name}: {self.alteration.name}"

    def described(self) -> Mapping[str, Any]:
        """Plain JSON."""
        return {
            "name": self.name,
            "model_sha256": self.candidate.card.get("sha256"),
            "zero_memory": self.candidate.zero_memory,
            "alteration": None if self.alteration is None else self.alteration.name,
        }

    def pictures(self, towns: Sequence[EvaluationTown]) -> Iterator[list[Picture]]:
        """To the end of the shortest town. Raises ``ValueError`` for a shuffle of one town."""
        told = Told(towns) if self.told is None else self.told
        model = self.candidate.world_model.to(self.device)
        first = [town.reference(0).picture for town in towns]
        yield first
        image = torch.from_numpy(np.stack(first).transpose(0, 3, 1, 2).copy()).to(self.device)[:, None].float() / 255
        part, way = (None, None) if self.alteration is None else (self.alteration.part, self.alteration.way)
        if part == "start" and way is not None:
            image = altered_start(image, way)
        seeds, names = [town.seed for town in towns], [towns[0].source.camera.name]
        state = start(model, image, told.at(0), seeds, names, steps=self.steps, dtype=self.dtype)
        if part == "anchor" and way is not None:
            state = with_altered_anchor(state, way)
        empty = state.memory
        for frame_index in range(1, min(len(town.source.scenario) for town in towns)):
            conditions = told.at(frame_index)
            if self.alteration is not None:
                conditions = altered(conditions, self.alteration)
            if self.candidate.zero_memory:
                state = replace(state, memory=empty)
            frame, state = next_frame(model, state, conditions)
            made = frame.decode_uint8(model)[:, 0].cpu()
            yield list(made.permute(0, 2, 3, 1).contiguous().numpy())
