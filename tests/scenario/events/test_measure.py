from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from everroad.scenario.events.measure import least_gap_m, least_time_to_collision, post_encroachment, times_to_collision

from ..edit.straight import road, standing


def test_towards_a_standing_car():
    scenario = replace(road(), actors=(standing("car", 130.0, 0.0),))
    times = times_to_collision(scenario, "car")
    # 128 m to its tail, the nose 3.65 m ahead, 10 m/s; the horizon is 5 s.
    expected = (128.0 - 3.65) / 10 - scenario.time_s
    known = expected < 4.9
    np.testing.assert_allclose(times[known], expected[known], atol=0.021)
    assert np.isinf(times[expected > 5.1]).all()
    assert least_time_to_collision(scenario, "car") == pytest.approx(expected.min(), abs=0.021)
    assert least_gap_m(scenario, "car") == pytest.approx(128.0 - 3.65 - 100.0)
    assert post_encroachment(scenario, "car") == np.inf


def test_a_car_in_the_next_lane_is_no_danger():
    scenario = replace(road(), actors=(standing("car", 50.0, 3.5),))
    assert least_time_to_collision(scenario, "car") == np.inf
    assert least_gap_m(scenario, "car") == pytest.approx(3.5 - 1.0 - 0.95)


def test_the_time_between_leaving_and_coming():
    gone = replace(standing("car", 60.0, 0.0), valid=np.arange(121) <= 30)  # there up to 2.5 s
    scenario = replace(road(), actors=(gone,))
    # The nose comes to its tail at 58 m after 5.435 s: in frame 66, that is at 5.5 s.
    assert post_encroachment(scenario, "car") == pytest.approx(3.0)
