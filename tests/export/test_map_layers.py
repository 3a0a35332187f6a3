from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from shapely.geometry import Polygon

from everroad.export.map_layers import lane_sides, paint_name, scenario_layers
from everroad.export.map_pictures import draw_base_map, draw_mask
from everroad.export.map_tables import valid_polygons
from everroad.export.placing import moved_layers
from everroad.scenario.map_types import Area, Divider, VectorMap
from tests.export.scenes import crossroads, drive
from tests.scenario.strategies import maps


def nodes_of(layers, tokens):
    place = {node["token"]: (node["x"], node["y"]) for node in layers["node"]}
    return np.array([place[token] for token in tokens])


def polygon_of(layers, token):
    record = next(p for p in layers["polygon"] if p["token"] == token)
    holes = [nodes_of(layers, hole["node_tokens"]) for hole in record["holes"]]
    return Polygon(nodes_of(layers, record["exterior_node_tokens"]), holes)


def test_every_layer_is_there_and_every_token_leads_somewhere():
    layers, bounds = scenario_layers(drive())
    counts = {name: len(rows) for name, rows in layers.items() if name != "key"}
    assert counts["drivable_area"] == counts["road_segment"] == 2
    assert (counts["lane"], counts["lane_connector"], counts["connectivity"], counts["arcline_path_3"]) == (1, 1, 2, 2)
    assert (counts["ped_crossing"], counts["walkway"], counts["stop_line"], counts["traffic_light"]) == (1, 2, 1, 1)
    assert (counts["lane_divider"], counts["road_divider"], counts["road_block"], counts["carpark_area"]) == (2, 1, 0, 0)
    known = {row["token"] for rows in layers.values() if isinstance(rows, list) for row in rows}
    assert len(known) == sum(len(rows) for rows in layers.values() if isinstance(rows, list))
    for layer in ("ped_crossing", "walkway", "stop_line", "lane", "lane_connector", "road_segment"):
        for row in layers[layer]:
            assert polygon_of(layers, row["polygon_token"]).is_valid
    for layer in ("lane_divider", "road_divider", "traffic_light"):
        assert all(row["line_token"] in known for row in layers[layer])
    assert bounds[0] <= -50
    assert bounds[2] >= 50


def test_areas_keep_their_points_and_holes():
    layers, _ = scenario_layers(drive())
    second = polygon_of(layers, layers["drivable_area"][1]["polygon_tokens"][0])
    assert second.area == 20 * 40 - 4 * 6
    assert [row["is_intersection"] for row in layers["road_segment"]] == [False, True]
    assert layers["ped_crossing"][0]["road_segment_token"] == layers["road_segment"][0]["token"]


def test_lanes_have_sides_paint_and_successors():
    layers, _ = scenario_layers(drive())
    lane, connector = layers["lane"][0], layers["lane_connector"][0]
    assert polygon_of(layers, lane["polygon_token"]).area == pytest.approx(80 * 3.5)
    left = nodes_of(layers, [segment["node_token"] for segment in lane["left_lane_divider_segments"]])
    np.testing.assert_allclose(left, [[-50, 0], [30, 0]], atol=1e-9)
    # The double yellow line on the left, the solid white one on the right.
    assert {segment["segment_type"] for segment in lane["left_lane_divider_segments"]} == {"SINGLE_SOLID_YELLOW"}
    assert {segment["segment_type"] for segment in lane["right_lane_divider_segments"]} == {"SINGLE_SOLID_WHITE"}
    assert layers["connectivity"][lane["token"]] == {"incoming": [], "outgoing": [connector["token"]]}
    assert layers["connectivity"][connector["token"]] == {"incoming": [lane["token"]], "outgoing": []}
    assert len(layers["arcline_path_3"][connector["token"]]) == 3


