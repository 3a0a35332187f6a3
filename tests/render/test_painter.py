from __future__ import annotations

import pickle
from dataclasses import replace

import cv2
import numpy as np
import pytest

from everroad import geometry
from everroad.render.painter import OUTPUTS, Painter
from everroad.render.semantics import CROSSING, LANE_MARKING, ROAD, SEMANTIC_CLASSES, SIDEWALK, SKY, TERRAIN, VEHICLE
from everroad.scenario.types import VectorMap
from tests.render.scenes import FORWARD_M, HEIGHT_M, box_actor, crossroads, front, scenario, with_actors

ALL = OUTPUTS


@pytest.fixture(scope="module")
def town():
    return scenario(box_actor("near", 14.0, 1.0, (4.0, 1.8, 1.5), "vehicle.car"), vector_map=crossroads())


def pixel_of(point_ego, camera):
    uv, depth = geometry.project(
        geometry.apply(geometry.invert(camera.ego_from_camera), np.array([point_ego])), camera.intrinsics
    )
    return np.rint(uv[0]).astype(int), float(depth[0])


def test_outputs_have_the_camera_s_size_and_the_stated_types(town) -> None:
    for height, width in ((128, 224), (64, 112), (37, 53)):
        painting = Painter(town).paint(town.frame(0), front(height, width, 0.8 * width), ALL)
        assert painting.rgb is not None
        assert painting.depth_m is not None
        assert painting.instance is not None
        assert painting.semantic is not None
        assert painting.rgb.shape == (height, width, 3)
        assert {a.shape for a in (painting.depth_m, painting.instance, painting.semantic)} == {(height, width)}
        assert (painting.rgb.dtype, painting.depth_m.dtype) == (np.uint8, np.float32)
        assert (painting.instance.dtype, painting.semantic.dtype) == (np.int32, np.uint8)
        assert painting.semantic.max() < len(SEMANTIC_CLASSES)


def test_only_what_is_wanted_is_painted(town) -> None:
    painter = Painter(town)
    assert painter.paint(town.frame(0), front()).depth_m is None
    painting = painter.paint(town.frame(0), front(), frozenset({"depth"}))
    assert painting.rgb is None
    assert painting.depth_m is not None
    with pytest.raises(ValueError, match="want"):
        painter.paint(town.frame(0), front(), frozenset({"colour"}))


@pytest.mark.parametrize("pitch_rad", [0.0, 0.2])
def test_depth_of_the_ground_is_height_over_slope(pitch_rad: float) -> None:
    empty = scenario()
    camera = front(pitch_rad=pitch_rad)
    depth = Painter(empty).paint(empty.frame(0), camera, frozenset({"depth"})).depth_m
    assert depth is not None
    v = np.arange(128)
    slope = (v - camera.intrinsics[1, 2]) / camera.intrinsics[1, 1]
    below = np.tan(np.arctan(slope) + pitch_rad) > 1e-6
    # Along the camera's axis: h / (sin(pitch) + slope cos(pitch)).
    want = HEIGHT_M / (np.sin(pitch_rad) + slope * np.cos(pitch_rad))
    np.testing.assert_allclose(depth[below, 100], want[below], rtol=1e-5)
    assert np.isinf(depth[~below]).all()


