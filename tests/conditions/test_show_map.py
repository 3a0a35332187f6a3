from __future__ import annotations

from dataclasses import replace

import numpy as np
import shapely

from everroad.conditions.show_birds_eye import draw_birds_eye
from everroad.conditions.show_camera import draw_overlay
from everroad.conditions.show_map import merge_areas, shown_map
from everroad.scenario.types import Area

GREY = 90


def outline_length_m(areas):
    rings = [ring for area in areas for ring in (area.exterior_m, *area.holes_m)]
    return sum(shapely.LinearRing(ring[:, :2]).length for ring in rings)


def test_areas_that_touch_overlap_or_nearly_touch_become_one(scene):
    """A road of 10 m times 60 m in three pieces: its outline is that of the whole, and a field beside it stays as it is."""
    for gap_m in (0.0, 0.15, -3.0):
        pieces = [scene.rectangle(0, 20, -5, 5), scene.rectangle(20 + gap_m, 40, -5, 5), scene.rectangle(40, 60, -5, 5)]
        field = Area(scene.rectangle(0, 60, 20, 30))
        merged = merge_areas([*(Area(piece) for piece in pieces), field])
        assert len(merged) == 2
        assert merged[0] is field
        np.testing.assert_allclose(outline_length_m(merged[1:]), 140.0, atol=1e-6)


def test_a_ring_of_roads_keeps_the_block_in_it_as_a_hole(scene):
    sides = [(0, 50, 0, 10), (0, 50, 40, 50), (0, 10, 0, 50), (40, 50, 0, 50)]
    (merged,) = merge_areas([Area(scene.rectangle(*side)) for side in sides])
    assert shapely.Polygon(merged.holes_m[0]).area == 900.0
    assert outline_length_m([merged]) == 200 + 120


def test_heights_are_those_of_the_old_outlines(scene):
    lower, upper = scene.rectangle(0, 20, -5, 5), scene.rectangle(20, 40, -5, 5)
    for piece in (lower, upper):
        piece[:, 2] = 0.1 * piece[:, 0] + 7
    (merged,) = merge_areas([Area(lower), Area(upper)])
    np.testing.assert_allclose(merged.exterior_m[:, 2], 0.1 * merged.exterior_m[:, 0] + 7, atol=0.06)


def test_a_map_is_merged_once_and_what_is_unknown_stays_so(scene):
    street = scene.road(drivable_areas=[scene.rectangle(0, 20, -5, 5), scene.rectangle(20, 40, -5, 5)])
    assert shown_map(street) is shown_map(street)
    assert len(street.drivable_areas) == 2
    assert shown_map(street).walkways is None
    assert shown_map(replace(street, drivable_areas=())).drivable_areas == ()


def test_no_bar_runs_across_the_road_in_cameras_or_from_above(scene):
    """Two pieces meet 20 m ahead: the pictures are those of the whole road."""
    whole = scene.road(drivable_areas=[scene.rectangle(0, 60, -5, 5)])
    pieces = scene.road(drivable_areas=[scene.rectangle(0, 20, -5, 5), scene.rectangle(20, 60, -5, 5)])
    blank = np.full((128, 224, 3), GREY, dtype=np.uint8)
    seen = draw_overlay(blank, scene.frame([], pieces), scene.camera())
    assert (seen[round(63.5 + 200 * 1.5 / 20) - 2 :][:5, 100:124] == GREY).all()
    assert (np.abs(seen.astype(int) - draw_overlay(blank, scene.frame([], whole), scene.camera())) > 8).mean() < 0.002
    above = [draw_birds_eye(scene.frame([], street), 400, 400) for street in (pieces, whole)]
    assert np.abs(above[0].astype(int) - above[1]).max() <= 1  # of rounding
    green = (above[0][..., 1].astype(int) - above[0][..., 0] > 30).any(axis=0)
    assert green[173:178].any()  # 5 m to the left, at 5 px a metre
    assert not green[180:220].all()
