"""Two cameras over one plane agree; a picture from elsewhere does not."""

from __future__ import annotations

import numpy as np

from everroad.evaluation.consistency.correspondence import ground_pixels
from everroad.evaluation.consistency.cross_camera import overlap_measures, overlap_record, overlaps
from everroad.evaluation.consistency.stacking import stack_records
from everroad.evaluation.measure import Window


def test_cameras_that_overlap_agree_and_damage_of_one_shows(plane) -> None:
    cameras = [plane.camera, plane.turned_camera(25), plane.turned_camera(180)]
    shown = overlaps(cameras, {camera.name: ground_pixels(camera) for camera in cameras})
    assert list(shown) == [(plane.camera.name, "turned 25")]
    pictures = {camera.name: plane.paint(np.eye(4), camera) for camera in cameras}
    moved = pictures | {"turned 25": plane.paint(plane.pose(1.0, 0.0), cameras[1])}
    painter, model = (stack_records([[overlap_record(of, shown)]] * 3) for of in (pictures, moved))
    found = overlap_measures(model, painter, Window(1, 2))
    assert found["share overlap error"].value > 2
    assert overlap_measures(painter, painter, Window(1, 2))["share overlap error"].value == 1


def test_one_camera_has_nothing_to_agree_with(plane) -> None:
    shown = overlaps([plane.camera], {plane.camera.name: ground_pixels(plane.camera)})
    rows = stack_records([[overlap_record({plane.camera.name: plane.paint(np.eye(4))}, shown)]] * 3)
    assert not any(measure.valid for measure in overlap_measures(rows, rows, Window(1, 2)).values())
