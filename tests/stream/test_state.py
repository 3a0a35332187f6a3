from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from everroad.stream.start import start
from everroad.stream.state import MadeWith, cat, make_with, split, tensors_of


def states(kit, fake, count: int = 3):
    return [start(fake, kit.image(kit.config, s), kit.conditions(kit.config, 0, s), s, ["CAM_FRONT"]) for s in range(count)]


def test_split_undoes_cat(kit, fake):
    alone = states(kit, fake)
    for before, after in zip(alone, split(cat(alone)), strict=True):
        assert before.camera_names == after.camera_names
        assert before.made_with == after.made_with
        for one, other in zip(tensors_of(before), tensors_of(after), strict=True):
            assert torch.equal(one, other)


def test_a_part_keeps_no_other_streams_bytes_alive(kit, fake):
    for part in split(cat(states(kit, fake))):
        for tensor in tensors_of(part):
            assert tensor.untyped_storage().nbytes() == tensor.nbytes


def test_cat_refuses_streams_that_do_not_belong_together(kit, fake):
    one, other, _ = states(kit, fake)
    with pytest.raises(ValueError, match="the same cameras"):
        cat([one, replace(other, camera_names=("CAM_BACK",))])
    with pytest.raises(ValueError, match="load the model that made it"):
        cat([one, replace(other, made_with=replace(other.made_with, model_hash="0" * 64))])
    with pytest.raises(ValueError, match="at least one"):
        cat([])


def test_made_with_takes_the_models_schedule(kit, fake):
    made_with = make_with(fake)
    sampler = kit.config.sampler
    assert made_with.steps == sampler.steps
    assert made_with.sigmas[0] == pytest.approx(sampler.sigma_max)
    assert made_with.sigmas[-2] == pytest.approx(sampler.sigma_min)
    assert list(made_with.sigmas) == sorted(made_with.sigmas, reverse=True)
    assert make_with(fake, model_hash="training").model_hash == "training"
    assert make_with(kit.build(seed=1)).model_hash != made_with.model_hash


def test_made_with_refuses_nonsense():
    with pytest.raises(ValueError, match="the last 0"):
        MadeWith((20.0, 1.0), "float32", "", "raw")
    with pytest.raises(ValueError, match="dtype: expected float32 or bfloat16"):
        MadeWith((20.0, 0.0), "int8", "", "raw")


def test_one_seed_stands_for_all_streams(kit, fake):
    state = start(fake, None, kit.conditions(kit.config, 0, batch=2), 5, ["CAM_FRONT"])
    assert state.seed.tolist() == [5, 5]
