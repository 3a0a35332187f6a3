"""Which frames and clips of a block a train step sees: addressed draws, a function of (seed, train step) alone.

A train step belongs to block ``train_step // steps_per_block``; within a block the samples walk seeded permutations, one pass
after the other, so that nothing serves more often than ``uses`` times. Axis letter: ``b`` samples of one train step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray

from everroad.data.addressing import addressed_generator
from everroad.data.blocks import BlockShape


@dataclass(frozen=True)
class FrameDraws:
    """Stage 1: single target frames (frame >= 1, so that the previous frame is in the clip) and their anchors."""

    clip: Int[ndarray, "b"]
    frame: Int[ndarray, "b"]
    anchor_clip: Int[ndarray, "b"]
    anchor_frame: Int[ndarray, "b"]


@dataclass(frozen=True)
class ClipDraws:
    """Stages 2 and 3: each batch slot walks one clip in frame order; ``starts`` is true at a walk's first frame (frame 1)."""

    clip: Int[ndarray, "b"]
    frame: Int[ndarray, "b"]
    starts: Bool[ndarray, "b"]


def frame_steps_per_block(batch: int, shape: BlockShape, uses: int = 8) -> int:
    """Train steps that one block serves in stage 1. Raises ``ValueError`` where a batch is larger than all its uses."""
    return _at_least_one(uses * shape.clips * (shape.frames - 1) // batch, batch, shape)


def clip_steps_per_block(batch: int, shape: BlockShape, uses: int = 8) -> int:
    """Train steps that one block serves in stages 2 and 3: whole walks. Raises ``ValueError`` as above."""
    return _at_least_one(uses * shape.clips // batch, batch, shape) * (shape.frames - 1)


def frame_draws(seed: int, train_step: int, batch: int, shape: BlockShape, uses: int = 8) -> FrameDraws:
    """The targets and anchors of one train step, as places in block ``train_step // frame_steps_per_block``.

    Half of the anchors are from the same clip: its first frame or any earlier frame, half and half. The other half are the
    first frame of an earlier segment of the same town, where there is one; else they too are from the same clip.
    """
    block_index, step_in_block = divmod(train_step, frame_steps_per_block(batch, shape, uses))
    targets = shape.clips * (shape.frames - 1)
    place = _permuted(seed, "frames", block_index, step_in_block * batch, batch, targets)
    clip, frame = place // (shape.frames - 1), 1 + place % (shape.frames - 1)

    draw = addressed_generator(seed, "anchors", train_step)
    from_earlier, from_first = draw.random(batch) < 0.5, draw.random(batch) < 0.5
    any_earlier_frame = draw.integers(0, frame)
    segment = clip % shape.segments
    earlier_segment = draw.integers(0, np.maximum(segment, 1))
    from_earlier &= segment > 0
    return FrameDraws(
        clip=clip,
        frame=frame,
        anchor_clip=np.where(from_earlier, clip - segment + earlier_segment, clip),
        anchor_frame=np.where(from_earlier | from_first, 0, any_earlier_frame),
    )


def clip_draws(seed: int, train_step: int, batch: int, shape: BlockShape, uses: int = 8) -> ClipDraws:
    """The frames of one train step, as places in block ``train_step // clip_steps_per_block``.

    A walk takes ``frames - 1`` train steps, frame 1 to the last, and all slots start theirs together; so between walks a run
    remembers nothing but its weights.
    """
    block_index, step_in_block = divmod(train_step, clip_steps_per_block(batch, shape, uses))
    walk, step_in_walk = divmod(step_in_block, shape.frames - 1)
    return ClipDraws(
        clip=_permuted(seed, "clips", block_index, walk * batch, batch, shape.clips),
        frame=np.full(batch, 1 + step_in_walk),
        starts=np.full(batch, step_in_walk == 0),
    )


def _permuted(seed: int, purpose: str, block_index: int, first: int, count: int, size: int) -> Int[ndarray, "b"]:
    """Places ``first`` to ``first + count`` of an endless row of permutations of 0 .. size-1, each drawn anew."""
    passes, places = np.divmod(np.arange(first, first + count), size)
    out = np.empty(count, dtype=np.int64)
    for one in np.unique(passes):
        order = addressed_generator(seed, purpose, block_index, int(one)).permutation(size)
        out[passes == one] = order[places[passes == one]]
    return out


def _at_least_one(batches: int, batch: int, shape: BlockShape) -> int:
    if batches < 1:
        raise ValueError(f"batch: expected no more than a block of {shape} serves, got {batch}; make the block larger")
    return batches
