"""A clip model where it is used: streams with their seeds, their first picture and their conditions, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from everroad.conditions.types import Conditions, cat_tensors, map_tensors
from everroad.diffusion.noise import addressed_noise
from everroad.evaluation.baselines.clip_model import ClipModel, of_length
from everroad.evaluation.baselines.schemes import Latents
from everroad.model.world_model import Context
from everroad.stream.generate import inference, networks_in


@dataclass
class ClipStream:
    """A ``schemes.ClipDenoiser`` of some streams. Mutable: it keeps the conditions of frames that may be asked for again, and
    the model at the window lengths that came up.

    ``conditions`` gives a frame's conditions of all streams, of one view; ``first`` is their first pictures in [0, 1], which
    are the anchors. The model is in evaluation mode on the pictures' device; ``dtype`` is its networks'.
    """

    model: ClipModel
    first: Float[Tensor, "b 1 3 h w"]
    conditions: Callable[[int], Conditions]
    seeds: Sequence[int]
    camera_name: str
    dtype: torch.dtype = torch.float32
    anchor: Float[Tensor, "b 1 z y x"] = field(init=False)
    _told: dict[int, tuple[Conditions, Context]] = field(init=False, default_factory=dict)
    _lengths: dict[int, ClipModel] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        with inference(self.first.device):
            self.anchor = self.model.encode(self.first).float()

    def denoised(
        self, noisy: Float[Tensor, "b w z y x"], sigmas: tuple[float, ...], first_frame: int, given: int
    ) -> Float[Tensor, "b w z y x"]:
        """As the schemes ask for it."""
        device, (streams, window) = noisy.device, noisy.shape[:2]
        if window not in self._lengths:
            self._lengths[window] = of_length(self.model, window)
        model, context = self._lengths[window], self._context(first_frame, window)
        sigma = torch.tensor(sigmas, device=device).expand(streams, window)
        clean = (torch.arange(window, device=device) < given).expand(streams, window)
        with inference(device), networks_in(self.dtype, device):
            return model.denoise_clip(noisy, sigma, clean, context).float()

    def noise(self, frame_index: int, purpose: Literal["initial", "queue"]) -> Latents:
        """Addressed by (seed, frame index, camera, purpose)."""
        shape = tuple(self.anchor.shape[2:])
        noise = addressed_noise(list(self.seeds), [frame_index] * len(self.seeds), (self.camera_name,), purpose, shape)
        return noise[:, 0].to(self.anchor.device)

    def finished(self, latents: Latents) -> Latents:
        """With colours that a picture can have."""
        with inference(latents.device):
            return self.model.legal(latents[:, None])[:, 0]

    def decode(self, latents: Latents, frame_index: int) -> Float[Tensor, "b 1 3 h w"]:
        """The frame's pictures in [0, 1]."""
        conditions, _ = self._of_frame(frame_index)
        with inference(latents.device), networks_in(self.dtype, latents.device):
            return self.model.decode(latents[:, None], conditions).float()

    def _context(self, first_frame: int, window: int) -> Context:
        """The contexts of a window's frames, streams the slower axis; those of long finished frames are let go."""
        for frame_index in [i for i in self._told if i < first_frame - self.model.clip.frames]:
            del self._told[frame_index]
        joined = cat_tensors([self._of_frame(first_frame + i)[1] for i in range(window)])
        return map_tensors(joined, lambda tensor: tensor.unflatten(0, (window, -1)).transpose(0, 1).flatten(0, 1))

    def _of_frame(self, frame_index: int) -> tuple[Conditions, Context]:
        if frame_index not in self._told:
            conditions = self.conditions(frame_index).to(self.first.device)
            with inference(self.first.device):
                self._told[frame_index] = conditions, self.model.prepare(conditions, self.anchor)
        return self._told[frame_index]
