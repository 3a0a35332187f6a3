"""Warp error and flicker: nothing on a still plane, the flicker that was put in, and which way damage moves them."""

from __future__ import annotations

import numpy as np
import pytest

from everroad.evaluation.consistency.correspondence import ground_pixels, known
from everroad.evaluation.consistency.stacking import stack_records
from everroad.evaluation.consistency.warp_error import FIELDS, first_record, warp_measures, warp_record
from everroad.evaluation.made_damage import MADE_DAMAGE
from everroad.evaluation.measure import Window


def test_the_same_picture_without_motion_has_no_error(plane) -> None:
    picture, seen = plane.paint(np.eye(4)), ground_pixels(plane.camera)
    record = warp_record(picture, picture, known(seen, seen, plane.camera, plane.camera, np.eye(4)))
    assert record.error == record.unmoved_error == record.squared == record.block_error == 0
    assert record.pixels > 3000
    assert record.detail > 0


def test_known_motion_explains_the_plane_and_no_motion_does_not(plane) -> None:
    step, seen = plane.pose(0.9, 0.02), ground_pixels(plane.camera)
    now, before = plane.paint(step), plane.paint(np.eye(4))
    record = warp_record(now, before, known(seen, seen, plane.camera, plane.camera, step))
    assert record.error < 0.25 * record.unmoved_error


def records(pictures, drive) -> np.ndarray:
    rows = [[first_record(pictures[0])]]
    for i in range(1, len(pictures)):
        rows.append([warp_record(pictures[i], pictures[i - 1], drive.prepared[i].shown)])
    return stack_records(rows)


@pytest.fixture(scope="module")
def shares(drive) -> dict[str, dict[str, float]]:
    painter = records(drive.pictures, drive)
    window = Window(1, len(drive.pictures) - 1)
    return {
        name: {
            key: of.value for key, of in warp_measures(records(list(damage(drive.pictures)), drive), painter, window).items()
        }
        for name, damage in {"none": iter, **MADE_DAMAGE}.items()
    }


def test_the_painter_is_its_own_measure(shares) -> None:
    own = {name: value for name, value in shares["none"].items() if name.startswith("share") and name != "share still frames"}
    assert all(value == pytest.approx(1) for value in own.values())
    assert shares["none"]["left by motion"] < 0.25


@pytest.mark.parametrize(
    ("damage", "measure", "least", "most"),
    [
        ("noise", "warp error", 4, 30),
        ("noise", "warp error to detail", 1.8, 20),
        ("frozen", "warp error", 2, 30),
        ("frozen", "left by motion", 3, 30),
        ("shuffled", "warp error", 2, 30),
        ("shuffled", "static flicker", 3, 100),
        ("flicker", "warp error", 1.2, 10),
        ("flicker", "static flicker", 2, 50),
        ("flicker", "light flicker", 2, 1000),
        # A blurred video agrees better with itself; relative to its detail it gains less.
        ("blur", "warp error", 0.4, 0.85),
        ("blur", "warp error to detail", 0.6, 1.1),
        # A colour that stays is consistent.
        ("colour shift", "warp error", 0.9, 1.1),
        ("colour shift", "static flicker", 0.9, 1.1),
    ],
)
def test_damage_moves_the_share(shares, damage: str, measure: str, least: float, most: float) -> None:
    assert least < shares[damage][f"share {measure}"] < most


def test_frozen_frames_are_still_and_no_others(shares) -> None:
    still = {name: of["still frames"] for name, of in shares.items()}
    assert still.pop("frozen") == 1
    assert set(still.values()) == {0}


def test_flicker_of_the_light_is_the_second_difference() -> None:
    rows = np.zeros((1, 42, len(FIELDS)))
    rows[..., FIELDS.index("light")] = 50 + 0.5 * np.arange(42) + 2.0 * (-1) ** np.arange(42)
    found = warp_measures(rows, rows, Window(1, 40))
    assert found["light flicker"].value == pytest.approx(4.0)
    assert not found["warp error"].valid
    assert not warp_measures(rows, rows, Window(1, 42))["light flicker"].valid
