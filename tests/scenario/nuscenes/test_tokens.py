from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from everroad.scenario.nuscenes.columns import decode_texts, encode_texts
from everroad.scenario.nuscenes.tokens import Lookup, pack

HEX = st.integers(0, 2**128 - 1).map(lambda n: f"{n:032x}")
# Small ones share their upper half; upper case and blanks are no hex digits to us, though Python's parser takes them.
TOKENS = HEX | st.integers(0, 9).map(lambda n: f"{n:032x}") | HEX.map(str.upper) | st.text(max_size=40)


@given(st.lists(TOKENS, unique=True, max_size=30), st.lists(TOKENS, max_size=30))
def test_lookup_is_what_a_dictionary_gives(tokens, others):
    wanted = [*others, *tokens[::2]]
    row_of = {token: row for row, token in enumerate(tokens)}
    lookup = Lookup(pack(tokens))
    assert lookup.rows(pack(wanted)).tolist() == [row_of.get(token, -1) for token in wanted]
    assert lookup.twice() is None


@given(st.lists(TOKENS, unique=True, min_size=1, max_size=30), st.data())
def test_a_token_that_comes_twice_is_found(tokens, data):
    again = data.draw(st.sampled_from(tokens))
    doubled = [*tokens, again]
    assert Lookup(pack(doubled)).twice() == (tokens.index(again), len(tokens))


@given(st.lists(TOKENS, max_size=8) | st.lists(HEX | st.just(""), max_size=8))
def test_a_token_is_packed_alone_as_among_others(tokens):
    alone = [pack([token]) for token in tokens]
    assert np.array_equal(pack(tokens), np.concatenate([np.zeros((0, 16), np.uint8), *alone]))


def test_hex_is_its_own_bytes():
    assert pack(["00ff" * 8]).tolist() == [[0, 255] * 8]


def test_different_tokens_with_one_key_are_told_apart():
    # key = upper half xor (lower half times a constant): these two share it.
    spread = 0x9E3779B97F4A7C15
    one, two = f"{5:016x}{0:016x}", f"{5 ^ spread:016x}{1:016x}"
    lookup = Lookup(pack([one, two]))
    assert lookup.rows(pack([two, one])).tolist() == [1, 0]
    assert lookup.twice() is None
    assert Lookup(pack([two])).rows(pack([one])).tolist() == [-1]


@given(st.lists(st.text(max_size=8), max_size=10), st.integers(0, 10), st.integers(0, 10))
def test_texts_come_back(texts, begin, stop):
    data, ends = encode_texts(texts)
    assert decode_texts(data, ends) == tuple(texts)
    begin, stop = min(begin, len(texts)), min(stop, len(texts))
    assert decode_texts(data, ends, begin, stop) == tuple(texts[begin:stop])
