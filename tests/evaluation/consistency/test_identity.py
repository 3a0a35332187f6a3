"""Whether objects are known again by what is in their boxes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from everroad.evaluation.consistency.identity import (
    IdentityRecord,
    histogram_features,
    identity,
    identity_record,
    identity_sums,
)
from everroad.evaluation.measure import Window

COLOURS = {1: (200, 30, 30), 2: (30, 60, 200), 3: (40, 160, 60), 4: (220, 220, 220)}
INSTANCE = np.zeros((40, 80), np.int32)
for _i, _id in enumerate(COLOURS):
    INSTANCE[10:30, 20 * _i + 3 : 20 * _i + 17] = _id


def picture(colours: Mapping[int, tuple[int, int, int]]) -> np.ndarray:
    out = np.full((40, 80, 3), 100, np.uint8)
    for instance, colour in colours.items():
        out[instance == INSTANCE] = colour
    return out


def record(colours: Mapping[int, tuple[int, int, int]]) -> IdentityRecord:
    return identity_record(picture(colours), INSTANCE, lambda instance: True)


def test_objects_that_keep_their_colours_are_known_and_exchanged_ones_are_not() -> None:
    assert identity_sums(record(COLOURS), record(COLOURS)) == (12, 12)
    swapped = dict(zip(COLOURS, [COLOURS[i] for i in (2, 1, 4, 3)], strict=True))
    won, compared = identity_sums(record(swapped), record(COLOURS))
    assert compared == 12
    assert won <= 8  # each is beaten by the one that has its colour now
    grey = dict.fromkeys(COLOURS, (90, 90, 90))
    assert identity_sums(record(grey), record(grey)) == (6, 12)  # ties: no identity


def test_small_and_unwanted_objects_and_lonely_ones_do_not_count() -> None:
    instance = np.zeros((40, 80), np.int32)
    instance[:20, :20], instance[30:34, :4], instance[:20, 40:60] = 7, 8, 9
    found = identity_record(picture(COLOURS), instance, lambda which: which != 9)
    assert found.ids.tolist() == [7]
    assert identity_sums(found, found) == (0, 0)
    assert identity_record(picture(COLOURS), 0 * instance, lambda which: True).features.shape[0] == 0


def test_the_lag_is_the_time_between_and_another_feature_may_stand_in() -> None:
    def mean_colour(crops):
        return np.stack([crop.mean((0, 1)) for crop in crops])

    turning = [{i: COLOURS[1 + (i - 1 + frame // 5) % 4] for i in COLOURS} for frame in range(10)]
    rows = [[identity_record(picture(of), INSTANCE, lambda which: True, mean_colour)] for of in turning]
    assert identity(rows, rows, Window(1, 4), lag=1)["identity"].value == 1
    assert identity(rows, rows, Window(5, 9), lag=5)["identity"].value < 0.7
    assert not identity(rows, rows, Window(1, 4), lag=5)["identity"].valid
    assert not identity(rows, rows, Window(1, 40), lag=1)["identity"].valid


def test_features_are_shares() -> None:
    features = histogram_features([picture(COLOURS), picture(COLOURS)[5:35, 15:45]])
    assert features.shape[0] == 2
    assert features.sum(1) == pytest.approx(6, abs=0.01)
    assert histogram_features([]).shape == (0, features.shape[1])
