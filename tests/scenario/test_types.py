"""What the scenario's classes refuse: numbers that nothing on a road has, matrices that are none, names that do not fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from everroad.scenario.rigs import RIGS
from everroad.scenario.types import (
    Actor,
    Area,
    Camera,
    Divider,
    GroundHeight,
    Lane,
    Poses,
    Scenario,
    Signal,
    VectorMap,
)

from .test_storage import small, still

LINE = np.array([[0.0, 0, 0], [1, 0, 0]])
LANE = Lane("a", LINE, width_m=3.5)
FRONT = RIGS["nuscenes-front"][0]


def line(text: pytest.ExceptionInfo[ValueError]) -> str:
    """The message, which is one line that says what to do."""
    message = str(text.value)
    assert "\n" not in message
    assert "expected" in message
    assert "; " in message
    return message


def spoilt(array: np.ndarray, at: tuple[int, ...], value: float) -> np.ndarray:
    copy = array.copy()
    copy[at] = value
    return copy


def camera(**changes) -> Camera:
    return replace(FRONT, **changes)


def intrinsics(at: tuple[int, int], value: float) -> Camera:
    return camera(intrinsics=spoilt(FRONT.intrinsics, at, value))


def mount(at: tuple[int, int], value: float) -> Camera:
    return camera(ego_from_camera=spoilt(FRONT.ego_from_camera, at, value))


def car(**changes) -> Actor:
    return replace(small().actors[0], **changes)


def timed(*time_s: float) -> Scenario:
    return Scenario("x", np.array(time_s, dtype=np.float64), still(len(time_s)))


def signal(**changes) -> Signal:
    return replace(Signal("s", np.zeros(3), None, ("red",) * 3), **changes)


def ground(resolution_m: float = 1.0, rows: int = 2, cols: int = 2, height_m: float = 0.0, x_m: float = 0.0) -> GroundHeight:
    return GroundHeight(np.array([x_m, 0.0]), resolution_m, np.full((rows, cols), height_m))


REFUSED = {
    "ego far away": (lambda: Poses(np.full((1, 3), 1e20), still(1).rotation_wxyz), "translation_m"),
    "ego beyond floats": (lambda: Poses(np.full((1, 3), np.inf), still(1).rotation_wxyz), "translation_m"),
    "quaternion of 1e300": (lambda: Poses(np.zeros((1, 3)), np.full((1, 4), 1e300)), "rotation_wxyz"),
    "divider far away": (lambda: VectorMap(lane_dividers=(Divider(spoilt(LINE, (1, 0), 1e300)),)), "map.lane_dividers[0]"),
    "area far away": (lambda: VectorMap(drivable_areas=(Area(1e9 * np.eye(3)),)), "map.drivable_areas[0]"),
    "a line of one point": (lambda: VectorMap(lanes=(replace(LANE, centerline_m=LINE[:1]),)), "at least 2 points"),
    "lane of no width": (lambda: VectorMap(lanes=(replace(LANE, width_m=0.0),)), "map.lanes[0].width_m"),
    "lane of negative width": (lambda: VectorMap(lanes=(replace(LANE, width_m=-3.0),)), "map.lanes[0].width_m"),
    "negative limit": (lambda: VectorMap(lanes=(replace(LANE, speed_limit_mps=-1.0),)), "map.lanes[0].speed_limit_mps"),
    "two lanes of one id": (lambda: VectorMap(lanes=(LANE, LANE)), "lane_id once, got 'a'"),
    "box of 1e300 m": (lambda: car(size_lwh_m=np.full(3, 1e300)), "actor car size_lwh_m"),
    "box of no height": (lambda: car(size_lwh_m=np.array([4.0, 2, 0])), "actor car size_lwh_m"),
    "speed of 1e308": (lambda: car(velocity_mps=np.full((3, 3), 1e308)), "actor car velocity_mps"),
    "no width": (lambda: camera(width_px=0), "camera CAM_FRONT", "0x900"),
    "width of 1e30": (lambda: camera(width_px=10**30), "camera CAM_FRONT"),
    "lens of four numbers": (lambda: camera(distortion=(0.1, 0.0, 0.0, 0.1)), "k1, k2, k3"),
    "focal length of 0": (lambda: intrinsics((0, 0), 0.0), "focal lengths"),
    "focal length of 1e-300": (lambda: intrinsics((1, 1), 1e-300), "focal lengths"),
    "focal length of 1e300": (lambda: intrinsics((1, 1), 1e300), "focal lengths"),
    "principal point far away": (lambda: intrinsics((0, 2), 1e300), "intrinsics"),
    "intrinsics that end otherwise": (lambda: intrinsics((2, 0), 7.0), "[0, 0, 1]"),
    "intrinsics that cannot be inverted": (lambda: intrinsics((2, 2), 0.0), "[0, 0, 1]"),
    "intrinsics that turn": (lambda: intrinsics((1, 0), 500.0), "[0, fy, cy]"),
    "mount that ends otherwise": (lambda: mount((3, 0), 5.0), "[0, 0, 0, 1]"),
    "mount far away": (lambda: mount((0, 3), 1e6), "ego_from_camera"),
    "mount that stretches": (lambda: mount((0, 0), 2.0), "rigid"),
    "times closer than a microsecond": (lambda: timed(0, 5e-324, 1e-323), "increasing times", "1e-06 s apart"),
    "times that stand": (lambda: timed(0, 1, 1), "increasing times", "frame 2"),
    "times without end": (lambda: timed(0, 1, 1e300), "time_s", "1e+12 s"),
    "times from 1": (lambda: timed(1, 2), "start at 0"),
    "two signals of one id": (lambda: replace(small(), signals=(signal(), signal())), "signal_id once, got 's'"),
    "signal far away": (lambda: signal(position_m=np.full(3, 1e8)), "signal s position_m"),
    "signal of no lane": (
        lambda: replace(small(), map=VectorMap(lanes=(LANE,)), signals=(signal(lane_id="nope"),)), "lane_id", "'nope'",
    ),
    "images of no camera": (lambda: replace(small(), images={"NOPE": ("a.png",) * 3}), "images of NOPE"),
    "two actors of one name": (lambda: replace(small(), actors=(car(), car())), "actor name once, got 'car'"),
    "ground without rows": (lambda: ground(rows=0), "ground.height_m", "0 x 2"),
    "ground of tiny cells": (lambda: ground(resolution_m=1e-300), "ground.resolution_m"),
    "ground of huge cells": (lambda: ground(resolution_m=1e300), "ground.resolution_m"),
    "ground far away": (lambda: ground(x_m=1e300), "ground.origin_xy_m"),
    "ground far up": (lambda: ground(height_m=1e300), "ground.height_m"),
    "ground without end": (lambda: ground(height_m=np.inf), "ground.height_m"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.filterwarnings("error")
def test_what_nothing_on_a_road_has_is_refused(case):
    make, *parts = REFUSED[case]
    with pytest.raises(ValueError) as caught:
        make()
    message = line(caught)
    for part in parts:
        assert part in message


def test_cities_and_epoch_times_fit():
    utm = np.array([[448_000.0, 5_411_000.0, 35.0]])
    Scenario("x", np.array([0.0, 1.7e9]), Poses(np.tile(utm, (2, 1)), still(2).rotation_wxyz))
    assert np.isnan(ground(height_m=np.nan).at(np.zeros((1, 2)))).all()


def test_a_signal_keeps_its_lane_where_no_lanes_are_known():
    for vector_map in (None, VectorMap(), VectorMap(lanes=(LANE,))):
        assert replace(small(), map=vector_map, signals=(signal(lane_id="a"),)).signals[0].lane_id == "a"


def test_actors_are_known_as_soon_as_there_are_some():
    told = replace(small(), actors_known=False, ego_motion_known=False)
    assert told.frame(0).actors_known
    assert not told.frame(0).ego_motion_known
    assert not replace(told, actors=()).frame(0).actors_known
    assert small().frame(0).actors_known