def test_depth_of_a_box_is_that_of_its_front_face() -> None:
    truck = box_actor("t", 30.0, 0.0, (10.0, 2.6, 3.4), "vehicle.trailer")
    painted = scenario(truck, vector_map=crossroads())
    camera = front()
    painting = Painter(painted).paint(painted.frame(0), camera, ALL)
    assert painting.depth_m is not None
    assert painting.semantic is not None
    (u, v), _ = pixel_of([25.0, 0.0, 2.5], camera)
    assert painting.semantic[v, u] == VEHICLE
    assert painting.depth_m[v, u] == pytest.approx(25.0 - FORWARD_M, abs=1e-4)
    # Seen at an angle: the plane through the face, met by this pixel's ray.
    turned = scenario(box_actor("t", 30.0, 0.0, (10.0, 2.6, 3.4), "vehicle.trailer", yaw=0.5), vector_map=crossroads())
    depth = Painter(turned).paint(turned.frame(0), camera, ALL).depth_m
    assert depth is not None
    c, s = np.cos(0.5), np.sin(0.5)
    middle = np.array([30.0 - 5 * c, -5 * s, 2.5])
    (u, v), _ = pixel_of(middle, camera)
    ray = camera.ego_from_camera[:3, :3] @ np.linalg.inv(camera.intrinsics) @ [u, v, 1.0]
    normal = np.array([c, s, 0.0])
    want = normal @ (middle - camera.ego_from_camera[:3, 3]) / (normal @ ray)
    assert depth[v, u] == pytest.approx(want, rel=1e-4)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_nearer_car_hides_the_farther(order: tuple[int, int]) -> None:
    cars = [
        box_actor("near", 12.0, 0.3, (4.2, 1.8, 1.5), "vehicle.car"),
        box_actor("far", 19.0, -0.3, (4.2, 1.8, 1.5), "vehicle.car"),
    ]
    painted = scenario(*[cars[i] for i in order], vector_map=crossroads())
    painter = Painter(painted)
    painting = painter.paint(painted.frame(0), front(), ALL)
    assert painting.instance is not None
    (u, v), _ = pixel_of([10.0, 0.3, 0.5], front())
    assert painter.instance_name(int(painting.instance[v, u])) == "actor:near"
    (u, v), _ = pixel_of([17.0, -1.0, 0.9], front())
    assert painter.instance_name(int(painting.instance[v, u])) == "actor:far"


def test_a_long_vehicle_beside_the_camera_does_not_hide_a_car_in_front_of_its_far_end() -> None:
    # By nearest distance the bus (from x = 4 m) would come last; the car at 20 m stands between the camera and its far end.
    bus = box_actor("bus", 20.0, 6.0, (32.0, 2.5, 3.2), "vehicle.bus.rigid")
    car = box_actor("car", 24.0, 3.2, (4.2, 1.8, 1.5), "vehicle.car")
    painted = scenario(bus, car)
    painter = Painter(painted)
    painting = painter.paint(painted.frame(0), front(), ALL)
    assert painting.instance is not None
    (u, v), _ = pixel_of([24.0, 2.29, 0.6], front())
    assert painter.instance_name(int(painting.instance[v, u])) == "actor:car"


def test_what_is_painted_does_not_depend_on_what_was_painted_before(town) -> None:
    camera = front()
    fresh = Painter(town).paint(town.frame(1), camera, ALL)
    used = Painter(town)
    used.paint(town.frame(0), camera, ALL)
    used.paint(replace(town.frame(0), weather="rain", time_of_day="night"), front(48, 80, 60.0), ALL)
    again = used.paint(town.frame(1), camera, ALL)
    for name in ("rgb", "depth_m", "instance", "semantic"):
        np.testing.assert_array_equal(getattr(fresh, name), getattr(again, name))


def test_the_appearance_seed_changes_the_picture_and_not_the_layout(town) -> None:
    other = replace(town, appearance_seed=4)
    a, b = (Painter(s).paint(s.frame(0), front(), ALL) for s in (town, other))
    assert a.rgb is not None
    assert b.rgb is not None
    assert np.abs(a.rgb.astype(int) - b.rgb).mean() > 5
    ground = (ROAD, LANE_MARKING, CROSSING, SIDEWALK, TERRAIN)
    bare = np.isin(a.semantic, ground) & np.isin(b.semantic, ground)
    assert bare.mean() > 0.4
    assert (a.semantic == b.semantic)[bare].mean() > 0.999


