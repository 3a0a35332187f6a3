"""The table of damage and measures."""

from __future__ import annotations

import pytest

from everroad.evaluation.consistency.damage_table import DAMAGE, damage_table


@pytest.mark.slow
def test_a_small_table_has_a_column_for_each_damage_and_says_how_good_the_ego_motion_is() -> None:
    lines = damage_table(1, 3, 64, 112).splitlines()
    assert lines[0].split(" | ")[1:] == [*list(DAMAGE)[:-1], f"{list(DAMAGE)[-1]} |"]
    assert any(line.startswith("| ego motion: speed error") for line in lines)
    assert "relative error of speed" in lines[-2]
