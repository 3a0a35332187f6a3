from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everroad.data.addressing import addressed_generator, addressed_seed, digest, plain

part = st.integers(-(2**40), 2**40) | st.text(max_size=8)


@given(st.lists(st.lists(part, max_size=4), min_size=2, max_size=8, unique_by=tuple))
def test_seeds_are_as_different_as_their_addresses(addresses):
    seeds = [addressed_seed(*address) for address in addresses]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert seeds == [addressed_seed(*address) for address in addresses]


def test_numbers_and_words_are_different_parts():
    assert addressed_seed(1, 2) != addressed_seed("1", 2)
    assert addressed_seed(12) != addressed_seed(1, 2)


def test_seeds_are_the_hash_of_the_address_text():
    # Written out here so that no change slips in: with other seeds no recorded run can be resumed or repeated.
    expected = int(hashlib.sha256(b'[0,"frames",3]').hexdigest()[:16], 16) // 2
    assert addressed_seed(0, "frames", 3) == expected


def test_draws_of_neighbouring_addresses_are_uncorrelated():
    draws = np.stack([addressed_generator(0, "noise", i).standard_normal(4000) for i in range(8)])
    correlations = np.corrcoef(draws) - np.eye(8)
    assert np.abs(correlations).max() < 5 / np.sqrt(4000)


def test_plain_and_digest_of_a_config():
    @dataclass(frozen=True)
    class Inner:
        pair: tuple[int, ...] = (1, 2)

    @dataclass(frozen=True)
    class Outer:
        inner: Inner
        path: Path = Path("a/b")

    assert plain(Outer(Inner())) == {"inner": {"pair": [1, 2]}, "path": "a/b"}
    assert digest(Outer(Inner())) == digest(Outer(Inner()))
    assert digest(Outer(Inner())) != digest(Outer(Inner((2, 1))))
    with pytest.raises(TypeError, match="plain values"):
        plain({"array": np.zeros(2)})
