"""Fixtures of the nuScenes tests."""

from __future__ import annotations

import pytest

from . import fake, fake_map


@pytest.fixture(autouse=True)
def own_cache_folder(tmp_path, monkeypatch):
    """Nothing is read from, or left in, the user's own cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))


@pytest.fixture
def root(tmp_path):
    """One scene of four key frames with a map expansion."""
    return fake.write(tmp_path / "data", fake.tables(), expansion=fake_map.expansion())
