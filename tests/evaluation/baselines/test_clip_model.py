"""The clip model: a frame model with attention between frames."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from everroad.conditions.types import cat_conditions, map_tensors
from everroad.evaluation.baselines.clip_model import ClipConfig, ClipModel, added_parameters, clip_model, of_length
from everroad.evaluation.baselines.temporal import TemporalAttention, rotated
from everroad.model.presets import get_preset
from everroad.model.world_model import WorldModel

FRAMES = 4


def heard(model: ClipModel) -> ClipModel:
    """The model with weights in what begins at zero."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        for name, parameter in model.named_parameters():
            if (".temporal.output" in name or name == "given") and not parameter.any():
                torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


@pytest.fixture(scope="module")
def clips(kit) -> tuple[ClipModel, Tensor, Tensor, object, object]:
    """A model, two clips of noise, anchors, and the conditions of their frames, row by row."""
    model = heard(clip_model(kit.model, ClipConfig(FRAMES, levels=(0, 1))))
    draw = torch.Generator().manual_seed(0)
    shape = (2, FRAMES, kit.config.latent_channels, kit.config.latent_rows, kit.config.latent_columns)
    noisy = torch.randn(shape, generator=draw)
    anchor = torch.randn(2 * FRAMES, 1, *shape[2:], generator=draw)
    conditions = cat_conditions([town.conditions(1 + i) for town in kit.towns for i in range(FRAMES)])
    return model, noisy, anchor, conditions, kit.model


@torch.no_grad()
def of_clips(model: ClipModel, noisy: Tensor, anchor: Tensor, conditions, sigma: float = 2.0, given: int = 0) -> Tensor:
    shape = noisy.shape[:2]
    first = (torch.arange(shape[1]) < given).expand(shape)
    return model.denoise_clip(noisy, torch.full(shape, sigma), first, model.prepare(conditions, anchor))


@torch.no_grad()
def test_before_attention_is_learnt_it_is_the_frame_model_frame_by_frame(clips) -> None:
    _, noisy, anchor, conditions, frame_model = clips
    fresh = clip_model(frame_model, ClipConfig(FRAMES)).eval()
    made = of_clips(fresh, noisy, anchor, conditions)
    for row, one in enumerate(conditions.split()):
        context = frame_model.prepare(one, anchor[row : row + 1])
        alone = frame_model.align(None, torch.zeros(1), context)
        flat = noisy.flatten(0, 1)[row : row + 1, None]
        expected, _ = frame_model.denoise(flat, torch.full((1,), 2.0), alone, context, None)
        torch.testing.assert_close(made.flatten(0, 1)[row], expected[0, 0], rtol=1e-4, atol=1e-5)


def test_a_learnt_frame_reads_the_others_of_its_clip_and_no_other_clips(clips) -> None:
    model, noisy, anchor, conditions, _ = clips
    made = of_clips(model, noisy, anchor, conditions)
    changed = noisy.clone()
    changed[0, 2] += 1.0
    after = of_clips(model, changed, anchor, conditions)
    assert all((after[0, i] - made[0, i]).abs().max() > 1e-3 for i in range(FRAMES))
    torch.testing.assert_close(after[1], made[1], rtol=1e-4, atol=1e-5)


def test_permuted_frames_at_permuted_places_are_the_permuted_output() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        attention = TemporalAttention(32, 4, 5)
        torch.nn.init.normal_(attention.output.weight)
    sequences, positions = torch.randn(3, 5, 32, generator=torch.Generator().manual_seed(0)), torch.arange(5.0)
    order = torch.tensor([3, 0, 4, 1, 2])
    made = attention.mix(sequences, positions)
    torch.testing.assert_close(attention.mix(sequences[:, order], positions[order]), made[:, order], rtol=1e-4, atol=1e-5)
    # Only distances in time count, and they do.
    torch.testing.assert_close(attention.mix(sequences, positions + 7), made, rtol=1e-3, atol=1e-4)
    assert (attention.mix(sequences, positions.flip(0)) - made).abs().max() > 1e-2


def test_rotations_keep_lengths_and_turn_by_the_distance() -> None:
    x = torch.randn(2, 3, 4, 10, generator=torch.Generator().manual_seed(0))
    turned = rotated(x, torch.tensor([0.0, 1.0, 2.0, 3.0]))
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    assert torch.equal(turned[:, :, 0], x[:, :, 0])
    # The fastest pair turns by one radian a frame.
    cos, sin = torch.tensor(2.0).cos(), torch.tensor(2.0).sin()
    torch.testing.assert_close(turned[:, :, 2, 0], cos * x[:, :, 2, 0] - sin * x[:, :, 2, 5])


def test_given_frames_are_told_apart_from_noisy_ones(clips) -> None:
    model, noisy, anchor, conditions, _ = clips
    one, two = (of_clips(model, noisy, anchor, conditions, given=given) for given in (1, 2))
    assert (one[:, 3] - two[:, 3]).abs().max() > 1e-3
    # Of a given frame the noise level is not read.
    sigma = torch.full(noisy.shape[:2], 2.0)
    other = sigma.clone()
    other[:, 0] = 9.0
    first = (torch.arange(FRAMES) < 1).expand(2, FRAMES)
    with torch.no_grad():
        context = model.prepare(conditions, anchor)
        assert torch.equal(model.denoise_clip(noisy, sigma, first, context), model.denoise_clip(noisy, other, first, context))


def test_another_length_shares_the_weights(clips) -> None:
    model, noisy, anchor, conditions, _ = clips
    shorter = of_length(model, 2)
    assert shorter.clip.frames == 2
    assert {p.data_ptr() for p in shorter.parameters()} == {p.data_ptr() for p in model.parameters()}
    halves = noisy.unflatten(1, (2, 2)).flatten(0, 1)
    made = of_clips(shorter, halves, anchor, conditions)
    lone = of_clips(shorter, halves[:1], anchor[:2], map_tensors(conditions, lambda t: t[:2]))
    torch.testing.assert_close(made[:1], lone, rtol=1e-4, atol=1e-5)
    assert (made.flatten(0, 1)[0] - of_clips(model, noisy, anchor, conditions)[0, 0]).abs().max() > 1e-4


def test_what_it_adds_is_what_is_told_and_nano_stays_small() -> None:
    config = get_preset("town-nano")
    frame, clip = WorldModel(config), ClipModel(config, ClipConfig())
    count = {kind: sum(p.numel() for p in model.parameters()) for kind, model in (("frame", frame), ("clip", clip))}
    assert added_parameters(clip) == count["clip"] - count["frame"] > 0
    assert count["clip"] <= 2_000_000


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"frames": 0}, "frames: expected 1"), ({"levels": (0, 0)}, "each once"), ({"levels": (-1,)}, "levels")],
)
def test_configs_are_checked(changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ClipConfig(), **changes)


def test_levels_must_be_the_u_nets(kit) -> None:
    with pytest.raises(ValueError, match=r"clip\.levels: expected levels 0 to 1"):
        ClipModel(kit.config, ClipConfig(levels=(2,)))
