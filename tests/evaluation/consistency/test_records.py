"""A whole drive's consistency, from records."""

from __future__ import annotations

import pytest

from everroad.evaluation.consistency.records import consistency, consistency_record
from everroad.evaluation.made_damage import frozen
from everroad.evaluation.measure import Window, measures_to_json


def make(pictures, drive):
    before = [None, *pictures[:-1]]
    return [[consistency_record(*of)] for of in zip(pictures, before, drive.prepared, strict=True)]


def test_the_painter_is_consistent_and_frozen_pictures_are_not(drive) -> None:
    painter, stuck = make(drive.pictures, drive), make(list(frozen(drive.pictures)), drive)
    window = Window(1, len(drive.pictures) - 1)
    found = consistency(painter, painter, [window])[window.name]
    assert found["known motion"]["share warp error"].value == pytest.approx(1)
    assert found["ego motion"]["readable frames"].value == 1
    assert found["ego motion"]["speed error"].value < 0.03
    assert not found["identity"]["identity"].valid  # the lag is longer than the drive
    worse = consistency(stuck, painter, [window])[window.name]
    assert worse["known motion"]["left by motion"].value == pytest.approx(1)
    assert worse["ego motion"]["speed error"].value > 0.9
    assert worse["estimated flow"]["warp error"].value < found["estimated flow"]["warp error"].value
    assert set(measures_to_json(found)) == {"known motion", "estimated flow", "ego motion", "identity"}
