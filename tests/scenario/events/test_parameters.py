from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from everroad.scenario.events.parameters import EVENTS, RANGES, get_event

DOCS = Path(__file__).resolve().parents[3] / "docs" / "events.md"


def test_there_are_ten_with_typology_and_parameters_in_range():
    assert len(EVENTS) == 10
    assert len({event.typology for event in EVENTS.values()}) == 10
    for name, event in EVENTS.items():
        assert event.what.endswith("."), name
        for item in fields(event.parameters):
            if item.type != "float | None" and not str(item.type).startswith("Literal"):
                assert item.name in RANGES, (name, item.name)
        event.parameters()  # the defaults are within their ranges


def test_the_docs_name_every_event_and_parameter_with_its_default():
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    for name, event in EVENTS.items():
        row = next(line for line in lines if line.startswith(f"| `{name}` "))
        assert event.typology.split()[0].rstrip(",") in row
        for item in fields(event.parameters):
            if item.name != "at_s":
                assert f"`{item.name}` {item.default}" in row, (name, item.name)


def test_an_unknown_one_is_refused_with_a_near_match():
    with pytest.raises(ValueError, match=r"got 'red-ligth'; did you mean 'red-light'\?"):
        get_event("red-ligth")
