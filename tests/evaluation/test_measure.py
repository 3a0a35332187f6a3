"""Pooling, validity and intervals."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everroad.evaluation.measure import (
    DRAWS,
    INVALID,
    Measure,
    Window,
    combined,
    curve_windows,
    linearised,
    measures_to_json,
    pooled,
    town_draws,
)


def ratio(rows: np.ndarray) -> np.ndarray:
    return rows[:, 0] / rows[:, 1]


def test_the_value_is_of_the_sums_not_a_mean_of_ratios() -> None:
    measure = pooled(np.array([[1.0, 1.0], [0.0, 9.0]]), ratio)
    assert measure.valid
    assert measure.value == 0.1


def test_towns_that_agree_leave_no_doubt_and_towns_that_differ_do() -> None:
    same = pooled(np.tile([[3.0, 4.0]], (8, 1)), ratio)
    assert same.interval == pytest.approx((0.75, 0.75))
    differing = pooled(np.array([[i, 10.0] for i in range(8)]), ratio)
    assert differing.interval is not None
    low, high = differing.interval
    assert 0.1 < low < differing.value == 0.35 < high < 0.6


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    draw = np.random.default_rng(0)
    covered = 0
    for _ in range(60):
        values = draw.normal(5.0, 1.0, 30)
        interval = pooled(np.stack([values, np.ones(30)], 1), ratio).interval
        assert interval is not None
        covered += interval[0] <= 5.0 <= interval[1]
    assert 50 <= covered <= 60


def test_nothing_to_divide_by_is_invalid_and_says_so() -> None:
    measure = pooled(np.zeros((3, 2)), ratio)
    assert measure == INVALID or (not measure.valid and math.isnan(measure.value))
    assert measure.to_json() == {"value": None, "valid": False, "interval": None}


def test_no_interval_of_few_towns_nor_where_many_draws_have_no_value() -> None:
    for towns in (1, 2, 3):
        assert pooled(np.array([[1.0, 2.0]] * towns), ratio) == Measure(0.5, True, None)
    assert pooled(np.array([[1.0, 2.0]] * 4), ratio).interval == (0.5, 0.5)
    rare = np.zeros((8, 2))
    rare[3] = [1, 2]
    assert pooled(rare, ratio) == Measure(0.5, True, None)


@given(st.integers(1, 12))
def test_draws_hold_as_many_towns_as_there_are_and_never_change(towns: int) -> None:
    draws = town_draws(towns)
    assert draws.shape == (DRAWS, towns)
    assert (draws.sum(1) == towns).all()
    assert (draws == town_draws(towns)).all()


def test_windows_include_both_ends() -> None:
    values = np.arange(10.0)[None, :, None]
    sums = Window(2, 4).sums(values)
    assert sums is not None
    assert sums.tolist() == [[9.0]]
    assert Window(7, 9).sums(values) is not None
    assert Window(7, 10).sums(values) is None


def test_the_curve_has_whole_windows_from_frame_1_on() -> None:
    assert [window.name for window in curve_windows(240)] == ["1-40", "41-80", "81-120", "121-160", "161-200", "201-240"]
    assert [window.name for window in curve_windows(79)] == ["1-40"]
    assert curve_windows(39) == []


def test_json_of_nested_measures() -> None:
    tree = {"a": {"b": Measure(0.12345678, True, (0.1, 0.2))}, "c": [INVALID]}
    found = measures_to_json(tree)
    assert found["a"]["b"] == {"value": 0.123457, "valid": True, "interval": [0.1, 0.2]}
    json.dumps(found, allow_nan=False)


def test_a_difference_of_measures_on_the_same_towns_has_the_draws_of_its_own() -> None:
    values = np.random.default_rng(3).normal(5.0, 2.0, (12, 1))
    one = np.ones((12, 1))
    first, second = (pooled(np.concatenate([of, one], 1), ratio) for of in (values, values + 1))
    apart = combined(lambda a, b: b - a, first, second)
    assert apart.value == pytest.approx(1.0)
    assert apart.interval == pytest.approx((1.0, 1.0))  # of each draw of towns, whatever the towns
    assert first.interval is not None
    assert first.interval[1] - first.interval[0] > 0.5


def test_what_is_made_of_an_invalid_measure_is_invalid() -> None:
    one = pooled(np.array([[1.0, 2.0], [3.0, 4.0]]), ratio)
    assert not combined(lambda a, b: a / b, one, INVALID).valid
    assert not combined(lambda a, b: a / b, one, Measure(0.0, True)).valid
    without = combined(lambda a, b: a - b, one, Measure(0.25, True))
    assert without.valid
    assert without.interval is None


def test_the_linear_part_of_a_mean_is_the_bootstrap_itself() -> None:
    values = np.random.default_rng(4).normal(0.0, 1.0, 9)
    own = pooled(np.stack([values, np.ones(9)], 1), ratio)
    linear = linearised(float(values.mean()), np.array([np.delete(values, i).mean() for i in range(9)]))
    assert own.draws is not None
    assert linear.draws is not None
    np.testing.assert_allclose(linear.draws, own.draws, atol=1e-12)


def test_the_interval_of_a_dear_statistic_is_about_that_of_its_draws() -> None:
    values = np.random.default_rng(5).normal(3.0, 1.0, 40)
    squares = pooled(np.stack([values, values**2, np.ones(40)], 1), lambda r: r[:, 1] / r[:, 2] - (r[:, 0] / r[:, 2]) ** 2)
    linear = linearised(float(values.var()), np.array([np.delete(values, i).var() for i in range(40)]))
    assert squares.interval is not None
    assert linear.interval is not None
    np.testing.assert_allclose(linear.interval, squares.interval, rtol=0.15)


def test_two_towns_are_too_few_to_leave_one_out() -> None:
    assert linearised(1.0, np.array([1.0, 2.0])) == Measure(1.0, True)
    assert linearised(1.0, np.array([1.0, math.nan, 2.0])).interval is None
