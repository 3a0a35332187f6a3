"""Motion against formulas: line, circle, sinusoid, noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everroad.evaluation.plausibility.limits import COMFORT, FEASIBLE_VEHICLE
from everroad.evaluation.plausibility.motion import Trajectory, motion

RATE_HZ = 12.0


def along_x(x: np.ndarray, valid: np.ndarray | None = None) -> Trajectory:
    there = np.ones(len(x), bool) if valid is None else valid
    return Trajectory(np.arange(len(x)) / RATE_HZ, np.stack([x, 0 * x], 1), 0 * x, there)


@given(st.floats(0, 40), st.floats(-3, 3))
def test_on_a_straight_line_at_constant_speed_there_is_nothing_but_speed(speed: float, yaw: float) -> None:
    way = speed * np.arange(40) / RATE_HZ
    place = np.stack([way * np.cos(yaw), way * np.sin(yaw)], 1)
    found = motion(Trajectory(np.arange(40) / RATE_HZ, place, np.full(40, yaw), np.ones(40, bool)))
    assert found.valid.sum() == 40 - 12
    assert found.speed_mps[found.valid] == pytest.approx(speed, abs=1e-6)
    for of in (found.longitudinal_mps2, found.lateral_mps2, found.jerk_mps3, found.yaw_rate_radps):
        assert np.abs(of).max() < 1e-5
    assert not found.beyond(COMFORT).any()


@given(st.floats(8, 60), st.floats(2, 15), st.sampled_from([-1, 1]))
def test_on_a_circle_the_lateral_acceleration_is_v2_over_r(radius: float, speed: float, side: int) -> None:
    angle = side * speed / radius * np.arange(60) / RATE_HZ
    place = radius * np.stack([side * np.sin(angle), side * (1 - np.cos(angle))], 1)
    found = motion(Trajectory(np.arange(60) / RATE_HZ, place, angle, np.ones(60, bool)))
    inner = found.valid
    # The filter flattens what turns within its window: (omega s)² of its second.
    flat = 0.1 * (speed / radius) ** 2 + 1e-6
    assert found.lateral_mps2[inner] == pytest.approx(side * speed**2 / radius, rel=flat)
    assert found.speed_mps[inner] == pytest.approx(speed, rel=flat)
    assert found.yaw_rate_radps[inner] == pytest.approx(side * speed / radius, rel=1e-6)
    assert np.abs(found.longitudinal_mps2[inner]).max() < flat * speed**2 / radius + 1e-6
    assert found.jerk_mps3[inner] == pytest.approx(speed**3 / radius**2, rel=flat)


@pytest.mark.parametrize(("period_s", "acceleration_kept", "jerk_kept"), [(2, 0.81, 0.86), (4, 0.95, 0.96)])
def test_a_sinusoids_jerk_is_its_third_derivative_but_for_what_the_docstring_says(
    period_s: float, acceleration_kept: float, jerk_kept: float
) -> None:
    omega = 2 * np.pi / period_s
    found = motion(along_x(np.sin(omega * np.arange(480) / RATE_HZ)))
    assert found.longitudinal_mps2.max() == pytest.approx(acceleration_kept * omega**2, rel=0.01)
    assert found.longitudinal_jerk_mps3.max() == pytest.approx(jerk_kept * omega**3, rel=0.01)


def test_noise_of_a_centimetre_is_no_jerk() -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, (20_000, 2))
    found = motion(Trajectory(np.arange(20_000) / RATE_HZ, noise, np.zeros(20_000), np.ones(20_000, bool)))
    assert found.longitudinal_mps2[found.valid].std() == pytest.approx(0.064, rel=0.05)
    assert found.longitudinal_jerk_mps3[found.valid].std() == pytest.approx(0.72, rel=0.05)
    assert not found.beyond(FEASIBLE_VEHICLE).any()
    assert np.std(np.diff(noise[:, 0], 3)) * RATE_HZ**3 > 70  # plain differences


def test_frames_without_a_whole_window_are_invalid_and_unread() -> None:
    there = np.ones(60, bool)
    there[30] = False
    x = np.where(there, np.arange(60.0), np.nan)
    found = motion(along_x(x, there))
    assert np.flatnonzero(found.valid).tolist() == [*range(6, 24), *range(37, 54)]
    assert np.isfinite(found.jerk_mps3).all()
    assert not motion(along_x(np.arange(12.0))).valid.any()


def test_full_braking_is_uncomfortable_and_feasible_and_a_wall_is_neither() -> None:
    time_s = np.arange(60) / RATE_HZ
    braking = motion(along_x(40 * time_s - 0.5 * 7 * time_s**2))
    assert braking.beyond(COMFORT)[braking.valid].all()
    assert not braking.beyond(FEASIBLE_VEHICLE).any()
    wall = motion(along_x(np.minimum(20 * time_s, 50)))
    assert wall.beyond(FEASIBLE_VEHICLE).any()
    assert not wall.beyond(FEASIBLE_VEHICLE)[:20].any()


def test_uneven_times_and_unknown_places_are_refused() -> None:
    with pytest.raises(ValueError, match=r"evenly spaced times, got steps of 0\.1000 to 0\.3000 s; resample"):
        Trajectory(np.array([0, 0.1, 0.4]), np.zeros((3, 2)), np.zeros(3), np.ones(3, bool))
    with pytest.raises(ValueError, match="finite positions"):
        along_x(np.array([0, np.nan, 2]))
