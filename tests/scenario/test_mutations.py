"""Whatever becomes of a scenario file, it loads to a valid scenario or is refused in one line that names it; nothing else."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everroad.scenario.storage import load_scenario, save_scenario

from .strategies import difference, scenarios

pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")

# What JSON can say that a field is not made for; NaN and Infinity are what Python's own writer makes of such numbers.
ODD: list[Any] = [
    None, True, False, 0, -1, 1, 2, 3, 1.5, -0.0, 1e-320, 1e300, -1e300, 1e7, float("nan"), float("inf"), 10**30, -(10**400),
    "", "x", "NaN", "1", "clear", "vehicle.car", "\u0000", "\ud800", [], [[]], [[[]]], {}, {"x": 1}, [None], [0.0] * 3,
    [[0.0] * 3] * 2, [1, 0, 0, 0], ["red"], {"translation_m": [], "rotation_wxyz": []},
]  # fmt: skip


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """The way to every value inside."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, child in items for place in ((*path, key), *places(child, (*path, key)))]


def mutate(content: Any, data: st.DataObject) -> Any:
    """One change somewhere."""
    path = data.draw(st.sampled_from(places(content) or [()]))
    if not path:
        return data.draw(st.sampled_from(ODD))
    holder = content
    for key in path[:-1]:
        holder = holder[key]
    key, how = path[-1], data.draw(st.sampled_from(["drop", "odd", "twice", "swap", "deep", "move", "longer"]))
    value = holder[key]
    if how == "drop":
        del holder[key]
    elif how == "odd":
        holder[key] = deepcopy(data.draw(st.sampled_from(ODD)))
    elif how == "twice" and isinstance(holder, list):
        holder.insert(key, deepcopy(value))
    elif how == "twice":
        holder[f"{key}x"] = deepcopy(value)
    elif how == "swap":
        other = data.draw(st.sampled_from(places(content)))
        there = content
        for step in other:
            there = there[step]
        holder[key] = deepcopy(there)
    elif how == "deep":
        for _ in range(data.draw(st.sampled_from([1, 3, 200]))):
            value = [value]
        holder[key] = value
    elif how == "move" and isinstance(value, int | float) and not isinstance(value, bool):
        holder[key] = value * data.draw(st.sampled_from([-1, 1e3, 1e6, 1e-9])) + data.draw(st.sampled_from([0, 1, 1e-7]))
    elif isinstance(value, list):
        holder[key] = value * data.draw(st.integers(0, 3))
    return content


@settings(max_examples=120, deadline=None)
@given(scenario=scenarios(), data=st.data(), times=st.integers(1, 3))
def test_a_changed_file_is_valid_or_refused(scenario, data, times, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    path, again = folder / "mutated.json", folder / "again.json"
    save_scenario(scenario, path)
    content = json.loads(path.read_bytes())
    for _ in range(times):
        content = mutate(content, data)
    path.write_text(json.dumps(content), encoding="utf-8")
    check(path, again)


def check(path, again):
    loaded, refused = None, None
    try:
        loaded = load_scenario(path)
    except ValueError as error:
        refused = error
    if loaded is None:
        text = str(refused)
        assert type(refused) is ValueError, repr(refused)
        assert text.startswith(f"{path}: "), text
        assert "\n" not in text
        assert "expected" in text, text
        assert len(text) < 2000
        return
    for index in range(len(loaded)):
        frame = loaded.frame(index)
        assert np.isfinite(frame.world_from_ego).all()
        assert all(np.isfinite(actor.world_from_actor).all() for actor in frame.actors)
    save_scenario(loaded, again)
    assert difference(loaded, load_scenario(again)) is None


@settings(max_examples=80, deadline=None)
@given(scenario=scenarios(), data=st.data())
def test_a_file_with_changed_bytes_is_valid_or_refused(scenario, data, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    path = folder / "bytes.json"
    save_scenario(scenario, path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content[at] = data.draw(st.sampled_from(b'0123456789-+.eE"{}[],:\\ntfu\x00\xff'))
        else:
            del content[at : at + data.draw(st.integers(1, 40))]
    path.write_bytes(bytes(content))
    check(path, folder / "again.json")


@pytest.mark.parametrize("depth", [50, 1000, 100_000])
@pytest.mark.parametrize("opened", ["[", '{"a":'])
def test_endless_nesting_is_refused(depth, opened, tmp_path):
    path = tmp_path / "deep.json"
    path.write_text('{"format_version": 1, "name": ' + opened * depth)
    check(path, tmp_path / "again.json")
    closed = "]" if opened == "[" else "}"
    path.write_text('{"format_version": 1, "time_s": ' + opened * depth + "1" + closed * depth + "}")
    check(path, tmp_path / "again.json")


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 5000, "-0", "1E+2", "0." + "0" * 400 + "1"])
def test_huge_numbers(number, tmp_path):
    path = tmp_path / "number.json"
    for field in ("appearance_seed", "start_stamp_ns"):
        path.write_text(
            f'{{"format_version": 1, "name": "x", "time_s": [0], "{field}": {number},'
            '"world_from_ego": {"translation_m": [[0, 0, 0]], "rotation_wxyz": [[1, 0, 0, 0]]}}'
        )
        check(path, tmp_path / "again.json")
    path.write_text(
        f'{{"format_version": 1, "name": "x", "time_s": [0],'
        f'"world_from_ego": {{"translation_m": [[0, 0, {number}]], "rotation_wxyz": [[1, 0, 0, 0]]}}}}'
    )
    check(path, tmp_path / "again.json")


@pytest.mark.parametrize("name", ["NaN", "[NaN,", "Infinity", ":-Infinity}", "a\u2028b", "\u0000", "\U0001f697"])
def test_names_that_look_like_numbers_are_names(name, tmp_path):
    from dataclasses import replace

    from .test_storage import small

    save_scenario(replace(small(), name=name), tmp_path / "x.json")
    assert load_scenario(tmp_path / "x.json").name == name


def test_text_that_utf8_cannot_hold_is_refused(tmp_path):
    from dataclasses import replace

    from .test_storage import small

    with pytest.raises(ValueError, match=r"x\.json: expected text that UTF-8 can hold") as caught:
        save_scenario(replace(small(), name="\ud800"), tmp_path / "x.json")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
