from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from everroad.conditions.rig import fit_camera, front_camera, undistort_image
from everroad.data.blocks import BlockConfig
from everroad.data.cache import cache_digest, tensors_by_name
from everroad.data.clips import ClipSpec, render_town
from everroad.data.prefetch import BlockPrefetcher
from everroad.data.recorded_clips import RecordedConfig, RecordedSpec, read_recorded
from everroad.data.recordings import Stretch, find_stretches
from everroad.media import read_image, write_png
from everroad.render.painter import Painter
from everroad.scenario.storage import load_scenario, save_scenario
from everroad.scenario.town import author_town

HEIGHT_PX, WIDTH_PX, TOWN_SECONDS = 32, 56, 1.0


def same(one, other):
    a, b = tensors_by_name(one), tensors_by_name(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def recorded_town(tmp_path_factory):
    """The painter's town of seed 5 as a recording: a scenario file and a PNG a frame, by a camera of the model's size."""
    folder = tmp_path_factory.mktemp("recordings")
    town = author_town(5, seconds=TOWN_SECONDS, frame_rate_hz=12.0)
    camera, painter = fit_camera(front_camera(town.cameras), HEIGHT_PX, WIDTH_PX), Painter(town)
    names = tuple(f"town5/{i:04d}.png" for i in range(len(town)))
    (folder / "town5").mkdir()
    for i, name in enumerate(names):
        rgb = painter.paint(town.frame(i), camera, frozenset({"rgb"})).rgb
        assert rgb is not None
        write_png(folder / name, rgb)
    save_scenario(replace(town, cameras=(camera,), images={camera.name: names}), folder / "town5.json.gz")
    return folder, camera.name


def test_a_recording_made_by_the_painter_gives_the_painters_clips(recorded_town):
    folder, camera = recorded_town
    starts = ((0, 4), (3, 2), (5, 6))
    recorded = read_recorded(
        [RecordedSpec(str(folder / "town5.json.gz"), camera, *start) for start in starts], HEIGHT_PX, WIDTH_PX
    )
    specs = [ClipSpec(5, first, frames, None, town_seconds=TOWN_SECONDS) for first, frames in starts]
    painted = render_town(specs, HEIGHT_PX, WIDTH_PX)
    assert len(recorded) == len(painted) == 3
    assert all(same(ours, theirs) for ours, theirs in zip(recorded, painted, strict=True))
    assert painted[1].conditions.present.ego_motion.all()


@pytest.mark.slow
def test_blocks_of_a_recording_are_those_of_the_same_frames_painted(recorded_town, tmp_path):
    folder, _ = recorded_town
    shape = {"seed": 1, "towns": 1, "segments": 2, "frames": 3, "height_px": HEIGHT_PX, "width_px": WIDTH_PX}
    config = RecordedConfig(**shape, stretches=find_stretches(folder, 4))
    with BlockPrefetcher(config, 0, 0, tmp_path, render=read_recorded) as blocks:
        ours = list(islice(blocks, 2))
    for block in ours:
        starts = [spec.first_frame for spec in config.specs(block.index, 0)]
        clips = render_town([ClipSpec(5, start, 3, None, TOWN_SECONDS) for start in starts], HEIGHT_PX, WIDTH_PX)
        assert torch.equal(block.images, torch.stack([clip.images for clip in clips]))
    assert not torch.equal(ours[0].images, ours[1].images)


@pytest.mark.slow
def test_a_worker_reads_what_this_process_reads(recorded_town, tmp_path):
    folder, _ = recorded_town
    config = RecordedConfig(1, 2, 2, 3, HEIGHT_PX, WIDTH_PX, find_stretches(folder, 4))
    made = []
    for workers in (0, 1):
        with BlockPrefetcher(config, 0, workers, tmp_path, render=read_recorded) as blocks:
            made += islice(blocks, 1)
    assert same(made[0], made[1])


def test_clips_of_two_recordings_are_refused(recorded_town):
    folder, camera = recorded_town
    specs = [RecordedSpec(str(folder / name), camera, 0, 2) for name in ("town5.json.gz", "other.json")]
    with pytest.raises(ValueError, match="expected clips of one camera of one recording, got 2"):
        read_recorded(specs, HEIGHT_PX, WIDTH_PX)


@st.composite
def configs(draw):
    frames, segments = draw(st.integers(2, 9)), draw(st.integers(1, 5))
    lengths = draw(st.lists(st.integers(frames + segments - 1, 60), min_size=1, max_size=4))
    firsts = [draw(st.integers(0, 30)) for _ in lengths]
    stretches = tuple(Stretch(f"{i}.json", "CAM", at, n, "") for i, (at, n) in enumerate(zip(firsts, lengths, strict=True)))
    return RecordedConfig(draw(st.integers(0, 9)), draw(st.integers(1, 3)), segments, frames, 8, 16, stretches)


@given(configs(), st.integers(0, 10**6))
@settings(max_examples=60)
def test_segments_lie_in_one_stretch_in_time_order(config, block_index):
    for town_index in range(config.towns):
        specs = config.specs(block_index, town_index)
        assert specs == config.specs(block_index, town_index)
        assert len(specs) == config.segments
        (path,) = {spec.path for spec in specs}
        stretch = next(stretch for stretch in config.stretches if stretch.path == path)
        starts = np.array([spec.first_frame for spec in specs])
        assert (np.diff(starts) > 0).all()
        assert starts[0] >= stretch.first_frame
        assert starts[-1] + config.frames <= stretch.first_frame + stretch.frames
        if config.segments * config.frames <= stretch.frames:
            assert (np.diff(starts) >= config.frames).all()


def test_long_stretches_are_drawn_more_often():
    stretches = (Stretch("short.json", "CAM", 0, 10, ""), Stretch("long.json", "CAM", 0, 90, ""))
    config = RecordedConfig(0, 1, 1, 2, 8, 16, stretches)
    drawn = [config.specs(block, 0)[0].path for block in range(300)]
    assert 0.84 < drawn.count("long.json") / 300 < 0.96


def test_stretches_too_short_for_the_segments_are_refused():
    with pytest.raises(ValueError, match="room for 3 segments of 4 frames at different starts in each, got 5 frames"):
        RecordedConfig(0, 1, 3, 4, 8, 16, (Stretch("a.json", "CAM", 0, 5, ""),))


def test_a_cache_of_other_pictures_is_another_cache():
    stretch = Stretch("a.json", "CAM", 0, 9, "one")
    config = RecordedConfig(0, 1, 1, 2, 8, 16, (stretch,))
    others = [replace(config, stretches=(replace(stretch, digest="two"),)), BlockConfig(0, 1, 1, 2, 8, 16)]
    assert len({cache_digest(each) for each in (config, *others)}) == 3


def test_a_distorted_cameras_pictures_are_straightened(recorded_town, tmp_path):
    folder, name = recorded_town
    town = load_scenario(folder / "town5.json.gz")
    bent = replace(town.cameras[0], distortion=(-0.2, 0.05, 0.0))
    images = {name: tuple(str(folder / path) for path in town.images[name])}
    save_scenario(replace(town, cameras=(bent,), images=images), tmp_path / "bent.json.gz")
    (clip,) = read_recorded([RecordedSpec(str(tmp_path / "bent.json.gz"), name, 2, 1)], HEIGHT_PX, WIDTH_PX)
    recorded = read_image(folder / town.images[name][2])
    straight = undistort_image(recorded, bent)
    assert not np.array_equal(straight, recorded)
    assert np.array_equal(clip.images[0].permute(1, 2, 0).numpy(), straight)
