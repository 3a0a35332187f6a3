"""The sketch's features, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from everroad.conditions.types import BOX_LAYERS, MAP_LAYERS
from everroad.model.lights import LIGHTS, light_of
from everroad.model.sketch import ELEVATIONS_RAD, PLACES, Sketch, feature_count, features
from everroad.scenario.types import TIMES_OF_DAY, WEATHERS
from tests.model.conftest import TINY, make_conditions, make_model

PATCH = 8
PICTURES = (len(MAP_LAYERS) + len(BOX_LAYERS) + 1) * PATCH**2
LOOKS = 4 * len(ELEVATIONS_RAD)


def test_the_pictures_patches_come_first_and_a_constant_last() -> None:
    conditions = make_conditions(batch=2, height=64, width=96)
    found = features(conditions, PATCH)
    assert found.shape == (2, feature_count(PATCH), 8, 12)
    pixel = conditions.map_image[1, 0, 3, 2 * PATCH + 5, 4 * PATCH + 6] / 255  # cell (2, 4), pixel (5, 6)
    torch.testing.assert_close(found[1, 3 * PATCH**2 + 5 * PATCH + 6, 2, 4], pixel)
    depth = conditions.depth_image[0, 0, 0, PATCH, 0] / 255
    torch.testing.assert_close(found[0, PICTURES - PATCH**2, 1, 0], depth)
    assert found[:, -1].eq(1).all()


def test_heights_are_soft_steps_around_the_horizon() -> None:
    """A level camera looks at the horizon where its principal point is."""
    conditions = make_conditions(batch=1, height=64, width=96)
    intrinsics = torch.tensor([[80.0, 0, 43.5], [0, 80.0, 27.5], [0, 0, 1]])  # the centre of cell (3, 5)
    level = torch.eye(4)
    level[:3, :3] = torch.tensor([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # x right, y down, z forward of the ego's x, y, z
    level[2, 3] = 1.5
    conditions = replace(conditions, intrinsics=intrinsics[None, None], ego_from_camera=level[None, None])
    looks = features(conditions, PATCH)[0, PICTURES : PICTURES + LOOKS].unflatten(0, (4, -1))
    middle = ELEVATIONS_RAD.index(0.0)
    torch.testing.assert_close(looks[0, middle, 3, 5], torch.tensor(1.0))
    assert looks[0, :, 3, 5].argmax() == middle
    assert looks[0, :, 6, 5].argmax() < middle  # further down in the picture is below the horizon
    below = float(np.arctan2(24.0, 80.0))
    expected = np.exp(-(((below + ELEVATIONS_RAD[2]) / 0.04) ** 2) / 2)
    np.testing.assert_allclose(looks[0, 2, 6, 5].item(), expected, rtol=1e-4)
    assert looks[1, :, 3, 5].abs().max() < 1e-5  # straight ahead
    np.testing.assert_allclose(looks[1, middle, 3, 8].item(), 2 * np.arctan2(24.0, 80.0), rtol=1e-4)


def test_places_in_the_nearest_box() -> None:
    """Two cars in line, the nearer one over the cells 2 to 6 across and 1 to 5 down, edges at cell centres."""
    conditions = make_conditions(batch=1, height=64, width=96)
    intrinsics = torch.tensor([[80.0, 0, 0.0], [0, 80.0, 0.0], [0, 0, 1]])
    corners = conditions.boxes.corners_m.clone()
    near = torch.tensor([[x, y, 10.0] for x in (19.5, 51.5) for y in (11.5, 43.5)] * 2)
    near[:, :2] *= 10.0 / 80.0
    corners[0, 0, 0], corners[0, 0, 1] = near * 2, near  # the farther one first: the same picture
    mask = torch.zeros_like(conditions.boxes.mask)
    mask[0, 0, :2] = True
    classes = torch.zeros_like(conditions.boxes.class_index)
    classes[0, 0, 0] = 8  # the farther one is of another group
    boxes = replace(conditions.boxes, corners_m=corners, mask=mask, class_index=classes)
    conditions = replace(conditions, boxes=boxes, intrinsics=intrinsics[None, None])
    places = features(conditions, PATCH)[0, PICTURES + LOOKS : -1].unflatten(
        0, (-1, len(PLACES), len(PLACES))
    )  # group across down
    assert places[1:].abs().max() == 0
    torch.testing.assert_close(places[0, 2, 2, 3, 4], torch.tensor(1.0))  # the middle
    assert places[0, :, :, 3, 4].flatten().argmax() == 2 * len(PLACES) + 2
    torch.testing.assert_close(places[0, 0, 4, 5, 2], torch.tensor(1.0))  # left, bottom
    assert places[0, :, :, 0, 4].abs().max() == 0
    assert places[0, :, :, 3, 8].abs().max() == 0


def test_the_light_chooses_the_weights() -> None:
    conditions = make_conditions(batch=2)
    weather, time = len(WEATHERS) - 1, len(TIMES_OF_DAY) - 1
    conditions = replace(
        conditions,
        weather=torch.tensor([0, weather]),
        time_of_day=torch.tensor([1, time]),
        present=replace(conditions.present, weather=torch.tensor([True, True]), time_of_day=torch.tensor([True, True])),
    )
    assert light_of(conditions).tolist() == [1, LIGHTS - 1]
    unknown = replace(conditions, present=replace(conditions.present, weather=torch.tensor([False, True])))
    assert light_of(unknown).tolist() == [LIGHTS, LIGHTS - 1]
    sketch = Sketch(TINY)
    assert not sketch.closed_form(conditions).any()
    sketch.weight[1, 2, -1] = 3.0  # the constant's weight
    assert sketch.closed_form(conditions)[0, 2].eq(3).all()
    assert not sketch.closed_form(conditions)[1].any()


def test_what_is_absent_counts_as_zero() -> None:
    conditions, model = make_conditions(batch=2), make_model()
    no = torch.zeros(2, dtype=torch.bool)
    absent = replace(conditions, present=replace(conditions.present, map=no, boxes=no, camera=no))
    found = features(absent, TINY.autoencoder.patch_px)
    assert not found[:, :-1].any()
    expected = model.sketch.weight[light_of(absent)][:, :, -1]
    torch.testing.assert_close(model.sketch.closed_form(absent), expected[:, :, None, None].expand(-1, -1, *found.shape[2:]))