def test_a_facade_is_the_same_facade_from_elsewhere() -> None:
    """Wall pixels of two frames 2 m apart, joined by depth: same building, same colour."""
    moved = scenario(vector_map=crossroads(), ego_x_m=(0.0, 2.0))
    painter, camera = Painter(moved), front(256, 448, 354.0)
    a, b = (painter.paint(moved.frame(i), camera, ALL) for i in (0, 1))
    assert a.instance is not None
    assert a.depth_m is not None
    assert a.rgb is not None
    assert b.instance is not None
    assert b.rgb is not None
    rows, columns = np.nonzero((a.instance > 0) & (a.depth_m < 60))
    rays = np.stack([columns, rows, np.ones(len(rows))], axis=1) @ np.linalg.inv(camera.intrinsics).T
    world = geometry.apply(camera.ego_from_camera, rays * a.depth_m[rows, columns][:, None])
    uv, depth = geometry.project(
        geometry.apply(geometry.invert(camera.ego_from_camera), world - np.array([2.0, 0, 0])), camera.intrinsics
    )
    u, v = np.rint(uv).astype(int).T
    seen = (depth > 1) & (u >= 0) & (u < 448) & (v >= 0) & (v < 256)
    assert seen.sum() > 5000
    first, second = a.instance[rows[seen], columns[seen]], b.instance[v[seen], u[seen]]
    assert (first == second).mean() > 0.97
    assert len(np.unique(first)) >= 3
    smooth = [cv2.blur(p.rgb, (5, 5)).astype(int) for p in (a, b)]  # type: ignore[arg-type]
    difference = np.abs(smooth[0][rows[seen], columns[seen]] - smooth[1][v[seen], u[seen]]).mean()
    assert difference < 8


def test_markings_crossings_and_pavements_lie_where_the_map_says(town) -> None:
    painting = Painter(town).paint(with_actors(town.frame(0)), front(256, 448, 354.0), ALL)
    assert painting.semantic is not None
    camera = front(256, 448, 354.0)
    for point, wanted in (
        ([20.0, 0.17, 0.0], LANE_MARKING),
        ([10.4, 3.5, 0.0], LANE_MARKING),
        ([12.8, -3.5, 0.0], ROAD),
        ([8.0, -1.7, 0.0], ROAD),
        ([18.0, 8.5, 0.0], SIDEWALK),
    ):
        (u, v), _ = pixel_of(point, camera)
        assert painting.semantic[v, u] == wanted, (point, SEMANTIC_CLASSES[painting.semantic[v, u]])
    assert (painting.semantic == CROSSING).any()


def test_without_a_map_there_is_sky_and_terrain() -> None:
    bare = scenario()
    semantic = Painter(bare).paint(bare.frame(0), front(), ALL).semantic
    assert semantic is not None
    assert set(np.unique(semantic)) == {SKY, TERRAIN}
    assert (semantic[:60] == SKY).all()
    assert (semantic[68:] == TERRAIN).all()
    empty = scenario(vector_map=VectorMap())
    assert set(np.unique(Painter(empty).paint(empty.frame(0), front(), ALL).semantic)) == {SKY, TERRAIN}


def test_absent_weather_is_a_clear_day(town) -> None:
    frame = town.frame(0)
    painter = Painter(town)
    a = painter.paint(replace(frame, weather=None, time_of_day=None), front()).rgb
    np.testing.assert_array_equal(a, painter.paint(frame, front()).rgb)


@pytest.mark.slow
def test_weather_and_time_of_day_change_the_light(town) -> None:
    """Judged above the horizon, out of the head lamps' reach."""
    painter, frame = Painter(town), town.frame(0)
    for weather in ("clear", "overcast", "rain", "fog"):
        day, dusk, night = (
            painter.paint(replace(frame, weather=weather, time_of_day=time_of_day), front()).rgb[:50].mean()
            for time_of_day in ("day", "dusk", "night")
        )
        assert day > dusk > night > 20


