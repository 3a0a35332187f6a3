from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from everroad.export.arclines import SHORTEST_M, arcline_paths, spaced

POINTS = st.lists(st.tuples(st.floats(-500, 500), st.floats(-500, 500)), min_size=2, max_size=12)


@given(POINTS)
def test_paths_go_from_point_to_point(points):
    line = spaced(np.array(points))
    paths = arcline_paths(np.array(points))
    assert len(paths) == len(line) - 1
    for path, start, end in zip(paths, line[:-1], line[1:], strict=True):
        x, y, yaw = path["start_pose"]
        length = path["segment_length"][1]
        assert path["segment_length"][::2] == [0.0, 0.0]
        assert length >= SHORTEST_M
        np.testing.assert_allclose([x, y], start)
        np.testing.assert_allclose([x + length * np.cos(yaw), y + length * np.sin(yaw)], end, atol=1e-9 * max(1, length))
        np.testing.assert_allclose(path["end_pose"], [*end, yaw])


def test_places_that_come_twice_are_left_out():
    line = np.array([[0.0, 0, 1], [0, 0, 1], [1, 0, 1], [1, 1e-4, 1]])
    assert [path["segment_length"][1] for path in arcline_paths(line)] == [1.0]
    assert arcline_paths(line[:2]) == []
