from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from everroad.scenario.curves import build_curves
from everroad.scenario.turns import turn_curve

angles = st.floats(0.5, 2.2).flatmap(lambda a: st.sampled_from([a, -a]))


@given(angles, st.floats(9, 30), st.floats(9, 30), st.floats(-3, 3))
def test_turns_join_both_poses_smoothly(angle, before_m, after_m, heading):
    ahead = np.array([np.cos(heading), np.sin(heading)])
    out = np.array([np.cos(heading + angle), np.sin(heading + angle)])
    start = np.array([100.0, -50.0])
    end = start + before_m * ahead + after_m * out
    line = turn_curve(start, heading, end, heading + angle, 12.0)
    np.testing.assert_allclose(line[0], start, atol=2e-3)
    np.testing.assert_allclose(line[-1], end, atol=2e-3)
    table = build_curves([line])
    assert abs(table.yaw_rad[-1] - table.yaw_rad[0] - angle) < 0.02
    # Curvature is one-signed, vanishes at both ends and has no jumps.
    curvature = table.curvature_per_m * np.sign(angle)
    assert curvature.min() > -0.01
    assert curvature[1] < 0.35 * curvature.max()
    assert curvature[-2] < 0.35 * curvature.max()
    # No tighter than a trapezoid of this angle on tangents of this length can be (the arc share is 65 %).
    shortest = min(before_m, after_m, 12.0)
    assert curvature.max() < abs(angle) / (0.65 * 1.2 * shortest)


def test_nearly_parallel_poses_are_joined_too():
    line = turn_curve(np.zeros(2), 0.0, np.array([30.0, 2.0]), 0.0, 12.0)
    np.testing.assert_allclose(line[[0, -1]], [[0, 0], [30, 2]], atol=1e-9)
    assert (np.diff(line[:, 0]) > 0).all()
