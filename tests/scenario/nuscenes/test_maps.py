from __future__ import annotations

import json

import numpy as np
import pytest
from shapely import GeometryCollection, LineString, MultiPolygon, Point, Polygon
from shapely import box as rectangle

from everroad.scenario.nuscenes.map_cuts import cut_line, cut_polygon, lines_of, midline, polygons_of
from everroad.scenario.nuscenes.map_paint import paint
from everroad.scenario.nuscenes.maps import read_map
from everroad.scenario.nuscenes.reader import read_nuscenes

from . import fake, fake_map

PATCH = rectangle(500, 1100, 715, 1305)


def read(tmp_path, content, patch=PATCH):
    path = tmp_path / "map.json"
    path.write_text(json.dumps(content))
    return read_map(path, patch, np.array([-600.0, -1200.0, 0.0]))


def test_every_layer(tmp_path):
    found = read(tmp_path, fake_map.expansion())
    assert [len(getattr(found, layer)) for layer in ("drivable_areas", "ped_crossings", "walkways", "stop_lines")] == [
        3,
        1,
        1,
        1,
    ]
    road = found.drivable_areas[0]
    assert len(road.holes_m) == 1
    assert road.exterior_m.min(axis=0).tolist() == [-100, -5, 0]
    assert road.exterior_m.max(axis=0).tolist() == [115, 10, 0]
    assert sorted(found.stop_lines[0].points_m.tolist()) == [[7.75, -4, 0], [7.75, 3, 0]]
    assert len(found.road_dividers) == 1


def test_paint_comes_from_the_divider_or_the_lanes_beside_it(tmp_path):
    found = {tuple(d.points_m[0, :2]): d for d in read(tmp_path, fake_map.expansion()).lane_dividers}
    dashed, yellow, by_lane = found[-20.0, 0.0], found[0.0, 0.0], found[-20.0, 6.0]
    assert (dashed.mark, dashed.colour, dashed.points_m[:, 0].tolist()) == ("double_dashed", "white", [-20, -10, 0])
    assert (yellow.mark, yellow.colour, yellow.points_m[:, 0].tolist()) == ("solid", "yellow", [0, 10])
    assert (by_lane.mark, by_lane.colour, by_lane.points_m[:, 0].tolist()) == ("solid", "white", [-20, 0, 20])
    zigzag = [d for d in found.values() if d.mark == "unknown"]
    assert len(zigzag) == 2


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("NIL", ("none", "unknown")), ("SINGLE_SOLID_WHITE", ("solid", "white")), ("SINGLE_ZIGZAG_WHITE", ("solid", "white")),
        ("DOUBLE_SOLID_YELLOW", ("double_solid", "yellow")), ("SINGLE_DASHED", ("dashed", "unknown")),
        ("SOLID_DASHED_BLUE", ("solid_dashed", "blue")), ("FRESH_PAINT", ("unknown", "unknown")), ("", ("unknown", "unknown")),
    ],
)  # fmt: skip
def test_names_of_paint(name, wanted):
    assert paint(name) == wanted


def test_lanes(tmp_path):
    lane, connector = read(tmp_path, fake_map.expansion()).lanes
    assert (lane.lane_id, lane.successors, lane.is_intersection) == ("lane-0", ("lane_connector-0",), False)
    assert lane.centerline_m[0].tolist() == [-40, 1, 0]
    assert lane.width_m == pytest.approx(200 / 20.3, rel=1e-3)
    assert (connector.is_intersection, connector.successors, connector.width_m) == (True, (), None)
    assert (np.linalg.norm(np.diff(lane.centerline_m, axis=0), axis=1) > 1e-6).all()


def test_a_polygon_that_crosses_itself_becomes_what_it_encloses(tmp_path):
    odd = fake_map.FakeMap()
    odd.add("walkway", polygon_token=odd.polygon(fake_map.BOWTIE))
    odd.add("drivable_area", polygon_tokens=[odd.polygon(fake_map.BOWTIE)])
    found = read(tmp_path, odd.content)
    for areas in (found.walkways, found.drivable_areas):
        assert sum(Polygon(area.exterior_m[:, :2]).area for area in areas) == pytest.approx(100)
        assert len(areas) == 2


