from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everroad import geometry
from everroad.conditions.show_camera import draw_overlay
from everroad.conditions.show_paint import COLOUR_OF_LAYER

GREY = 90


@pytest.fixture
def blank():
    return np.full((128, 224, 3), GREY, dtype=np.uint8)


def touched(image, blank):
    """(row, column) of every pixel that the overlay changed."""
    return np.argwhere((image != blank).any(axis=2))


def test_a_boxs_edges_lie_on_its_projected_corners(scene, blank):
    camera, actor = scene.camera(), scene.actor(20, 3, yaw_deg=30)
    image = draw_overlay(blank, scene.frame([actor]), camera)
    corners = geometry.box_corners(actor.size_lwh_m, geometry.invert(camera.ego_from_camera) @ actor.world_from_actor)
    pixels, _ = geometry.project(corners, camera.intrinsics)
    for u, v in np.rint(pixels).astype(int):
        assert (image[v, u] != GREY).any(), (u, v)
    changed = touched(image, blank)
    assert (np.abs(changed[:, ::-1].min(axis=0) - pixels.min(axis=0)) < 3).all()
    # The heading mark goes half a metre past the front, here to the left and on the ground.
    assert (changed[:, ::-1].max(axis=0) - pixels.max(axis=0) < 3).all()
    blue = image[changed[:, 0], changed[:, 1]].astype(int)
    assert (blue[:, 2] >= blue[:, 0]).all()


def test_the_heading_mark_and_the_tint_are_in_front(scene, blank):
    """A car ahead that comes towards the camera has its mark below its box, and one that leaves has not."""
    leaving, coming = (draw_overlay(blank, scene.frame([scene.actor(12, 0, yaw_deg=yaw)]), scene.camera()) for yaw in (0, 180))
    assert touched(coming, blank)[:, 0].max() > touched(leaving, blank)[:, 0].max()
    # Inside of the near face, off every edge and mark: tinted where that is the front.
    row, column = 74, 125
    assert (coming[row, column] != GREY).any()


@pytest.mark.parametrize("mark", ["solid", "dashed", "none"])
def test_lines_lie_on_the_ground_where_the_map_says(scene, blank, mark):
    """A line 2 m to the left: 10 m ahead it is at column 111.5 - 40, row 63.5 + 30."""
    street = scene.road(lane_dividers=[scene.line((-50, 2, 0), (200, 2, 0), mark=mark)])
    image = draw_overlay(blank, scene.frame([], street), scene.camera())
    if mark == "none":
        assert (image == blank).all()
        return
    assert (image[93:95, 71:73] != GREY).any()
    assert (image[93:95, 150:153] == GREY).all()
    layer = np.array(COLOUR_OF_LAYER[f"divider_{mark}"]) - GREY
    change = image[120, : 112 - 60 + 40].astype(int) - GREY
    strongest = change[np.abs(change).sum(axis=1).argmax()]
    np.testing.assert_allclose(strongest / np.abs(strongest).max(), layer / np.abs(layer).max(), atol=0.05)
    # Near lines are plain, far ones faint, and beyond the map's range there is none.
    near, far = (np.abs(image[row].astype(int) - GREY).max() for row in (94, 68))
    assert near > 1.8 * far > 0
    assert (image[:66] == GREY).all()


def test_areas_have_outlines_with_their_holes(scene, blank):
    from everroad.scenario.types import Area

    ring, hole = scene.rectangle(8, 20, -3, 3), scene.rectangle(12, 14, -1, 1)
    street = scene.road(ped_crossings=[Area(ring, (hole,))])
    image = draw_overlay(blank, scene.frame([], street), scene.camera())
    for x, y in ((8, 0), (20, 0), (12, 0), (14, 0.5), (10, 3), (10, -3)):
        u, v = 111.5 - 200 * y / x, 63.5 + 200 * 1.5 / x
        assert (image[round(v) - 1 : round(v) + 2, round(u) - 1 : round(u) + 2] != GREY).any(), (x, y)
    assert (image[round(63.5 + 30), 111] == GREY).all()  # between outline and hole


