"""Elements of a frame: of a map made by hand, whose answer is known, and of a town, as they must lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from tests.export.scenes import drive

from everroad import geometry
from everroad.evaluation.mapping.elements import MAP_CLASSES, MapElements
from everroad.evaluation.mapping.ground_truth import Window, map_elements
from everroad.scenario.map_types import Area, VectorMap
from everroad.scenario.town import author_town
from everroad.scenario.types import Poses


def lines(elements: MapElements, name: str) -> list[np.ndarray]:
    return [line for line, label in zip(elements.lines_m, elements.label, strict=True) if MAP_CLASSES[label] == name]


def length(line: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())


def box(x0: float, y0: float, x1: float, y1: float) -> Area:
    return Area(np.array([[x0, y0, 0.0], [x1, y0, 0], [x1, y1, 0], [x0, y1, 0]]))


def test_dividers_of_the_window_in_the_cars_frame() -> None:
    # The car is at (-20, -1.75); dividers along x at y = -3.5, 0 and 3.5.
    found = lines(map_elements(drive(), 0), "divider")
    assert sorted(line[0, 1] for line in found) == pytest.approx([-1.75, 1.75, 5.25])
    for line in found:
        assert sorted(line[:, 0]) == pytest.approx([0, 30])


def test_a_turned_car_sees_the_map_turned() -> None:
    scenario = drive()
    turn = geometry.quaternion_from_yaw(np.full(len(scenario), 2.0))
    turned = replace(scenario, world_from_ego=Poses(scenario.world_from_ego.translation_m, turn))
    elements = map_elements(turned, 0, Window(-10.0, 10.0, -10.0, 10.0))
    pose = turned.world_from_ego.matrix(0)
    for line in lines(elements, "divider"):
        world = np.concatenate([line, np.zeros((len(line), 1))], axis=1) @ pose[:3, :3].T + pose[:3, 3]
        assert np.abs(world[:, 1, None] - [-3.5, 0, 3.5]).min(1).max() < 1e-9


def test_a_crossing_stays_closed_where_the_window_cuts_it() -> None:
    scenario = replace(drive(), map=VectorMap(ped_crossings=(box(-16, -5, -12, 2), box(8, -5, 12, 2))))
    whole, cut = lines(map_elements(scenario, 0), "ped_crossing")
    for ring in (whole, cut):
        np.testing.assert_array_equal(ring[0], ring[-1])
    assert length(whole) == pytest.approx(22)
    # The window ends at x = 10.
    assert length(cut) == pytest.approx(18)


def test_crossings_that_touch_are_one() -> None:
    scenario = replace(drive(), map=VectorMap(ped_crossings=(box(-16, -5, -12, 0), box(-16, 0, -12, 5))))
    (ring,) = lines(map_elements(scenario, 0), "ped_crossing")
    assert length(ring) == pytest.approx(28)


def test_boundaries_know_neither_seams_nor_the_windows_edge() -> None:
    """A road from x = -50 to 30 meets a junction: its sides alone are boundaries, and those of the junction beyond."""
    scenario = drive()
    ahead = map_elements(scenario, 0)
    sides = lines(ahead, "boundary")
    assert sorted(line[0, 1] for line in sides) == pytest.approx([-5.25, 8.75])
    for line in sides:
        assert sorted(line[:, 0]) == pytest.approx([0.2, 29.8], abs=1e-3)
    # 25 m further on the junction begins at x = 25: a corner on each side, and its hole as a closed line.
    moved = Poses(scenario.world_from_ego.translation_m + [25.0, 0, 0], scenario.world_from_ego.rotation_wxyz)
    junction = lines(map_elements(replace(scenario, world_from_ego=moved), 0, Window(0.0, 60.0, -15.0, 15.0)), "boundary")
    closed = [line for line in junction if np.array_equal(line[0], line[-1])]
    assert [length(line) for line in closed] == pytest.approx([20])
    for line in junction:
        middle = line[(line[:, 0] > 25.01) & (np.abs(line[:, 1] - 1.75) < 6)]
        assert len(middle) == 0 or any(line is ring for ring in closed) or (middle[:, 0] > 44).all()


def test_layers_that_are_not_there_give_nothing_and_no_map_is_refused() -> None:
    assert len(map_elements(replace(drive(), map=VectorMap()), 0)) == 0
    with pytest.raises(ValueError, match="scenario drive: expected a map, got none"):
        map_elements(replace(drive(), map=None, signals=()), 0)
    with pytest.raises(IndexError):
        map_elements(drive(), 13)
    with pytest.raises(ValueError, match=r"window: expected more than a metre each way, got x 0 to 0.5"):
        Window(0.0, 0.5)


def test_elements_of_a_town_lie_in_the_window_and_on_the_map() -> None:
    town = author_town(1_000_002, 2.0)
    kinds, window = set(), Window()
    drivable = shapely.union_all([shapely.Polygon(a.exterior_m[:, :2]) for a in town.map.drivable_areas], grid_size=1e-3)
    for frame in range(0, len(town), 8):
        elements = map_elements(town, frame, window)
        again = map_elements(town, frame, window)
        pose = town.world_from_ego.matrix(frame)
        yaw = np.arctan2(pose[1, 0], pose[0, 0])
        turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
        for line, same in zip(elements.lines_m, again.lines_m, strict=True):
            np.testing.assert_array_equal(line, same)
            assert (line >= np.array([0, -15]) - 1e-6).all()
            assert (line <= np.array([30, 15]) + 1e-6).all()
        for line in lines(elements, "boundary"):
            world = shapely.points(line @ turn.T + pose[:2, 3])
            assert shapely.distance(world, drivable.boundary).max() < 5e-3
        kinds |= set(elements.label.tolist())
    assert kinds >= {1, 2}