def test_fog_hides_what_is_far_and_leaves_what_is_near() -> None:
    far = box_actor("far", 110.0, 0.0, (8.0, 7.0, 9.0), "vehicle.trailer")
    near = box_actor("near", 12.0, 3.0, (4.0, 1.8, 1.5), "vehicle.car")
    painted = scenario(far, near)
    painter = Painter(painted)
    clear, fog = (painter.paint(replace(painted.frame(0), weather=w), front(), ALL) for w in ("clear", "fog"))
    named = {name: clear.instance == i for i in np.unique(clear.instance) if i for name in [painter.instance_name(int(i))]}
    haze = fog.rgb[40].mean(axis=0)

    def contrast(painting, name: str) -> float:
        return float(np.abs(painting.rgb[named[name]] - haze).mean())

    assert contrast(fog, "actor:far") < 0.3 * contrast(clear, "actor:far")
    assert contrast(fog, "actor:near") > 0.5 * contrast(clear, "actor:near")


def test_night_lights_the_road_ahead(town) -> None:
    painter = Painter(town)
    night = painter.paint(with_actors(replace(town.frame(0), time_of_day="night")), front()).rgb.astype(float).mean(axis=2)
    assert night[100:, 90:130].mean() > 1.4 * night[100:, :20].mean()


def test_brake_lights_shine_when_slowing(town) -> None:
    frame = town.frame(0)
    painter, camera = Painter(town), front()
    (u, v), _ = pixel_of([12.0, 1.65, 0.75], camera)
    red = []
    for acceleration in (0.0, -2.0):
        actor = replace(frame.actors[0], acceleration_mps2=acceleration, velocity_mps=np.array([5.0, 0, 0]))
        rgb = painter.paint(with_actors(frame, actor), camera).rgb.astype(int)
        red.append(rgb[v - 3 : v + 4, u - 4 : u + 5].max(axis=(0, 1))[0])
    assert red[1] > red[0] + 25


def test_ids_have_names_and_stay_the_same(town) -> None:
    painter = Painter(town)
    paintings = [painter.paint(town.frame(i), front(), ALL) for i in (0, 1)]
    names = [{painter.instance_name(int(i)) for i in np.unique(p.instance) if i} for p in paintings]
    assert "actor:near" in names[0]
    assert "actor:near" in names[1]
    assert len(names[0] & names[1]) >= 3
    assert {n.split(":")[0] for n in names[0]} == {"actor", "building"}
    with pytest.raises(ValueError, match="instance"):
        painter.instance_name(987654321)


def test_an_actor_that_the_scenario_does_not_list_gets_an_id_from_its_name(town) -> None:
    stranger = replace(town.frame(0).actors[0], track_id="brought in by an edit")
    ids = []
    for _ in range(2):
        painter = Painter(town)
        instance = painter.paint(with_actors(town.frame(0), stranger), front(), ALL).instance
        assert instance is not None
        ids.append(int(instance.max()))
        assert painter.instance_name(ids[-1]) == "actor:brought in by an edit"
    assert ids[0] == ids[1]


def test_every_category_is_painted_inside_its_box() -> None:
    sizes = {
        "vehicle.bicycle": (1.8, 0.6, 1.6),
        "vehicle.motorcycle": (2.2, 0.8, 1.6),
        "human.pedestrian.adult": (0.6, 0.6, 1.75),
    }
    categories = (
        "vehicle.car", "vehicle.truck", "vehicle.bus.rigid", "vehicle.trailer", "vehicle.construction", "vehicle.bicycle",
        "vehicle.motorcycle", "human.pedestrian.adult", "human.pedestrian.stroller", "movable_object.trafficcone",
        "movable_object.barrier", "animal", None,
    )  # fmt: skip
    camera = front()
    for category in categories:
        size = sizes.get(category or "", (4.5, 1.9, 2.0))
        painted = scenario(box_actor("x", 12.0, 0.5, size, category, yaw=0.7))
        painter = Painter(painted)
        painting = painter.paint(painted.frame(0), camera, ALL)
        assert painting.instance is not None
        rows, columns = np.nonzero(painting.instance)
        box = geometry.transform(
            geometry.rotation_from_quaternion(geometry.quaternion_from_yaw(np.array(0.7))), np.array([12.0, 0.5, size[2] / 2])
        )
        corners = geometry.apply(geometry.invert(camera.ego_from_camera), geometry.box_corners(np.array(size), box))
        uv, depth = geometry.project(corners, camera.intrinsics)
        low, high = uv.min(axis=0) - 1.5, uv.max(axis=0) + 1.5
        assert len(rows) > 0.25 * np.prod(uv.max(axis=0) - uv.min(axis=0)) or category in sizes
        assert len(rows) > 8
        assert (columns >= low[0]).all(), category
        assert (columns <= high[0]).all(), category
        assert (rows >= low[1]).all(), category
        assert (rows <= high[1]).all(), category
        painted_depth = painting.depth_m[rows, columns]
        assert painted_depth.min() > depth.min() - 0.2, category
        assert painted_depth.max() < depth.max() + 0.2, category


