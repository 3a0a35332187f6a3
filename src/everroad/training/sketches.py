"""The sketches of a block's frames, made once: the sketch is fixed, and each frame serves several train steps.

Axis letters: ``n`` clips of the block, ``f`` their frames, ``b`` samples of one train step.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from everroad.conditions.types import Conditions, map_tensors
from everroad.data.blocks import Block
from everroad.model.world_model import WorldModel

BATCH = 64


class Sketches:
    """Of one block. Half precision: a thousandth of the latents' unit."""

    def __init__(self, block: Block) -> None:
        self._block = block
        self._latents: Float[Tensor, "n f z y x"] | None = None

    @property
    def made(self) -> bool:
        """Whether they have been drawn."""
        return self._latents is not None

    @torch.no_grad()
    def make(self, model: WorldModel) -> None:
        """Draws them, where that is not yet done."""
        if self._latents is not None:
            return
        clips, frames = self._block.images.shape[:2]
        clip, frame = (axis.ravel() for axis in np.meshgrid(np.arange(clips), np.arange(frames), indexing="ij"))
        device = next(model.parameters()).device
        parts = [
            model.sketch(self._block.conditions_at(clip[some], frame[some]).to(device), model.autoencoder.code)
            for some in np.array_split(np.arange(len(clip)), -(-len(clip) // BATCH))
        ]
        self._latents = torch.cat(parts).half().unflatten(0, (clips, frames))

    def of(
        self, clip: Int[np.ndarray, "b"] | Int[Tensor, "b"], frame: Int[np.ndarray, "b"] | Int[Tensor, "b"]
    ) -> Float[Tensor, "b z y x"]:
        """Those of some frames with their whole conditions; they must have been made."""
        assert self._latents is not None, "make them first"
        return self._latents[clip, frame].float()

    def at(
        self,
        model: WorldModel,
        clip: Int[Tensor, "b"],
        frame: Int[Tensor, "b"],
        conditions: Conditions,
        whole: Bool[Tensor, "b"],
    ) -> Float[Tensor, "b z y x"]:
        """Those of one train step's samples; drawn afresh where some of ``conditions`` is withheld (not ``whole``)."""
        assert self._latents is not None, "make them first"
        sketch = self._latents[clip, frame].float()
        rest = (~whole).nonzero()[:, 0]
        if len(rest):
            with torch.no_grad():
                fresh = model.sketch(map_tensors(conditions, lambda tensor: tensor[rest]), model.autoencoder.code)
            sketch = sketch.index_copy(0, rest, fresh.float())
        return sketch
