"""The pictures of a world model that streams all towns as one batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from everroad.conditions.types import cat_conditions
from everroad.evaluation.candidates import Candidate
from everroad.evaluation.reference import EvaluationTown
from everroad.evaluation.sources.types import Picture
from everroad.model.inference import for_inference
from everroad.stream.generate import next_frame
from everroad.stream.hardware import Stopwatch
from everroad.stream.start import start
from everroad.stream.state import make_with


@dataclass(frozen=True)
class ModelPictures:
    """A candidate, the denoise steps of a frame (``None``: its own), and where and in what it computes.

    ``watch`` takes the time of conditions and of generation, which is no part of the evaluation's own.
    """

    candidate: Candidate
    steps: int | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    dtype: str = "float32"
    watch: Stopwatch = field(default_factory=lambda: Stopwatch(torch.device("cpu")))

    @property
    def name(self) -> str:
        return self.candidate.name

    def described(self) -> dict[str, Any]:
        made_with = make_with(self.candidate.world_model, steps=self.steps, dtype=self.dtype)
        return {
            "kind": "world model",
            "preset": self.candidate.world_model.config.name,
            "zero_memory": self.candidate.zero_memory,
            "model_sha256": self.candidate.card.get("sha256"),
            "model_hash": made_with.model_hash,
            "steps": made_with.steps,
            "sigmas": list(made_with.sigmas),
            "dtype": self.dtype,
            "device": str(self.device),
            "card": dict(self.candidate.card),
        }

    def pictures(self, towns: Sequence[EvaluationTown]) -> Iterator[list[Picture]]:
        first = [town.reference(0).picture for town in towns]
        with self.watch.stage("generate"):
            model = for_inference(
                self.candidate.world_model, self.device, torch.bfloat16 if self.dtype != "float32" else torch.float32
            )
            image = as_batch(first).to(self.device)[:, None].float() / 255
            state = start(
                model,
                image,
                cat_conditions([town.conditions(0) for town in towns]),
                [town.seed for town in towns],
                [towns[0].source.camera.name],
                steps=self.steps,
                dtype=self.dtype,
            )
        empty = state.memory
        yield first
        frame_index = 1
        while True:
            with self.watch.stage("conditions"):
                conditions = cat_conditions([town.conditions(frame_index) for town in towns])
            with self.watch.stage("generate"):
                if self.candidate.zero_memory:
                    state = replace(state, memory=empty)
                frame, state = next_frame(model, state, conditions)
                self._refuse_broken(frame.latents, frame_index, towns)
                made = frame.decode_uint8(model)[:, 0].cpu()
            yield list(made.permute(0, 2, 3, 1).contiguous().numpy())
            frame_index += 1

    def _refuse_broken(self, latents: Tensor, frame_index: int, towns: Sequence[EvaluationTown]) -> None:
        for latent, town in zip(latents, towns, strict=True):
            if not torch.isfinite(latent).all():
                raise ValueError(
                    f"{self.name}: expected finite numbers, got others in frame {frame_index} of {town.name}; the weights or "
                    "their training are broken"
                )


def as_batch(pictures: Sequence[Picture]) -> UInt8[Tensor, "b 3 h w"]:
    """Pictures of one size as a tensor."""
    return torch.from_numpy(np.ascontiguousarray(np.stack(pictures).transpose(0, 3, 1, 2)))
