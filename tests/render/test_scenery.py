from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from shapely.geometry import Point, Polygon

from everroad.render import lots, painter, roads, scenery
from everroad.render.look import make_look
from everroad.scenario.types import Area, Lane, Scenario, VectorMap
from tests.render.scenes import crossroads, poses_along_x, rectangle


def ring_road() -> VectorMap:
    """A round road without pavements, and an L-shaped dead end."""
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    bend = np.array([[100.0, 60, 0], [160, 60, 0], [160, 120, 0], [150, 120, 0], [150, 70, 0], [100, 70, 0]])
    return VectorMap(drivable_areas=(Area(50 * circle, (42 * circle[::-1],)), Area(bend)))


def lanes_only() -> VectorMap:
    """Nothing but two centrelines."""
    line = np.array([[0.0, 0, 0], [80, 0, 0], [140, 40, 0]])
    return VectorMap(lanes=(Lane("a", line, 3.6), Lane("b", line + np.array([0, 3.6, 0]))))


MAPS = {"crossroads": crossroads, "ring": ring_road, "lanes": lanes_only}


@pytest.fixture(scope="module", params=sorted(MAPS))
def made(request):
    return scenery.make_scenery(MAPS[request.param](), 5)


def test_buildings_stand_beside_what_is_paved_and_not_on_each_other(made) -> None:
    shapes = [Polygon(b.lot.corners_m) for b in made.buildings]
    assert len(shapes) >= 8
    assert all(shape.exterior.is_ccw for shape in shapes)
    assert not any(made.areas.paved.intersects(shape) for shape in shapes)
    tree = shapely.STRtree(shapes)
    for i, shape in enumerate(shapes):
        for j in tree.query(shape):
            if i != j:
                # Row houses may share a wall, half a per cent of their size deep.
                assert shape.intersection(shapes[j]).area < 0.03 * shape.area


def test_the_front_faces_the_road(made) -> None:
    for building in made.buildings:
        corners = building.lot.corners_m
        front, back = Point(corners[:2].mean(axis=0)), Point(corners[2:].mean(axis=0))
        if made.areas.paved.distance(front) < 5:
            assert made.areas.paved.distance(front) < made.areas.paved.distance(back)


def test_poles_and_trunks_keep_off_the_road(made) -> None:
    assert len(made.lamps) >= 4
    for pole in made.lamps:
        assert made.areas.road.distance(Point(pole.point_m)) > 0.35
    built = shapely.union_all([Polygon(b.lot.corners_m) for b in made.buildings])
    for plant in made.plants:
        assert made.areas.road.distance(Point(plant.point_m)) > 0.7
        assert not built.contains(Point(plant.point_m))


def test_lamps_lean_over_the_road(made) -> None:
    nearer = [
        made.areas.road.distance(Point(p.point_m + p.arm_m)) < made.areas.road.distance(Point(p.point_m)) for p in made.lamps
    ]
    assert np.mean(nearer) > 0.9


def test_polygons_face_outwards(made) -> None:
    """The normal of every wall points away from the middle of its building."""
    for i, building in enumerate(made.buildings):
        first = made.polygons[i, 0]
        away = made.points_m[first : first + 4, :4].mean(axis=1)[:, :2] - building.lot.centre_m
        assert ((made.normal[first : first + 4, :2] * away).sum(axis=1) > 0).all()


def test_scenery_is_a_function_of_map_and_seed() -> None:
    a, b, other = (scenery.make_scenery(crossroads(), seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(a.points_m, b.points_m)
    np.testing.assert_array_equal(a.albedo, b.albedo)
    assert a.points_m.shape != other.points_m.shape or not np.array_equal(a.points_m, other.points_m)


def test_buildings_differ_from_their_neighbours(made) -> None:
    walls = np.array([b.style.wall for b in made.buildings])
    apart = np.linalg.norm(np.diff(walls, axis=0), axis=1)
    assert np.median(apart) > 30


def test_an_absent_map_has_no_scenery() -> None:
    none = scenery.make_scenery(None, 1)
    assert len(none.buildings) == len(none.points_m) == len(none.balls) == 0
    assert scenery.make_shadows(none, make_look("clear", "day", 1)).polygons_m == ()


def test_a_road_without_pavements_gets_some_beside_it() -> None:
    areas = roads.road_areas(VectorMap(drivable_areas=(rectangle(0, -4, 100, 4),)))
    assert areas.sidewalk.contains(Point(50, 4 + roads.DERIVED_SIDEWALK_M / 2))
    assert not areas.sidewalk.intersects(Point(50, 0))
    assert areas.road.area == pytest.approx(800)


def test_what_lies_within_reach_is_all_that_a_huge_map_costs() -> None:
    huge = VectorMap(drivable_areas=(rectangle(-1e6, -1e6, 1e6, 1e6),), walkways=(rectangle(-1e6, 1e6, 1e6, 2e6),))
    areas = roads.road_areas(huge, (-100.0, -50.0, 100.0, 50.0))
    assert areas.road.area == pytest.approx(200 * 100)
    assert areas.sidewalk.is_empty
    assert len(scenery.make_scenery(huge, 5, (-100.0, -50.0, 100.0, 50.0)).buildings) < 100


def test_a_map_within_reach_is_untouched() -> None:
    whole, reached = (scenery.make_scenery(crossroads(), 5, reach) for reach in (None, (-120.0, -120.0, 220.0, 120.0)))
    np.testing.assert_array_equal(whole.points_m, reached.points_m)
    np.testing.assert_array_equal(whole.balls, reached.balls)


def test_the_painter_reaches_around_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(painter, "REACH_M", 100.0)
    drive = Scenario("x", np.array([0.0, 1.0]), poses_along_x(np.array([0.0, 20.0])))
    drive = replace(drive, map=VectorMap(drivable_areas=(rectangle(-1e6, -1e6, 1e6, 1e6),)))
    assert painter.Painter(drive)._scenery.areas.road.bounds == (-100.0, -100.0, 120.0, 100.0)


def test_a_ring_is_walked_with_the_outside_on_the_right() -> None:
    square_with_hole = Polygon([(0, 0), (10, 0), (10, 10), (0, 10)], [[(4, 4), (4, 6), (6, 6), (6, 4)]])
    for ring in roads.rings_of(square_with_hole):
        ahead = ring[1] - ring[0]
        right = np.array([ahead[1], -ahead[0]]) / np.linalg.norm(ahead)
        assert not square_with_hole.contains(Point((ring[0] + ring[1]) / 2 + 0.1 * right))


def test_a_walk_measures_along_the_line() -> None:
    walk = roads.Walk(np.array([[0.0, 0], [3, 4], [3, 14]]))
    assert walk.length_m == pytest.approx(15)
    np.testing.assert_allclose([walk.at(s) for s in (-1.0, 2.5, 5.0, 10.0, 99.0)], [[0, 0], [1.5, 2], [3, 4], [3, 9], [3, 14]])


def test_districts_are_larger_than_lots() -> None:
    kinds = {lots.district_kind(np.array([x, y]), 3) for x in np.arange(0.0, 2e3, 100) for y in np.arange(0.0, 2e3, 100)}
    assert kinds == set(lots.KINDS)
    assert lots.district_kind(np.array([5.0, 5.0]), 3) == lots.district_kind(np.array([9.0, 60.0]), 3)
