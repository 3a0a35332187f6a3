from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.spatial import ConvexHull
from shapely.geometry import Polygon, box

from everroad import geometry
from everroad.conditions.box_images import _FACES, FRONT_HIDDEN, FRONT_SEEN, LAYER_OF_CLASS, box_images
from everroad.conditions.boxes import seen_boxes
from everroad.conditions.types import BOX_LAYERS, NUM_BOX_CLASSES

LAYER = {name: i for i, name in enumerate(BOX_LAYERS)}
PICTURE = box(-0.5, -0.5, 223.5, 127.5)


def _images(scene, actors, camera=None):
    camera = camera or scene.camera()
    return _one_view(seen_boxes(scene.frame(actors), camera), camera)


def _one_view(boxes, camera):
    images, depths = box_images([boxes], [camera])
    return images[0], depths[0]


def test_faces_are_planar_and_turn_outwards():
    corners = geometry.UNIT_BOX_CORNERS
    for face in _FACES:
        a, b, d = corners[face[[0, 1, 3]]]
        normal = np.cross(b - a, d - a)
        assert normal @ corners[face].mean(axis=0) > 0
        np.testing.assert_allclose((corners[face] - a) @ normal, 0)


@given(
    x=st.floats(-3, 60),
    y=st.floats(-15, 15),
    yaw_deg=st.floats(-180, 180),
    size=st.tuples(st.floats(0.5, 12), st.floats(0.5, 3), st.floats(0.5, 4)),
)
@example(x=41.0, y=1.9375, yaw_deg=2.0, size=(1.0, 1.0, 1.0))  # a side that is seen edge-on
def test_covered_area_is_that_of_the_hull(scene, x, y, yaw_deg, size):
    camera = scene.camera()
    boxes = seen_boxes(scene.frame([scene.actor(x, y, yaw_deg=yaw_deg, size=size)]), camera)
    image, depth = _one_view(boxes, camera)
    if len(boxes) == 0:
        assert not image.any()
        assert not depth.any()
        return
    hull = Polygon(boxes.hulls_px[0]).buffer(0).intersection(PICTURE)
    covered = image[LAYER["car"]].astype(np.float64).sum() / 255
    # OpenCV draws the outline, too: about a quarter pixel more all around.
    assert -0.3 * hull.length - 2 <= covered - hull.area <= 0.5 * hull.length + 2
    assert ((depth[0] > 0) == (image[LAYER["car"]] > 0)).all()
    farthest_m = boxes.corners_m[0, :, 2].max()
    assert depth[depth > 0].min(initial=255) >= np.floor(255 / max(farthest_m, 1.0))


def test_inverse_depth_at_face_centres(scene):
    """Rear face of a car ahead at 18 m; near side of a turned one where the ray through its centre meets it."""
    _, depth = _images(scene, [scene.actor(20, 0, z=0.75)])
    assert depth[0, 63, 111] == round(255 / 18)
    _, depth = _images(scene, [scene.actor(6, 0, z=0.75, yaw_deg=90)])
    assert depth[0, 63, 111] == round(255 / 5)
    _, depth = _images(scene, [scene.actor(4, 0, z=0.75, size=(7.0, 2.0, 1.5))])
    assert depth[0, 63, 111] == 255  # the rear is half a metre away


