from __future__ import annotations

import time

import cv2
import pyarrow as pa
import pytest
import torch

from everroad.stream.hardware import Stopwatch, computes_bfloat16, describe_hardware, one_core, rss_mb, usable_device, versions


def test_stopwatch_sums_and_skips_the_warm_up():
    watch = Stopwatch(torch.device("cpu"))
    for seconds in (0.05, 0.002, 0.002):
        with watch.stage("work"):
            time.sleep(seconds)
    assert watch.total_s()["work"] >= 0.054
    assert 2 <= watch.median_ms(skip=1)["work"] < 50
    assert watch.median_ms(skip=3)["work"] >= 2  # fewer turns than are to be skipped: all count


def test_stopwatch_keeps_no_failed_turn():
    watch = Stopwatch(torch.device("cpu"))
    with pytest.raises(KeyError), watch.stage("work"):
        raise KeyError
    assert "work" not in watch.seconds


def test_rss_follows_what_is_allocated():
    before = rss_mb()
    if before is None:
        pytest.skip("this system does not say how much memory a process holds")
    block = torch.ones(25_000_000)  # 100 MB
    after = rss_mb()
    assert 80 < after - before < 140
    assert block.sum() > 0


def test_devices():
    assert usable_device("cpu") == torch.device("cpu")
    for name in ("gpu", "meta", "cuda:99"):
        with pytest.raises(ValueError, match="device: expected"):
            usable_device(name)


def test_what_is_described():
    assert " core" in describe_hardware(torch.device("cpu"))
    assert versions()["torch"].split("+")[0] == torch.__version__.split("+")[0]


def test_bfloat16_is_what_the_processor_lists(monkeypatch):
    for listed, expected in (({"avx2": True, "avx512_bf16": False}, False), ({"avx512_bf16": True}, True), ({}, False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda listed=listed: listed, raising=False)
        assert computes_bfloat16(torch.device("cpu")) is expected


def test_one_core_is_one_thread_inside_and_as_before_after_it():
    def threads():
        return torch.get_num_threads(), cv2.getNumThreads(), pa.cpu_count()

    def work():
        with one_core():
            assert threads() == (1, 1, 1)
            raise KeyError

    before = threads()
    with pytest.raises(KeyError):
        work()
    assert threads() == before
