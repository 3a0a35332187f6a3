"""Each event in each of the two shared Argoverse 2 logs: it is staged and is what its name says, or refused in one line."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import shapely

from everroad.scenario.edit.overlap import find_overlaps, new_overlaps
from everroad.scenario.events.parameters import EVENTS
from everroad.scenario.events.scene import look_at
from everroad.scenario.events.stage import Staged, stage
from everroad.scenario.sources import read_scenario
from everroad.scenario.types import Scenario

AV2 = Path(__file__).resolve().parents[4] / "shared" / "data" / "av2"
# In the first log the ego queues and turns left itself; in the second it drives straight on, brakes and turns at the end.
FITS = {
    "3b3570b4-7b0b-3268-a571-b0889dbf40b6": {"pull-out", "pedestrian-crossing", "cyclist-crossing"},
    "7fab2350-7eaf-3b7e-a39d-6937a4c1bede": {
        "cut-in", "hard-brake", "stopped-lead", "pull-out", "pedestrian-crossing", "cyclist-crossing",
    },
}  # fmt: skip

pytestmark = pytest.mark.skipif(not AV2.is_dir(), reason="the Argoverse 2 logs of shared/data are not there")
each_fit = pytest.mark.parametrize(("log", "name"), [(log, name) for log, names in FITS.items() for name in sorted(names)])
each_log = pytest.mark.parametrize("log", FITS)


@cache
def source(log: str) -> Scenario:
    return read_scenario(AV2 / log, rig="nuscenes-front")


@cache
def staged(log: str, name: str) -> Staged:
    return stage(name, source(log))


def lateral_of(event: Staged, before: Scenario) -> np.ndarray:
    """How far to the left of the ego's recorded way the actor's middle is, at every frame, metres."""
    course = look_at(before).course
    centre = next(a for a in event.scenario.actors if a.track_id == event.track_id).poses.translation_m[:, :2]
    line = shapely.LineString(course.points_m[:, :2])
    s_m = shapely.line_locate_point(line, shapely.points(centre))
    foot, yaw = course.at(s_m)
    apart = centre - foot[:, :2]
    return -np.sin(yaw) * apart[:, 0] + np.cos(yaw) * apart[:, 1]


@each_log
@pytest.mark.parametrize("name", EVENTS)
def test_what_does_not_fit_is_refused_in_one_line(log: str, name: str) -> None:
    if name in FITS[log]:
        assert staged(log, name).track_id == name
        return
    wanted = rf"^event {name}: expected a place for it in {log} within 15\.\d s, got none \([^()\n]+\); try another"
    with pytest.raises(ValueError, match=wanted):
        stage(name, source(log))


@each_fit
def test_the_scenario_is_valid_and_as_dangerous_as_it_says(log: str, name: str) -> None:
    event, before, wanted = staged(log, name), source(log), EVENTS[name].parameters()
    scenario, actor = event.scenario, next(a for a in event.scenario.actors if a.track_id == name)
    assert find_overlaps(scenario, {name}) == []
    assert new_overlaps(before, scenario) == []
    assert event.least_gap_m > 0.2
    assert {a.track_id for a in scenario.actors} - {name} | set(event.removed) == {a.track_id for a in before.actors}
    moved = np.gradient(actor.poses.translation_m, scenario.time_s, axis=0)
    inner = actor.valid & np.roll(actor.valid, 1) & np.roll(actor.valid, -1)
    inner[[0, 1, -2, -1]] = False
    np.testing.assert_allclose(moved[inner, :2], actor.velocity_mps[inner, :2], atol=0.5)
    ground = scenario.ground.at(actor.poses.translation_m[actor.valid, :2])
    bottom = actor.poses.translation_m[actor.valid, 2] - actor.size_lwh_m[2] / 2
    np.testing.assert_allclose(bottom[~np.isnan(ground)], ground[~np.isnan(ground)], atol=1e-6)
    if hasattr(wanted, "margin_s"):
        assert wanted.margin_s - 1e-6 <= event.post_encroachment_s <= wanted.margin_s + 0.75
    elif name == "pull-out":
        assert event.least_ttc_s > wanted.ttc_s - 0.15
    else:
        assert event.least_ttc_s == pytest.approx(wanted.ttc_s, abs=0.12)


@each_fit
def test_the_actor_does_what_the_name_says(log: str, name: str) -> None:
    event, before = staged(log, name), source(log)
    actor = next(a for a in event.scenario.actors if a.track_id == name)
    left, speed = lateral_of(event, before), np.linalg.norm(actor.velocity_mps[:, :2], axis=1)
    at = int(np.searchsorted(event.scenario.time_s, event.at_s - 1e-6))
    ego = np.linalg.norm(np.gradient(event.scenario.world_from_ego.translation_m[:, :2], event.scenario.time_s, axis=0), axis=1)
    if name == "cut-in":
        assert abs(left[0]) > 2.5
        assert abs(left[at:]).max() < 0.5
    elif name in ("hard-brake", "stopped-lead"):
        assert abs(left[actor.valid]).max() < 0.3
        assert (speed[at - 6] > 4.0) == (name == "hard-brake")
        assert speed[-1] < 1e-6
        assert ego[at] > 4.0
        assert ego[-1] < 1e-3
    elif name == "pull-out":
        assert left[:at] == pytest.approx(-3.0, abs=0.3)  # parked on the right
        assert speed[:at].max() < 1e-6
        assert abs(left[-1]) < 0.5
        assert speed[-1] > 2.0
    else:
        assert left[actor.valid].min() < -3.0
        assert left[actor.valid].max() > 1.0
        assert (np.diff(np.sign(left[actor.valid])) != 0).sum() == 1


@each_log
@pytest.mark.parametrize("name", ["left-turn-across", "red-light", "crossing-path"])
def test_whoever_turns_itself_meets_nobody_at_a_junction_as_if_straight_on(log: str, name: str) -> None:
    """The first log's ego turns left: a car from its left is not oncoming, and an oncoming one is not from the side."""
    with pytest.raises(ValueError, match="straight on then"):
        stage(name, source(log))
