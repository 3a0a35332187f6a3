from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everroad.scenario.video_picks import NEAR_ENOUGH, pick_frames


def picks(times, rate_hz):
    return list(pick_frames([(time_s, i) for i, time_s in enumerate(times)], rate_hz))


def test_twelve_of_twenty_five_by_hand():
    # Instants 0, 83.3, 166.7, 250, 333.3, 416.7 ms among frames every 40 ms.
    assert [frame for _, frame in picks(np.arange(12) / 25, 12.0)] == [0, 2, 4, 6, 8, 10]


def test_the_same_rate_takes_every_frame():
    assert picks(np.arange(30) / 12, 12.0) == [(i, i) for i in range(30)]
    thousandths = np.round(np.arange(300) / 12, 3)
    assert [frame for _, frame in picks(thousandths, 12.0)][:299] == list(range(299))


def test_a_gap_has_no_frames():
    times = [0.0, 0.1, 0.2, 0.6, 0.7]
    assert picks(times, 10.0) == [(0, 0), (1, 1), (2, 2), (3, None), (4, None), (5, None), (6, 3), (7, 4)]


def test_a_single_frame_and_none():
    assert picks([0.0], 12.0) == [(0, 0)]
    assert picks([], 12.0) == []


@given(
    gaps=st.lists(st.floats(0.001, 0.3), max_size=40),
    rate_hz=st.floats(0.5, 60.0),
)
def test_the_nearest_or_none_for_every_instant(gaps, rate_hz):
    times = np.concatenate([[0.0], np.cumsum(gaps)])
    got = picks(times, rate_hz)
    assert [index for index, _ in got] == list(range(len(got)))
    assert (len(got) - 1) / rate_hz <= times[-1] + 2e-6
    assert len(got) / rate_hz > times[-1] - 2e-6
    for index, frame in got:
        away_s = np.abs(times - index / rate_hz)
        if frame is None:
            assert away_s.min() >= NEAR_ENOUGH / rate_hz * (1 - 1e-9)
        else:
            assert away_s[frame] == pytest.approx(away_s.min())
            assert away_s[frame] <= NEAR_ENOUGH / rate_hz * (1 + 1e-9)


def test_frames_are_asked_for_one_at_a_time():
    asked = []

    def stream():
        for i in range(1000):
            asked.append(i)
            yield i / 25, i

    picked = pick_frames(stream(), 25.0)
    for _ in range(10):
        next(picked)
    assert len(asked) <= 11
