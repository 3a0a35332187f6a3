from __future__ import annotations

import numpy as np
import pytest

from everroad.scenario.nuscenes.reader import read_nuscenes

from . import fake


def records(made, channel):
    return [r for r in made["sample_data"] if r["calibrated_sensor_token"] == fake.token("calibrated", "scene-0061", channel)]


def test_cameras_come_in_nuscenes_order_or_as_asked(root):
    assert [camera.name for camera in read_nuscenes(root).cameras] == ["CAM_FRONT", "CAM_BACK", "CAM_FRONT_LEFT"]
    assert [c.name for c in read_nuscenes(root, cameras=["CAM_BACK", "CAM_FRONT"]).cameras] == ["CAM_BACK", "CAM_FRONT"]


def test_what_a_camera_is(root):
    camera = read_nuscenes(root).cameras[1]
    assert (camera.width_px, camera.height_px) == (1600, 900)
    assert camera.intrinsics.tolist() == fake.LENS
    # It looks back: its z axis is -x of the ego, its x axis -y turned, so +y.
    wanted = [[0, 0, -1, -1.7], [1, 0, 0, 0], [0, -1, 0, 1.5], [0, 0, 0, 1]]
    assert np.abs(camera.ego_from_camera - wanted).max() < 1e-9


@pytest.mark.parametrize(("cameras", "late_us"), [(None, 0), (["CAM_BACK", "CAM_FRONT_LEFT"], 12_345), (["CAM_BACK"], 37_500)])
def test_the_clock_is_the_front_camera_or_what_looks_ahead_most(root, cameras, late_us):
    read = read_nuscenes(root, cameras=cameras)
    assert read.start_stamp_ns == (fake.START_US + late_us) * 1000
    assert len(read) == 16


def test_cameras_of_different_rates(tmp_path):
    made = fake.tables()
    # Every other sweep of one camera is lost, and a second of another.
    back, left = records(made, "CAM_BACK"), records(made, "CAM_FRONT_LEFT")
    fake.lose_records(made, [*back[1::2], *left[4:9]])
    read = read_nuscenes(fake.write(tmp_path / "data", made))
    assert [path.rsplit("_", 1)[1] for path in read.images["CAM_BACK"][:5]] == ["0.jpg", "0.jpg", "2.jpg", "2.jpg", "4.jpg"]
    assert [bool(path) for path in read.images["CAM_FRONT_LEFT"]] == [not 4 <= f <= 8 for f in range(16)]
    assert all(read.images["CAM_FRONT"])


def test_key_frames_have_the_pictures_of_their_sample(tmp_path):
    made = fake.tables()
    # Late enough that a sweep would be nearer in time; and one sample without a picture.
    for record in records(made, "CAM_BACK"):
        record["timestamp"] += 40_000
    fake.lose_records(made, [records(made, "CAM_BACK")[10]])
    read = read_nuscenes(fake.write(tmp_path / "data", made), sweeps=False)
    numbers = [path.rsplit("_", 1)[-1] for path in read.images["CAM_BACK"]]
    assert numbers == ["0.jpg", "5.jpg", "", "15.jpg"]


@pytest.mark.parametrize(
    ("spoil", "cameras", "message"),
    [
        (
            lambda made: None,
            ["CAM_FRNT"],
            "expected a camera out of CAM_FRONT, CAM_BACK, CAM_FRONT_LEFT, got 'CAM_FRNT'; did you mea",
        ),
        (lambda made: None, ["LIDAR_TOP"], "expected a camera out of"),
        (
            lambda made: made["calibrated_sensor"][0].update(camera_intrinsic=[]),
            None,
            "camera CAM_FRONT: expected a 3x3 camera_in",
        ),
        (
            lambda made: records(made, "CAM_BACK")[3].update(width=1024),
            None,
            "camera CAM_BACK: expected one picture size in the sce",
        ),
        (
            lambda made: records(made, "CAM_BACK")[3].update(timestamp=records(made, "CAM_BACK")[2]["timestamp"]),
            None,
            "camera CAM_BACK: expected increasing timestamps, got sweeps/CAM_BACK/scene-0061_3.jpg",
        ),
        (
            lambda made: (
                records(made, "CAM_BACK")[3].update(calibrated_sensor_token=made["calibrated_sensor"][-1]["token"])
                or made["sensor"][-1].update(modality="camera", channel="CAM_BACK")
            ),
            None,
            "camera CAM_BACK: expected one ",
        ),
        (lambda made: [r.update(modality="lidar") for r in made["sensor"]], None, "expected records of a camera, got none"),
        (
            lambda made: [r.update(width=0) for r in records(made, "CAM_BACK")],
            None,
            "camera CAM_BACK: expected a width and height",
        ),
    ],
)
def test_bad_cameras(tmp_path, spoil, cameras, message):
    made = fake.tables()
    spoil(made)
    root = fake.write(tmp_path / "data", made)
    with pytest.raises(ValueError) as caught:
        read_nuscenes(root, cameras=cameras)
    assert message in str(caught.value)
    assert "scene 'scene-0061': " in str(caught.value)
    assert "\n" not in str(caught.value)
