"""Every measure moves the right way on damage made to order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from everroad.evaluation.damage_report import (
    DOWN,
    EXPECTED,
    ROWS,
    UNDAMAGED,
    UP,
    Check,
    check,
    check_table,
    damage_evaluation,
    damage_table,
    moved,
)
from everroad.evaluation.damaged_sources import damaged_sources
from everroad.evaluation.run.judges import load_judges

# What 3 towns of 13 frames are too few for: kernel distances have no interval of so few towns, no car is near, and what the
# networks that judge hardly see (blur, noise) moves them too little.
UNSURE = {
    ("blur", "town-KID above floor"), ("blur", "town-FVD"), ("blur", "layout share"), ("noise", "town-KID above floor"),
    ("noise", "town-FVD"), ("colour shift", "town-KID above floor"), ("swapped layout", "share of car AP"),
    ("a car removed", "share of car AP"), ("mirrored map", "share of car AP"),
}  # fmt: skip


def measure(value: float, *interval: float) -> dict[str, Any]:
    return {"value": value, "valid": True, "interval": list(interval) or None}


@pytest.mark.parametrize(
    ("difference", "way"),
    [
        (measure(1.0, 0.5, 2.0), UP),
        (measure(-1.0, -2.0, -0.5), DOWN),
        (measure(1.0, -0.1, 2.0), 0),
        (measure(1.0, 0.0, 2.0), 0),
        (measure(1.0), 0),
        ({"value": None, "valid": False, "interval": None}, 0),
    ],
)
def test_moved_is_what_the_interval_says(difference: dict[str, Any], way: int) -> None:
    assert moved(difference) == way
    checks = [Check("blur", "contrast", of, difference) for of in (UP, DOWN)]
    assert [of.held for of in checks] == [way == UP, way == DOWN]
    assert check_table(checks).count("| held |") == 1 + (way != 0)


def test_expectations_name_damage_and_measures_that_there_are() -> None:
    assert set(EXPECTED) == {source.name for source in damaged_sources()}
    titles = [row.title for row in ROWS]
    assert len(set(titles)) == len(titles)
    for measures in EXPECTED.values():
        assert set(measures) <= set(titles)
        assert set(measures.values()) <= {UP, DOWN}


@pytest.mark.slow
def test_what_is_sure_moves_the_right_way(tmp_path: Path) -> None:
    judges = load_judges(torch.device("cpu"))
    report = damage_evaluation(4, 13, judges, tmp_path).report
    wrong = {(of.damage, of.measure) for of in check(report) if not of.held}
    assert wrong <= UNSURE
    table = damage_table(report).splitlines()
    assert table[0].startswith("| measure | painter | blur |")
    assert UNDAMAGED not in table[0]
    still = next(line for line in table if line.startswith("| still frames"))
    assert "**1.000 ↑**" in still