def test_things_around_and_behind_the_camera_are_clipped() -> None:
    around = box_actor("around", 2.0, 0.0, (12.0, 6.0, 4.0), "vehicle.truck")
    beside = box_actor("beside", 3.0, 2.4, (9.0, 2.0, 3.0), "vehicle.bus.rigid")
    painted = scenario(around, beside, vector_map=crossroads())
    for camera in (front(), front(90, 120, 30.0), front(64, 64, 60.0, pitch_rad=1.2), front(64, 64, 60.0, pitch_rad=-0.8)):
        painting = Painter(painted).paint(painted.frame(0), camera, ALL)
        assert painting.depth_m is not None
        assert (painting.depth_m > 0).all()


def test_a_rolled_camera_sees_sky_and_ground_on_the_right_sides() -> None:
    bare = scenario()
    camera = front()
    c, s = np.cos(0.5), np.sin(0.5)
    roll = geometry.transform(np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]), np.zeros(3))
    rolled = replace(camera, ego_from_camera=camera.ego_from_camera @ roll)
    painting = Painter(bare).paint(bare.frame(0), rolled, ALL)
    rays = np.stack(np.meshgrid(np.arange(224.0), np.arange(128.0)), axis=-1)
    rays = (
        np.concatenate([rays, np.ones((128, 224, 1))], axis=2)
        @ (rolled.ego_from_camera[:3, :3] @ np.linalg.inv(camera.intrinsics)).T
    )
    np.testing.assert_array_equal(painting.semantic == SKY, rays[..., 2] >= 0)
    np.testing.assert_array_equal(np.isinf(painting.depth_m), rays[..., 2] >= 0)


def test_ids_and_colours_agree_on_outlines() -> None:
    """Where the ids see the car, the picture with it differs from the one without, and hardly anywhere else."""
    painted = scenario(box_actor("x", 13.0, 0.5, (4.5, 1.9, 1.6), "vehicle.car"))
    painter, camera, frame = Painter(painted), front(), painted.frame(0)
    with_car, without = (painter.paint(f, camera, ALL) for f in (frame, with_actors(frame)))
    changed = np.abs(with_car.rgb.astype(int) - without.rgb).max(axis=2) > 6
    car = with_car.instance > 0
    grown = cv2.dilate(car.astype(np.uint8), np.ones((3, 3))) > 0
    shrunk = cv2.erode(car.astype(np.uint8), np.ones((3, 3))) > 0
    assert (changed | ~shrunk).mean() > 0.998
    bottom = np.nonzero(car)[0].max()
    above_shadow = np.arange(128)[:, None] < bottom - 8
    assert not (changed & ~grown & above_shadow).any()


def test_a_painter_that_has_painted_can_be_sent_to_another_process() -> None:
    town = scenario(vector_map=crossroads())
    painter, camera = Painter(town), front()
    first = painter.paint(town.frame(0), camera, OUTPUTS)
    again = pickle.loads(pickle.dumps(painter)).paint(town.frame(0), camera, OUTPUTS)
    assert first.rgb is not None
    assert again.rgb is not None
    assert np.array_equal(first.rgb, again.rgb)
    assert np.array_equal(first.instance, again.instance)