@given(x=st.floats(-8, 30), y=st.floats(-8, 8), z=st.floats(-1, 3), yaw_deg=st.floats(-180, 180))
def test_boxes_beside_over_and_behind_the_camera_are_drawn_without_fail(scene, x, y, z, yaw_deg):
    street = scene.road(
        lane_dividers=[scene.line((x, y, z), (-x, -y, 0))], drivable_areas=[scene.rectangle(x - 5, x + 50, y - 9, y + 9, z)]
    )
    blank = np.full((128, 224, 3), GREY, dtype=np.uint8)
    image = draw_overlay(blank, scene.frame([scene.actor(x, y, z, yaw_deg)], street), scene.camera(), ids=True)
    assert image.shape == blank.shape
    assert (blank == GREY).all()


def test_what_is_behind_or_far_leaves_the_picture_as_it_is(scene, blank):
    actors = [scene.actor(-20, 0), scene.actor(150, 0), scene.actor(10, 60)]
    assert (draw_overlay(blank, scene.frame(actors), scene.camera(), ids=True) == blank).all()


def test_ids_stand_above_their_boxes(scene, blank):
    frame = scene.frame([scene.actor(12, 0, track_id="a-long-track-id")])
    plain, named = (draw_overlay(blank, frame, scene.camera(), ids=ids) for ids in (False, True))
    added = touched(named, plain)
    assert len(added) > 50
    assert added[:, 0].max() <= touched(plain, blank)[:, 0].min() + 2
    small = scene.frame([scene.actor(80, 0)])
    assert (draw_overlay(blank, small, scene.camera(), ids=True) == draw_overlay(blank, small, scene.camera())).all()


def test_a_picture_of_another_size_is_refused(scene):
    with pytest.raises(ValueError, match="expected 224x128 like the camera, got 100x50"):
        draw_overlay(np.zeros((50, 100, 3), dtype=np.uint8), scene.frame(), scene.camera())


def test_a_box_behind_another_is_faint_thin_and_without_an_id(scene, blank):
    wall, car = scene.actor(10, 0, size=(1.0, 4.0, 4.0), track_id="wall"), scene.actor(20, 0, track_id="car")
    alone = draw_overlay(blank, scene.frame([car]), scene.camera(), ids=True)
    before = draw_overlay(blank, scene.frame([wall]), scene.camera(), ids=True)
    both = draw_overlay(blank, scene.frame([car, wall]), scene.camera(), ids=True)
    added = touched(both, before)
    assert 20 < len(added) < len(touched(alone, blank)) / 2
    change = np.abs(both.astype(int) - before).max()
    assert 0 < change < np.abs(alone.astype(int) - blank).max() / 2
    # Beside the wall it is drawn as if alone.
    aside = scene.actor(20, 9, track_id="car")
    alone = draw_overlay(blank, scene.frame([aside]), scene.camera(), ids=True)
    apart = draw_overlay(blank, scene.frame([aside, wall]), scene.camera(), ids=True)
    own = touched(alone, blank)
    assert (apart[own[:, 0], own[:, 1]] == alone[own[:, 0], own[:, 1]]).all()


def test_ids_do_not_lie_over_one_another_and_the_nearest_is_there(scene, blank):
    near, far = scene.actor(14, 0.5, track_id="near"), scene.actor(18, -0.8, size=(4.0, 2.0, 1.9), track_id="far")
    plain = draw_overlay(blank, scene.frame([near, far]), scene.camera())
    both = draw_overlay(blank, scene.frame([near, far]), scene.camera(), ids=True)
    alone = scene.frame([near])
    name = touched(draw_overlay(blank, alone, scene.camera(), ids=True), draw_overlay(blank, alone, scene.camera()))
    assert {*map(tuple, touched(both, plain).tolist())} <= {*map(tuple, np.argwhere(_around(name, blank.shape)).tolist())}
    aside = scene.frame([near, scene.actor(18, -5, track_id="far")])
    more = touched(draw_overlay(blank, aside, scene.camera(), ids=True), draw_overlay(blank, aside, scene.camera()))
    assert len(more) > 1.5 * len(name)


def _around(pixels, shape):
    """The rectangle that holds all of these, and a pixel more each way."""
    inside = np.zeros(shape[:2], dtype=bool)
    (top, left), (bottom, right) = pixels.min(axis=0), pixels.max(axis=0)
    inside[max(0, top - 1) : bottom + 2, max(0, left - 1) : right + 2] = True
    return inside
