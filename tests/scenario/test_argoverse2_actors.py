from __future__ import annotations

import numpy as np

from everroad.scenario.argoverse2 import read_argoverse2
from everroad.scenario.argoverse2_actors import CATEGORY_OF_AV2, central_differences
from everroad.scenario.types import CATEGORIES

from .av2_log import (
    box_rows,
    refused,
    write_table,
)


def test_central_differences_by_hand():
    time_s = np.array([0.0, 0.1, 0.2, 0.4, 0.5])
    position_m = np.array([[0, 0, 0], [1, 0, 0], [4, 0, 0.0]])
    velocity = central_differences(position_m, np.array([1, 2, 3]), time_s)
    np.testing.assert_allclose(velocity, [[0, 0, 0], [10, 0, 0], [4 / 0.3, 0, 0], [15, 0, 0], [0, 0, 0]])


def test_categories_are_of_the_nuscenes_taxonomy():
    assert set(CATEGORY_OF_AV2.values()) <= set(CATEGORIES)
    assert not {"BICYCLIST", "MOTORCYCLIST", "BOLLARD", "TRUCK_CAB", "EGO_VEHICLE"} & set(CATEGORY_OF_AV2)


def test_an_unknown_category_is_kept_as_the_source_calls_it(log):
    write_table(log / "annotations.feather", [{**row, "category": "SPACESHIP"} for row in box_rows(False)])
    scenario = read_argoverse2(log)
    assert {(actor.category, actor.source_category) for actor in scenario.actors} == {(None, "SPACESHIP")}


def test_two_boxes_of_a_track_at_one_time_are_refused(log):
    write_table(log / "annotations.feather", [*box_rows(False), box_rows(False)[0]])
    refused(log, "two at")
