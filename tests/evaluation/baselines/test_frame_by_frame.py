"""Frames that know of each other only by the anchor."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from everroad.evaluation.baselines.frame_by_frame import alone, frame_source, without_memory
from everroad.evaluation.baselines.frames import to_images, to_pictures
from everroad.evaluation.baselines.recipes import BASELINE_RECIPES
from everroad.stream.state import make_with
from everroad.training.own_frames import OwnFramesConfig
from everroad.training.recipes import RECIPES


def frames_of(kit, last: int, order: tuple[int, ...] | None = None, model=None) -> list[torch.Tensor]:
    """Frames 1 to ``last`` of the first town; ``order`` says whose conditions each is told."""
    town, single = kit.towns[0], without_memory(kit.model if model is None else model)
    first = to_images([town.reference(0).picture], torch.device("cpu"))
    told = (lambda i: town.conditions(i)) if order is None else (lambda i: town.conditions(order[i]))
    return list(alone(single, make_with(single), first, told, [town.seed], "CAM_FRONT", last))


def test_a_frame_depends_on_its_own_conditions_alone(kit) -> None:
    plain, other = frames_of(kit, 4), frames_of(kit, 4, order=(0, 3, 2, 1, 4))
    assert torch.equal(plain[1], other[1])
    assert torch.equal(plain[3], other[3])
    assert not torch.equal(plain[0], other[0])


def test_neither_memory_nor_previous_frame_is_read(kit) -> None:
    with torch.no_grad():
        changed = without_memory(kit.model)
        for parameter in changed.unet.htft.parameters():
            parameter.add_(1.0)
        changed.input.weight[:, kit.config.latent_channels :] += 1.0  # what reads the previous frame's two views
    assert all(torch.equal(a, b) for a, b in zip(frames_of(kit, 2), frames_of(kit, 2, model=changed), strict=True))


def test_the_source_gives_the_same_bits_twice_and_towns_do_not_touch_each_other(kit) -> None:
    source = frame_source(kit.model)
    both = list(itertools.islice(source.pictures(kit.towns), 4))
    again = list(itertools.islice(source.pictures(kit.towns), 4))
    assert all(np.array_equal(a, b) for x, y in zip(both, again, strict=True) for a, b in zip(x, y, strict=True))
    lone = list(itertools.islice(source.pictures(kit.towns[1:]), 4))
    assert max(np.abs(a[1].astype(int) - b[0]).max() for a, b in zip(both, lone, strict=True)) <= 1
    assert source.described()["model_hash"] == source.made_with.model_hash


def test_pictures_and_images_are_each_others_inverse(kit) -> None:
    pictures = [town.reference(0).picture for town in kit.towns]
    back = to_pictures(to_images(pictures, torch.device("cpu")))
    assert all(np.array_equal(a, b) for a, b in zip(pictures, back, strict=True))


def test_the_recipe_has_no_previous_frame_and_is_otherwise_stage_1() -> None:
    recipe, stage1 = BASELINE_RECIPES["town-nano-frames"], RECIPES["town-nano-stage1"]
    assert (recipe.degrade.drop_previous, recipe.own.share) == (1.0, 0.0)
    same = replace(recipe, name=stage1.name)
    for name in ("batch", "train_steps", "plan", "optimiser", "levels", "object_weight", "component_power", "seed"):
        assert getattr(same, name) == getattr(stage1, name), name
    with pytest.raises(ValueError, match="drop_previous"):
        replace(recipe, degrade=replace(recipe.degrade, drop_previous=0.5))
    with pytest.raises(ValueError, match=r"own\.share"):
        replace(recipe, own=OwnFramesConfig(share=0.5))
