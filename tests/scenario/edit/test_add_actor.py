from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from everroad.scenario.edit.add_actor import add_actor
from everroad.scenario.edit.behaviours import BrakeHard, Cross, Cruise, CutIn, Parked
from everroad.scenario.edit.placing import NearEgo, OnLane
from everroad.scenario.sources import read_scenario
from everroad.scenario.types import Actor, Lane, Scenario

from ..strategies import difference
from ..towns import SEEDS, town
from .straight import road, standing

AV2 = Path(__file__).resolve().parents[4] / "shared" / "data" / "av2"


def added(scenario: Scenario, *arguments, **options) -> Actor:
    out = add_actor(scenario, "new", *arguments, **options)
    assert out.actors[:-1] == scenario.actors
    assert out.world_from_ego is scenario.world_from_ego
    actor = out.actors[-1]
    assert actor.track_id == "new"
    on = actor.valid
    np.testing.assert_allclose(actor.poses.translation_m[on, 2], actor.size_lwh_m[2] / 2, atol=1e-9)
    moved = np.gradient(actor.poses.translation_m, scenario.time_s, axis=0)
    np.testing.assert_allclose(moved[2:-2], actor.velocity_mps[2:-2], atol=0.3)  # where a phase begins, frames straddle it
    return actor


@pytest.mark.parametrize("with_map", [True, False])
@pytest.mark.parametrize(("side", "y", "direction"), [("ego", 0.0, 1), ("left", 3.5, 1), ("oncoming", 7.0, -1)])
def test_a_parked_one_stands_where_it_is_put(with_map, side, y, direction):
    y = 3.5 if side == "oncoming" and not with_map else y
    actor = added(road(with_map=with_map), NearEgo(170.0, side), Parked())
    np.testing.assert_allclose(actor.poses.translation_m[:, :2], [[170.0, y]] * 121, atol=0.02)
    assert abs(actor.poses.rotation_wxyz[0, 0]) == pytest.approx(1.0 if direction == 1 else 0.0, abs=1e-6)
    assert set(actor.attributes) == {"vehicle.stopped"}


def test_by_lane_id_and_beside_its_centre():
    actor = added(road(), OnLane("far-outer", 100.0, left_m=-2.5), Parked(), category="vehicle.truck")
    np.testing.assert_allclose(actor.poses.translation_m[0, :2], [350.0, 13.0], atol=1e-6)  # its right is at greater y
    np.testing.assert_allclose(actor.size_lwh_m, [7.6, 2.4, 3.0])


def test_cruising_keeps_the_speed():
    actor = added(road(), NearEgo(20.0, "left", at_s=0.0), Cruise(12.0))
    np.testing.assert_allclose(actor.velocity_mps, [[12.0, 0, 0]] * 121, atol=1e-6)
    np.testing.assert_allclose(actor.poses.translation_m[-1, :2], [140.0, 3.5], atol=0.01)


def test_cutting_in_changes_the_lane_in_its_time():
    actor = added(road(), NearEgo(30.0, "left"), CutIn(4.0, "right", 3.0, 11.0))
    y = actor.poses.translation_m[:, 1]
    np.testing.assert_allclose(y[:48], 3.5, atol=1e-6)
    np.testing.assert_allclose(y[84:], 0.0, atol=1e-6)
    assert (np.diff(y) <= 1e-9).all()


def test_braking_hard_reaches_its_deceleration_and_stands():
    actor = added(road(), NearEgo(60.0), BrakeHard(5.0, 9.0, 6.0), until_s=8.5)
    v = actor.velocity_mps[:, 0]
    np.testing.assert_allclose(np.diff(v)[61:77] * 12, -6.0, atol=1e-6)
    np.testing.assert_allclose(v[80:], 0.0, atol=1e-9)
    assert actor.poses.translation_m[-1, 0] == pytest.approx(60 + 45 + 81 / 12, abs=1e-6)
    assert not actor.valid[103:].any()


@pytest.mark.parametrize(("side", "sign"), [("right", -1), ("left", 1)])
def test_crossing_goes_straight_across(side, sign):
    actor = added(road(), NearEgo(130.0), Cross(2.0, 1.5, side, 5.0, 4.0), category="human.pedestrian.adult")
    xy = actor.poses.translation_m[:, :2]
    np.testing.assert_allclose(xy[:, 0], 130.0, atol=1e-6)
    np.testing.assert_allclose(xy[[0, 24, -1], 1], [5 * sign, 5 * sign, -4 * sign], atol=1e-6)
    assert np.abs(actor.velocity_mps[:, 1]).max() == pytest.approx(1.5)
    assert {"pedestrian.moving", "pedestrian.standing"} == set(actor.attributes)


