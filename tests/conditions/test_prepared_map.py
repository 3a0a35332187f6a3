from __future__ import annotations

import gc
import weakref

import numpy as np

from everroad.conditions.prepared_map import prepare_map
from everroad.conditions.types import MAP_LAYERS
from everroad.scenario.types import Area


def _map(scene):
    block = Area(scene.rectangle(0, 40, -10, 10, 2.0), (scene.rectangle(10, 20, -2, 2, 2.0),))
    return scene.road(
        drivable_areas=[scene.rectangle(0, 4, 0, 2), block],
        ped_crossings=[scene.rectangle(5, 6, 0, 2)],
        lane_dividers=[scene.line([0, 0, 0], [1, 0, 0], [2, 1, 0], mark="solid_dashed")],
        stop_lines=[scene.line([0, 0, 0], [0, 3, 0])],
    )


def test_arrays_hold_every_ring_and_segment(scene):
    prepared = prepare_map(_map(scene))
    assert prepared.area_of_ring.tolist() == [0, 1, 1, 2]
    assert np.bincount(prepared.ring_of_point).tolist() == [4, 4, 4, 4]
    assert [MAP_LAYERS[i] for i in prepared.area_layer] == ["drivable_area", "drivable_area", "ped_crossing"]
    np.testing.assert_allclose(prepared.area_centre[1], [20, 0, 2])
    np.testing.assert_allclose(prepared.area_radius[1], np.hypot(20, 10))
    names = [MAP_LAYERS[i] for i in prepared.segment_layer]
    assert sorted(names) == ["divider_dashed"] * 2 + ["divider_solid"] * 2 + ["stop_line"]
    lengths = np.linalg.norm(prepared.segment_end - prepared.segment_start, axis=1)
    assert sorted(lengths.round(3)) == [1, 1, 1.414, 1.414, 3]
    assert not prepared.is_flat


def test_prepared_once_for_a_map_and_let_go_with_it(scene):
    vector_map = _map(scene)
    prepared = prepare_map(vector_map)
    assert prepare_map(vector_map) is prepared
    assert prepare_map(_map(scene)) is not prepared
    gone = weakref.ref(prepared)
    del vector_map, prepared
    gc.collect()
    assert gone() is None
