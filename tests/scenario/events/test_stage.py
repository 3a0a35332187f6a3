"""Each event does what it says, over several towns, on a bare road and in a log without a map."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from everroad.scenario.edit.overlap import EGO, find_overlaps, new_overlaps
from everroad.scenario.events.measure import times_to_collision
from everroad.scenario.events.parameters import (
    EVENTS,
    CutIn,
    HardBrake,
    OncomingDrift,
    PedestrianCrossing,
    PullOut,
    StoppedLead,
    get_event,
)
from everroad.scenario.events.stage import Staged, stage, stage_in_town
from everroad.scenario.town import author_town

from ..edit.straight import road
from ..strategies import difference

SEEDS = {
    "cut-in": (3, 5, 9),
    "hard-brake": (0, 3, 5),
    "stopped-lead": (3, 5, 9),
    "pull-out": (0, 7, 9),
    "oncoming-drift": (3, 4, 68),
    "pedestrian-crossing": (0, 3, 5),
    "cyclist-crossing": (3, 5, 9),
    "left-turn-across": (3, 32, 68),
    "red-light": (64, 68, 76),
    "crossing-path": (28, 32),
}
CASES = [(name, seed) for name, seeds in SEEDS.items() for seed in seeds]
SECONDS = 8.0


@cache
def source(seed: int):
    return author_town(seed, SECONDS)


@cache
def staged(name: str, seed: int) -> Staged:
    return stage(name, source(seed))


@cache
def on_a_road(name: str) -> Staged:
    return stage(name, road(with_map=False))


def actor_of(event: Staged):
    return next(actor for actor in event.scenario.actors if actor.track_id == event.track_id)


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_the_actor_moves_as_road_users_do_and_hits_nobody(name, seed):
    event, before = staged(name, seed), source(seed)
    scenario, actor = event.scenario, actor_of(event)
    assert find_overlaps(scenario, {event.track_id}) == []
    assert new_overlaps(before, scenario) == []
    assert event.least_gap_m > 0.2
    on = actor.valid
    moved = np.gradient(actor.poses.translation_m, scenario.time_s, axis=0)
    inner = on & np.roll(on, 1) & np.roll(on, -1)
    inner[[0, 1, -2, -1]] = False
    np.testing.assert_allclose(moved[inner], actor.velocity_mps[inner], atol=0.35)
    np.testing.assert_allclose(actor.poses.translation_m[on, 2], actor.size_lwh_m[2] / 2, atol=1e-9)
    kept = {a.track_id for a in scenario.actors} - {event.track_id}
    assert kept | set(event.removed) == {a.track_id for a in before.actors}
    assert scenario.map is before.map
    if name not in ("hard-brake", "stopped-lead"):
        assert scenario.world_from_ego is before.world_from_ego


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_it_is_as_dangerous_as_it_says(name, seed):
    event, wanted = staged(name, seed), EVENTS[name].parameters()
    if hasattr(wanted, "margin_s"):
        # The ego's way counts as straight and as wide as the car all along, so a little is left.
        assert wanted.margin_s - 1e-6 <= event.post_encroachment_s <= wanted.margin_s + 0.75
    elif isinstance(wanted, OncomingDrift):
        at = int(np.searchsorted(event.scenario.time_s, event.at_s - 1e-6))
        assert times_to_collision(event.scenario, event.track_id)[at] == pytest.approx(wanted.ttc_s, abs=0.2)
    elif isinstance(wanted, PullOut):
        assert event.least_ttc_s > wanted.ttc_s - 0.15  # while it is still beside the lane nothing counts
    else:
        assert event.least_ttc_s == pytest.approx(wanted.ttc_s, abs=0.12)


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_the_line_says_the_measure_that_counts_and_which_light_is_red(name, seed):
    event = staged(name, seed)
    if not hasattr(EVENTS[name].parameters(), "margin_s"):
        assert f"least time to collision {event.least_ttc_s:.1f} s, least gap" in event.said
    else:
        assert f"post-encroachment time {event.post_encroachment_s:.1f} s, least gap" in event.said
        assert "least time" not in event.said
    assert (" is red for it on lane " in event.said) == (name == "red-light")
    if name == "red-light":
        said_id, said_lane = event.said.split(" s, ")[1].split(", ")[0].split(" is red for it on lane ")
        signal = next(signal for signal in event.scenario.signals if signal.signal_id == said_id)
        assert signal.lane_id == said_lane
        assert "red" in signal.states


def test_on_a_straight_road_times_to_collision_are_exact():
    for name, ttc_s in (("cut-in", 1.5), ("hard-brake", 0.9), ("stopped-lead", 0.9), ("pull-out", 1.5)):
        assert on_a_road(name).least_ttc_s == pytest.approx(ttc_s, abs=0.05), name
    for ttc_s in (1.0, 2.0):
        assert stage("cut-in", road(), CutIn(ttc_s=ttc_s)).least_ttc_s == pytest.approx(ttc_s, abs=0.05)


def test_a_side_without_a_lane_is_named_and_the_advice_is_to_drop_it():
    assert stage("cut-in", source(3), CutIn(ttc_s=1.0, side="right")).least_ttc_s == pytest.approx(1.0, abs=0.05)
    wanted = r"got none \(no lane to the left of the ego's runs the same way\); drop --side or try another seed or time$"
    with pytest.raises(ValueError, match=wanted):
        stage("cut-in", source(3), CutIn(ttc_s=1.0, side="left"))


def test_a_cut_in_changes_the_lane_close_ahead():
    event = on_a_road("cut-in")
    actor, at = actor_of(event), round(event.at_s * 12)
    lateral = actor.poses.translation_m[:, 1]
    assert abs(lateral[at - 30]) == pytest.approx(3.5, abs=1e-3)
    assert lateral[at:] == pytest.approx(0.0, abs=1e-3)
    gap = actor.poses.translation_m[:, 0] - 4.55 / 2 - event.scenario.world_from_ego.translation_m[:, 0] - 3.65
    assert gap.min() == pytest.approx(2.0 * 1.5**2 / 2, abs=0.02)
    assert actor.velocity_mps[at, 0] == pytest.approx(6.0, abs=0.2)


def test_hard_braking_reaches_its_decelerations_and_stops_behind():
    event = on_a_road("hard-brake")
    lead, ego = actor_of(event), np.gradient(event.scenario.world_from_ego.translation_m[:, 0], event.scenario.time_s)
    at = round(event.at_s * 12)
    assert np.diff(lead.velocity_mps[at : at + 18, 0]) * 12 == pytest.approx(-6.0, abs=1e-6)
    assert np.diff(ego)[at + 14 : at + 28] * 12 == pytest.approx(-6.0, abs=1e-6)
    assert ego[: at + 11] == pytest.approx(10.0)
    assert abs(ego[-1]) < 1e-6
    rest = lead.poses.translation_m[-1, 0] - 4.55 / 2 - event.scenario.world_from_ego.translation_m[-1, 0] - 3.65
    assert rest == pytest.approx(6.0 * 0.9**2 / 2, abs=0.02)
    assert EGO not in {a.track_id for a in event.scenario.actors}


@pytest.mark.parametrize("name", ["pedestrian-crossing", "cyclist-crossing"])
def test_crossing_goes_over_the_egos_way(name):
    event = on_a_road(name)
    actor = actor_of(event)
    y = actor.poses.translation_m[:, 1]
    assert y[0] < -4
    assert y.max() > 1.5
    assert np.ptp(actor.poses.translation_m[:, 0]) < 1e-6
    at = round(event.at_s * 12)
    assert y[at] - actor.size_lwh_m[0] / 2 == pytest.approx(0.95, abs=0.02 + 4.0 / 12)
    assert 0.8 - 1e-6 <= event.post_encroachment_s < 0.8 + 2 / 12 + 1e-6  # both are seen at frames alone


def test_the_oncoming_one_comes_into_the_egos_lane_and_back():
    event = on_a_road("oncoming-drift")
    actor, at = actor_of(event), round(event.at_s * 12)
    y = actor.poses.translation_m[:, 1]
    assert y[at] - actor.size_lwh_m[1] / 2 == pytest.approx(0.95 - 0.6, abs=0.01)
    assert y[-1] == pytest.approx(3.5, abs=1e-6)
    assert (actor.velocity_mps[:, 0] < 0).all()


@pytest.mark.parametrize("seed", SEEDS["red-light"])
def test_the_light_is_red_for_whoever_runs_it(seed):
    event = staged("red-light", seed)
    actor = actor_of(event)
    near = [
        s.states[i]
        for s in event.scenario.signals
        for i in range(len(event.scenario))
        if actor.valid[i] and np.linalg.norm(s.position_m[:2] - actor.poses.translation_m[i, :2]) < 16.0
    ]
    assert "red" in near


def test_whoever_crosses_is_there_only_between_the_bends_it_is_too_fast_for():
    event = stage_in_town("red-light", 5)  # its way bends 100 m behind the junction
    actor = actor_of(event)
    there = np.flatnonzero(actor.valid)
    assert there[-1] < len(event.scenario) - 1
    np.testing.assert_array_equal(there, np.arange(there[0], there[-1] + 1))
    steps_m = np.linalg.norm(np.diff(actor.poses.translation_m[there, :2], axis=0), axis=1)
    assert steps_m.sum() > 30.0
    np.testing.assert_allclose(steps_m * 12, get_event("red-light").parameters().speed_mps, rtol=0.02)


def test_the_same_seed_gives_the_same_event():
    again = stage_in_town("cut-in", 3, seconds=SECONDS)
    assert difference(again.scenario, staged("cut-in", 3).scenario) is None
    twice = stage("stopped-lead", again.scenario)
    assert {"cut-in", "stopped-lead"} & {a.track_id for a in twice.scenario.actors} >= {"stopped-lead"}


@pytest.mark.parametrize(
    ("request_event", "words"),
    [
        (lambda: stage("cutin", road()), "event: expected one of the ten, got 'cutin'; did you mean 'cut-in'"),
        (lambda: stage("cut-in", road(), HardBrake()), "event cut-in: expected parameters CutIn, got HardBrake"),
        (lambda: stage("cut-in", road(), CutIn(at_s=99.0)), "at_s: expected 0 to 10, the scenario's seconds, got 99"),
        (lambda: CutIn(at_s=-1.0), "at_s: expected 0 to 86400 s, got -1; name another"),
        (lambda: StoppedLead(ttc_s=float("nan")), "ttc_s: expected 0.3 to 6 s, got nan"),
        (lambda: PedestrianCrossing(speed_mps=-2.0), "speed_mps: expected 0.5 to 30 m/s, got -2"),
        (lambda: stage("cut-in", road(), CutIn(closing_mps=1.0)), "closing_mps: expected 3 m/s at least with ttc_s 1.5, got 1"),
        (lambda: stage("crossing-path", road(with_map=False)), "junction: expected a scenario whose map has lanes"),
        (lambda: stage("left-turn-across", road()), r"event left-turn-across: expected a place .*\(no oncoming lane"),
        (lambda: stage("cut-in", road(frames=2)), "scenario: expected three frames at least, got 2"),
        (
            lambda: stage("pedestrian-crossing", road(frames=14)),
            r"expected a place for it in straight within 1.1 s, got none",
        ),
    ],
)
def test_bad_requests_are_refused_in_one_line(request_event, words):
    with pytest.raises(ValueError, match=words) as caught:
        request_event()
    assert "\n" not in str(caught.value)


def test_whoever_stands_between_is_taken_out():
    from ..edit.straight import standing

    event = on_a_road("stopped-lead")
    x = actor_of(event).poses.translation_m[0, 0]
    blocked = replace(road(with_map=False), actors=(standing("between", x - 5.5, 0.3), standing("aside", x, 6.0)))
    again = stage("stopped-lead", blocked)
    assert again.removed == ("between",)