@given(x=st.floats(5, 40), y=st.floats(-4, 4), yaw_deg=st.floats(-180, 180), z=st.floats(-0.5, 1.5))
def test_inverse_depth_agrees_with_casting_rays(scene, x, y, yaw_deg, z):
    camera = scene.camera()
    size = (4.0, 2.0, 1.5)
    actor = scene.actor(x, y, z, yaw_deg, size)
    _, depth = _images(scene, [actor], camera)
    # Slab test in the box's own frame, at every pixel.
    box_from_camera = geometry.invert(actor.world_from_actor) @ camera.ego_from_camera
    rows, columns = np.indices((128, 224))
    rays = (
        np.stack([columns, rows, np.ones_like(rows)], axis=-1) @ np.linalg.inv(camera.intrinsics).T @ box_from_camera[:3, :3].T
    )
    rays = np.where(np.abs(rays) < 1e-12, 1e-12, rays)
    bounds = (np.array([-0.5, 0.5])[:, None, None, None] * np.array(size) - box_from_camera[:3, 3]) / rays
    enter, leave = bounds.min(axis=0).max(axis=-1), bounds.max(axis=0).min(axis=-1)
    hit = (enter < leave) & (enter > 0)
    assert (depth[0][hit] > 0).mean() > 0.98
    deep = hit & np.roll(hit, 1, 0) & np.roll(hit, -1, 0) & np.roll(hit, 1, 1) & np.roll(hit, -1, 1)
    # The nearest of four sub-pixels is shown: the change over a quarter of a pixel each way, and half a grey level of rounding.
    expected = np.where(deep, np.minimum(255 / np.where(hit, enter, 1e9), 255), 0)
    change = sum(np.abs(np.roll(expected, shift, axis) - expected) for axis in (0, 1) for shift in (-1, 1))
    assert (np.abs(depth[0] - expected) <= 0.6 + 0.3 * change)[deep].all()


def test_the_nearer_surface_wins_even_where_centres_mislead(scene):
    """A pedestrian before the side of a long bus whose centre is nearer, and a car behind it whose centre is nearer still."""
    bus = scene.actor(14, 3.5, size=(12, 2.5, 3), detection_class="bus")
    pedestrian = scene.actor(18.5, 1.9, size=(0.6, 0.6, 1.8), detection_class="pedestrian")
    hidden = scene.actor(9, 6.3, size=(1.5, 1.5, 1.5), detection_class="car")
    image, _ = _images(scene, [bus, pedestrian, hidden])
    u, v = 111.5 - 200 * 1.9 / 18.2, 63.5 + 200 * 0.6 / 18.2
    at = image[:, round(v), round(u)]
    assert at[LAYER["pedestrian"]] == 255
    assert at[LAYER["large_vehicle"]] == 0
    assert image[LAYER["car"]].sum() < 255 * 40


def test_layers_exclude_each_other(scene):
    rng = np.random.default_rng(0)
    names = ["car", "bus", "bicycle", "pedestrian", "traffic_cone", None]
    actors = [
        scene.actor(rng.uniform(4, 40), rng.uniform(-6, 6), yaw_deg=rng.uniform(0, 360), detection_class=names[i % 6])
        for i in range(18)
    ]
    image, depth = _images(scene, actors)
    total = image[:5].astype(int).sum(axis=0)
    assert total.max() <= 257  # each layer is rounded by itself
    assert ((total > 0) == (depth[0] > 0)).all()
    assert (image[LAYER["front_face"]] <= total + 2).all()


@pytest.mark.parametrize(("yaw_deg", "value", "distance"), [(180, FRONT_SEEN, 18), (0, FRONT_HIDDEN, 22)])
def test_front_face_tells_coming_from_leading_cars(scene, yaw_deg, value, distance):
    image, _ = _images(scene, [scene.actor(20, 0, yaw_deg=yaw_deg)])
    front = image[LAYER["front_face"]]
    assert front.max() == value
    area = (200 / distance) ** 2 * 2 * 1.5
    assert front.sum() / value == pytest.approx(area, rel=0.12)


def test_a_car_around_the_camera_fills_the_picture(scene):
    image, depth = _images(scene, [scene.actor(0, 0, size=(5, 2, 3))])
    assert (image[LAYER["car"]] == 255).all()
    assert (depth == 255).all()


def test_groups_of_classes():
    assert len(LAYER_OF_CLASS) == NUM_BOX_CLASSES
    names = [BOX_LAYERS[i] for i in LAYER_OF_CLASS]
    assert names == ["car", *["large_vehicle"] * 4, "pedestrian", *["two_wheeler"] * 2, *["other"] * 3]


def test_hull_helper_agrees_with_scipy(scene):
    boxes = seen_boxes(scene.frame([scene.actor(12, 3, yaw_deg=30)]), scene.camera())
    pixels, _ = geometry.project(boxes.corners_m[0], scene.camera().intrinsics)
    assert Polygon(boxes.hulls_px[0]).area == pytest.approx(ConvexHull(pixels).volume, rel=1e-4)
