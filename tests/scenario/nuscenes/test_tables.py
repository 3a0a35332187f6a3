from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everroad.scenario.nuscenes.tables import Columns, pieces, record_at

# Everything in which a place between two records may seem to be.
NASTY = st.text(alphabet='}{, \n\t"\\[]:ä', max_size=12)
VALUES = st.recursive(
    NASTY | st.integers() | st.booleans(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NASTY, inner)
)
RECORDS = st.lists(st.dictionaries(NASTY, VALUES, max_size=3), max_size=12)


def read(path, piece_bytes=1 << 20):
    return [record for part, _ in pieces(path, piece_bytes) for record in part]


@given(records=RECORDS, piece_bytes=st.integers(1, 200), indent=st.sampled_from([None, 0, 2]))
def test_pieces_of_any_size_are_what_a_parser_of_the_whole_gives(tmp_path_factory, records, piece_bytes, indent):
    path = tmp_path_factory.mktemp("tables") / "a.json"
    path.write_text("\n " + json.dumps(records, indent=indent, ensure_ascii=False) + " \n", encoding="utf-8")
    assert read(path, piece_bytes) == records


def test_many_pieces_come_one_by_one(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"n": n} for n in range(1000)]))
    parts = list(pieces(path, 500))
    assert len(parts) > 10
    assert parts[-1][1] == path.stat().st_size - 1
    assert record_at(path, 700) == {"n": 700}
    with pytest.raises(IndexError):
        record_at(path, 1000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "got an empty file"),
        ("   ", "expected a whole JSON list of records"),
        ('[{"a": 1}, {"b"', "expected a whole JSON list of records, got one that begins with"),
        ('{"a": 1}', "expected a whole JSON list"),
        ('[{"a": 1}, {"b": ]', "expected a JSON list of records, got 'expected value"),
        ('[{"a": 1} {"b": 2}]', "expected a JSON list of records"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, text, message):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        read(path, 4)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"scene\.json: expected this table of the data set, got nothing"):
        read(tmp_path / "scene.json")


GOOD = {"t": "x", "l": ["a", "b"], "i": 1532402927612460, "b": True, "v": [1, 2.5, 3], "q": [1.0, 0, 0, 0], "m": []}


def test_columns(tmp_path):
    columns = Columns(tmp_path / "a.json", [GOOD, GOOD | {"l": [], "i": 8.0, "m": [[1, 2, 3], [4, 5, 6], [7, 8, 9]]}], range(2))
    assert columns.texts("t") == ["x", "x"]
    assert columns.first_texts("l") == ["a", ""]
    assert columns.integers("i").tolist() == [1532402927612460, 8]
    assert columns.booleans("b").tolist() == [True, True]
    assert columns.vectors("v", 3).tolist() == [[1, 2.5, 3]] * 2
    assert columns.quaternions("q").tolist() == [[1, 0, 0, 0]] * 2
    assert np.isnan(columns.matrices("m")[0]).all()
    assert columns.matrices("m")[1].tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("texts", "t", 5),
        ("texts", "t", None),
        ("first_texts", "l", ["a", 3]),
        ("first_texts", "l", "a"),
        ("integers", "i", None),
        ("integers", "i", 1e300),
        ("integers", "i", 10**400),
        ("integers", "i", 1532402927612460.5),
        ("integers", "i", float("nan")),
        ("integers", "i", "1532402927612460"),
        ("integers", "i", True),
        ("booleans", "b", 1),
        ("vectors", "v", [1, 2]),
        ("vectors", "v", [1, 2, float("nan")]),
        ("vectors", "v", [1, 2, "x"]),
        ("vectors", "v", 3),
        ("quaternions", "q", [1.0, 1.0, 0, 0]),
        ("quaternions", "q", [0, 0, 0, 0]),
        ("matrices", "m", [[1, 2, 3]]),
        ("matrices", "m", 4),
        ("matrices", "m", [[1, 2], [3, 4], [5, 6]]),
    ],
)
@pytest.mark.parametrize("missing", [False, True])
def test_a_bad_field_is_named_with_table_and_record(tmp_path, kind, field, value, missing):
    bad = {k: v for k, v in GOOD.items() if k != field} if missing else GOOD | {field: value}
    columns = Columns(tmp_path / "a.json", [GOOD, GOOD, bad], range(40, 43))
    with pytest.raises(ValueError, match=rf"a\.json: record 42, field '{field}': expected .*, got .*; ") as caught:
        getattr(columns, kind)(*([field, 3] if kind == "vectors" else [field]))
    assert "\n" not in str(caught.value)
