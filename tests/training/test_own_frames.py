"""Own frames: each is what ``next_frame`` makes of its clip, whoever asks and whenever."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.model.conftest import make_conditions, make_model

from everroad.data.addressing import addressed_seed
from everroad.data.blocks import Block
from everroad.model.alignment import flow_grids
from everroad.model.world_model import WorldModel
from everroad.stream.generate import next_frame
from everroad.stream.start import start
from everroad.training.own_frames import OwnFramesConfig, RollOuts, draw_own
from everroad.training.sketches import Sketches

CLIPS, FRAMES = 5, 6
BLIND = OwnFramesConfig(from_nothing=0.4)


@pytest.fixture(scope="module")
def block() -> Block:
    images = torch.randint(0, 256, (CLIPS, FRAMES, 3, 32, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    return Block(0, images, make_conditions(batch=CLIPS * FRAMES, seed=2))


def sketches(model: WorldModel, block: Block) -> Sketches:
    made = Sketches(block)
    made.make(model)
    return made


def rows(*places: int) -> torch.Tensor:
    return torch.tensor(places)


def test_own_frames_are_a_streams_that_is_shown_the_truth_every_so_often(block: Block) -> None:
    model = make_model()
    roll_outs = RollOuts(block, 7, OwnFramesConfig(depth=2))
    roll_outs.make(model, sketches(model, block))
    truth = model.encode(block.images[:, :1].float() / 255)
    torch.testing.assert_close(roll_outs.at(rows(3), rows(0)), truth[3:4].half().float())

    def conditions(frame: int):
        return block.conditions_at(np.array([3]), np.array([frame]))

    seed = addressed_seed(7, "own frames", 0, 3) & 0x7FFFFFFF
    state = start(model, block.images[3:4, :1].float() / 255, conditions(0), seed, ("CAM_FRONT",), form="raw")
    for frame in (1, 2, 3, 4):
        if frame == 3:
            state = replace(state, previous=model.encode(block.images[3:4, 2:3].float() / 255).float())
        _, state = next_frame(model, state, conditions(frame))
        torch.testing.assert_close(roll_outs.at(rows(3), rows(frame)), state.previous.half().float(), rtol=5e-3, atol=5e-3)


def test_frames_as_drawn_are_those_before_anything_is_fed_back(block: Block) -> None:
    model = make_model()
    fed, drawn = RollOuts(block, 7, OwnFramesConfig(depth=8)), RollOuts(block, 7, OwnFramesConfig(depth=8), as_drawn=True)
    for roll_outs in (fed, drawn):
        roll_outs.make(model, sketches(model, block))
    clips = torch.arange(CLIPS)
    assert torch.equal(fed.at(clips, 0 * clips), drawn.at(clips, 0 * clips))
    for frame in range(1, FRAMES - 1):
        latents = drawn.at(clips, frame + 0 * clips)
        conditions = block.conditions_at(np.arange(CLIPS), np.full(CLIPS, frame))
        back = model.fed_back(latents, model.decode(latents, conditions), flow_grids(conditions))
        assert not torch.allclose(back, latents, atol=1e-2)
        torch.testing.assert_close(fed.at(clips, frame + 0 * clips), back, rtol=1e-2, atol=1e-2)


def test_a_share_of_the_clips_starts_from_nothing(block: Block) -> None:
    model = make_model()
    roll_outs = RollOuts(block, 7, BLIND)
    roll_outs.make(model, sketches(model, block))
    first = roll_outs.at(torch.arange(CLIPS), torch.zeros(CLIPS, dtype=torch.int64))
    truth = model.encode(block.images[:, :1].float() / 255).half().float()
    same = [bool(torch.allclose(a, b)) for a, b in zip(first, truth, strict=True)]
    assert sum(same) == 3


def test_roll_outs_are_made_once_and_repeat(block: Block) -> None:
    model = make_model().train()
    roll_outs = RollOuts(block, 7, BLIND)
    roll_outs.make(model, sketches(model, block))
    before = roll_outs.at(rows(0, 4), rows(2, 1))
    assert model.training
    again = RollOuts(block, 7, BLIND)
    again.make(model, sketches(model, block))
    assert torch.equal(before, again.at(rows(0, 4), rows(2, 1)))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1)
    roll_outs.make(model, sketches(model, block))
    assert torch.equal(before, roll_outs.at(rows(0, 4), rows(2, 1)))


def test_only_a_share_of_the_clips_is_rolled_out(block: Block) -> None:
    config = OwnFramesConfig(share=0.4, clips=0.6, from_nothing=0.4)
    some, every = RollOuts(block, 7, config), RollOuts(block, 7, replace(config, clips=1.0, from_nothing=0.24))
    rolled = some.rolled(np.arange(5))
    assert rolled.sum() == 3
    assert every.rolled(np.arange(5)).all()
    model = make_model()
    for roll_outs in (some, every):
        roll_outs.make(model, sketches(model, block))
    for clip in range(5):
        made, alone = (roll_outs.at(rows(clip), rows(2)) for roll_outs in (some, every))
        assert bool(made.any()) == rolled[clip]
        if rolled[clip]:  # who else is in the batch changes the last digits at most
            torch.testing.assert_close(made, alone, atol=2e-3, rtol=0)


def test_draws_keep_the_share_and_to_the_clips_that_are_rolled_out() -> None:
    rolled = np.arange(4000) % 2 == 0
    for config, among in ((OwnFramesConfig(share=0.3), rolled | True), (OwnFramesConfig(share=0.3, clips=0.5), rolled)):
        chosen = draw_own(config, 0, 5, among)
        assert abs(float(chosen.float().mean()) - 0.3) < 0.04
        assert not chosen.numpy()[~among].any()
        assert not draw_own(replace(config, share=0.0), 0, 5, among).any()
    with pytest.raises(ValueError, match=r"share: expected 0 to 1, got 2\.0"):
        OwnFramesConfig(share=2.0)
    with pytest.raises(ValueError, match=r"clips: expected share 0\.4 or more, got 0\.3"):
        OwnFramesConfig(share=0.4, clips=0.3)


def test_agreement_falls_as_a_gaussian_of_the_difference_within_each_cell() -> None:
    config = OwnFramesConfig(tolerance=0.1)
    difference = torch.zeros(2, 1, 3, 4, 8)
    difference[..., 4:] = 0.1
    difference[..., 6:] *= -1
    expected = torch.exp(torch.tensor([0.0, -0.5])).view(1, 1, 1, 1, 2).expand(2, 1, 1, 1, 2)
    torch.testing.assert_close(config.agreement(difference, 4), expected)
    with pytest.raises(ValueError, match="tolerance"):
        OwnFramesConfig(tolerance=0.0)
