from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from everroad.conditions.rig import fit_camera
from everroad.export.generated import GeneratedExport
from everroad.export.options import ExportOptions
from everroad.media import read_image
from everroad.scenario.edit.time import cut
from everroad.scenario.storage import load_scenario
from tests.export.scenes import FRAMES, camera, drive
from tests.scenario.strategies import difference

MADE_WITH = {"seed": 5, "model_sha256": "abc", "steps": 4}
FITTED = fit_camera(camera(), 32, 48)


def pictures():
    return [np.full((32, 48, 3), 10 * i, dtype=np.uint8) for i in range(FRAMES)]


def exported(root, frames=12, options=None, made_with=MADE_WITH):
    sink = GeneratedExport(root, options or ExportOptions(image_format="png"))
    sink.begin(drive(), FITTED, frames, made_with)
    for i in range(1, frames + 1):
        sink.write(i, pictures()[i])
    sink.end()
    return sink.summary()


def test_frame_one_becomes_frame_zero(tmp_path):
    summary = exported(tmp_path)
    assert summary == (
        f"{tmp_path}: scene drive-CAM_FRONT-seed5, 7 frames at 12 Hz, 2 key frames; "
        "5 frames after the last key frame are not in the tables"
    )
    place = tmp_path / "everroad" / "drive-CAM_FRONT-seed5" / "scene.json"
    back = load_scenario(place)
    assert len(back) == 12
    assert back.start_stamp_ns == drive().start_stamp_ns + round(1e9 / 12)
    for i, path in enumerate(back.images["CAM_FRONT"]):
        np.testing.assert_array_equal(read_image(place.parent / path), pictures()[i + 1])
        np.testing.assert_allclose(back.world_from_ego.matrix(i), drive().world_from_ego.matrix(i + 1))
    rows = json.loads((tmp_path / "v1.0-everroad" / "calibrated_sensor.json").read_text())
    np.testing.assert_allclose(next(r["camera_intrinsic"] for r in rows if r["camera_intrinsic"]), FITTED.intrinsics)
    # Key frames are the run's frames 1 and 7.
    assert len(json.loads((tmp_path / "v1.0-everroad" / "sample.json").read_text())) == 2


def test_a_run_that_fails_leaves_no_scene(tmp_path):
    sink = GeneratedExport(tmp_path, ExportOptions())
    sink.begin(drive(), FITTED, 12, MADE_WITH)
    sink.write(1, pictures()[1])
    sink.abandon()
    assert not list(tmp_path.iterdir())
    exported(tmp_path)


def test_other_seeds_are_other_scenes_and_other_weights_other_content(tmp_path):
    exported(tmp_path, 1)
    exported(tmp_path, 1, made_with=MADE_WITH | {"seed": 6})
    splits = json.loads((tmp_path / "v1.0-everroad" / "splits.json").read_text())
    assert splits["all"] == ["drive-CAM_FRONT-seed5", "drive-CAM_FRONT-seed6"]
    with pytest.raises(
        ValueError, match=r'scene drive-CAM_FRONT-seed5 with model_sha256 "def", got model_sha256 "abc"; name another'
    ):
        exported(tmp_path, 1, made_with=MADE_WITH | {"model_sha256": "def"})


def test_abandoning_before_the_beginning_is_nothing(tmp_path):
    GeneratedExport(tmp_path / "x", ExportOptions()).abandon()
    assert not (tmp_path / "x").exists()


def test_frames_of_a_scenario_begin_at_zero():
    scene = replace(drive(), images={"CAM_FRONT": tuple(f"{i}.png" for i in range(FRAMES))})
    assert difference(cut(scene, 0, FRAMES - 1), scene) is None
    part = cut(scene, 2, 4)
    np.testing.assert_allclose(part.time_s, [0, 1 / 12, 2 / 12])
    assert part.images["CAM_FRONT"] == ("2.png", "3.png", "4.png")
    assert [actor.track_id for actor in part.actors] == ["ahead", "parked", "walker", "thing"]
    assert part.signals[0].states == ("red",) * 3
    np.testing.assert_allclose(part.actors[0].poses.translation_m, scene.actors[0].poses.translation_m[2:5])
