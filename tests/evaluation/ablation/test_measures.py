from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest

from everroad.evaluation.ablation.altered import Alteration
from everroad.evaluation.ablation.measures import (
    FOLLOWED,
    IGNORED,
    UNCLEAR,
    UNTESTED,
    USED,
    USED_ONLY,
    Result,
    result,
    row,
    verdict,
)
from everroad.evaluation.ablation.yardsticks import Asked, Seen, motion_between
from everroad.evaluation.consistency.ego_motion import EgoMotion
from everroad.evaluation.measure import INVALID, Measure
from everroad.render.semantics import LANE_MARKING, ROAD, SKY, VEHICLE

SIZE = (8, 16)


def asked(road: slice, motion: tuple[float, float] = (5.0, 0.0), colour: float = 50.0, vehicle: slice = slice(0, 0)) -> Asked:
    return Asked(labels_of(road, vehicle), motion, True, np.array([colour, 0.0, 0.0]))


def labels_of(road: slice, vehicle: slice = slice(0, 0)) -> np.ndarray:
    labels = np.full(SIZE, SKY, np.uint8)
    labels[:, road] = ROAD
    labels[0, road] = LANE_MARKING
    labels[:, vehicle] = VEHICLE
    return labels


def seen(
    road: slice = slice(0, 4), speed: float = 5.0, turn: float = 0.0, colour: float = 50.0, vehicle: slice = slice(0, 0)
) -> Seen:
    return Seen(np.array([colour, 0.0, 0.0]), labels_of(road, vehicle), EgoMotion(speed, turn, 1.0, True))


def of_towns(alteration: Alteration, video: Seen, unaltered: Seen, own: Asked, instead: Asked | None, apart=5.0) -> Result:
    """Four towns of one frame that are all alike but for a little."""
    rows = [row(alteration, (apart + 0.1 * n, 20.0), video, unaltered, own, instead) for n in range(4)]
    return result(alteration, np.stack(rows))


LEFT, RIGHT = slice(0, 8), slice(8, 16)
MAP_MIRROR = Alteration("map", "mirror")


def test_change_is_a_share_of_the_distance_between_towns():
    found = of_towns(MAP_MIRROR, seen(LEFT), seen(LEFT), asked(LEFT), asked(RIGHT))
    assert found.towns == 4
    assert found.colour_difference.value == pytest.approx(5.15)
    assert found.change.value == pytest.approx(5.15 / 20)


@pytest.mark.parametrize(("road", "follows"), [(LEFT, 0.0), (RIGHT, 1.0), (slice(4, 12), 0.5)])
def test_how_far_a_video_goes_over_to_the_altered_layout(road, follows):
    found = of_towns(MAP_MIRROR, seen(road), seen(LEFT), asked(LEFT), asked(RIGHT))
    assert found.follows.value == pytest.approx(follows)
    assert found.verdict == (FOLLOWED if follows else USED_ONLY)
    assert found.agreements["unaltered video, town"].value == 1
    assert found.agreements["unaltered video, alteration"].value == 0
    assert found.agreements["altered video, town"].value == pytest.approx({0: 1, 1: 0, 0.5: 1 / 3}[follows])


def test_boxes_are_judged_by_vehicles_alone():
    boxes = partial(of_towns, Alteration("boxes", "shuffle"), own=asked(LEFT, vehicle=slice(10, 12)))
    instead = asked(RIGHT, vehicle=slice(3, 5))
    unaltered = seen(LEFT, vehicle=slice(10, 12))
    assert boxes(video=seen(LEFT, vehicle=slice(3, 5)), unaltered=unaltered, instead=instead).follows.value == 1
    assert boxes(video=seen(RIGHT, vehicle=slice(10, 12)), unaltered=unaltered, instead=instead).follows.value == 0


