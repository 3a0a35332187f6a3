from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everroad.export.timing import FIRST_RECORDED_NS, check_stamps, date_of, key_frames, timestamps_us
from tests.export.scenes import FRAMES, drive


@pytest.mark.parametrize(
    ("rate_hz", "frames", "keys"),
    [(12, 13, [0, 6, 12]), (12, 18, [0, 6, 12]), (10, 11, [0, 5, 10]), (2, 3, [0, 1, 2]), (1, 3, [0, 1, 2]), (20, 1, [0])],
)
def test_key_frames_of_even_rates(rate_hz, frames, keys):
    assert key_frames(np.arange(frames) / rate_hz).tolist() == keys


@given(st.lists(st.floats(0.01, 3.0), max_size=30))
def test_key_frames_are_the_nearest(gaps):
    time_s = np.concatenate([[0.0], np.cumsum(gaps)])
    keys = key_frames(time_s)
    assert keys[0] == 0
    assert (np.diff(keys) > 0).all()
    beats = np.arange(int(time_s[-1] * 2 + 1e-6) + 1) / 2
    distance = np.abs(time_s[keys][None] - beats[:, None]).min(axis=1)
    np.testing.assert_allclose(distance, np.abs(time_s[None] - beats[:, None]).min(axis=1))


def test_stamps_count_microseconds_and_stay_apart():
    scene = drive()
    stamps = timestamps_us(scene, "drive")
    np.testing.assert_array_equal(stamps - stamps[0], np.rint(scene.time_s * 1e6))
    assert stamps[0] == 1_600_000_000_123_457
    close = drive(time_s=np.concatenate([[0.0], 1.5e-6 + np.arange(12) * 1.0000001e-6]))
    assert (np.diff(timestamps_us(close, "drive")) >= 1).all()


@pytest.mark.parametrize("start_ns", [0, 83_333_333, -1, FIRST_RECORDED_NS - 1])
def test_what_nobody_recorded_has_stamps_of_its_name(start_ns):
    scene = drive(start_stamp_ns=start_ns)
    starts = {name: int(timestamps_us(scene, name)[0]) for name in (f"town-{seed}" for seed in range(200))}
    assert starts == {name: int(timestamps_us(scene, name)[0]) for name in starts}
    assert all(len(str(start)) == 16 and date_of(start) < "2023-11-15" for start in starts.values())
    assert np.diff(sorted(starts.values())).min() > scene.time_s[-1] * 1e6
    stamps = timestamps_us(scene, "town-0")
    np.testing.assert_array_equal(stamps - stamps[0], np.rint(scene.time_s * 1e6))


def test_recorded_stamps_stay():
    assert timestamps_us(drive(start_stamp_ns=FIRST_RECORDED_NS), "drive")[0] == FIRST_RECORDED_NS // 1000


def test_dates():
    assert date_of(1_600_000_000_000_000) == "2020-09-13"
    assert date_of(2**62) == "1970-01-01"


def test_a_gap_of_years_has_no_key_frames_but_its_ends():
    time_s = np.array([0.0, 0.1, 0.6, 1e11, 1e11 + 0.3])
    assert key_frames(time_s).tolist() == [0, 2, 3]


@given(st.lists(st.sampled_from([0.05, 1 / 12, 0.25, 0.5, 0.7, 3.1]), min_size=1, max_size=12))
def test_key_frames_are_those_nearest_to_any_beat(gaps):
    time_s = np.concatenate([[0.0], np.cumsum(gaps)])
    beats = np.arange(int(time_s[-1] * 2 + 1e-6) + 1) / 2
    nearest = {int(np.argmin(np.abs(time_s - beat))) for beat in beats}
    found = set(key_frames(time_s).tolist())
    for frame in nearest ^ found:  # as near as another, up to rounding
        assert any(abs(abs(time_s - beat).min() - abs(time_s[frame] - beat)) < 1e-9 for beat in beats)
    assert len(found) >= len(nearest) - 1


@pytest.mark.parametrize("changes", [{"start_stamp_ns": 2**63 - 1}, {"time_s": np.arange(FRAMES) * 2e9}])
def test_stamps_that_readers_would_round_are_refused(changes):
    with pytest.raises(ValueError, match=r"expected time stamps before the year 2255 \(2\^53 microseconds\), got .*; mend"):
        check_stamps(replace(drive(), **changes))
    check_stamps(drive(start_stamp_ns=8 * 10**18))
