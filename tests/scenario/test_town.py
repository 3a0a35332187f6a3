from __future__ import annotations

import numpy as np
import pytest
import shapely

from everroad import geometry
from everroad.scenario.fleet import EGO_REAR_OVERHANG_M, EGO_SIZE_M
from everroad.scenario.spawning import SIGHT_M
from everroad.scenario.town import EVALUATION_SEED_START, author_town, draw_sky
from everroad.scenario.types import Scenario

from .towns import SEEDS, town


def ego_footprint(scenario: Scenario, index: int) -> np.ndarray:
    world_from_ego = scenario.world_from_ego.matrix(index)
    ego_from_box = geometry.transform(np.eye(3), np.array([EGO_SIZE_M[0] / 2 - EGO_REAR_OVERHANG_M, 0.0, EGO_SIZE_M[2] / 2]))
    return geometry.footprint(np.array(EGO_SIZE_M), world_from_ego @ ego_from_box)


def assert_begins_with(long: Scenario, short: Scenario) -> None:
    """Frame by frame, everything that is valid is bit for bit the same."""
    n = len(short)
    np.testing.assert_array_equal(long.time_s[:n], short.time_s)
    np.testing.assert_array_equal(long.world_from_ego.translation_m[:n], short.world_from_ego.translation_m)
    np.testing.assert_array_equal(long.world_from_ego.rotation_wxyz[:n], short.world_from_ego.rotation_wxyz)
    assert (long.weather, long.time_of_day, long.appearance_seed) == (short.weather, short.time_of_day, short.appearance_seed)
    for a, b in zip(long.map.drivable_areas, short.map.drivable_areas, strict=True):
        np.testing.assert_array_equal(a.exterior_m, b.exterior_m)
    seen = [a for a in long.actors if a.valid[:n].any()]
    assert [a.track_id for a in seen] == [b.track_id for b in short.actors]
    for a, b in zip(seen, short.actors, strict=True):
        valid = b.valid
        np.testing.assert_array_equal(a.valid[:n], valid)
        np.testing.assert_array_equal(a.size_lwh_m, b.size_lwh_m)
        np.testing.assert_array_equal(a.poses.translation_m[:n][valid], b.poses.translation_m[valid])
        np.testing.assert_array_equal(a.poses.rotation_wxyz[:n][valid], b.poses.rotation_wxyz[valid])
        np.testing.assert_array_equal(a.velocity_mps[:n][valid], b.velocity_mps[valid])
    for a, b in zip(long.signals, short.signals, strict=True):
        assert a.states[:n] == b.states


def test_a_seed_is_a_town_and_a_longer_drive_begins_with_the_shorter_one():
    assert_begins_with(town(SEEDS[0]), author_town(SEEDS[0], 5.0))
    assert_begins_with(author_town(SEEDS[0], 5.0), author_town(SEEDS[0], 5.0))
    other = author_town(SEEDS[0] + 1, 1.0)
    assert not np.allclose(other.world_from_ego.translation_m[0], town(SEEDS[0]).world_from_ego.translation_m[0])


