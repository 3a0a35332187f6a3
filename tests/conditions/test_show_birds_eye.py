from __future__ import annotations

from dataclasses import replace

import numpy as np

from everroad.conditions.show_birds_eye import draw_birds_eye
from everroad.conditions.show_paint import BACKGROUND, COLOUR_OF_LAYER


def test_birds_eye_places_things_by_hand(scene):
    """80 m over 400 rows: 5 px a metre, the ego's origin at row 300 and column 200; ahead is up and left is left."""
    street = scene.road(drivable_areas=[scene.rectangle(0, 60, -5, 5)])
    ego = scene.pose(100, -40, 2, 35)
    actor = scene.actor(40, 10)
    actor = replace(actor, world_from_actor=ego @ actor.world_from_actor)
    world_street = scene.road(drivable_areas=[street.drivable_areas[0].exterior_m @ ego[:3, :3].T + ego[:3, 3]])
    image = draw_birds_eye(scene.frame([actor], world_street, ego), 400, 400)
    assert image[300 - 5 * 30, 200].tolist() == list(COLOUR_OF_LAYER["drivable_area"])
    assert image[300 - 5 * 40 + 7, 200 - 50 + 3].tolist() == list(COLOUR_OF_LAYER["car"])
    assert image[310, 100].tolist() == image[0, 399].tolist()
    assert image[300 - 7, 200 - 3].min() > 150  # the ego itself


def test_heading_mark_points_forward(scene):
    ahead, back = (draw_birds_eye(scene.frame([scene.actor(30, 0, yaw_deg=yaw)]), 400, 400).astype(int) for yaw in (0, 180))
    changed = np.flatnonzero(np.abs(ahead - back).sum(axis=(1, 2)))
    centre = 300 - 5 * 30
    assert changed.min() < centre - 10
    assert changed.max() > centre + 10
    above = np.s_[: centre - 10]
    assert np.abs(ahead[above] - ahead[0, 0]).sum() > np.abs(back[above] - ahead[0, 0]).sum()


def test_the_ego_path_runs_where_the_car_goes(scene):
    """A turn to the left: 20 m ahead and 10 m left is row 200, column 150."""
    path = np.array([[0.0, 0, 0], [20, 0, 0], [20, 10, 0], [20, 30, 0]])
    image = draw_birds_eye(scene.frame(), 400, 400, ego_path_m=path)
    assert image[199:201, 149:151].max() > 150
    assert (image[199:201, 249:251] == BACKGROUND).all()


def test_what_is_unknown_is_said(scene):
    street = scene.road(drivable_areas=[scene.rectangle(0, 60, -5, 5)])
    plain = scene.frame()
    video = replace(plain, actors_known=False)
    pictures = [draw_birds_eye(frame, 400, 400) for frame in (plain, video, replace(video, map=street))]
    for picture, other in zip(pictures, (*pictures[1:], pictures[0]), strict=True):
        assert (picture[80:120, 100:300] != other[80:120, 100:300]).any()
        assert (picture[80:120, 100:300] == (200, 200, 205)).all(axis=-1).any()
    known = draw_birds_eye(replace(plain, map=scene.road()), 400, 400)
    assert (known[:200] == BACKGROUND).all()  # an empty map is known
    assert (draw_birds_eye(replace(video, map=scene.road(), actors=(scene.actor(-10, 0),)), 400, 400)[:200] == BACKGROUND).all()
    assert draw_birds_eye(video, 40, 30).shape == (40, 30, 3)
