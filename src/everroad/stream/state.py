"""Contract 3: ``StreamState``, everything that a running stream remembers. Frozen; every tensor has a leading ``b``.

A state is a value: saving, resuming and forking it are copies, and ``next_frame`` answers a new one. Its size in bytes does not
depend on the frame index. Axis letters: ``b`` independent streams, ``v`` views, ``z y x`` latent channels, rows and columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from everroad.conditions.types import cat_tensors, map_tensors
from everroad.diffusion.sampler import MOST_STEPS, Solver, schedule_of
from everroad.model import checkpoint
from everroad.model.memory import Form, Memory
from everroad.model.world_model import WorldModel

COMPUTE_DTYPES: dict[str, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class MadeWith:
    """What a stream was made with; going on with anything else would be another video, so it is refused.

    ``sigmas`` falls to 0 and has one entry more than there are denoise steps. ``dtype`` is the networks' ("float32" or
    "bfloat16"); noise and latents are fp32 always. ``model_hash`` is ``model.checkpoint``'s.
    """

    sigmas: tuple[float, ...]
    dtype: str
    model_hash: str
    form: Form
    solver: Solver = "euler"

    def __post_init__(self) -> None:
        if self.dtype not in COMPUTE_DTYPES:
            raise ValueError(f"dtype: expected {' or '.join(COMPUTE_DTYPES)}, got '{self.dtype}'")
        if len(self.sigmas) < 2 or self.sigmas[-1] != 0:
            raise ValueError(f"sigmas: expected at least two noise levels, the last 0, got {self.sigmas}")

    @property
    def steps(self) -> int:
        """Denoise steps a frame."""
        return len(self.sigmas) - 1

    @property
    def torch_dtype(self) -> torch.dtype:
        return COMPUTE_DTYPES[self.dtype]


def make_with(
    world_model: WorldModel,
    *,
    steps: int | None = None,
    dtype: str | torch.dtype = "float32",
    form: Form = "projected",
    model_hash: str | None = None,
) -> MadeWith:
    """What a stream of this model is made with: its own schedule, or one of ``steps`` denoise steps.

    ``model_hash`` saves hashing the weights again where the caller knows the hash, or does not mean to store the state.
    """
    refuse_steps(steps)
    sigmas = tuple(float(sigma) for sigma in schedule_of(world_model.config.sampler, steps))
    dtype_name = str(dtype).removeprefix("torch.")
    hashed = checkpoint.model_hash(world_model) if model_hash is None else model_hash
    return MadeWith(sigmas, dtype_name, hashed, form, world_model.config.sampler.solver)


def refuse_steps(steps: int | None) -> None:
    """Raises ``ValueError`` for a number of denoise steps a frame that no stream is made with."""
    if steps is not None and not 1 <= steps <= MOST_STEPS:
        raise ValueError(
            f"steps: expected at least 1 denoise step and at most {MOST_STEPS}, got {shortened(steps)}; name so many"
        )


def shortened(number: int) -> str:
    """A number for a message, however many digits it has."""
    text = str(number)
    return text if len(text) <= 20 else f"{text[:10]}… ({len(text)} digits)"


@dataclass(frozen=True)
class StreamState:
    """``frame_index`` is that of the last finished frame, whose latent is ``previous``; 0 after ``start``.

    ``frame_index`` and ``seed`` stay on the CPU, where noise is made; the rest is on the model's device. Where
    ``anchor_present`` is false the anchor's values are not read.
    """

    frame_index: Int[Tensor, "b"]
    seed: Int[Tensor, "b"]
    anchor: Float[Tensor, "b v z y x"]
    anchor_present: Bool[Tensor, "b"]
    previous: Float[Tensor, "b v z y x"]
    memory: Memory
    camera_names: tuple[str, ...]
    made_with: MadeWith

    @property
    def batch_size(self) -> int:
        return len(self.frame_index)


def cat(states: Sequence[StreamState]) -> StreamState:
    """Several streams as one batch, in order. Raises ``ValueError`` unless cameras and ``made_with`` agree."""
    if not states:
        raise ValueError("cat: expected at least one stream state, got none")
    for state in states[1:]:
        if state.camera_names != states[0].camera_names:
            raise ValueError(f"cat: expected the same cameras, got {states[0].camera_names} and {state.camera_names}")
        refuse_other(state.made_with, states[0].made_with, "cat")
    return cat_tensors(states)


def split(state: StreamState) -> list[StreamState]:
    """One state of batch size 1 for each stream, holding its own bytes alone."""
    return [map_tensors(state, lambda tensor, i=i: tensor[i : i + 1].clone()) for i in range(state.batch_size)]


def state_bytes(state: StreamState) -> int:
    """Bytes of all tensors of a state."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors_of(state))


def tensors_of(tree: Any) -> list[Tensor]:
    """All tensors of a dataclass, nested ones too, in the order of its fields."""
    if isinstance(tree, Tensor):
        return [tree]
    if isinstance(tree, tuple):
        return [tensor for item in tree for tensor in tensors_of(item)]
    if is_dataclass(tree):
        return [tensor for field in fields(tree) for tensor in tensors_of(getattr(tree, field.name))]
    return []


def refuse_other(made_with: MadeWith, expected: MadeWith, what: str) -> None:
    """Raises a ``ValueError`` that names the first difference."""
    if made_with.model_hash != expected.model_hash:
        raise ValueError(
            f"{what}: expected a stream of the model {expected.model_hash[:12]}, got one of {made_with.model_hash[:12]}; "
            "load the model that made it"
        )
    if made_with.sigmas != expected.sigmas:
        raise ValueError(
            f"{what}: expected the sigma schedule {_rounded(expected.sigmas)}, got {_rounded(made_with.sigmas)}; "
            f"go on with its {made_with.steps} denoise steps"
        )
    if made_with.solver != expected.solver:
        raise ValueError(
            f"{what}: expected the {expected.solver} solver, got {made_with.solver}; go on with {made_with.solver}"
        )
    if made_with.dtype != expected.dtype:
        raise ValueError(f"{what}: expected dtype {expected.dtype}, got {made_with.dtype}; go on with {made_with.dtype}")
    if made_with.form != expected.form:
        raise ValueError(f"{what}: expected memory in {expected.form} form, got {made_with.form}; go on with {made_with.form}")


def _rounded(sigmas: tuple[float, ...]) -> str:
    return "[" + ", ".join(f"{sigma:.4g}" for sigma in sigmas) + "]"
