"""Damage does what its numbers say, and nothing at zero."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from everroad.evaluation.damage import Damage, DamageConfig, blurred, damaged, draw_damage, mirrored

SHAPE = (6, 3, 20, 30)


def images() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).random(SHAPE, dtype=np.float32))


def test_no_damage_is_the_picture_itself() -> None:
    none = draw_damage(DamageConfig(0.0, 0.0, 0.0, 0.0), SHAPE, "a")
    none = Damage(torch.zeros(6, dtype=torch.bool), none.blur_px, none.gain, none.shift, none.noise)
    torch.testing.assert_close(damaged(images(), none), images())


def test_the_blur_of_a_point_is_a_gaussian() -> None:
    point = torch.zeros(1, 3, 15, 15)
    point[..., 7, 7] = 1
    found = blurred(point, torch.tensor([0.8]))[0, 1]
    offsets = torch.arange(-3.0, 4.0)
    bell = torch.exp(-0.5 * (offsets / 0.8) ** 2)
    bell = bell / bell.sum()
    torch.testing.assert_close(found[4:11, 4:11], bell[:, None] * bell)


def test_each_picture_has_its_own_blur() -> None:
    found = blurred(images(), torch.tensor([0.0, 1.0, 0.0, 0.5, 0.0, 0.0]))
    same = [torch.allclose(a, b, atol=1e-5) for a, b in zip(found, images(), strict=True)]
    assert same == [True, False, True, False, True, True]


def test_mirroring_is_left_for_right_and_of_its_own_pictures_alone() -> None:
    which = torch.tensor([True, False, False, True, False, False])
    found = mirrored(images(), which)
    assert torch.equal(found[0], images()[0].flip(-1))
    assert torch.equal(found[1], images()[1])
    assert torch.equal(mirrored(found, which), images())


def test_gain_and_shift_act_on_channels() -> None:
    flat = torch.full((1, 3, 8, 8), 0.5)
    damage = Damage(
        mirrored=torch.zeros(1, dtype=torch.bool),
        blur_px=torch.zeros(1),
        gain=torch.tensor([1.0, 1.1, 0.5]).view(1, 3, 1, 1),
        shift=torch.tensor([0.1, 0.0, -0.4]).view(1, 3, 1, 1),
        noise=torch.zeros(1, 3, 8, 8),
    )
    assert damaged(flat, damage)[0, :, 4, 4].tolist() == pytest.approx([0.6, 0.55, 0.0])


def test_draws_belong_to_their_address_and_stay_within_the_config() -> None:
    config = DamageConfig()
    one, same, other = (draw_damage(config, (64, *SHAPE[1:]), "damage", step) for step in (3, 3, 4))
    assert torch.equal(one.noise, same.noise)
    assert not torch.equal(one.gain, other.gain)
    assert float(one.blur_px.max()) <= config.blur_px
    assert 0.2 < float((one.blur_px == 0).float().mean()) < 0.8
    assert float((one.gain - 1).abs().max()) <= config.gain
    assert float(one.shift.abs().max()) <= config.shift
    assert float(one.noise.std((1, 2, 3)).max()) <= 1.1 * config.noise
