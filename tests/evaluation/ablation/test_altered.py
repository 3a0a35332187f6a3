from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from everroad.conditions.build import build_conditions
from everroad.conditions.types import BoxList, Conditions, Presence, cat_conditions
from everroad.evaluation.ablation.altered import (
    ALTERATIONS,
    MIRRORED_PARTS,
    Alteration,
    altered,
    altered_start,
    differs,
    with_altered_anchor,
)
from everroad.scenario.types import Camera, SceneFrame
from everroad.stream.state import tensors_of

CONDITION_PARTS = tuple(field.name for field in fields(Presence))
MATRICES = ("previous_from_current", "intrinsics", "ego_from_camera")
FIELDS = {
    "map": ("map_image",),
    "boxes": ("box_image", "depth_image", "boxes"),
    "ego_motion": ("previous_from_current",),
    "camera": ("intrinsics", "ego_from_camera"),
    "weather": ("weather",),
    "time_of_day": ("time_of_day",),
}


def random_conditions(seed: int, towns: int) -> Conditions:
    """Values everywhere, also where a part is absent: an alteration must not care."""
    draw = torch.Generator().manual_seed(seed)
    height, width, boxes = 4, 6, 3

    def bytes_of(channels: int) -> torch.Tensor:
        return torch.randint(0, 256, (towns, 1, channels, height, width), generator=draw, dtype=torch.uint8)

    def floats(*shape: int) -> torch.Tensor:
        return torch.randn(towns, *shape, generator=draw)

    def flags(*shape: int) -> torch.Tensor:
        return torch.rand(towns, *shape, generator=draw) < 0.7

    return Conditions(
        map_image=bytes_of(7),
        box_image=bytes_of(6),
        depth_image=bytes_of(1),
        boxes=BoxList(
            floats(1, boxes, 8, 3),
            floats(1, boxes, 3),
            torch.randint(0, 11, (towns, 1, boxes), generator=draw),
            flags(1, boxes),
        ),
        intrinsics=floats(1, 3, 3),
        ego_from_camera=floats(1, 4, 4),
        previous_from_current=floats(4, 4),
        seconds_since_previous=floats().abs(),
        weather=torch.randint(0, 4, (towns,), generator=draw),
        time_of_day=torch.randint(0, 3, (towns,), generator=draw),
        present=Presence(*(flags() for _ in range(6))),
    )


def same(one: Any, other: Any) -> bool:
    return all(torch.equal(a, b) for a, b in zip(tensors_of(one), tensors_of(other), strict=True))


def others_untouched(one: Conditions, other: Conditions, part: str) -> bool:
    """Every field and flag but the part's own."""
    mine = FIELDS[part]
    named = [field.name for field in fields(Conditions) if field.name not in (*mine, "present")]
    flags = [name for name in CONDITION_PARTS if name != part]
    return all(same(getattr(one, name), getattr(other, name)) for name in named) and all(
        torch.equal(getattr(one.present, name), getattr(other.present, name)) for name in flags
    )


drawn = st.builds(random_conditions, st.integers(0, 2**31), st.integers(2, 4))


@settings(max_examples=20)
@given(drawn, st.sampled_from([of for of in ALTERATIONS if of.part in CONDITION_PARTS]))
def test_only_the_part_is_altered_and_the_input_stays(conditions, alteration):
    before = [tensor.clone() for tensor in tensors_of(conditions)]
    changed = altered(conditions, alteration)
    assert others_untouched(conditions, changed, alteration.part)
    assert all(torch.equal(a, b) for a, b in zip(before, tensors_of(conditions), strict=True))


@settings(max_examples=20)
@given(drawn, st.sampled_from(MIRRORED_PARTS))
def test_mirrored_twice_is_as_it_was(conditions, part):
    once = altered(conditions, Alteration(part, "mirror"))
    assert differs(once, conditions, part).all()
    assert same(altered(once, Alteration(part, "mirror")), conditions)


@settings(max_examples=20)
@given(drawn, st.sampled_from(CONDITION_PARTS))
def test_an_absent_part_is_marked_and_holds_zeros(conditions, part):
    changed = altered(conditions, Alteration(part, "zero"))
    assert not getattr(changed.present, part).any()
    for name in FIELDS[part]:
        for tensor in tensors_of(getattr(changed, name)):
            empty = torch.eye(tensor.shape[-1]).expand_as(tensor) if name in MATRICES else torch.zeros_like(tensor)
            assert torch.equal(tensor, empty)


@settings(max_examples=20)
@given(drawn, st.sampled_from(CONDITION_PARTS))
def test_a_shuffle_keeps_what_there_is_and_gives_every_town_anothers(conditions, part):
    changed = altered(conditions, Alteration(part, "shuffle"))
    own, others = conditions.split(), changed.split()
    for i, other in enumerate(others):
        assert all(same(getattr(other, name), getattr(own[i - 1], name)) for name in FIELDS[part])
        assert torch.equal(getattr(other.present, part), getattr(own[i - 1].present, part))
    for _ in range(conditions.batch_size - 1):
        changed = altered(changed, Alteration(part, "shuffle"))
    assert same(changed, conditions)


