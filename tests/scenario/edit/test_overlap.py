from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everroad import geometry
from everroad.scenario.edit.overlap import check_no_new_overlap, find_overlaps, new_overlaps

from .straight import road, standing

PLACES = st.floats(-4, 4)


@settings(max_examples=150)
@given(x=PLACES, y=PLACES, yaw=st.floats(-4, 4), other=st.floats(-4, 4))
def test_it_agrees_with_the_polygon_test(x, y, yaw, other):
    a, b = standing("a", 200.0, 50.0, 1, yaw), standing("b", 200.0 + x, 50.0 + y, 1, other)
    want = geometry.convex_overlap(*(geometry.footprint(c.size_lwh_m, c.poses.matrix(0)) for c in (a, b)))
    assert find_overlaps(replace(road(frames=1), actors=(a, b))) == ([(0, "a", "b")] if want else [])


def test_touching_boxes_and_boxes_above_each_other_are_apart():
    beside, above = standing("beside", 204.0, 50.0, 1), standing("above", 200.0, 50.0, 1, z=2.25)
    assert find_overlaps(replace(road(frames=1), actors=(standing("a", 200.0, 50.0, 1), beside, above))) == []
    near = replace(road(frames=1), actors=(standing("a", 200.0, 50.0, 1), standing("near", 204.5, 50.0, 1)))
    assert find_overlaps(near) == []
    assert find_overlaps(near, margin_m=0.26) == [(0, "a", "near")]


def test_the_ego_takes_part_and_frames_without_the_actor_do_not():
    car = standing("car", 50.0, 0.0)
    # The ego's nose, 3.65 m ahead of its origin, meets the car's tail at 48 m after 4.435 s, that is from frame 54 on.
    found = find_overlaps(replace(road(), actors=(car,)))
    assert found[0] == (54, "car", "ego")
    assert [f for f, *_ in found] == list(range(54, found[-1].frame + 1))
    gone = replace(car, valid=np.arange(121) < 54)
    assert find_overlaps(replace(road(), actors=(gone,))) == []


def test_each_pair_counts_once_and_can_be_limited_to_some():
    actors = tuple(standing(name, 200.0 + i, 50.0, 2) for i, name in enumerate("abc"))
    scenario = replace(road(frames=2), actors=actors)
    assert [o[1:] for o in find_overlaps(scenario)] == [("a", "b"), ("a", "c"), ("b", "c")] * 2
    assert [o[1:] for o in find_overlaps(scenario, {"b"})] == [("a", "b"), ("b", "c")] * 2
    assert [o[1:] for o in find_overlaps(scenario, {"a", "c"})] == [("a", "b"), ("a", "c"), ("b", "c")] * 2


def test_overlaps_of_the_source_are_not_the_edits_fault():
    before = replace(road(), actors=(standing("a", 200.0, 50.0), standing("b", 201.0, 50.0)))
    after = replace(before, actors=(*before.actors, standing("c", 300.0, 50.0)))
    assert new_overlaps(before, after) == []
    assert check_no_new_overlap(before, after) is after
    worse = replace(before, actors=(*before.actors, standing("c", 203.0, 50.0)))
    words = r"frame 0: expected 'a' and 'c' apart, got one in the other \(and 241 more overlaps of this edit\); place"
    with pytest.raises(ValueError, match=words):
        check_no_new_overlap(before, worse)


def test_many_frames_and_actors_are_looked_at_in_pieces():
    actors = tuple(standing(f"{i:03d}", 200.0 + 4.5 * i, 50.0, 600) for i in range(60))
    scenario = replace(road(frames=600), actors=(*actors, standing("x", 200.0 + 4.5 * 30 + 2, 50.0, 600)))
    assert {o[1:] for o in find_overlaps(scenario)} == {("030", "x"), ("031", "x")}
    assert len(find_overlaps(scenario)) == 1200
