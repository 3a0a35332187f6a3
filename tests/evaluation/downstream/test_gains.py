"""Gains are differences and shares ratios, with the intervals of their own draws."""

from __future__ import annotations

import numpy as np
import pytest

from everroad.evaluation.downstream.gains import Pair, rows
from everroad.evaluation.downstream.score import CARS, MODEL, PAINTER, Scores
from everroad.evaluation.downstream.table import downstream_tables
from everroad.evaluation.measure import INVALID, Measure, pooled

TOWNS = np.random.default_rng(0).uniform(0.4, 0.6, (5, 1))


def scores(scale: float, shift: float = 0.0) -> Scores:
    """As if each town had a score of its own, and the measure were their mean."""

    def measure(more: float) -> Measure:
        per_town = np.concatenate([scale * TOWNS + shift + more, np.ones_like(TOWNS)], 1)
        return pooled(per_town, lambda sums: sums[:, 0] / sums[:, 1])

    return {CARS: measure(0.0), "mAP": measure(0.1), "NDS": measure(0.2), "AP car": measure(0.0), "AP bus": INVALID}


def pair(scale: float, shift: float = 0.0) -> Pair:
    return {PAINTER: scores(scale, shift), MODEL: scores(scale / 2, shift / 2)}


def test_gains_are_paired_differences_of_the_means_over_seeds() -> None:
    found = rows({"real": [pair(1.0, -0.01), pair(1.0, 0.01)], "both": [pair(1.0, 0.04), pair(1.0, 0.08)]}, None)
    mean = float(TOWNS.mean())
    assert found["real"]["scores"][CARS]["value"] == pytest.approx(mean, abs=1e-5)
    assert found["real"]["seeds"][CARS] == pytest.approx([mean - 0.01, mean + 0.01], abs=1e-5)
    gain = found["both"]["gain"][CARS]
    assert gain["value"] == pytest.approx(0.06, abs=1e-5)
    # Town by town the gain is the same, so that its interval is a point, though the scores' own are not.
    assert gain["interval"] == pytest.approx([0.06, 0.06], abs=1e-5)
    low, high = found["both"]["scores"][CARS]["interval"]
    assert high - low > 0.02
    assert found["both"]["share"][CARS]["value"] == pytest.approx((mean + 0.06) / mean, abs=1e-5)
    assert "gain" not in found["real"]
    assert not found["both"]["gain"]["AP bus"]["valid"]


def test_what_a_detector_keeps_on_generated_pictures_is_a_share_of_its_own_score() -> None:
    found = rows({"real": [pair(1.0)]}, shipped=pair(1.2))
    assert found["real"]["kept"][CARS]["value"] == pytest.approx(0.5, abs=1e-5)
    assert found["shipped"]["kept"][CARS]["interval"] == pytest.approx([0.5, 0.5], abs=1e-5)
    assert "gain" not in found["shipped"]


def test_the_table_says_what_the_rows_do() -> None:
    found = rows({"real": [pair(1.0)], "generated": [pair(0.8)]}, shipped=pair(1.2))
    text = downstream_tables({"rows": found, "protocol": {"towns": 5, "frames": 240, "seeds": 1}})
    lines = text.splitlines()
    first, second = (next(line for line in lines if line.startswith(f"| {kind} ")) for kind in ("real", "generated"))
    assert first.count("-") == 6  # no gain and no share over itself
    assert f"{found['generated']['gain'][CARS]['value']:+.3f} [" in second
    assert f"{found['generated']['share'][CARS]['value']:.3f} [" in second
    assert sum(line.startswith("| shipped ") for line in lines) == 1
    assert "AP car" in text
    assert "AP bus" not in text
    width = {line.count("|") for line in lines[lines.index(first) - 2 : lines.index(second) + 1]}
    assert width == {11}
