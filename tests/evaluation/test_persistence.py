"""Colour changes of made-up instances, and that damage moves them the right way."""

from __future__ import annotations

import numpy as np
import pytest

from everroad.evaluation.colour import delta_e, lab
from everroad.evaluation.persistence import LATER_FRAMES, LEAST_PX, instance_masks, mean_colours, persistence, sightings

FRAMES = 50
RED, BLUE, GREY = (200, 30, 40), (30, 60, 200), (128, 128, 128)


def instance_picture(*areas: tuple[int, int]) -> np.ndarray:
    """(id, pixels) laid out row by row on 20 x 20 pixels."""
    flat = np.zeros(400, dtype=np.int32)
    at = 0
    for instance, pixels in areas:
        flat[at : at + pixels] = instance
        at += pixels
    return flat.reshape(20, 20)


def painted(instance: np.ndarray, colours: dict[int, tuple[int, int, int]]) -> np.ndarray:
    picture = np.full((*instance.shape, 3), 90, dtype=np.uint8)
    for of, colour in colours.items():
        picture[instance == of] = colour
    return picture


def colour(rgb: tuple[int, int, int]) -> np.ndarray:
    return lab(np.full((1, 1, 3), rgb, dtype=np.uint8))[0, 0]


def seen(pictures: list[np.ndarray], instances: list[np.ndarray], town: int = 0):
    masks = [instance_masks(instance) for instance in instances]
    return sightings(town, [m.ids for m in masks], [mean_colours(lab(p), m) for p, m in zip(pictures, masks, strict=True)])


def test_masks_hold_instances_that_are_large_enough() -> None:
    masks = instance_masks(instance_picture((7, LEAST_PX), (3, LEAST_PX - 1), (1 << 25, 60)))
    assert masks.ids.tolist() == [7, 1 << 25]
    assert masks.pixels.tolist() == [LEAST_PX, 60]
    assert np.bincount(masks.row.ravel()).tolist() == [400 - LEAST_PX - 60, LEAST_PX, 60]


def test_mean_colours_are_of_the_mask_alone() -> None:
    instance = instance_picture((2, 50), (9, 80))
    found = mean_colours(lab(painted(instance, {2: RED, 9: BLUE})), instance_masks(instance))
    assert found[0] == pytest.approx(colour(RED), abs=1e-3)
    assert found[1] == pytest.approx(colour(BLUE), abs=1e-3)


def test_colours_that_stay_do_not_change_and_one_that_turns_does() -> None:
    instances = [instance_picture((2, 50), (9, 80))] * FRAMES
    stays = [painted(instances[0], {2: RED, 9: BLUE})] * FRAMES
    turns = [painted(instances[0], {2: RED, 9: BLUE if i < 20 else RED}) for i in range(FRAMES)]
    reference = seen(stays, instances)
    kept = persistence(seen(stays, instances), reference, 1)
    assert kept["instances"].value == 2
    assert kept["change"].value == 0
    assert kept["beyond the painter's"].value == 0
    assert kept["variety"].value == pytest.approx(1)
    turned = persistence(seen(turns, instances), reference, 1)
    assert turned["change"].value == pytest.approx(float(delta_e(colour(RED), colour(BLUE))) / 2, rel=1e-3)
    assert turned["painter's change"].value == 0
    assert turned["variety"].value == pytest.approx(0, abs=1e-3)


def test_grey_cars_persist_but_without_variety() -> None:
    instances = [instance_picture((2, 50), (9, 80))] * FRAMES
    reference = seen([painted(instances[0], {2: RED, 9: BLUE})] * FRAMES, instances)
    found = persistence(seen([painted(instances[0], {2: GREY, 9: GREY})] * FRAMES, instances), reference, 1)
    assert found["change"].value == 0
    assert found["variety"].value == 0


def test_a_change_that_the_painter_makes_too_is_the_floor() -> None:
    """A car that drives into the shade: right is to change with it."""
    instances = [instance_picture((2, 50))] * FRAMES
    shaded = [painted(instances[0], {2: RED if i < 20 else (100, 15, 20)}) for i in range(FRAMES)]
    found = persistence(seen(shaded, instances), seen(shaded, instances), 1)
    assert found["change"].value == found["painter's change"].value > 10
    assert found["beyond the painter's"].value == 0


def test_the_clock_starts_at_first_sight_and_the_first_frames_are_averaged() -> None:
    first = 5
    instances = [instance_picture((2, 50 if i >= first else LEAST_PX - 1)) for i in range(FRAMES)]
    level = {first: 250, first + 1: 100, first + 2: 110, first + 3: 120, first + 4: 10, first + LATER_FRAMES: 200}
    pictures = [painted(instances[0], {}) for _ in range(FRAMES)]
    pictures = [painted(instances[i], {2: (level.get(i, 0),) * 3}) for i in range(FRAMES)]
    (sighting,) = seen(pictures, instances)
    assert sighting.first_frame == first
    assert sighting.early == pytest.approx(np.mean([colour((v, v, v)) for v in (100, 110, 120)], 0), abs=1e-2)
    assert sighting.late == pytest.approx(colour((200, 200, 200)), abs=1e-2)


def test_instances_that_are_small_or_gone_forty_frames_later_do_not_count() -> None:
    instances = [instance_picture((2, 50 if i < 30 else 29), (3, 60), (4, 40 if i != LATER_FRAMES else 0)) for i in range(41)]
    found = seen([painted(instance, {}) for instance in instances], instances)
    assert [sighting.instance for sighting in found] == [3]
    assert seen([painted(instance, {}) for instance in instances[:40]], instances[:40]) == []


def test_no_instance_is_invalid_not_zero() -> None:
    found = persistence([], [], 3)
    assert found["instances"].value == 0
    assert not found["change"].valid
    assert not found["variety"].valid


def test_instances_of_all_towns_are_pooled() -> None:
    instances = [instance_picture((2, 50))] * FRAMES
    stays = [painted(instances[0], {2: RED})] * FRAMES
    turns = [painted(instances[0], {2: RED if i < 20 else BLUE}) for i in range(FRAMES)]
    made = {0: stays, 1: turns, 2: stays, 3: turns}
    model = [of for town, pictures in made.items() for of in seen(pictures, instances, town)]
    reference = [of for town in made for of in seen(stays, instances, town)]
    found = persistence(model, reference, len(made))["change"]
    assert found.value == pytest.approx(float(delta_e(colour(RED), colour(BLUE))) / 2, rel=1e-3)
    assert found.interval is not None
    assert found.interval[0] == pytest.approx(0, abs=1e-9)
