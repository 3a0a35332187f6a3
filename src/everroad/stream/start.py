"""``start``: the state a stream begins with. Frame 0 is the encoded start image, or generated from the conditions alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from everroad.conditions.types import Conditions
from everroad.model.memory import Form, Memory, zero_memory
from everroad.model.world_model import WorldModel
from everroad.stream.generate import check_inputs, denoise_frame, inference, initial_noise
from everroad.stream.state import MadeWith, StreamState, make_with


def start(
    world_model: WorldModel,
    image: Float[Tensor, "b v 3 h w"] | None,
    conditions: Conditions,
    seeds: int | Sequence[int] | Int[Tensor, "b"],
    camera_names: Sequence[str],
    *,
    steps: int | None = None,
    dtype: str | torch.dtype = "float32",
    form: Form = "projected",
    model_hash: str | None = None,
) -> StreamState:
    """A stream at frame 0, which is also its anchor.

    ``image`` is in [0, 1] at the model's frame size, and memory then is zeros. ``None`` generates frame 0 from the conditions
    alone: no previous frame, no anchor; its features are the memory's first entry. ``conditions`` are frame 0's; ``seeds`` has
    one seed a stream, an integer stands for all. ``steps``, ``dtype``, ``form`` and ``model_hash`` are those of
    ``state.make_with``. Raises ``ValueError`` for sizes that do not fit.
    """
    batch = conditions.batch_size
    seed = torch.as_tensor([seeds] * batch if isinstance(seeds, int) else [int(s) for s in seeds], dtype=torch.int64)
    names = tuple(camera_names)
    if len(seed) != batch:
        raise ValueError(f"seeds: expected {batch}, one a stream, got {len(seed)}")
    check_inputs(world_model, conditions, batch, names)
    made_with = make_with(world_model, steps=steps, dtype=dtype, form=form, model_hash=model_hash)
    device = next(world_model.parameters()).device
    frame_index = torch.zeros(batch, dtype=torch.int64)
    memory = zero_memory(world_model.config, batch, len(names), made_with.steps, form, made_with.torch_dtype, device)
    with inference(device):
        if image is not None:
            latents = encode_image(world_model, image.to(device), conditions)
        else:
            latents, memory = _first_frame(world_model, conditions.to(device), seed, names, memory, made_with)
    present = torch.ones(batch, dtype=torch.bool, device=device)
    return StreamState(frame_index, seed, latents, present, latents, memory, names, made_with)


def encode_image(
    world_model: WorldModel, image: Float[Tensor, "b v 3 h w"], conditions: Conditions
) -> Float[Tensor, "b v z y x"]:
    """Latents of a start image, fp32. Raises ``ValueError`` for another size or batch than the conditions'."""
    want = (*conditions.map_image.shape[:2], 3, *conditions.map_image.shape[-2:])
    if tuple(image.shape) != want:
        raise ValueError(f"start image: expected shape {want}, got {tuple(image.shape)}")
    return world_model.encode(image).float()


def _first_frame(
    world_model: WorldModel,
    conditions: Conditions,
    seed: Int[Tensor, "b"],
    camera_names: tuple[str, ...],
    memory: Memory,
    made_with: MadeWith,
) -> tuple[Float[Tensor, "b v z y x"], Memory]:
    config, batch, views = world_model.config, len(seed), len(camera_names)
    shape = (batch, views, config.latent_channels, config.latent_rows, config.latent_columns)
    like = torch.empty(shape, device=conditions.map_image.device)
    context = world_model.prepare(conditions, None)
    previous = world_model.align(None, torch.zeros(batch, device=like.device), context)
    noisy = initial_noise(seed, torch.zeros_like(seed), camera_names, made_with, like)
    return denoise_frame(world_model, noisy, previous, context, memory, made_with)
