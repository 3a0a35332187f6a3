"""``next_frame``: one turn of the stream. The only place that advances a frame index.

Noise is addressed by (seed, frame index, camera name, purpose), the state is a value and the model holds weights only, so the
same stream gives the same bits whatever the chunking, the interleaving, a resume or a fork.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from everroad.conditions.types import Conditions
from everroad.diffusion.noise import addressed_noise
from everroad.diffusion.sampler import Earlier, initial_noise_scale, multistep_update
from everroad.model.memory import Memory, read_memory, write_memory
from everroad.model.world_model import Context, Previous, WorldModel
from everroad.stream.state import MadeWith, StreamState

Features = tuple[Tensor, ...]  # per HTFT site "b v c y x"


@dataclass(frozen=True)
class Frame:
    """One finished frame of each stream: latents, decoded when asked; with the conditions that it was made under, where these
    are known, and the pictures where a part of them went back into the stream."""

    frame_index: Int[Tensor, "b"]
    latents: Float[Tensor, "b v z y x"]
    made_with: MadeWith
    conditions: Conditions | None = None
    pictures: Float[Tensor, "b v 3 h w"] | None = None

    def decode(self, world_model: WorldModel) -> Float[Tensor, "b v 3 h w"]:
        """fp32 images in [0, 1], on the latents' device."""
        if self.pictures is not None:
            return self.pictures
        with inference(self.latents.device), networks_in(self.made_with.torch_dtype, self.latents.device):
            return world_model.decode(self.latents, self.conditions).float()

    def decode_uint8(self, world_model: WorldModel) -> UInt8[Tensor, "b v 3 h w"]:
        """Images as bytes, rounded to nearest."""
        return self.decode(world_model).clamp(0, 1).mul(255).round().to(torch.uint8)


def next_frame(
    world_model: WorldModel, state: StreamState, conditions: Conditions, sketch: Float[Tensor, "bv z y x"] | None = None
) -> tuple[Frame, StreamState]:
    """The frame after ``state`` under ``conditions`` (batch size and views as the state's, at the model's frame size);
    ``sketch`` is that of these conditions where the caller has it already.

    Raises ``ValueError`` for other conditions, or a model in training mode, whose dropout is no function of the state.
    """
    check_inputs(world_model, conditions, state.batch_size, state.camera_names)
    frame_index = state.frame_index + 1
    conditions = conditions.to(state.previous.device)
    with inference(state.previous.device):
        context = world_model.prepare(conditions, state.anchor, state.anchor_present, sketch)
        previous = previous_latent(world_model, state, frame_index, context)
        noisy = initial_noise(state.seed, frame_index, state.camera_names, state.made_with, state.previous)
        latents, memory = denoise_frame(world_model, noisy, previous, context, state.memory, state.made_with)
        frame = Frame(frame_index, latents, state.made_with, conditions)
        if world_model.feeds_back:
            pictures = frame.decode(world_model)
            frame, latents = replace(frame, pictures=pictures), world_model.fed_back(latents, pictures, context.grids)
    return frame, replace(state, frame_index=frame_index, previous=latents, memory=memory)


def stream(
    world_model: WorldModel, state: StreamState, conditions: Iterable[Conditions]
) -> Iterator[tuple[Frame, StreamState]]:
    """One frame, and the state after it, for each of ``conditions``."""
    for frame_conditions in conditions:
        frame, state = next_frame(world_model, state, frame_conditions)
        yield frame, state


def last_frame(state: StreamState) -> Frame:
    """The state's last finished frame: frame 0 right after ``start``."""
    return Frame(state.frame_index, state.previous, state.made_with)


def denoise_frame(
    world_model: WorldModel,
    noisy: Float[Tensor, "b v z y x"],
    previous: Previous,
    context: Context,
    memory: Memory,
    made_with: MadeWith,
) -> tuple[Float[Tensor, "b v z y x"], Memory]:
    """All denoise steps of one frame: its latents, and the memory with the frame's features written."""
    htft, sigmas = world_model.config.htft, made_with.sigmas
    rows: list[Features] = []
    earlier: Earlier | None = None
    with networks_in(made_with.torch_dtype, noisy.device):
        for k in range(made_with.steps):
            row = read_memory(memory, k, htft.ages) if htft.enabled else None
            sigma = torch.full((len(noisy),), sigmas[k], device=noisy.device)
            denoised, features = world_model.denoise(noisy, sigma, previous, context, row, world_model.config.belief)
            clean = denoised.float()
            noisy = multistep_update(noisy, clean, sigmas[k], sigmas[k + 1], earlier)
            earlier = Earlier(clean, sigmas[k]) if made_with.solver == "multistep" else None
            if htft.enabled:
                rows.append(features if memory.form == "raw" else world_model.project_features(features))
    noisy = world_model.legal(noisy)
    if not htft.enabled:
        return noisy, memory
    entry = tuple(torch.stack(site, dim=2).to(made_with.torch_dtype) for site in zip(*rows, strict=True))  # b v k m y x
    return noisy, write_memory(memory, entry)


def previous_latent(world_model: WorldModel, state: StreamState, frame_index: Int[Tensor, "b"], context: Context) -> Previous:
    """The last finished latent, degraded by the model's own amount of noise and aligned with the new ego pose."""
    level = world_model.config.sampler.previous_sigma
    previous = state.previous
    if level > 0:
        noise = addressed_noise(state.seed, frame_index, state.camera_names, "previous", previous.shape[2:])
        previous = previous + level * noise.to(previous.device)
    return world_model.align(previous, torch.full((len(previous),), level, device=previous.device), context)


def initial_noise(
    seed: Int[Tensor, "b"],
    frame_index: Int[Tensor, "b"],
    camera_names: tuple[str, ...],
    made_with: MadeWith,
    like: Float[Tensor, "b v z y x"],
) -> Float[Tensor, "b v z y x"]:
    """Where sampling starts: pure noise at the highest level, of the shape and on the device of ``like``."""
    noise = addressed_noise(seed, frame_index, camera_names, "initial", like.shape[2:])
    return initial_noise_scale(made_with.sigmas[0]) * noise.to(like.device)


@contextmanager
def inference(device: torch.device) -> Iterator[None]:
    """No gradients (not inference mode, whose tensors cannot enter autograd later) and fp32, whatever autocast region the
    caller is in: conditions hold geometry, and bf16 would move pixels."""
    with torch.no_grad(), torch.autocast(device.type, enabled=False):
        yield


@contextmanager
def networks_in(dtype: torch.dtype, device: torch.device) -> Iterator[None]:
    """The networks' dtype."""
    try:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype != torch.float32):
            yield
    finally:
        # Weights that were cast without gradients must not be found by a training step in an enclosing autocast region.
        torch.clear_autocast_cache()


def check_inputs(world_model: WorldModel, conditions: Conditions, batch: int, camera_names: tuple[str, ...]) -> None:
    """Raises ``ValueError`` unless conditions, batch and model fit one another."""
    config = world_model.config
    got = tuple(conditions.map_image.shape)
    want = (batch, len(camera_names), got[2], config.height_px, config.width_px)
    if got != want:
        raise ValueError(
            f"conditions: expected {batch} streams of {len(camera_names)} views at {config.height_px}x{config.width_px} "
            f"pixels, got {got[0]} of {got[1]} at {got[3]}x{got[4]}"
        )
    if world_model.training:
        raise ValueError(
            "world model: expected evaluation mode, got training mode, whose dropout is random; call .eval() first"
        )
