from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everroad.scenario import idm

speeds = st.floats(0, 30)


def test_free_road_terms():
    speed = np.array([0.0, 10.0, 20.0, 25.0])
    got = idm.free_acceleration(speed, np.full(4, 20.0), np.full(4, 1.5))
    np.testing.assert_allclose(got, [1.5, 1.5 * (1 - 0.5**4), 0.0, 1.5 * (1 - 1.25**4)])


@given(st.floats(0.1, 13.0))
def test_equilibrium_gap_of_the_paper(speed_mps):
    """At equal speeds s_e = (s0 + v T) / sqrt(1 - (v / v0)^4) leaves nothing to accelerate for (equation 6 of the paper)."""
    v, v0, a, headway, s0 = (np.array([x]) for x in (speed_mps, 14.0, 1.4, 1.3, 2.0))
    gap = (s0 + v * headway) / np.sqrt(1 - (v / v0) ** 4)
    total = idm.free_acceleration(v, v0, a) + idm.interaction(v, gap, np.zeros(1), a, headway, s0)
    assert total[0] == pytest.approx(0.0, abs=1e-9)


@given(speeds, st.floats(1, 100), st.floats(-10, 10), st.floats(0.1, 5))
def test_a_smaller_gap_or_a_faster_approach_never_brakes_less(speed, gap, approach, more):
    def brake(g, dv):
        one = np.ones(1)
        return idm.interaction(speed * one, g * one, dv * one, 1.5 * one, 1.2 * one, 2.0 * one)[0]

    assert brake(gap, approach) <= 0
    assert brake(gap + more, approach) >= brake(gap, approach)
    assert brake(gap, approach + more) <= brake(gap, approach)


def test_a_car_stops_behind_a_standing_one_without_touching_it():
    one, v, gap, step = np.ones(1), np.array([18.0]), np.array([90.0]), 0.125
    for _ in range(400):
        a = idm.free_acceleration(v, 18 * one, 1.5 * one) + idm.interaction(v, gap, v, 1.5 * one, 1.3 * one, 2.0 * one)
        a = np.maximum(np.clip(a, -idm.HARDEST_BRAKING_MPS2, 1.5), -v / step)
        gap = gap - v * step - a * step**2 / 2
        v = np.maximum(v + a * step, 0)
    assert 1.0 < gap[0] < 3.0
    assert v[0] < 0.1
