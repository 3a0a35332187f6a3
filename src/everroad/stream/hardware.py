"""What a run or a measurement was made on: hardware, versions, memory, and time by stage."""

from __future__ import annotations

import os
import platform
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from statistics import median

import cv2
import pyarrow as pa
import torch

VERSIONED = ("everroad", "torch", "numpy", "opencv-python-headless", "av", "safetensors")


def usable_device(name: str) -> torch.device:
    """The torch device of that name. Raises ``ValueError`` for a name or a device that is not there."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"device: expected cpu or cuda, got '{name}'") from None
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"device: expected cpu or cuda, got '{name}'")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device: expected one that is here ({torch.cuda.device_count()} CUDA devices), got '{name}'; use cpu")
    return device


def computes_bfloat16(device: torch.device) -> bool:
    """Whether the device has instructions for bfloat16; emulated, it is fifteen times as slow as fp32 on a CPU."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    return any(there for name, there in capabilities.items() if "bf16" in name)


def describe_hardware(device: torch.device) -> str:
    """Processor, cores this process may use, and the accelerator where one is used."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    text = f"{_processor()}, {cores} core{'s' * (cores != 1)}"
    return text if device.type == "cpu" else f"{torch.cuda.get_device_name(device)}; {text}"


@contextmanager
def one_core() -> Iterator[None]:
    """One thread each for torch, OpenCV and Arrow inside of the block, and as many as before after it."""
    before = torch.get_num_threads(), cv2.getNumThreads(), pa.cpu_count()
    try:
        _set_threads(1, 1, 1)
        yield
    finally:
        _set_threads(*before)


def _set_threads(of_torch: int, of_opencv: int, of_arrow: int) -> None:
    torch.set_num_threads(of_torch)
    cv2.setNumThreads(of_opencv)
    pa.set_cpu_count(of_arrow)


def versions() -> dict[str, str]:
    """Versions of what the result depends on; those that are not installed as packages are left out."""
    found = {"python": platform.python_version()}
    for name in VERSIONED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def rss_mb() -> float | None:
    """Resident memory of this process in MB (1e6 bytes); ``None`` where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(frozen=True)
class Stopwatch:
    """Seconds by stage, one entry a turn. A CUDA device is waited for, so that a stage holds its own work."""

    device: torch.device
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times what is inside of the block."""
        self._wait()
        started = time.perf_counter()
        yield
        self._wait()
        self.seconds[name].append(time.perf_counter() - started)

    def median_ms(self, skip: int = 0) -> dict[str, float]:
        """Median milliseconds by stage, without the first ``skip`` turns where more than those were timed."""
        return {name: round(1e3 * median(times[skip:] or times), 3) for name, times in self.seconds.items()}

    def total_s(self) -> dict[str, float]:
        """Seconds by stage, all turns together."""
        return {name: round(sum(times), 3) for name, times in self.seconds.items()}

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