def test_into_another_is_refused_with_frame_and_ids_unless_allowed():
    with pytest.raises(ValueError, match=r"frame 37: expected 'ego' and 'new' apart"):
        add_actor(road(), "new", NearEgo(36.7), Parked())
    assert len(add_actor(road(), "new", NearEgo(36.7), Parked(), allow_overlap=True).actors) == 1


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((OnLane("iner"), Parked()), {}, "lane: expected one of the map's 4 lanes, got 'iner'; did you mean 'inner'?"),
        ((OnLane("inner", 900.0), Parked()), {}, "along_m: expected 0 to 500.0 on inner, got 900"),
        ((NearEgo(10.0, "right"), Parked()), {}, "side right: expected a lane to the right of the ego's"),
        ((NearEgo(399.0), Cruise(20.0)), {}, "expected a way that stays on the map, got its end at"),
        ((NearEgo(40.0), BrakeHard(99.0)), {}, "at_s: expected 0 to 10, the scenario's seconds, got 99"),
        ((NearEgo(40.0, at_s=-1.0), Parked()), {}, "at_s: expected finite numbers, 0 to 10 s, got -1"),
        ((NearEgo(40.0), Cross(-1.0)), {}, "at_s: expected 0 to 10"),
        ((NearEgo(150.0), Parked()), {"from_s": 5.0, "until_s": 4.0}, "until_s: expected finite numbers, 5 to 10 s, got 4"),
        ((NearEgo(150.0), Parked()), {"category": "vehicle.cra"}, "'vehicle.cra'; did you mean 'vehicle.car'?"),
        ((NearEgo(150.0), Parked()), {"category": "animal"}, "size: expected one for animal"),
        ((NearEgo(30.0), CutIn(2.0, "right")), {}, "side right: expected a lane there to cut into"),
    ],
)  # fmt: skip
def test_bad_requests_are_refused(arguments, options, words):
    with pytest.raises(ValueError) as caught:
        add_actor(road(), "new", *arguments, **options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_id_that_is_taken_and_a_lane_without_a_map_are_refused():
    from dataclasses import replace

    scenario = replace(road(with_map=False), actors=(standing("car", 300.0, 40.0),))
    for name in ("car", "ego"):
        with pytest.raises(ValueError, match="track id: expected a new one"):
            add_actor(scenario, name, NearEgo(100.0), Parked())
    with pytest.raises(ValueError, match="expected a scenario whose map has lanes"):
        add_actor(scenario, "new", OnLane("inner"), Parked())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "printable letters without blanks around them, got ''"),
        (" ", "printable letters without blanks around them, got ' '"),
        ("car ", "printable letters without blanks around them, got 'car '"),
        ("a\nb", r"printable letters without blanks around them, got 'a\nb'"),
        ("a\x1b[31m", r"printable letters without blanks around them, got 'a\x1b[31m'"),
        ("*", "none of * ? [, which are wildcards of remove, got '*'"),
        ("car[1]", "none of * ? [, which are wildcards of remove, got 'car[1]'"),
        ("x" * 101, "at most 100 letters, got 101; name a shorter one"),
    ],
)
def test_an_id_that_cannot_be_named_later_is_refused(name, words):
    with pytest.raises(ValueError, match=r"^track id: expected ") as caught:
        add_actor(road(), name, NearEgo(100.0), Parked())
    assert words in str(caught.value)
    assert add_actor(road(), "Größe 2", NearEgo(200.0), Parked()).actors[-1].track_id == "Größe 2"


@pytest.mark.parametrize("left_m", [float("nan"), float("inf"), -100.1, 1e9])
def test_a_place_far_aside_is_refused(left_m):
    for place in (NearEgo(100.0, left_m=left_m), OnLane("inner", left_m=left_m)):
        with pytest.raises(ValueError, match=r"^left_m: expected finite numbers, -100 to 100 m, got "):
            add_actor(road(), "new", place, Parked())


def test_a_lane_without_length_is_refused():
    from dataclasses import replace

    scenario = road()
    point = Lane("point", np.tile([200.0, 3.5, 0.0], (2, 1)), 3.5)
    scenario = replace(scenario, map=replace(scenario.map, lanes=(point, *scenario.map.lanes)))
    with pytest.raises(ValueError, match=r"^lane point: expected a lane of 0.1 m at least, got 0 m; name another or mend"):
        add_actor(scenario, "new", OnLane("point"), Parked())


def test_negative_numbers_are_refused_where_the_behaviour_is_made():
    for make in (
        lambda: Cruise(-1.0),
        lambda: CutIn(1.0, "left", -2.0),
        lambda: BrakeHard(1.0, 5.0, -6.0),
        lambda: Cross(1.0, -1.5),
        lambda: Cruise(float("nan")),
    ):
        with pytest.raises(ValueError, match="expected finite numbers"):
            make()


@pytest.mark.parametrize("seed", SEEDS)
def test_in_towns_it_follows_the_lane(seed):
    scenario = town(seed)
    out = add_actor(scenario, "new", NearEgo(35.0), Cruise(9.0), allow_overlap=True)
    actor = out.actors[-1]
    centre = np.concatenate([lane.centerline_m[:, :2] for lane in scenario.map.lanes])
    import shapely

    lines = shapely.multilinestrings([shapely.linestrings(lane.centerline_m[:, :2]) for lane in scenario.map.lanes])
    assert len(centre)
    apart = shapely.distance(lines, shapely.points(actor.poses.translation_m[:, :2]))
    assert apart.max() < 2.0
    assert difference(scenario, town(seed)) is None


@pytest.mark.skipif(not AV2.is_dir(), reason="the Argoverse 2 logs of shared/data are not there")
def test_in_logs_it_stands_on_their_ground():
    log = next(path for path in sorted(AV2.iterdir()) if (path / "map").is_dir())
    scenario = read_scenario(log, rig="nuscenes-front")
    out = add_actor(scenario, "new", NearEgo(25.0), Parked(), allow_overlap=True)
    actor = out.actors[-1]
    assert scenario.ground is not None
    height = scenario.ground.at(actor.poses.translation_m[:1, :2])[0]
    assert actor.poses.translation_m[0, 2] - actor.size_lwh_m[2] / 2 == pytest.approx(height, abs=1e-6)
