"""What the system says when a tensor file cannot be written."""

from __future__ import annotations

import errno
import resource
import signal

import pytest
import torch
from safetensors.torch import load_file

from everroad.data.tensor_files import save_tensors


def test_what_is_written_can_be_read_by_all(tmp_path) -> None:
    path = tmp_path / "a.safetensors"
    save_tensors({"x": torch.arange(3)}, path, {"kind": "test"})
    assert load_file(path)["x"].tolist() == [0, 1, 2]
    assert path.stat().st_mode & 0o777 == 0o644


def test_an_error_keeps_the_systems_number(tmp_path) -> None:
    with pytest.raises(OSError) as named:
        save_tensors({"x": torch.zeros(2)}, tmp_path / ("n" * 300))
    assert named.value.errno == errno.ENAMETOOLONG
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError) as full:
            save_tensors({"x": torch.zeros(10_000)}, tmp_path / "b.safetensors")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert (full.value.errno, full.value.filename) == (errno.EFBIG, str(tmp_path / "b.safetensors"))
