from __future__ import annotations

import cv2
import pytest

from everroad.stream.bench_painter import JOBS, bench_painter


@pytest.mark.slow
def test_every_job_has_rates_that_fit_its_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everroad.stream.bench_painter.TOWN_SEEDS", (1_000_000,))  # four take four times as long
    threads = cv2.getNumThreads()
    measured = bench_painter(frames=2, warm_up=1)
    assert cv2.getNumThreads() == threads
    assert list(measured) == [job[0] for job in JOBS]
    for found in measured.values():
        assert 0 < found["frames_per_second_slowest_town"] <= found["frames_per_second"]
        assert 0 < found["median_ms"] <= found["longest_ms"]
        assert found["frames_per_second"] >= 1e3 / found["longest_ms"] - 0.1


def test_no_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 frame"):
        bench_painter(frames=0)
    with pytest.raises(ValueError, match="at most 10000 frames"):
        bench_painter(frames=10**30)