def test_too_few_nodes_are_left_out(tmp_path):
    odd = fake_map.FakeMap()
    odd.add("walkway", polygon_token=odd.polygon([(560, 1200), (570, 1200)]))
    odd.add("walkway", polygon_token=odd.polygon([(560, 1200), (570, 1200), (580, 1200)]))
    odd.add("lane_divider", line_token=odd.line([(560, 1200)]))
    odd.add("road_divider", line_token=odd.line([(560, 1200), (560, 1200)]))
    found = read(tmp_path, odd.content)
    assert (found.walkways, found.lane_dividers, found.road_dividers) == ((), (), ())


def test_empty_layers_are_empty_and_missing_ones_absent(tmp_path):
    content = fake_map.FakeMap().content
    del content["walkway"], content["lane"]
    found = read(tmp_path, content)
    assert found.walkways is None
    assert found.lanes is None
    assert (found.drivable_areas, found.stop_lines, found.lane_dividers) == ((), (), ())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda m: m["walkway"][0].update(polygon_token="x"), "walkway 'walkway-0': expected a token of polygon, got 'x'"),
        (lambda m: m["walkway"][0].pop("polygon_token"), "walkway 'walkway-0', field 'polygon_token': expected a text"),
        (lambda m: m["lane_divider"][0].update(line_token="x"), "lane_divider 'lane_divider-0': expected a token of line"),
        (
            lambda m: m["polygon"][0]["exterior_node_tokens"].append("x"),
            "polygon 'polygon-0': expected tokens of node, got 'x'",
        ),
        (lambda m: m["polygon"][0]["exterior_node_tokens"].append([]), "polygon 'polygon-0': expected a list of node tokens"),
        (
            lambda m: m["drivable_area"][0]["polygon_tokens"].append([]),
            "drivable_area 'drivable_area-0': expected a token of polyg",
        ),
        (lambda m: m["connectivity"]["lane-0"]["outgoing"].append([]), "connectivity 'lane-0': expected an object with a list"),
        (
            lambda m: m["drivable_area"][0].update(polygon_tokens=3),
            "field 'polygon_tokens': expected a list of tokens, got '3'",
        ),
        (lambda m: m["node"][3].update(x=None), "node: expected token, x and y of every record"),
        (lambda m: m["node"][3].update(x=1e300), "node: expected token, x and y of every record"),
        (lambda m: m["arcline_path_3"]["lane-0"][0].update(shape="SOS"), "arcline_path_3 'lane-0': expected paths of arcs"),
        (lambda m: m["connectivity"].update({"lane-0": 3}), "connectivity 'lane-0': expected an object with a list 'outgoing'"),
        (lambda m: m["lane"][0].update(left_lane_divider_segments=[3, 4]), "lane 'lane-0', field 'left_lane_divider_segments'"),
        (
            lambda m: m["node"][3].update(token="node-2"),
            "node, record 3, field 'token': expected every token once, got 'node-2 a",
        ),
        (lambda m: m["polygon"].append(m["polygon"][0]), "field 'token': expected every token once, got 'polygon-0 again'"),
        (lambda m: m["line"].append(m["line"][1]), "field 'token': expected every token once, got 'line-1 again'"),
        (lambda m: m["walkway"].append(m["walkway"][0]), "walkway, record 2, field 'token': expected every token once"),
        (
            lambda m: m["lane_connector"][0].update(token="lane-0"),
            "lane_connector, record 0, field 'token': expected every tok",
        ),
        (lambda m: m["stop_line"][0].pop("token"), "stop_line, record 0, field 'token': expected a text, got 'None'"),
        (lambda m: m["lane"][0].update(token=[]), "lane, record 0, field 'token': expected a text, got '[]'"),
        (lambda m: m.update(walkway=3), "layer 'walkway': expected a list of records, got '3'"),
    ],
)
def test_bad_maps(tmp_path, spoil, message):
    content = fake_map.expansion()
    spoil(content)
    with pytest.raises(ValueError) as caught:
        read(tmp_path, content)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'map.json'}: ")
    assert str(caught.value).endswith("mend the map or pass --without-map")


@pytest.mark.parametrize("version", ["1.0", "1.2", "1.2.9", "0.9", "2.0", "13", "1.3-beta", "", " 1.3", 1.3, None, ["1.3"]])
def test_versions_that_cannot_be_read_rightly(tmp_path, version):
    content = fake_map.expansion() | {"version": version}
    with pytest.raises(
        ValueError, match=r"map\.json: expected version 1\.3 of the map expansion or a later 1\.x, got .*;"
    ) as got:
        read(tmp_path, content)
    assert "\n" not in str(got.value)
    del content["version"]
    with pytest.raises(ValueError, match="got none; get that one or pass --without-map"):
        read(tmp_path, content)


