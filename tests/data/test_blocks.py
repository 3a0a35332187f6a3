from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from data_fakes import fake_town
from hypothesis import given, settings
from hypothesis import strategies as st

from everroad.data.blocks import FIRST_EVALUATION_SEED, BlockConfig, block_specs, join_clips

CONFIG = BlockConfig(seed=3, towns=3, segments=4, frames=10, height_px=8, width_px=16)


@st.composite
def configs(draw):
    frames, segments = draw(st.integers(2, 30)), draw(st.integers(1, 6))
    least = (frames + segments - 1) / 12
    return replace(
        CONFIG,
        seed=draw(st.integers(0, 9)),
        towns=draw(st.integers(1, 5)),
        frames=frames,
        segments=segments,
        town_seconds=draw(st.floats(least + 0.1, least + 20)),
        jitter=draw(st.booleans()),
    )


@given(configs(), st.integers(0, 10**6))
@settings(max_examples=60)
def test_clips_of_a_block_lie_in_their_towns_in_time_order(config, block_index):
    specs = block_specs(config, block_index)
    assert len(specs) == config.shape.clips
    for town_index in range(config.towns):
        town = specs[town_index * config.segments :][: config.segments]
        assert town == config.specs(block_index, town_index)
        assert len({(spec.town_seed, spec.camera_seed) for spec in town}) == 1
        starts = np.array([spec.first_frame for spec in town])
        assert (np.diff(starts) > 0).all()
        assert starts[0] >= 0
        assert starts[-1] + config.frames <= config.town_frames
        if config.segments * config.frames <= config.town_frames:
            assert (np.diff(starts) >= config.frames).all()
    assert len({spec.town_seed for spec in specs}) == config.towns
    assert all(0 <= spec.town_seed < FIRST_EVALUATION_SEED for spec in specs)
    assert all((spec.camera_seed is not None) == config.jitter for spec in specs)


def test_blocks_are_addressed_by_seed_and_index():
    assert block_specs(CONFIG, 7) == block_specs(CONFIG, 7)
    assert block_specs(CONFIG, 7) != block_specs(CONFIG, 8)
    assert block_specs(CONFIG, 7) != block_specs(replace(CONFIG, seed=4), 7)


def test_town_seeds_stay_in_their_range():
    config = replace(CONFIG, seed_start=500, seed_end=503)
    assert sorted({spec.town_seed for spec in block_specs(config, 0)}) == [500, 501, 502]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed_end": FIRST_EVALUATION_SEED + 1}, "evaluation"),
        ({"seed_end": 2}, "one a town"),
        ({"seed_start": -1}, "town seeds"),
        ({"frames": 1}, "at least 2"),
        ({"segments": 0}, "at least 1"),
        ({"town_seconds": 1.0}, "make the towns longer"),
    ],
)
def test_bad_configs_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(CONFIG, **change)


def test_gathered_rows_belong_to_their_frames():
    specs = block_specs(CONFIG, 0)
    clips = fake_town(specs, 8, 16)
    block = join_clips(0, clips)
    clip, frame = np.array([0, 11, 5, 5]), np.array([0, 9, 3, 3])
    images, conditions = block.images_at(clip, frame), block.conditions_at(clip, frame)
    for row, (n, f) in enumerate(zip(clip, frame, strict=True)):
        assert torch.equal(images[row], clips[n].images[f])
        assert torch.equal(conditions.map_image[row], clips[n].conditions.map_image[f])
        assert torch.equal(conditions.boxes.corners_m[row], clips[n].conditions.boxes.corners_m[f])
    with pytest.raises(IndexError, match="clips 0 to 11"):
        block.images_at(np.array([12]), np.array([0]))
    with pytest.raises(IndexError, match="frames 0 to 9"):
        block.conditions_at(np.array([0]), np.array([-1]))