@pytest.mark.parametrize(("speed", "turn", "follows"), [(5.0, 0.3, 0.0), (5.0, -0.3, 1.0), (5.0, 0.0, 0.5), (8.0, 0.3, 0.191)])
def test_how_far_a_video_goes_over_to_the_mirrored_turn(speed, turn, follows):
    own, instead = asked(LEFT, motion=(5.0, 0.3)), asked(LEFT, motion=(5.0, -0.3))
    found = of_towns(Alteration("ego_motion", "mirror"), seen(speed=speed, turn=turn), seen(turn=0.3), own, instead)
    # With a wrong speed it is 3 m/s from its own motion and √45 from the mirrored one, which are 6 m/s apart.
    assert found.follows.value == pytest.approx(follows, abs=1e-3)


def test_frames_whose_motion_cannot_be_read_do_not_count():
    unsure = Seen(np.zeros(3), None, EgoMotion(99.0, 1.0, 0.0, False))
    found = of_towns(Alteration("ego_motion", "zero"), unsure, seen(), asked(LEFT), None)
    assert not found.agreements["altered video, town"].valid
    assert not found.follows.valid
    assert found.verdict == USED


@pytest.mark.parametrize(("colour", "follows"), [(50.0, 0.0), (30.0, 1.0), (40.0, 0.5), (45.0, 0.25)])
def test_how_far_a_video_goes_over_to_the_colour_of_another_weather(colour, follows):
    found = of_towns(Alteration("weather", "shuffle"), seen(colour=colour), seen(), asked(LEFT), asked(LEFT, colour=30.0))
    assert found.follows.value == pytest.approx(follows)


def test_of_an_absent_condition_what_is_lost():
    zero = Alteration("map", "zero")
    assert of_towns(zero, seen(RIGHT), seen(LEFT), asked(LEFT), None).follows.value == 1
    assert of_towns(zero, seen(LEFT), seen(LEFT), asked(LEFT), None).verdict == USED
    half = of_towns(zero, seen(slice(0, 4)), seen(LEFT), asked(LEFT), None)
    assert half.follows.value == pytest.approx(0.5)
    assert half.verdict == FOLLOWED
    # Nobody asks for another colour when the weather is not told.
    assert not of_towns(Alteration("weather", "zero"), seen(colour=20.0), seen(), asked(LEFT), None).follows.valid
    assert of_towns(Alteration("camera", "zero"), seen(), seen(), asked(LEFT), None).yardstick is None


def test_verdicts_are_those_of_the_intervals():
    def sure(low: float, high: float) -> Measure:
        return Measure((low + high) / 2, True, (low, high))

    assert verdict(MAP_MIRROR, sure(0.0, 0.01), sure(0.5, 0.6)) == IGNORED
    assert verdict(MAP_MIRROR, sure(0.01, 0.3), sure(0.5, 0.6)) == UNCLEAR
    assert verdict(MAP_MIRROR, sure(0.1, 0.3), sure(0.5, 0.6)) == FOLLOWED
    assert verdict(MAP_MIRROR, sure(0.1, 0.3), sure(0.05, 0.6)) == USED_ONLY
    assert verdict(Alteration("map", "zero"), sure(0.1, 0.3), sure(0.05, 0.6)) == USED
    assert verdict(MAP_MIRROR, sure(0.1, 0.3), INVALID) == USED
    assert verdict(MAP_MIRROR, Measure(0.3, True), sure(0.5, 0.6)) == UNCLEAR
    assert verdict(MAP_MIRROR, INVALID, INVALID) == UNTESTED


def test_no_town_altered_is_no_measure():
    found = result(MAP_MIRROR, np.zeros((3, 3 + 4 * 4)))
    assert found.towns == 0
    assert found.verdict == UNTESTED
    assert not found.follows.valid


def test_motions_are_told_apart_by_the_road_ahead():
    assert motion_between((5.0, 0.0), (2.0, 0.0)) == 3
    assert motion_between((5.0, 0.1), (5.0, -0.3)) == pytest.approx(4)
    assert motion_between((0.0, 0.3), (4.0, 0.0)) == pytest.approx(math.hypot(4, 3))
