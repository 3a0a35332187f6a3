"""The schemes of a clip model on evaluation towns: bits, lengths, towns, and what is told to whom."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from everroad.conditions.types import cat_conditions
from everroad.evaluation.baselines.clip_model import ClipConfig, ClipModel, clip_model
from everroad.evaluation.baselines.clip_source import SCHEMES, clip_source, sampling_of
from everroad.evaluation.baselines.clip_stream import ClipStream
from everroad.evaluation.baselines.frame_by_frame import alone, without_memory
from everroad.evaluation.baselines.frames import to_images
from everroad.evaluation.baselines.schemes import one_shot
from everroad.stream.state import make_with

pytestmark = pytest.mark.slow  # towns are authored and painted


@pytest.fixture(scope="module")
def model(kit) -> ClipModel:
    made = clip_model(kit.model, ClipConfig(4))
    with torch.random.fork_rng():
        torch.manual_seed(2)
        for name, parameter in made.named_parameters():
            if ".temporal.output" in name or name == "given":
                torch.nn.init.normal_(parameter, std=0.2)
    return made.eval()


def equal(one, other) -> bool:
    return all(np.array_equal(a, b) for x, y in zip(one, other, strict=True) for a, b in zip(x, y, strict=True))


@pytest.fixture(scope="module")
def lone(kit, model) -> dict[str, list]:
    """The whole video of the second town by itself, by scheme."""
    return {scheme: list(clip_source(model, scheme).pictures(kit.towns[1:])) for scheme in SCHEMES}


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_fills_the_town_and_repeats_itself_to_the_bit(kit, model, lone, scheme) -> None:
    source, made = clip_source(model, scheme), lone[scheme]
    assert len(made) == 7
    assert np.array_equal(made[0][0], kit.towns[1].reference(0).picture)
    assert not any(np.array_equal(made[i][0], made[i + 1][0]) for i in range(6))
    assert equal(made[:3], list(itertools.islice(source.pictures(kit.towns[1:]), 3)))
    assert source.name == scheme == source.described()["kind"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_frames_are_the_same_however_far_the_town_reaches_beyond_the_margin(kit, model, lone, scheme) -> None:
    source, longer = clip_source(model, scheme), kit.open_town(1_000_001, 10, kit.config)
    asked = 6 - source.margin_frames
    assert equal(lone[scheme][: asked + 1], list(itertools.islice(source.pictures([longer]), asked + 1)))


@pytest.mark.parametrize("scheme", ["one-shot", "diagonal-lookahead"])
def test_a_town_gives_the_same_pictures_among_others_as_by_itself(kit, model, lone, scheme) -> None:
    both = list(itertools.islice(clip_source(model, scheme).pictures(kit.towns), 3))
    assert max(np.abs(a[1].astype(int) - b[0]).max() for a, b in zip(both, lone[scheme][:3], strict=True)) <= 1


def stream_of(kit, model, towns) -> ClipStream:
    first = to_images([town.reference(0).picture for town in towns], torch.device("cpu"))

    def told(frame_index: int):
        return cat_conditions([town.conditions(frame_index) for town in towns])

    return ClipStream(model, first, told, [town.seed for town in towns], "CAM_FRONT")


def test_without_attention_between_frames_a_clip_is_the_frame_by_frame_video(kit) -> None:
    """Same noise, same sampler, same conditions: only attention is missing. Of frames 1 and 2, in one clip behind frame 0."""
    fresh = clip_model(kit.model, ClipConfig(3)).eval()
    towns = kit.towns
    stream = stream_of(kit, fresh, towns)
    single = without_memory(kit.model)
    made_with = make_with(single)
    clips = [
        stream.decode(z, i) for i, z in enumerate(one_shot(stream, stream.anchor[:, 0], 2, 3, sampling_of(fresh)), start=1)
    ]
    seeds = [town.seed for town in towns]
    frames = alone(single, made_with, stream.first, stream.conditions, seeds, "CAM_FRONT", 2)
    for clip, frame in zip(clips, frames, strict=True):
        torch.testing.assert_close(clip, frame, rtol=1e-3, atol=1e-4)


def test_each_frame_of_a_window_is_told_its_own_conditions(kit, model) -> None:
    stream = stream_of(kit, model, kit.towns)
    noisy = torch.randn(2, 3, *stream.anchor.shape[2:], generator=torch.Generator().manual_seed(0))
    made = stream.denoised(noisy, (2.0, 2.0, 2.0), 2, 0)
    alone_made = stream_of(kit, model, kit.towns[1:]).denoised(noisy[1:], (2.0, 2.0, 2.0), 2, 0)
    torch.testing.assert_close(made[1:], alone_made, rtol=1e-4, atol=1e-5)
    later = stream.denoised(noisy, (2.0, 2.0, 2.0), 3, 0)
    assert (made - later).abs().max() > 1e-3
    # Long finished frames are forgotten.
    stream.denoised(noisy[:, :1], (2.0,), 2 + model.clip.frames + 1 - 2, 0)
    assert min(stream._told) >= 1


def test_bad_requests_are_refused(kit, model) -> None:
    with pytest.raises(ValueError, match="dtype: expected"):
        clip_source(model, "chunked", dtype="float16")
    with pytest.raises(ValueError, match="more than 3 frames"):
        clip_source(clip_model(kit.model, ClipConfig(3)), "chunked")
