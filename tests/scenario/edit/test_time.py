from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from everroad.scenario.edit.time import cut, cut_seconds
from everroad.scenario.types import Signal

from .straight import road, standing


def test_time_begins_at_0_again_and_what_is_seen_stays():
    early = replace(standing("early", 300.0, 50.0), valid=np.arange(121) < 20)
    late = replace(standing("late", 320.0, 50.0), valid=np.arange(121) >= 40)
    signal = Signal("s", np.zeros(3), "inner", ("red",) * 40 + ("green",) * 81)
    images = {"CAM_FRONT": tuple(f"{i}.png" for i in range(121))}
    scenario = replace(road(), actors=(early, late), signals=(signal,), images=images, start_stamp_ns=7)
    out = cut(scenario, 36, 59)
    assert len(out) == 24
    np.testing.assert_allclose(out.time_s, np.arange(24) / 12, atol=1e-12)
    np.testing.assert_array_equal(out.world_from_ego.translation_m, scenario.world_from_ego.translation_m[36:60])
    assert [actor.track_id for actor in out.actors] == ["late"]
    assert out.actors[0].valid.tolist() == [False] * 4 + [True] * 20
    assert out.signals[0].states == ("red",) * 4 + ("green",) * 20
    assert out.images["CAM_FRONT"][0] == "36.png"
    assert out.start_stamp_ns == 7 + 3_000_000_000


def test_the_whole_is_the_scenario_itself_and_cuts_of_cuts_are_cuts():
    scenario = road()
    assert cut(scenario, 0, 120) is scenario
    np.testing.assert_allclose(cut(cut(scenario, 10, 100), 5, 20).time_s, cut(scenario, 15, 30).time_s, atol=1e-12)
    assert len(cut_seconds(scenario, 1.0, 2.0)) == 13


@pytest.mark.parametrize(("first", "last"), [(-1, 5), (5, 4), (0, 121), (121, 121)])
def test_frames_that_there_are_not_are_refused(first, last):
    with pytest.raises(ValueError, match=f"frames: expected a first and a last one within 0 to 120, got {first} to {last}"):
        cut(road(), first, last)


@pytest.mark.parametrize(("start", "end"), [(-1.0, 2.0), (3.0, 2.0), (1.0, 10.5), (1.01, 1.02), (float("nan"), 2.0)])
def test_seconds_outside_are_refused(start, end):
    with pytest.raises(ValueError, match="seconds: expected a span with a frame in it within 0 to 10, got"):
        cut_seconds(road(), start, end)