def test_stop_lines_are_strips_with_their_signals():
    layers, _ = scenario_layers(drive())
    (row,) = layers["stop_line"]
    assert polygon_of(layers, row["polygon_token"]).area == pytest.approx(7 * 0.4)
    assert row["stop_line_type"] == "STOP_SIGN"
    near = replace(crossroads(), stop_lines=(Divider(np.array([[29.0, -7, 0], [29, 0, 0]])),))
    layers, _ = scenario_layers(drive(map=near))
    (row,) = layers["stop_line"]
    assert row["stop_line_type"] == "TRAFFIC_LIGHT"
    assert row["traffic_light_tokens"] == [layers["traffic_light"][0]["token"]]


def test_sides_of_a_bend_are_mitred():
    left, right = lane_sides(np.array([[0.0, 0], [10, 0], [10, 10]]), 2.0)
    np.testing.assert_allclose(left, [[0, 1], [9, 1], [9, 10]])
    np.testing.assert_allclose(right, [[0, -1], [11, -1], [11, 10]])


def test_areas_that_cross_themselves_become_valid_ones():
    bow = np.array([[0.0, 0, 0], [2, 2, 0], [2, 0, 0], [0, 2, 0]])
    parts = valid_polygons(bow)
    assert len(parts) == 2
    assert all(part.is_valid for part in parts)
    assert sum(part.area for part in parts) == pytest.approx(2)
    assert valid_polygons(np.array([[0.0, 0, 0], [1, 1, 0], [2, 2, 0]])) == []
    layers, _ = scenario_layers(drive(map=VectorMap(drivable_areas=(Area(bow),), walkways=(Area(bow),))))
    assert len(layers["drivable_area"]) == len(layers["walkway"]) == 2


@pytest.mark.parametrize(
    ("mark", "colour", "name"),
    [
        ("solid", "white", "SINGLE_SOLID_WHITE"), ("solid", "yellow", "SINGLE_SOLID_YELLOW"),
        ("double_solid", "white", "DOUBLE_SOLID_WHITE"), ("dashed", "yellow", "DOUBLE_DASHED_WHITE"),
        ("none", "white", "NIL"), ("unknown", "unknown", "NIL"), ("solid_dashed", "white", "DOUBLE_SOLID_WHITE"),
    ],
)  # fmt: skip
def test_paint_has_the_original_maps_names(mark, colour, name):
    assert paint_name(Divider(np.zeros((2, 3)), mark, colour)) == name


def test_the_same_map_has_the_same_key_and_no_map_shares_none():
    (a, _), (b, _) = scenario_layers(drive("a")), scenario_layers(drive("b", actors=()))
    assert a == b
    assert scenario_layers(drive("a", map=None))[0]["key"] != scenario_layers(drive("b", map=None))[0]["key"]
    assert scenario_layers(drive(map=crossroads(), signals=()))[0]["key"] != a["key"]


@settings(max_examples=20)
@given(maps)
def test_any_map_becomes_layers(vector_map):
    layers, bounds = scenario_layers(drive(map=vector_map, signals=()))
    places = {node["token"]: (node["x"], node["y"]) for node in layers["node"]}
    left, low, right, high = bounds
    assert all(left <= x <= right and low <= y <= high for x, y in places.values())
    for layer in ("ped_crossing", "walkway", "stop_line", "lane", "lane_connector", "road_segment"):
        for row in layers[layer]:
            assert polygon_of(layers, row["polygon_token"]).area > 0
    assert set(layers["arcline_path_3"]) == {row["token"] for row in (*layers["lane"], *layers["lane_connector"])}
    draw_mask(layers, (10.0, 10.0))


def test_mask_and_base_map():
    layers, _ = scenario_layers(drive())
    moved = moved_layers(layers, (100.0, 50.0))
    mask = draw_mask(moved, (200.0, 100.0))
    assert mask.shape == (1000, 2000)

    def at(x, y):
        return mask[round(1000 - (y + 50) * 10), round((x + 100) * 10)]

    assert at(0, 0) == at(0, 8.5) == at(49, 19) == 255
    assert at(0, 11) == at(45, 0) == at(-60, 0) == 0
    assert draw_base_map(moved, (200.0, 100.0)).shape == (200, 400, 3)
    assert draw_mask(layers, (1e6, 1e6)).shape == (1, 1)
    assert draw_base_map(layers, (1e6, 1e6)).size <= 3 * 2**26
