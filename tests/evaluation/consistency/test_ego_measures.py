"""Errors of speed and yaw rate from records made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from everroad.evaluation.consistency.ego_measures import NAMES, asked_motion, ego_measures, readable
from everroad.evaluation.measure import Window

ALL = Window(1, 40)


def records(shown_share: float = 1.0, turn_off_radps: float = 0.0) -> np.ndarray:
    """One town, 41 frames: speeds of 5 to 10 m/s, some turning."""
    asked = np.linspace(5, 10, 41)
    turned = 0.2 * np.sin(np.arange(41) / 5)
    return np.stack([asked, turned, asked * shown_share, turned + turn_off_radps, np.ones(41)], 1)[None]


def test_what_is_shown_as_asked_has_no_error() -> None:
    found = ego_measures(records(), records(), ALL)
    assert tuple(found) == NAMES
    assert found["readable frames"].value == 1
    assert found["speed error"].value == pytest.approx(0)
    assert found["speed correlation"].value == pytest.approx(1)
    assert found["yaw rate correlation"].value == pytest.approx(1)


def test_errors_are_relative_of_speed_and_degrees_of_the_yaw_rate() -> None:
    found = ego_measures(records(0.7, 0.1), records(), ALL)
    assert found["speed error"].value == pytest.approx(0.3)
    assert found["yaw rate error, deg/s"].value == pytest.approx(np.rad2deg(0.1))
    assert found["speed correlation"].value == pytest.approx(1)
    assert ego_measures(records(9.0), records(), ALL)["speed error"].value == pytest.approx(1)


def test_a_frozen_video_has_no_correlation_and_full_error() -> None:
    frozen = records(0.0)
    frozen[..., 3] = 0
    found = ego_measures(frozen, records(), ALL)
    assert found["speed error"].value == pytest.approx(1)
    assert found["speed correlation"].value == found["yaw rate correlation"].value == 0


def test_standing_and_unreadable_frames_are_invalid_not_zero() -> None:
    reference = records()
    reference[:, :10, 0] = 0.2  # standing
    reference[:, 10:20, 2] *= 1.3  # the reference itself is misread
    reference[:, 20:30, 4] = 0  # dark
    assert readable(reference)[0].tolist() == [0.0] * 30 + [1.0] * 11
    assert ego_measures(reference, reference, ALL)["readable frames"].value == pytest.approx(11 / 31)
    standing = records()
    standing[..., 0] = standing[..., 2] = 0
    assert not any(measure.valid for measure in ego_measures(standing, standing, ALL).values())
    assert not any(measure.valid for measure in ego_measures(reference, reference, Window(1, 41)).values())


def test_what_a_step_of_the_ego_asks_for(plane) -> None:
    assert asked_motion(plane.pose(0.5, 0.02), 0.1) == pytest.approx((5.0, 0.2))
    assert asked_motion(plane.pose(-0.5, 0.0), 0.1) == pytest.approx((-5.0, 0.0))
