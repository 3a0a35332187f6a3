from __future__ import annotations

import numpy as np

from everroad.scenario.lane_change import change_length_m, lateral


def test_the_path_across_starts_and_ends_flat():
    s = np.linspace(0, 60, 601)
    same = np.ones_like(s)
    offset, slope = lateral(s, same.astype(int), 10 * same, 40 * same, 3.5 * same)
    np.testing.assert_allclose(offset[s <= 10], 3.5)
    np.testing.assert_allclose(offset[s >= 50], 0.0, atol=1e-12)
    assert (np.diff(offset) <= 1e-12).all()
    np.testing.assert_allclose(np.gradient(offset, s)[1:-1], slope[1:-1], atol=2e-4)
    bend = np.gradient(slope, s)
    assert np.abs(bend[np.searchsorted(s, [10.0, 50.0])]).max() < 2e-3


def test_sideways_acceleration_stays_comfortable():
    """The greatest bend of the quintic is 5.78 d / L^2, so the sideways acceleration is at most 5.78 d v^2 / L^2."""
    for speed in np.linspace(4, 20, 17):
        assert 5.78 * 3.7 * speed**2 / change_length_m(float(speed)) ** 2 < 2.0


def test_who_does_not_change_stays_in_the_middle():
    offset, slope = lateral(np.array([5.0]), np.array([-1]), np.array([0.0]), np.array([30.0]), np.array([3.0]))
    assert offset[0] == 0
    assert slope[0] == 0
