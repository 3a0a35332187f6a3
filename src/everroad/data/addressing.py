"""Addressed randomness: every draw is a function of where it is used, never of what was drawn before.

An address is a tuple of integers and words, such as ``(recipe seed, "anchors", train step)``. Equal addresses give equal draws
on every machine and in every process; so a resumed run repeats an uninterrupted one, whatever the number of workers.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """A config as JSON holds it: dataclasses become objects, tuples lists, paths strings. Raises ``TypeError`` otherwise."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"expected a config of plain values, got {type(value).__name__}; keep it out of the config")


def digest(value: Any, characters: int = 16) -> str:
    """The first hexadecimal characters of the SHA-256 of a config's canonical JSON."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:characters]


def addressed_seed(*address: int | str) -> int:
    """A 63-bit integer that belongs to the address; ``1`` and ``"1"`` are different parts."""
    return int(digest(address), 16) >> 1


def addressed_generator(*address: int | str) -> np.random.Generator:
    """A fresh counter-based generator that belongs to the address."""
    return np.random.Generator(np.random.Philox(key=addressed_seed(*address)))
