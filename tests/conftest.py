"""Shared by all tests: threads, hypothesis, and where the real inputs are."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"

# Idle OpenMP threads that spin steal the core from the other test process. Read once, when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    # One process a core: more threads than that only wait for each other. Child processes of tests inherit it.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)

# Shared cores make single examples slow at random; the suite has its own time limit.
settings.register_profile("everroad", deadline=None, derandomize=os.environ.get("CI") == "true", print_blob=True)
settings.load_profile("everroad")


def shared_path(relative: str) -> Path:
    """A path in the folder of real inputs beside the repository; skips the test where that folder is absent."""
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"needs the real input ../shared/data/{relative}, which is not here")
    return path


@pytest.fixture
def shared_data():
    """``shared_data("av2/…")``: the path of a real input, or a skip."""
    return shared_path
