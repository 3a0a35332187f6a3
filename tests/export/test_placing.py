from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from everroad.export.map_tables import empty_layers
from everroad.export.placing import MARGIN_M, moved_layers, place, tiles_of

SIDE = st.floats(-1e4, 1e4)
WORLDS = st.lists(
    st.builds(
        lambda key, x, y, width, height: (key, [x, y, x + width, y + height]),
        st.sampled_from("abcdefgh"), SIDE, SIDE, st.floats(0, 900), st.floats(0, 900),
    ),
    min_size=1, max_size=12,
)  # fmt: skip


@given(WORLDS)
def test_worlds_lie_inside_the_canvas_and_apart(worlds):
    tiles = tiles_of(worlds)
    placed = place(tiles)
    width, height = placed.canvas_m
    spans = {}
    for key, (left, low, right, high) in worlds:
        dx, dy = placed.shift_m[key]
        assert min(left + dx, low + dy) >= MARGIN_M - 1
        assert right + dx <= width
        assert high + dy <= height
        assert dx == int(dx)
        assert dy == int(dy)
    for tile in tiles:
        (dx, dy), b = placed.shift_m[tile.key], tile.bounds_m
        spans[tile.key] = (b[0] + dx, b[1] + dy, b[2] + dx, b[3] + dy)
    for a in spans:
        for b in spans:
            if a < b:
                left, right = spans[a], spans[b]
                gap = max(left[0] - right[2], right[0] - left[2], left[1] - right[3], right[1] - left[3])
                assert gap >= 2 * MARGIN_M - 1


def test_scenes_with_one_map_share_a_tile():
    tiles = tiles_of([("a", [0.0, 0.0, 10.0, 10.0]), ("b", [0.0, 0.0, 1.0, 1.0]), ("a", [-5.0, 2.0, 3.0, 40.0])])
    assert [(tile.key, tile.bounds_m) for tile in tiles] == [("a", (-5, 0, 10, 40)), ("b", (0, 0, 1, 1))]


def test_layers_move_whole():
    layers = empty_layers()
    layers["node"] = [{"token": "n", "x": 1.0, "y": 2.0}]
    layers["arcline_path_3"] = {"l": [{"start_pose": [1.0, 2.0, 0.5], "end_pose": [3.0, 2.0, 0.5], "radius": 1.0}]}
    layers["traffic_light"] = [{"token": "t", "pose": {"tx": 1.0, "ty": 2.0, "tz": 3.0}}]
    moved = moved_layers(layers, (10.0, -1.0))
    assert moved["node"] == [{"token": "n", "x": 11.0, "y": 1.0}]
    assert moved["arcline_path_3"]["l"][0]["end_pose"] == [13.0, 1.0, 0.5]
    assert moved["traffic_light"][0]["pose"] == {"tx": 11.0, "ty": 1.0, "tz": 3.0}
    assert layers["node"][0]["x"] == 1.0
