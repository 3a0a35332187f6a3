"""From scenarios to measures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from everroad.evaluation.measure import Window
from everroad.evaluation.plausibility.measures import NAMES, plausibility, plausibility_curve, plausibility_sums
from everroad.scenario.town import author_town


def test_a_plain_drive_in_numbers(plane) -> None:
    ego = plane.line(60, 10.0)
    leader = plane.actor("leader", plane.line(60, 10.0, (17.65, 0.0)))
    found = plausibility([plausibility_sums(plane.scenario(ego, leader, road=(-50, -0.5, 200, 3)))])
    assert found["ego speed, m/s"].value == pytest.approx(10)
    assert found["time gap, s"].value == pytest.approx(1.2, abs=0.01)
    assert found["time gap below 1 s"].value == 0
    assert found["time gap below 2 s"].value == 1
    assert found["ego uncomfortable"].value == found["ego in collision"].value == found["actors infeasible"].value == 0
    # The ego is 1.9 m wide, so 0.45 m of it are off the road, less the 5 cm by which areas are mended.
    assert found["ego off the road"].value == pytest.approx(0.4 / 1.9, abs=0.01)


def test_what_is_not_known_is_invalid_and_not_zero(plane) -> None:
    alone = plausibility([plausibility_sums(plane.scenario(plane.line(40, 10.0)))])
    for name in ("actors infeasible", "actors in collision", "ego off the road", "time gap, s"):
        assert not alone[name].valid
    assert alone["ego in collision"].value == 0
    unknown = replace(plane.scenario(plane.line(40, 10.0)), ego_motion_known=False)
    found = plausibility([plausibility_sums(unknown)])
    assert not found["ego speed, m/s"].valid
    assert not found["ego in collision"].valid


def test_an_actor_that_jumps_is_infeasible(plane) -> None:
    xy = plane.line(60, 5.0, (20.0, 6.0))
    xy[30:, 0] += 6
    found = plausibility([plausibility_sums(plane.scenario(plane.line(60, 5.0), plane.actor("jumps", xy)))])
    assert 0 < found["actors infeasible"].value < 0.5
    assert found["actors infeasible acceleration"].value > 0


def test_windows_take_their_frames_alone(plane) -> None:
    ego = np.concatenate([plane.line(60, 12.0), np.tile(plane.line(60, 12.0)[-1:], (60, 1))])
    sums = [plausibility_sums(plane.scenario(ego))]
    assert plausibility(sums, Window(10, 40))["ego speed, m/s"].value == pytest.approx(12)
    assert plausibility(sums, Window(70, 100))["ego speed, m/s"].value == pytest.approx(0)
    assert list(plausibility_curve(sums)) == ["1-40", "41-80"]
    assert not plausibility(sums, Window(100, 200))["ego speed, m/s"].valid


def test_an_authored_town_is_plausible_and_has_all_measures() -> None:
    towns = [author_town(seed, seconds=3.0, frame_rate_hz=12.0) for seed in range(1_000_000, 1_000_004)]
    found = plausibility([plausibility_sums(town) for town in towns])
    assert tuple(found) == NAMES
    for name in ("ego uncomfortable", "ego infeasible", "actors infeasible", "ego in collision", "ego off the road"):
        assert found[name].value == 0
    assert found["vehicles off the road"].value < 0.01
    assert found["ego speed, m/s"].interval is not None
