from __future__ import annotations

import json

import numpy as np
import pytest
import shapely

from everroad.scenario.argoverse2_map import read_map
from everroad.scenario.types import GroundHeight

from .av2_log import CITY_OF_WORLD_M, map_archive

SHIFT = -CITY_OF_WORLD_M
FLAT = GroundHeight(np.array([990.0, 1980.0]), 10.0, np.full((9, 4), 50.0))


@pytest.fixture
def vector_map(tmp_path):
    (tmp_path / "map.json").write_text(json.dumps(map_archive()))
    return read_map(tmp_path / "map.json", SHIFT, FLAT)


def by_x(dividers):
    """Dividers of the synthetic map, all straight northward, by their x in the world."""
    found = {}
    for divider in dividers:
        assert np.ptp(divider.points_m[:, 0]) == 0
        x = float(divider.points_m[0, 0])
        assert x not in found
        found[x] = divider
    return found


def test_each_boundary_becomes_one_divider_of_the_right_layer(vector_map):
    lane_dividers, road_dividers = by_x(vector_map.lane_dividers), by_x(vector_map.road_dividers)
    # x = 8 is painted for the bicycle lane alone, and that paint counts; x = 10 is a kerb; intersection lines are none.
    assert {x: (d.mark, d.colour) for x, d in lane_dividers.items()} == {
        -4.0: ("solid", "white"),
        4.0: ("dashed", "white"),
        8.0: ("dashed_solid", "white"),
    }
    assert {x: (d.mark, d.colour) for x, d in road_dividers.items()} == {0.0: ("solid", "yellow")}
    np.testing.assert_allclose(lane_dividers[4.0].points_m, [[4, -10, 0], [4, 30, 0]])


def test_an_unpainted_line_between_opposite_lanes_is_a_road_divider(tmp_path):
    archive = map_archive()
    for lane in ("11", "12"):
        archive["lane_segments"][lane]["left_lane_mark_type"] = "NONE"
    (tmp_path / "map.json").write_text(json.dumps(archive))
    found = by_x(read_map(tmp_path / "map.json", SHIFT, FLAT).road_dividers)
    assert (found[0.0].mark, found[0.0].colour) == ("none", "unknown")


def test_an_unpainted_line_between_lanes_counts_outside_intersections_alone(tmp_path):
    for is_intersection in (False, True):
        archive = map_archive()
        for lane, side in (("11", "right"), ("13", "left")):
            archive["lane_segments"][lane].update({f"{side}_lane_mark_type": "NONE", "is_intersection": is_intersection})
        (tmp_path / "map.json").write_text(json.dumps(archive))
        assert (4.0 in by_x(read_map(tmp_path / "map.json", SHIFT, FLAT).lane_dividers)) is not is_intersection


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DASHED_YELLOW", ("road", "dashed", "yellow")),
        ("DOUBLE_SOLID_YELLOW", ("road", "double_solid", "yellow")),
        ("DOUBLE_SOLID_WHITE", ("lane", "double_solid", "white")),
        ("DOUBLE_DASH_WHITE", ("lane", "double_dashed", "white")),
        ("SOLID_DASH_YELLOW", ("road", "solid_dashed", "yellow")),
        ("DASH_SOLID_WHITE", ("lane", "dashed_solid", "white")),
        ("SOLID_BLUE", ("lane", "solid", "blue")),
        ("UNKNOWN", ("lane", "unknown", "unknown")),
        ("ZIGZAG_GREEN", ("lane", "unknown", "unknown")),
    ],
)
def test_mark_types(name, expected, tmp_path):
    archive = map_archive()
    archive["lane_segments"]["12"]["right_lane_mark_type"] = name
    (tmp_path / "map.json").write_text(json.dumps(archive))
    vector_map = read_map(tmp_path / "map.json", SHIFT, FLAT)
    layers = {"lane": by_x(vector_map.lane_dividers), "road": by_x(vector_map.road_dividers)}
    layer = next(name for name, found in layers.items() if -4.0 in found)
    found = layers[layer][-4.0]
    assert (layer, found.mark, found.colour) == expected


def test_centrelines_are_midlines_in_driving_direction(vector_map):
    lanes = {lane.lane_id: lane for lane in vector_map.lanes}
    assert set(lanes) == {"11", "12", "13", "14"}
    np.testing.assert_allclose(lanes["11"].centerline_m[[0, -1]], [[2, -10, 0], [2, 30, 0]])
    np.testing.assert_allclose(lanes["12"].centerline_m[[0, -1]], [[-2, 30, 0], [-2, -10, 0]])
    assert (lanes["11"].centerline_m[:, 0] == 2).all()
    assert np.diff(lanes["11"].centerline_m[:, 1]).max() <= 2.0 + 1e-9
    assert lanes["11"].width_m == pytest.approx(4)
    # The left side of 14 climbs to 51 m, so its midline ends half as high.
    np.testing.assert_allclose(lanes["14"].centerline_m[[0, -1]], [[2, 30, 0], [2, 50, 0.5]])
    np.testing.assert_allclose(lanes["11"].centerline_m[-1], lanes["14"].centerline_m[0])


def test_connections_between_lanes(vector_map):
    lanes = {lane.lane_id: lane for lane in vector_map.lanes}
    # Lane 99 is not in the map; 12 runs the other way; 15 is for bicycles.
    assert lanes["11"].successors == ("14",)
    assert (lanes["11"].left_neighbour, lanes["11"].right_neighbour) == (None, "13")
    assert (lanes["12"].left_neighbour, lanes["12"].right_neighbour) == (None, None)
    assert (lanes["13"].left_neighbour, lanes["13"].right_neighbour) == ("11", None)
    assert [lanes[i].is_intersection for i in ("11", "14")] == [False, True]


