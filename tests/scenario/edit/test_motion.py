from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everroad import geometry
from everroad.scenario.edit.course import make_course
from everroad.scenario.edit.motion import Plan, drive, make_actor, paced, swerve, there_and_stop
from everroad.scenario.types import GroundHeight

from .test_course import circle

CAR = np.array([4.5, 1.9, 1.6])
TIME_S = np.arange(121) / 12


def test_driving_is_exact():
    s, v = drive(np.array([0.0, 1.0, 2.0, 3.0, 9.0]), 5.0, 10.0, [(1.0, 0.0), (2.0, -5.0)])
    np.testing.assert_allclose(s, [5, 15, 22.5, 25, 25])
    np.testing.assert_allclose(v, [10, 10, 5, 0, 0])
    s, v = drive(np.array([4.0]), 0.0, 0.0, [(2.0, 1.0), (inf, 2.0)])
    np.testing.assert_allclose([s[0], v[0]], [2 + 2 * 2 + 4, 6])


@given(length=st.floats(1, 200), speed=st.floats(0.2, 20))
def test_there_and_stop_ends_there_standing(length, speed):
    phases = there_and_stop(length, speed)
    s, v = drive(np.array([0.0, sum(p[0] for p in phases)]), 0.0, 0.0, phases)
    np.testing.assert_allclose(s, [0, length], rtol=1e-9)
    np.testing.assert_allclose(v, 0, atol=1e-7)
    assert all(p[0] >= -1e-9 for p in phases)


def test_a_swerve_is_flat_at_both_ends_and_its_rate_is_its_derivative():
    t = np.linspace(0, 5, 5001)
    left, rate = swerve(t, np.ones_like(t), 1.0, 3.0, -3.5, 0.0)
    np.testing.assert_allclose(left[[0, 1000, 2500, 4000, 5000]], [-3.5, -3.5, -1.75, 0, 0], atol=1e-6)
    np.testing.assert_allclose(np.gradient(left, t), rate, atol=1e-3)


def test_positions_headings_and_velocities_agree_on_a_bend():
    course = make_course(circle(40.0, 3.0, 300))
    s, v = drive(TIME_S, 10.0, 4.0, [(3.0, 0.0), (2.0, 1.0)])
    left, rate = swerve(TIME_S, np.ones_like(TIME_S), 4.0, 3.0, 0.0, 2.0)
    actor = make_actor("a", "vehicle.car", CAR, course, Plan(s, v, left, rate), TIME_S, np.ones(121, bool))
    moved = np.gradient(actor.poses.translation_m, TIME_S, axis=0)
    np.testing.assert_allclose(moved[2:-2], actor.velocity_mps[2:-2], atol=0.06)
    heading = geometry.rotation_from_quaternion(actor.poses.rotation_wxyz)[:, :, 0]
    along = (actor.velocity_mps * heading).sum(axis=1)
    np.testing.assert_allclose(along[:, None] * heading[:, :2], actor.velocity_mps[:, :2], atol=0.02)
    assert set(actor.attributes) == {"vehicle.moving"}


def test_boxes_sit_on_the_ground():
    course = make_course(np.array([[0.0, 0, 7.0], [100.0, 0, 7.0]]))
    hill = GroundHeight(np.array([0.0, -5.0]), 1.0, np.tile(np.append(0.1 * np.arange(50), [np.nan] * 10), (11, 1)))
    still = np.zeros(121)
    plan = Plan(np.linspace(0, 80, 121), np.full(121, 8.0), still, still)
    actor = make_actor("a", "vehicle.car", CAR, course, plan, TIME_S, np.ones(121, bool), ground=hill)
    x, z = actor.poses.translation_m[:, 0], actor.poses.translation_m[:, 2] - 0.8
    np.testing.assert_allclose(z[x < 49], 0.1 * np.rint(x[x < 49]), atol=1e-9)
    np.testing.assert_allclose(z[x > 51], 7.0)  # unknown there: the course's own height


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan(np.linspace(0, 99, 121), np.full(121, 70.0), np.zeros(121), np.zeros(121)), "60 m/s of speed, got 70"),
        (Plan(*drive(TIME_S, 0.0, 0.0, [(1.0, 8.0)]), np.zeros(121), np.zeros(121)), r"6 m/s\^2 of acceleration, got 8"),
        (Plan(*drive(TIME_S, 0.0, 20.0, [(1.0, -12.0)]), np.zeros(121), np.zeros(121)), r"9.81 m/s\^2 of braking, got 12"),
        (
            Plan(*drive(TIME_S, 0.0, 20.0, []), *swerve(TIME_S, np.ones(121), 2.0, 1.0, 0.0, 2.5)),
            r"8 m/s\^2 sideways",
        ),
    ],
)
def test_what_nobody_can_drive_is_refused(plan, words):
    course = make_course(np.array([[0.0, 0, 0], [900.0, 0, 0]]))
    with pytest.raises(ValueError, match=f"a: expected at most {words}.*; make it slower or gentler"):
        make_actor("a", "vehicle.car", CAR, course, plan, TIME_S, np.ones(121, bool))


def test_pace_slows_down_for_a_bend():
    line = np.concatenate([np.stack([np.arange(-60.0, 0), np.zeros(60), np.zeros(60)], axis=-1), circle(10.0, 1.5, 40)])
    course = make_course(np.concatenate([line, line[-1] + np.arange(1, 60)[:, None] * (line[-1] - line[-2]) / 0.38]))
    s, v = paced(course, np.linspace(0, 20, 2001), 0.0, 12.0)
    np.testing.assert_allclose(np.gradient(s, np.linspace(0, 20, 2001))[1:-1], v[1:-1], atol=0.03)
    on = s < course.length_m
    assert (v[on] ** 2 * np.abs(course.bend(s[on])) < 2.9).all()
    assert v[0] == pytest.approx(12.0)
    assert np.abs(np.gradient(v, 0.01)).max() < 2.1