def test_the_frame_rate_only_samples_the_same_drive():
    slow, fast = author_town(SEEDS[1], 3.0, 10.0), author_town(SEEDS[1], 3.0, 20.0)
    np.testing.assert_allclose(slow.world_from_ego.translation_m, fast.world_from_ego.translation_m[::2], atol=1e-9)
    a, b = slow.actors[0], next(x for x in fast.actors if x.track_id == slow.actors[0].track_id)
    valid = a.valid
    np.testing.assert_array_equal(valid, b.valid[::2])
    np.testing.assert_allclose(a.poses.translation_m[valid], b.poses.translation_m[::2][valid], atol=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_two_vehicles_overlap(seed):
    scenario = town(seed)
    for index in range(0, len(scenario), 8):
        bodies = [("ego", ego_footprint(scenario, index))]
        for actor in scenario.frame(index).actors:
            if actor.detection_class != "pedestrian":
                bodies.append((actor.track_id, geometry.footprint(actor.size_lwh_m, actor.world_from_actor)))
        centres = np.array([body.mean(axis=0) for _, body in bodies])
        near = np.argwhere(np.triu(np.linalg.norm(centres[:, None] - centres[None], axis=-1) < 14.0, 1))
        for i, j in near:
            assert not geometry.convex_overlap(bodies[i][1], bodies[j][1]), (index, bodies[i][0], bodies[j][0])


@pytest.mark.parametrize("seed", SEEDS)
def test_no_vehicle_touches_a_pedestrian(seed):
    scenario = town(seed)
    for index in range(0, len(scenario), 8):
        actors = scenario.frame(index).actors
        people = [geometry.footprint(a.size_lwh_m, a.world_from_actor) for a in actors if a.detection_class == "pedestrian"]
        bodies = [geometry.footprint(a.size_lwh_m, a.world_from_actor) for a in actors if a.detection_class != "pedestrian"]
        tree = shapely.STRtree(shapely.polygons([*bodies, ego_footprint(scenario, index)]))
        assert tree.query(shapely.polygons(people), predicate="intersects").size == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_the_ego_stays_on_the_drivable_area(seed):
    scenario = town(seed)
    ground = shapely.union_all([shapely.Polygon(a.exterior_m[:, :2]).buffer(1e-3) for a in scenario.map.drivable_areas])
    shapely.prepare(ground)
    assert all(ground.contains(shapely.Polygon(ego_footprint(scenario, i))) for i in range(len(scenario)))
    assert (scenario.world_from_ego.translation_m[:, 2] == 0).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_ego_drives_as_people_do(seed):
    scenario = town(seed)
    rate = 12.0
    poses = scenario.world_from_ego.matrices()
    speed = np.linalg.norm(np.diff(poses[:, :2, 3], axis=0), axis=1) * rate
    yaw = np.unwrap(geometry.yaw_from_rotation(poses[:, :3, :3]))
    yaw_rate = np.diff(yaw) * rate
    assert speed.max() <= 20.0
    assert np.abs(np.diff(speed) * rate).max() < 6.5
    assert np.abs(yaw_rate * speed).max() < 3.5
    assert np.abs(np.diff(yaw_rate) * rate).max() < 1.5
    moving = speed > 1.0
    travel = np.diff(poses[:, :2, 3], axis=0)[moving]
    course = np.arctan2(travel[:, 1], travel[:, 0])
    slip = (course - yaw[:-1][moving] - yaw_rate[moving] / rate / 2 + np.pi) % (2 * np.pi) - np.pi
    assert np.abs(slip).max() < 0.02


@pytest.mark.parametrize("seed", SEEDS)
def test_actors_are_where_they_say_and_come_and_go_out_of_sight(seed):
    scenario = town(seed)
    ego = scenario.world_from_ego.translation_m
    for actor in scenario.actors:
        index = np.flatnonzero(actor.valid)
        apart = np.linalg.norm((actor.poses.translation_m - ego)[:, :2], axis=1)
        assert apart[index].max() <= SIGHT_M + 1e-6
        changes = np.flatnonzero(np.diff(actor.valid))
        assert (apart[np.where(actor.valid[changes], changes, changes + 1)] > 80).all(), actor.track_id
        assert (actor.poses.translation_m[index, 2] == actor.size_lwh_m[2] / 2).all()
        together = index[:-1][np.diff(index) == 1]
        moved = (actor.poses.translation_m[together + 1] - actor.poses.translation_m[together]) * 12.0
        # Velocities hold for a simulation step of 1/8 s: a frame may lie before and after a change of pace or course.
        assert np.linalg.norm(moved - actor.velocity_mps[together], axis=1).max(initial=0) < 1.3, actor.track_id


def test_towns_are_peopled():
    scenarios = [town(seed) for seed in SEEDS]
    classes = {actor.detection_class for scenario in scenarios for actor in scenario.actors}
    assert {"car", "truck", "pedestrian"} <= classes
    counts = []
    for scenario in scenarios:
        for index in range(0, len(scenario), 12):
            ego_from_world = geometry.invert(scenario.world_from_ego.matrix(index))
            places = [geometry.apply(ego_from_world, a.world_from_actor[:3, 3]) for a in scenario.frame(index).actors]
            counts.append(sum(x > 2 and abs(y) < 0.63 * x and np.hypot(x, y) < 60 for x, y, _ in places))
    assert 3 < np.mean(counts) < 20


def test_weather_and_time_of_day_have_the_shares_they_should():
    skies = [draw_sky(seed) for seed in range(2000)]
    for value, share in (("clear", 0.5), ("overcast", 0.2), ("rain", 0.15), ("fog", 0.15)):
        assert abs(np.mean([s.weather == value for s in skies]) - share) < 0.045
    for value, share in (("day", 0.65), ("dusk", 0.15), ("night", 0.2)):
        assert abs(np.mean([s.time_of_day == value for s in skies]) - share) < 0.045
    assert len({s.appearance_seed for s in skies}) > 1990
    assert EVALUATION_SEED_START == 1_000_000


def test_parked_cars_take_no_memory_for_their_poses():
    parked = next(a for a in town(SEEDS[0]).actors if a.track_id.startswith("kerb"))
    assert parked.poses.translation_m.strides[0] == 0
    assert parked.poses.rotation_wxyz.strides[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": 1, "seconds": 0.0}, "positive length"),
        ({"seed": 1, "seconds": float("nan")}, "positive length"),
        ({"seed": 1, "seconds": 1e9, "frame_rate_hz": 1e-4}, "at most 86,400"),
        ({"seed": 1, "frame_rate_hz": -2.0}, "positive length"),
        ({"seed": 1, "rig": "no-such-rig"}, "no-such-rig"),
        ({"seed": 1, "frame_rate_hz": 1e12}, "at most 1000000, got 2e"),
        ({"seed": 1, "frame_rate_hz": 1e308, "seconds": 1e308}, "at most 1000000, got inf"),
        ({"seed": 1, "seconds": 1e7}, "at most 1000000, got 1.2e"),
    ],
)
def test_bad_requests_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        author_town(**arguments)


@pytest.mark.slow
def test_a_ten_minute_town_is_driven_to_its_end():
    scenario = author_town(EVALUATION_SEED_START, 600.0)
    assert len(scenario) == 7200
    travelled_m = np.linalg.norm(np.diff(scenario.world_from_ego.translation_m, axis=0), axis=1)
    assert travelled_m.sum() > 1500.0
    assert travelled_m[-1200:].sum() > 0.0  # it has not come to rest somewhere for good
    assert_begins_with(scenario, author_town(EVALUATION_SEED_START, 5.0))
