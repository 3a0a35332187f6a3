from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from everroad.conditions.build import build_conditions
from everroad.conditions.show import _COLOUR_OF_LAYER, draw_birds_eye, draw_conditions, show_scenario
from everroad.media import read_video_frames
from everroad.scenario.types import Actor, Poses, Scenario


def test_birds_eye_places_things_by_hand(scene):
    """80 m over 400 rows: 5 px a metre, the ego's origin at row 300 and column 200; ahead is up and left is left."""
    street = scene.road(drivable_areas=[scene.rectangle(0, 60, -5, 5)])
    ego = scene.pose(100, -40, 2, 35)
    actor = scene.actor(40, 10)
    actor = replace(actor, world_from_actor=ego @ actor.world_from_actor)
    world_street = scene.road(drivable_areas=[street.drivable_areas[0].exterior_m @ ego[:3, :3].T + ego[:3, 3]])
    image = draw_birds_eye(scene.frame([actor], world_street, ego), 400, 400)
    assert image[300 - 5 * 30, 200].tolist() == list(_COLOUR_OF_LAYER["drivable_area"])
    assert image[300 - 5 * 40 + 7, 200 - 50 + 3].tolist() == list(_COLOUR_OF_LAYER["car"])
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


def test_conditions_picture_has_the_colours_of_what_is_there(scene):
    street = scene.road(drivable_areas=[scene.rectangle(0, 60, -5, 5)])
    near, far = (
        draw_conditions(build_conditions(scene.frame([scene.actor(x, 0)], street), None, [scene.camera()])) for x in (8, 40)
    )
    assert near.shape == (128, 224, 3)
    assert near[120, 111].tolist() == list(_COLOUR_OF_LAYER["drivable_area"])
    assert near[70, 111].sum() > far[66, 111].sum()
    assert near[70, 111, 2] == near[70, 111].max()  # cars are blue


def _scenario(scene, frames=6, cameras=True):
    index = np.arange(frames, dtype=np.float64)
    poses = Poses(np.stack([index, 0 * index, 0 * index], axis=1), np.tile([1.0, 0, 0, 0], (frames, 1)))
    ahead = Poses(poses.translation_m + np.array([15, 0, 0.75]), poses.rotation_wxyz)
    car = Actor("a", "vehicle.car", np.array([4.0, 2.0, 1.5]), ahead, np.ones(frames, dtype=bool))
    rig = (scene.camera(), scene.camera(yaw_deg=180, name="CAM_BACK")) if cameras else ()
    street = scene.road(drivable_areas=[scene.rectangle(-20, 80, -5, 5)])
    return Scenario("s", index / 12, poses, rig, street, actors=(car,))


def test_a_scenario_is_filmed_with_birds_eye_and_cameras(scene, tmp_path):
    heard = []
    show_scenario(_scenario(scene), tmp_path / "show.mp4", progress=lambda done, total: heard.append((done, total)))
    frames = list(read_video_frames(tmp_path / "show.mp4"))
    assert len(frames) == 6
    assert heard == [(i, 6) for i in range(1, 7)]
    show_scenario(_scenario(scene), tmp_path / "two.mp4", ["CAM_BACK", "CAM_FRONT"], 64, 112)
    assert next(read_video_frames(tmp_path / "two.mp4")).shape[1] > 64 + 2 * 112


def test_unknown_cameras_and_missing_rigs_are_refused_before_a_file_is_made(scene, tmp_path):
    with pytest.raises(ValueError, match="CAM_FRONT, CAM_BACK"):
        show_scenario(_scenario(scene), tmp_path / "show.mp4", ["CAM_LEFT"])
    with pytest.raises(ValueError, match="--rig"):
        show_scenario(_scenario(scene, cameras=False), tmp_path / "show.mp4")
    assert not list(tmp_path.iterdir())
