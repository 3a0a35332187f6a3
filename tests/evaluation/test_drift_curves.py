"""Drift on many towns: methods of several seeds, the painter against itself, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from everroad.evaluation.drift_curves import RATIO, by_method, drift_curves, drift_table, main, ratio
from everroad.evaluation.measure import INVALID, Measure, measures_to_json, with_draws
from everroad.evaluation.reference import evaluation_seeds, open_town
from everroad.evaluation.sources.painter import PainterPictures
from everroad.model.presets import get_preset


def measure(value: float, spread: float) -> Measure:
    return with_draws(value, value + spread * np.linspace(-1, 1, 1001), 8)


def curve(first: float, last: float) -> dict[str, Measure]:
    of = {"1-40": measure(first, 0.1), "41-80": measure(last, 0.5)}
    return {**of, RATIO: ratio(*of.values())}


def test_seeds_of_a_method_are_one_row_with_the_mean_of_their_curves() -> None:
    rows = by_method({"nano-0": curve(1.0, 2.0), "nano-1": curve(2.0, 7.0), "chunked=clip-0.safetensors": curve(4.0, 4.0)})
    assert list(rows) == ["nano", "chunked=clip"]
    assert [rows["nano"]["curve"][name].value for name in ("1-40", "41-80")] == [1.5, 4.5]
    assert rows["nano"][RATIO].value == 3
    low, high = rows["nano"]["curve"]["41-80"].interval
    assert (low, high) == pytest.approx((4.5 - 0.475, 4.5 + 0.475))
    table = drift_table(measures_to_json(rows)).splitlines()
    assert table[0] == "| source | seeds | 1-40 | 41-80 | drift ratio | of the seeds, last window |"
    assert table[2].startswith("| nano | 2 | 1.500 [1.405, 1.595] ")
    assert table[2].endswith(" | 2 to 7 |")
    assert table[3].endswith(" | – |")


def test_no_ratio_over_nothing() -> None:
    assert ratio(measure(-0.1, 0.1), measure(1.0, 0.1)) == INVALID
    assert ratio(measure(0.0, 0.1), measure(1.0, 0.1)) == INVALID


@pytest.mark.slow
def test_the_painter_does_not_drift() -> None:
    opened = [open_town(seed, 80, get_preset("town-nano")) for seed in evaluation_seeds(4)]
    found = drift_curves([PainterPictures("own")], opened[:2], opened[2:], 80)["own"]
    assert [found[name].value for name in ("1-40", "41-80")] == [0, 0]
    assert not found[RATIO].valid


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["repeat", "--frames", "79"], "argument --frames: expected a whole number of 80 to 100000, got '79'; mend it"),
        (["repeat", "--towns", "1"], "argument --towns: expected a whole number of 2 to 1000, got '1'; mend it"),
        (["nothing.safetensors"], "nothing.safetensors: expected"),
        (["repeat", "--device", "cuda:99"], "device: expected"),
    ],
)
def test_what_is_refused_is_told_in_one_line(arguments: list[str], said: str, tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--out", str(tmp_path / "out")])
    assert ended.value.code == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert said in told[0]
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_report_carries_its_protocol(tmp_path: Path, capsys) -> None:
    main(["repeat", "--towns", "2", "--frames", "80", "--threads", "1", "--out", str(tmp_path)])
    report = json.loads((tmp_path / "drift.json").read_text())
    assert report["protocol"]["towns"] == [1000000, 1000001]
    assert report["protocol"]["other_towns"] == [1000002, 1000003]
    assert (tmp_path / "drift.md").read_text().strip() == capsys.readouterr().out.strip()
    assert report["rows"]["repeat"]["curve"]["1-40"]["valid"]
