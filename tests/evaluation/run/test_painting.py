"""Painted ahead by worker processes, and the same as without."""

from __future__ import annotations

from contextlib import closing
from itertools import islice

import numpy as np
import pytest

from everroad.evaluation.run.painting import own_pictures, shown_frames
from everroad.evaluation.run.shown import view_of


@pytest.mark.slow
def test_workers_show_what_one_process_shows(towns) -> None:
    views = [view_of(town) for town in towns[:3]]
    alone, beside = (list(shown_frames(views, 3, processes)) for processes in (1, 2))
    assert len(alone) == len(beside) == 4
    for one, other in zip(alone, beside, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a.own, b.own)
            np.testing.assert_array_equal(a.reference.masks.row, b.reference.masks.row)
            assert a.prepared.asked == b.prepared.asked
            assert (a.truth is None) == (b.truth is None)
            assert (a.prepared.shown is None) == (b.prepared.shown is None)
            if a.prepared.shown is not None and b.prepared.shown is not None:
                np.testing.assert_array_equal(a.prepared.shown.places, b.prepared.shown.places)


def test_pictures_are_those_of_their_frames_and_an_end_in_the_middle_is_one(towns) -> None:
    views = [view_of(town) for town in towns[:2]]
    (first, third) = own_pictures(views, [1, 3], 1)
    np.testing.assert_array_equal(third[1], towns[1].picture(3))
    np.testing.assert_array_equal(first[0], towns[0].picture(1))
    with closing(shown_frames(views, 5, 1)) as frames:
        assert len(list(islice(frames, 2))) == 2