def test_crossings_and_areas_are_simple_polygons(vector_map):
    for area, rectangle in zip(
        (*vector_map.ped_crossings, *vector_map.drivable_areas),
        [(-4, 32, 10, 35), (-4, 45, 10, 48), (-4, -10, 10, 50)],
        strict=True,
    ):
        polygon = shapely.Polygon(area.exterior_m[:, :2])
        assert polygon.is_valid
        assert polygon.equals(shapely.box(*rectangle))
        assert area.holes_m == ()


def test_points_without_a_z_lie_on_the_nearest_known_ground(tmp_path, vector_map):
    archive = map_archive()
    for point in (*archive["lane_segments"]["11"]["left_lane_boundary"], *archive["drivable_areas"]["5"]["area_boundary"]):
        del point["z"]
    archive["pedestrian_crossings"]["6"]["edge1"][0]["z"] = None
    (tmp_path / "map.json").write_text(json.dumps(archive))
    # Unknown up to y = 2005: what lies there takes the height at 2010, 4 m higher than the map says elsewhere.
    height_m = np.full((9, 4), 54.0)
    height_m[:3] = np.nan
    ground = GroundHeight(np.array([990.0, 1980.0]), 10.0, height_m)
    filled = read_map(tmp_path / "map.json", SHIFT, ground)
    assert {lane.lane_id: lane.centerline_m[0, 2] for lane in filled.lanes} == {"11": 2.0, "12": 0.0, "13": 0.0, "14": 0.0}
    np.testing.assert_allclose(filled.drivable_areas[0].exterior_m[:, 2], 4)
    np.testing.assert_allclose(filled.ped_crossings[0].exterior_m[:, 2], [4, 0, 0, 0])
    np.testing.assert_allclose(filled.drivable_areas[0].exterior_m[:, :2], vector_map.drivable_areas[0].exterior_m[:, :2])
    unknown = GroundHeight(np.zeros(2), 1.0, np.full((2, 2), np.nan))
    with pytest.raises(ValueError, match=r"map\.json: ground height: expected known heights .* pass --without-map"):
        read_map(tmp_path / "map.json", SHIFT, unknown)


def test_what_these_maps_do_not_hold_is_absent(vector_map):
    assert vector_map.stop_lines is None
    assert vector_map.walkways is None


def test_a_boundary_of_one_point_is_refused(tmp_path):
    archive = map_archive()
    archive["lane_segments"]["13"]["right_lane_boundary"] = archive["lane_segments"]["13"]["right_lane_boundary"][:1]
    (tmp_path / "map.json").write_text(json.dumps(archive))
    with pytest.raises(ValueError, match=r"map\.json: .*at least 2 points"):
        read_map(tmp_path / "map.json", SHIFT, FLAT)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda a: a["pedestrian_crossings"]["6"].update(edge1=[]), "pedestrian crossing 6 edge1: expected at least 1 points"),
        (
            lambda a: a["lane_segments"]["12"].update(left_lane_boundary=[]),
            "lane segment 12 left boundary: expected at least 2",
        ),
        (
            lambda a: a["lane_segments"]["12"]["left_lane_boundary"][0].update(x=1e12),
            "lane segment 12 left boundary: .*1e.07 m",
        ),
        (lambda a: a["pedestrian_crossings"]["6"]["edge2"][0].update(x=1e300), "pedestrian crossing 6 edge2: .*1e.07 m"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_lines_without_points_or_out_of_this_world_are_refused(spoil, words, tmp_path):
    archive = map_archive()
    spoil(archive)
    (tmp_path / "map.json").write_text(json.dumps(archive))
    with pytest.raises(ValueError, match=rf"map\.json: {words}"):
        read_map(tmp_path / "map.json", SHIFT, FLAT)


@pytest.fixture(params=["7fab2350-7eaf-3b7e-a39d-6937a4c1bede", "3b3570b4-7b0b-3268-a571-b0889dbf40b6"])
def real_path(request, shared_data):
    return next(shared_data(f"av2/{request.param}/map").glob("log_map_archive_*.json"))


def test_real_centrelines_lie_between_their_boundaries_and_meet_their_successors(real_path):
    vector_map = read_map(real_path, np.zeros(3), FLAT)
    segments = json.loads(real_path.read_text())["lane_segments"]
    lanes = {lane.lane_id: lane for lane in vector_map.lanes}
    for lane in vector_map.lanes:
        left, right = (
            shapely.LineString([(p["x"], p["y"]) for p in segments[lane.lane_id][f"{side}_lane_boundary"]])
            for side in ("left", "right")
        )
        ring = shapely.Polygon([*left.coords, *reversed(right.coords)])
        middle = shapely.LineString(lane.centerline_m[:, :2]).interpolate(0.5, normalized=True)
        assert ring.buffer(0.5).contains(middle)
        for successor in lane.successors:
            gap = np.linalg.norm(lanes[successor].centerline_m[0] - lane.centerline_m[-1])
            assert gap < 1.0


def test_no_real_line_is_drawn_twice(real_path):
    vector_map = read_map(real_path, np.zeros(3), FLAT)
    lines = [d.points_m for d in (*vector_map.lane_dividers, *vector_map.road_dividers)]
    keys = [min(line.tobytes(), line[::-1].tobytes()) for line in lines]
    assert len(keys) == len(set(keys))
    assert all(divider.colour != "yellow" for divider in vector_map.lane_dividers)
