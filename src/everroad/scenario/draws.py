"""Addressed randomness for authored towns: every draw is a function of its address, never of what was drawn before it."""

from __future__ import annotations

import hashlib

import numpy as np


def _key(address: tuple[int | str, ...]) -> int:
    text = "/".join(map(str, address)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "little")


def uniform(*address: int | str) -> float:
    """One number in [0, 1) that belongs to this address."""
    return (_key(address) >> 75) / 2**53


def generator(*address: int | str) -> np.random.Generator:
    """A counter-based generator (Philox) that belongs to this address."""
    return np.random.Generator(np.random.Philox(key=_key(address)))
