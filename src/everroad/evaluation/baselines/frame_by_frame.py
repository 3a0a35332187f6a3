"""Frame by frame, with neither HTFT nor LVP: each frame from noise, its own conditions and the anchor alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from everroad.conditions.types import Conditions
from everroad.evaluation.baselines.frames import last_frame, painted, to_images, to_pictures, told
from everroad.evaluation.reference import EvaluationTown
from everroad.evaluation.sources.types import Picture
from everroad.model.checkpoint import load_weights
from everroad.model.inference import for_inference
from everroad.model.memory import zero_memory
from everroad.model.world_model import WorldModel
from everroad.stream.generate import denoise_frame, inference, initial_noise, networks_in
from everroad.stream.hardware import usable_device
from everroad.stream.state import MadeWith, make_with


def without_memory(model: WorldModel) -> WorldModel:
    """A model of the same weights whose HTFT is neither read nor written, in evaluation mode."""
    config = replace(model.config, htft=replace(model.config.htft, enabled=False))
    twin = WorldModel(config)
    load_weights(twin, model.state_dict(), f"model '{config.name}'")
    return twin.eval()


def alone(
    model: WorldModel,
    made_with: MadeWith,
    first: Float[Tensor, "b 1 3 h w"],
    conditions: Callable[[int], Conditions],
    seeds: Sequence[int],
    camera_name: str,
    last: int,
) -> Iterator[Float[Tensor, "b 1 3 h w"]]:
    """Frames 1 to ``last`` in [0, 1]; the anchor is the ``first`` picture, and nothing else passes from frame to frame.
    ``model`` is one ``without_memory``."""
    device, seed = first.device, torch.tensor(list(seeds))
    with inference(device):
        anchor = model.encode(first).float()
    memory = zero_memory(model.config, len(seed), 1, made_with.steps, made_with.form, made_with.torch_dtype, device)
    for frame_index in range(1, last + 1):
        now = conditions(frame_index).to(device)
        with inference(device):
            context = model.prepare(now, anchor)
            previous = model.align(None, torch.zeros(len(seed), device=device), context)
            noisy = initial_noise(seed, torch.full_like(seed, frame_index), (camera_name,), made_with, anchor)
            latents, _ = denoise_frame(model, noisy, previous, context, memory, made_with)
            with networks_in(made_with.torch_dtype, device):
                images = model.decode(latents, now).float()
        yield images


@dataclass(frozen=True)
class FrameSource:
    """Frames that know of each other only by the anchor. The schedule is the model's own."""

    model: WorldModel
    made_with: MadeWith
    device: torch.device
    name: str = "frame-by-frame"

    def described(self) -> Mapping[str, Any]:
        """The kind, the weights' hash and the sampler."""
        made = self.made_with
        sampler = {"sigmas": list(made.sigmas), "solver": made.solver, "dtype": made.dtype}
        return {"kind": "frame-by-frame", "model_hash": made.model_hash, **sampler}

    def pictures(self, towns: Sequence[EvaluationTown]) -> Iterator[list[Picture]]:
        """Frames 1, 2, … of all towns as one batch."""
        last, first = last_frame(towns), painted(towns, 0)
        yield first
        seeds, camera = [town.seed for town in towns], towns[0].source.camera.name
        images = to_images(first, self.device)
        for made in alone(self.model, self.made_with, images, lambda i: told(towns, i), seeds, camera, last):
            yield to_pictures(made)


def frame_source(model: WorldModel, *, dtype: str = "float32", device: str = "cpu") -> FrameSource:
    """The source of a world model, whatever it was trained for; ``dtype`` ("float32", "bfloat16") is the networks'."""
    chosen, single = usable_device(device), without_memory(model)
    made_with = make_with(single, dtype=dtype)
    return FrameSource(for_inference(single, chosen, made_with.torch_dtype), made_with, chosen)