@pytest.mark.parametrize("version", ["1.3", "1.3.1", "1.4", "1.10"])
def test_later_versions(tmp_path, version):
    assert len(read(tmp_path, fake_map.expansion() | {"version": version}).lanes) == 2


def test_a_map_cut_off_is_refused_and_can_be_left_out(root):
    path = root / "maps" / "expansion" / "boston-seaport.json"
    path.write_text(path.read_text()[:-9])
    with pytest.raises(ValueError, match=r"boston-seaport\.json: expected JSON, got .* --without-map"):
        read_nuscenes(root)
    assert read_nuscenes(root, without_map=True).map is None


@pytest.mark.parametrize("location", ["../secret", "/secret", "a/b", "..\\secret", "a\0", "x" * 300, "ä" * 120])
def test_a_location_that_leads_out_of_the_folder_is_refused(tmp_path, location):
    made = fake.tables()
    made["log"][0]["location"] = location
    root = fake.write(tmp_path / "data", made)
    (root / "maps" / "secret.json").write_text(json.dumps(fake_map.expansion()))
    with pytest.raises(ValueError) as caught:
        read_nuscenes(root)
    said = str(caught.value)
    assert said.startswith(f"{root}/maps/expansion: expected the 'location' of a log to be a plain file name, got ")
    assert said.endswith("; mend log.json or pass --without-map")
    assert "\n" not in said
    assert read_nuscenes(root, without_map=True).map is None


@pytest.mark.parametrize("location", ["..", ".", "", "Town 03, at night"])
def test_odd_locations_stay_inside_the_folder(tmp_path, location):
    assert read_nuscenes(fake.write(tmp_path / "a", fake.tables(location=location))).map is None
    with_map = fake.write(tmp_path / "b", fake.tables(location=location), expansion=fake_map.expansion())
    assert read_nuscenes(with_map).map is not None


def test_any_map_name_and_no_map_at_all(tmp_path):
    made = fake.tables(location="atlantis")
    assert len(read_nuscenes(fake.write(tmp_path / "a", made, expansion=fake_map.expansion())).map.lanes) == 2
    without = read_nuscenes(fake.write(tmp_path / "b", made))
    assert without.map is None
    assert "atlantis without a map expansion" in without.source


def test_lines_leave_a_patch_and_come_back():
    pieces = cut_line(np.array([[-1.0, 0.5], [0.5, 0.5], [2.0, 0.5], [2.0, 0.7], [-1.0, 0.7]]), rectangle(0, 0, 1, 1))
    assert [piece.tolist() for piece in pieces] == [[[0, 0.5], [0.5, 0.5], [1, 0.5]], [[1, 0.7], [0, 0.7]]]
    assert cut_line(np.zeros((1, 2)), rectangle(0, 0, 1, 1)) == []


def test_polygons_that_only_touch_a_patch_are_not_in_it():
    patch = rectangle(0, 0, 1, 1)
    assert cut_polygon(rectangle(1, 0, 2, 1), patch) == []
    assert cut_polygon(Polygon([(1, 1), (2, 1), (2, 2)]), patch) == []
    assert cut_polygon(rectangle(5, 5, 6, 6), patch) == []
    inside = rectangle(0.2, 0.2, 0.4, 0.4)
    assert cut_polygon(inside, patch) == [inside]


def test_parts_of_collections():
    square, line = rectangle(0, 0, 1, 1), LineString([(0, 0), (1, 1)])
    mixed = GeometryCollection([Point(0, 0), line, MultiPolygon([square]), GeometryCollection([square, line])])
    assert len(polygons_of(mixed)) == 2
    assert len(lines_of(mixed)) == 2
    assert polygons_of(Polygon()) == []


def test_midline_of_a_turned_strip():
    c, s = np.cos(0.4), np.sin(0.4)
    strip = Polygon([(c * x - s * y, s * x + c * y) for x, y in [(0, 0), (8, 0), (8, 1), (0, 1)]])
    ends = sorted(midline(strip).tolist())
    wanted = sorted([[c * x - s * 0.5, s * x + c * 0.5] for x in (0, 8)])
    assert np.abs(np.array(ends) - wanted).max() < 1e-9
