"""Puts this folder on the path: the tests and the processes they start share the tiny recipe."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
