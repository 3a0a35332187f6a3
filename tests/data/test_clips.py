from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest
import torch

from everroad import geometry
from everroad.conditions.types import map_tensors
from everroad.data.blocks import BlockConfig
from everroad.data.cache import tensors_by_name
from everroad.data.clips import ClipSpec, render_clip, render_town
from everroad.data.prefetch import BlockPrefetcher
from everroad.scenario.town import author_town

SPEC = ClipSpec(town_seed=5, first_frame=2, frames=4, camera_seed=77, town_seconds=1.0)


def same(one, other):
    a, b = tensors_by_name(one), tensors_by_name(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def town():
    """Clips of one town: the spec's; from frame 0; one frame of it; with another camera; with the rig's own."""
    specs = [
        SPEC,
        replace(SPEC, first_frame=0, frames=5),
        replace(SPEC, first_frame=3, frames=1),
        replace(SPEC, camera_seed=78, frames=1),
        replace(SPEC, camera_seed=None, frames=1),
    ]
    return render_town(specs, 32, 56)


@pytest.fixture(scope="module")
def clip(town):
    return town[0]


def test_pictures_and_conditions_have_the_stated_form(clip):
    assert clip.images.shape == (4, 3, 32, 56)
    assert clip.images.dtype == torch.uint8
    assert clip.images.float().std() > 10
    assert clip.conditions.map_image.shape == (4, 1, 7, 32, 56)
    assert clip.conditions.map_image.amax() == 255


def test_a_frame_is_the_same_in_every_clip_that_shows_it(town):
    clip, early, alone, *_ = town
    assert same(render_clip(replace(SPEC, first_frame=3, frames=1), 32, 56), alone)
    assert torch.equal(early.images[2:], clip.images[:3])
    assert torch.equal(alone.images[0], clip.images[1])
    assert same(map_tensors(early.conditions, lambda t: t[2:]), map_tensors(clip.conditions, lambda t: t[:3]))
    assert early.conditions.present.ego_motion.tolist() == [False, True, True, True, True]
    assert alone.conditions.present.ego_motion.tolist() == [True]


def test_ego_motion_is_relative_to_the_frame_before(clip):
    poses = author_town(5, seconds=1.0).world_from_ego.matrices()
    for row in range(4):
        index = SPEC.first_frame + row
        expected = torch.from_numpy(geometry.invert(poses[index - 1]) @ poses[index]).float()
        torch.testing.assert_close(clip.conditions.previous_from_current[row], expected)
    torch.testing.assert_close(clip.conditions.seconds_since_previous, torch.full((4,), 1 / 12))


def test_the_camera_seed_changes_the_rig_and_nothing_else(town):
    clip, _, _, other, plain = town
    cameras = [conditions.intrinsics[0, 0, 0, 0].item() for conditions in (clip.conditions, other.conditions, plain.conditions)]
    assert len(set(cameras)) == 3
    assert not torch.equal(other.images, plain.images)
    assert torch.equal(other.conditions.previous_from_current, plain.conditions.previous_from_current)


def test_clips_of_two_towns_are_refused():
    with pytest.raises(ValueError, match="expected clips of one town, got 2 towns"):
        render_town([SPEC, replace(SPEC, town_seed=6)], 32, 56)
    with pytest.raises(ValueError, match="first_frame >= 0 and frames >= 1"):
        replace(SPEC, first_frame=-1)


@pytest.mark.slow
def test_a_worker_renders_what_this_process_renders(tmp_path):
    config = BlockConfig(seed=1, towns=1, segments=2, frames=2, height_px=32, width_px=56, town_seconds=1.0)
    made = []
    for workers in (0, 1):
        with BlockPrefetcher(config, 0, workers, tmp_path) as prefetcher:
            made += islice(prefetcher, 1)
    assert same(made[0], made[1])