def test_what_differs_is_told_by_town():
    conditions = random_conditions(0, 3)
    weather = torch.tensor([1, 1, 2])
    conditions = replace(conditions, weather=weather, present=replace(conditions.present, weather=torch.ones(3).bool()))
    changed = altered(conditions, Alteration("weather", "shuffle"))
    assert differs(changed, conditions, "weather").tolist() == [True, False, True]
    assert differs(altered(conditions, Alteration("weather", "zero")), conditions, "weather").all()


def test_what_cannot_be_altered_so_is_refused():
    with pytest.raises(
        ValueError, match="mirror: expected map, boxes, ego_motion, got 'weather', which has no sides; name one"
    ):
        Alteration("weather", "mirror")
    one = random_conditions(0, 1)
    with pytest.raises(ValueError, match="shuffle: expected 2 towns at least, got 1; ask for more"):
        altered(one, Alteration("map", "shuffle"))
    with pytest.raises(ValueError, match="expected 2 towns at least"):
        altered_start(torch.zeros(1, 1, 3, 4, 6), "shuffle")


def test_the_start_and_the_anchor_are_no_conditions(kit):
    from everroad.stream.start import start

    conditions = random_conditions(0, 2)
    assert altered(conditions, Alteration("anchor", "zero")) is conditions
    pictures = torch.rand(2, 1, 3, 4, 6)
    assert altered_start(pictures, "zero") is None
    assert torch.equal(altered_start(pictures, "shuffle"), pictures.flip(0))
    told = cat_conditions([town.conditions(0) for town in kit.towns])
    state = start(kit.model, torch.rand(2, 1, 3, 64, 112), told, [1, 2], ["CAM_FRONT"])
    shuffled, absent = with_altered_anchor(state, "shuffle"), with_altered_anchor(state, "zero")
    assert torch.equal(shuffled.anchor, state.anchor.flip(0))
    assert torch.equal(shuffled.previous, state.previous)
    assert shuffled.anchor_present.all()
    assert not absent.anchor_present.any()
    assert not absent.anchor.any()


def test_a_mirrored_world_tells_mirrored_conditions(kit):
    """Map, actors, ego and camera mirrored at the plane y = 0: the same as mirroring what the world as it is tells."""
    town = kit.towns[0]
    frames = [town.source.scenario.frame(i) for i in (3, 4)]
    camera = town.source.camera
    own = build_conditions(frames[1], frames[0], [camera])
    other = build_conditions(mirrored_frame(frames[1]), mirrored_frame(frames[0]), [mirrored_camera(camera)])
    for part in MIRRORED_PARTS:
        own = altered(own, Alteration(part, "mirror"))
    assert own.boxes.mask.any()
    torch.testing.assert_close(own.previous_from_current, other.previous_from_current, atol=1e-5, rtol=0)
    assert torch.equal(own.boxes.mask, other.boxes.mask)
    assert torch.equal(own.boxes.class_index, other.boxes.class_index)
    torch.testing.assert_close(own.boxes.corners_m, other.boxes.corners_m, atol=1e-3, rtol=0)
    torch.testing.assert_close(own.boxes.velocity_mps, other.boxes.velocity_mps, atol=1e-3, rtol=0)
    for name in ("map_image", "box_image", "depth_image"):
        # Drawn from the other side, outlines round to other subpixels.
        apart = (getattr(own, name).float() - getattr(other, name).float()).abs()
        unmirrored = (getattr(own, name).flip(-1).float() - getattr(other, name).float()).abs()
        assert (apart > 40).float().mean() < 0.003, name
        assert apart.mean() < 0.1 * unmirrored.mean(), name


SIDES = np.diag([1.0, -1.0, 1.0, 1.0])


def mirrored_frame(frame: SceneFrame) -> SceneFrame:
    actors = tuple(
        replace(
            actor,
            world_from_actor=SIDES @ actor.world_from_actor @ SIDES,
            velocity_mps=None if actor.velocity_mps is None else actor.velocity_mps * SIDES.diagonal()[:3],
        )
        for actor in frame.actors
    )
    return replace(
        frame, map=mirrored_points(frame.map), world_from_ego=SIDES @ frame.world_from_ego @ SIDES, actors=actors
    )  # fmt: skip


def mirrored_points(tree: Any) -> Any:
    if isinstance(tree, np.ndarray):
        return tree * SIDES.diagonal()[:3]
    if isinstance(tree, tuple):
        return tuple(mirrored_points(item) for item in tree)
    if is_dataclass(tree) and not isinstance(tree, type):
        return replace(tree, **{field.name: mirrored_points(getattr(tree, field.name)) for field in fields(tree)})
    return tree


def mirrored_camera(camera: Camera) -> Camera:
    intrinsics = camera.intrinsics.copy()
    intrinsics[0, 2] = camera.width_px - 1 - intrinsics[0, 2]
    across = np.diag([-1.0, 1.0, 1.0, 1.0])
    return replace(camera, intrinsics=intrinsics, ego_from_camera=SIDES @ camera.ego_from_camera @ across)
