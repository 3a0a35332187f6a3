from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from everroad.conditions.rig import fit_camera, fit_image
from everroad.conditions.show_camera import draw_overlay
from everroad.conditions.show_view import base_picture, draw_view, make_view, rig_rows, shown_camera
from everroad.media import CAPTION_HEIGHT_PX, write_png
from everroad.scenario.rigs import RIGS
from everroad.scenario.types import Actor, Poses, Scenario


@pytest.fixture
def drive(scene):
    """Three frames behind a car, with six cameras and no images."""
    poses = Poses(np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]]), np.tile([1.0, 0, 0, 0], (3, 1)))
    ahead = Poses(poses.translation_m + np.array([15, 0, 0.75]), poses.rotation_wxyz)
    car = Actor("a", "vehicle.car", np.array([4.0, 2.0, 1.5]), ahead, np.ones(3, dtype=bool))
    street = scene.road(drivable_areas=[scene.rectangle(-20, 80, -5, 5)])
    return Scenario("s", np.arange(3.0), poses, RIGS["nuscenes-6"], street, actors=(car,))


def names(rows):
    return [[camera.name for camera in row] for row in rows]


def test_a_six_camera_rig_stands_as_on_the_car():
    front, back = names(rig_rows(RIGS["nuscenes-6"][::-1]))
    assert front == ["CAM_FRONT_LEFT", "CAM_FRONT", "CAM_FRONT_RIGHT"]
    assert back == ["CAM_BACK_LEFT", "CAM_BACK", "CAM_BACK_RIGHT"]


def test_a_stereo_pair_stands_beside_the_camera_between_them(scene):
    """The nine yaws and the stereo pair's places of an Argoverse 2 car."""
    yaws = {"front": 0.2, "left": 45.2, "right": -45.1, "side_left": 99.1, "side_right": -99, "rear_l": 153, "rear_r": -153}
    ring = [scene.camera(yaw, name) for name, yaw in yaws.items()]
    pair = [
        scene.camera(-0.3, "stereo_l", position_m=(1.6, 0.25, 1)),
        scene.camera(0.4, "stereo_r", position_m=(1.6, -0.25, 1)),
    ]
    assert names(rig_rows([*ring, *pair])) == [
        ["left", "stereo_l", "front", "stereo_r", "right"],
        ["side_left", "rear_l", "rear_r", "side_right"],
    ]


def test_long_rows_are_split_evenly_and_none_is_empty(scene):
    cameras = [scene.camera(60 - 10 * i, f"c{i}") for i in range(12)]
    assert [len(row) for row in rig_rows(cameras)] == [4, 4, 4]
    assert [name for row in names(rig_rows(cameras)) for name in row] == [f"c{i}" for i in range(12)]
    assert names(rig_rows([scene.camera(170, "back")])) == [["back"]]
    assert names(rig_rows([scene.camera(yaw, str(yaw)) for yaw in (-90, 0, 90, 180)])) == [["90", "0", "-90"], ["180"]]
    assert rig_rows([]) == ()


def test_all_cameras_keep_their_aspect(drive, scene):
    portrait = scene.camera(name="PORTRAIT", height_px=204, width_px=155)
    view = make_view(replace(drive, cameras=(portrait, *drive.cameras)), height_px=90)
    sizes = {
        camera.name: (shown_camera(view, camera).width_px, shown_camera(view, camera).height_px) for camera in view.cameras
    }
    assert sizes.pop("PORTRAIT") == (68, 90)
    assert set(sizes.values()) == {(160, 90)}
    picture = draw_view(view, 0)
    block_px = 2 * (90 + CAPTION_HEIGHT_PX)
    assert picture.shape == (block_px, block_px - CAPTION_HEIGHT_PX + 4 + 160 * 3 + 68 + 3 * 4, 3)


def test_named_cameras_alone_are_shown(drive):
    view = make_view(drive, ["CAM_BACK", "CAM_FRONT", "CAM_BACK"], height_px=90)
    assert [camera.name for camera in view.cameras] == ["CAM_FRONT", "CAM_BACK"]
    with pytest.raises(ValueError, match=r"camera: expected one of CAM_FRONT, .*, got 'CAM_LEFT'; name one"):
        make_view(drive, ["CAM_LEFT"])
    with pytest.raises(ValueError, match="none"):
        make_view(replace(drive, cameras=()), ["CAM_FRONT"])
    for height_px in (31, 2161):
        with pytest.raises(ValueError, match=f"height: expected 32 to 2160 px, got {height_px}"):
            make_view(drive, height_px=height_px)


def test_without_cameras_there_is_the_view_from_above(drive):
    assert draw_view(make_view(replace(drive, cameras=()), height_px=90), 1).shape == (180 + CAPTION_HEIGHT_PX, 180, 3)


def test_the_recorded_image_lies_under_the_overlay(drive, tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (45, 80, 3), dtype=np.uint8)
    write_png(tmp_path / "1.png", image)
    view = make_view(replace(drive, images={"CAM_FRONT": ("", "1.png", "")}), ["CAM_FRONT"], tmp_path, height_px=90)
    (camera,) = view.cameras
    frame = view.scenario.frame(1)
    base = base_picture(view, frame, camera)
    np.testing.assert_array_equal(base, fit_image(image, 90, 160))
    shown = draw_view(view, 1)[CAPTION_HEIGHT_PX:, -160:]
    np.testing.assert_array_equal(shown, draw_overlay(base, frame, fit_camera(camera, 90, 160)))
    assert (shown != base).any()  # the car ahead
    # Frame 0 has none: what the model is told takes its place, and the caption says it.
    bare = make_view(drive, ["CAM_FRONT"], height_px=90)
    without, with_none = draw_view(bare, 0), draw_view(view, 0)
    np.testing.assert_array_equal(without[CAPTION_HEIGHT_PX:], with_none[CAPTION_HEIGHT_PX:])
    assert (without[:CAPTION_HEIGHT_PX] != with_none[:CAPTION_HEIGHT_PX]).any()


def test_a_lens_is_taken_out_of_the_recorded_image(drive, tmp_path):
    write_png(tmp_path / "0.png", np.random.default_rng(0).integers(0, 256, (90, 160, 3), dtype=np.uint8))
    images = {"CAM_FRONT": ("0.png", "", "")}
    lens = replace(drive.cameras[0], distortion=(-0.3, 0.1))
    straight, bent = (
        base_picture(view, view.scenario.frame(0), view.cameras[0])
        for camera in (drive.cameras[0], lens)
        for view in [make_view(replace(drive, cameras=(camera,), images=images), image_folder=tmp_path, height_px=90)]
    )
    assert (straight != bent).any()


def test_a_plain_video_shows_its_pictures_and_the_ego_path(drive, tmp_path):
    write_png(tmp_path / "0.png", np.full((45, 80, 3), 77, dtype=np.uint8))
    plain = replace(drive, map=None, actors=(), cameras=drive.cameras[:1], images={"CAM_FRONT": ("0.png",) * 3})
    picture = draw_view(make_view(plain, image_folder=tmp_path, height_px=90), 0)
    assert (picture[CAPTION_HEIGHT_PX:, -160:] == 77).all()
    still = replace(plain, world_from_ego=Poses(np.zeros((3, 3)), np.tile([1.0, 0, 0, 0], (3, 1))))
    assert (draw_view(make_view(still, image_folder=tmp_path, height_px=90), 0) != picture).any()
