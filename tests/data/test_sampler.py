from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everroad.data.blocks import BlockShape
from everroad.data.sampler import clip_draws, clip_steps_per_block, frame_draws, frame_steps_per_block

shapes = st.builds(BlockShape, towns=st.integers(1, 3), segments=st.integers(1, 3), frames=st.integers(2, 6))


@given(shapes, st.integers(1, 9), st.integers(1, 4), st.integers(0, 5), st.integers(0, 3))
@settings(max_examples=60)
def test_every_frame_serves_at_most_its_uses_and_nearly_all_of_them(shape, batch, uses, seed, block_index):
    if uses * shape.clips * (shape.frames - 1) < batch:
        with pytest.raises(ValueError, match="make the block larger"):
            frame_steps_per_block(batch, shape, uses)
        return
    steps = frame_steps_per_block(batch, shape, uses)
    served = Counter()
    for train_step in range(block_index * steps, (block_index + 1) * steps):
        draws = frame_draws(seed, train_step, batch, shape, uses)
        assert ((draws.clip >= 0) & (draws.clip < shape.clips)).all()
        assert ((draws.frame >= 1) & (draws.frame < shape.frames)).all()
        served.update(zip(draws.clip.tolist(), draws.frame.tolist(), strict=True))
    assert max(served.values()) <= uses
    unserved = uses * shape.clips * (shape.frames - 1) - served.total()
    assert 0 <= unserved < batch
    # Permutations, not independent draws: within one pass nothing comes twice.
    assert min(served[n, f] for n in range(shape.clips) for f in range(1, shape.frames)) >= uses - 1 - (unserved > 0) * (
        batch > shape.clips * (shape.frames - 1)
    )


def test_frame_draws_are_addressed():
    shape = BlockShape(4, 3, 12)
    one, again = frame_draws(0, 17, 8, shape), frame_draws(0, 17, 8, shape)
    assert all((a == b).all() for a, b in zip(vars(one).values(), vars(again).values(), strict=True))
    assert (one.clip != frame_draws(1, 17, 8, shape).clip).any()
    steps = frame_steps_per_block(8, shape)
    assert (one.clip != frame_draws(0, 17 + steps, 8, shape).clip).any()


def test_anchors_lie_before_their_targets_in_the_stated_shares():
    shape = BlockShape(4, 3, 12)
    draws = [frame_draws(0, train_step, 16, shape) for train_step in range(200)]
    clip, frame, anchor_clip, anchor_frame = (
        np.concatenate([getattr(draw, name) for draw in draws]) for name in ("clip", "frame", "anchor_clip", "anchor_frame")
    )
    same = anchor_clip == clip
    assert (anchor_clip // shape.segments == clip // shape.segments).all()
    assert (anchor_frame[same] < frame[same]).all()
    assert (anchor_clip[~same] < clip[~same]).all()
    assert (anchor_frame[~same] == 0).all()

    has_earlier = clip % shape.segments > 0
    assert same[~has_earlier].all()
    assert abs(same[has_earlier].mean() - 0.5) < 0.04
    # Of frame f's anchors in the same clip, 1/2 + 1/(2 f) are the first frame.
    late = same & (frame >= 6)
    expected = (0.5 + 0.5 / frame[late]).mean()
    assert abs((anchor_frame[late] == 0).mean() - expected) < 0.05
    last_segment = (clip % shape.segments == 2) & ~same
    assert abs((anchor_clip[last_segment] % shape.segments == 0).mean() - 0.5) < 0.08


@given(shapes, st.integers(1, 6), st.integers(1, 4), st.integers(0, 5))
@settings(max_examples=60)
def test_slots_walk_whole_clips_in_frame_order(shape, batch, uses, seed):
    if uses * shape.clips < batch:
        with pytest.raises(ValueError, match="make the block larger"):
            clip_steps_per_block(batch, shape, uses)
        return
    steps = clip_steps_per_block(batch, shape, uses)
    draws = [clip_draws(seed, train_step, batch, shape, uses) for train_step in range(2 * steps)]
    walks = Counter()
    for before, now in zip([None, *draws[:-1]], draws, strict=True):
        for slot in range(batch):
            if now.starts[slot]:
                assert now.frame[slot] == 1
                assert before is None or before.frame[slot] == shape.frames - 1
            else:
                assert before is not None
                assert now.clip[slot] == before.clip[slot]
                assert now.frame[slot] == before.frame[slot] + 1
    for train_step, draw in enumerate(draws):
        walks.update((train_step // steps, n) for n in draw.clip[draw.starts].tolist())
    assert draws[0].starts.all()
    assert draws[steps].starts.all()
    assert max(walks.values()) <= uses
    assert walks.total() == 2 * batch * (steps // (shape.frames - 1))
