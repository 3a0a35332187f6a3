"""Fixtures of the Argoverse 2 tests."""

from __future__ import annotations

import pytest

from .av2_log import write_log


@pytest.fixture
def log(tmp_path):
    """The folder of a complete synthetic log."""
    return write_log(tmp_path / "log")
