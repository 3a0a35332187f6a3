"""The terminal's tables, and how numbers are written."""

from __future__ import annotations

import re
import textwrap
from io import StringIO

import pytest
from rich.console import Console

from everroad.evaluation.measure import Measure
from everroad.evaluation.report.glossary import HIGHER, LOWER, ONE, SCENARIOS, better, unit
from everroad.evaluation.report.headline import ROWS
from everroad.evaluation.report.table import report_tables
from everroad.evaluation.report.tree import at, leaves, missing_because, numbers


def printed(report) -> list[str]:
    texts = []
    for table in report_tables(report):
        console = Console(file=StringIO(), width=220)
        console.print(table)
        texts.append(console.file.getvalue())  # type: ignore[attr-defined]
    return texts


def test_a_column_a_source_and_a_second_table_of_differences(report, hostile) -> None:
    first, second = printed(report)
    assert "3 scenarios, 84 frames each, protocol stage-long" in first
    assert re.search(r"layout share +↑ +1\.000 +0\.700 +0\.500\n", first)
    assert "the intervals are in the report" in first
    for part in textwrap.wrap(hostile, 20):
        assert part.strip() in first
        assert part.strip() in second
    assert "-0.200 [-0.300, -0.100]" in second
    for row in ROWS:
        assert row.optional or row.title in first
    assert len(report_tables(report | {"differences": []})) == 1


def test_all_rows_of_the_headline_are_measures_of_a_run(report) -> None:
    """The report of the tests has the names of the packages that measure."""
    for row in ROWS:
        assert row.optional or at(report["sources"][1], row.where) is not None, row


def test_public_distances_appear_where_they_were_measured(report) -> None:
    assert " FID " not in printed(report)[0]
    report["sources"][1]["measures"]["realism"]["FID"] = {"value": 31.25, "valid": True, "interval": None}
    row = next(line for line in printed(report)[0].splitlines() if line.startswith("FID "))
    assert row.split() == ["FID", "-", "31.25", "-"]


@pytest.mark.parametrize("sources", [1, 2, 3])
def test_80_columns_hold_a_row_in_two_lines_and_numbers_in_one(report, sources) -> None:
    report["sources"], report["differences"] = report["sources"][:sources], report["differences"] * min(sources, 2)
    for table, columns in zip(report_tables(report), (sources, len(report["differences"])), strict=True):
        console = Console(file=StringIO(), width=80)
        console.print(table)
        lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
        assert not any("…" in line for line in lines)
        body = lines[next(i for i, line in enumerate(lines) if line.startswith("───")) + 1 :]
        assert table.row_count < len(body) <= 2 * table.row_count
        intervals = sum(len(re.findall(r"\[-?\d\S+, \S+\]", line)) for line in body)
        assert (intervals > 0) == (columns <= 2)


def test_differences_that_are_always_0_are_left_out_and_have_arrows(report) -> None:
    less = report["differences"][0]["measures"]
    less["realism"]["town-FVD floor"] = {"value": 0.0, "valid": True, "interval": None}
    less["realism"]["town-FVD"] = {"value": 0.0, "valid": True, "interval": [-1.0, 1.0]}
    second = printed(report)[1]
    assert re.search(r"\n  town-FVD floor", printed(report)[0])
    assert "town-FVD floor" not in second
    assert re.search(r"\ntown-FVD +↓ ", second)
    assert re.search(r"\ngradient energy +-0\.200", second)


def test_what_cannot_rank_has_no_arrow_and_what_is_not_apart_a_sign(report) -> None:
    for source in report["sources"]:
        source["measures"]["realism"]["town-FVD"] = {"value": 120.0, "valid": True, "interval": None}
    above = report["sources"][1]["measures"]["realism"]
    above["town-KID above floor"] = {"value": 0.5, "valid": True, "interval": [-0.1, 1.1]}
    first = printed(report)[0]
    assert re.search(r"town-FVD +120 +120 +120", first)
    assert re.search(r"town-KID above floor +↓ +1\.000 +\? 0\.500 +0\.500", first)


@pytest.mark.parametrize(
    ("value", "interval", "expected"),
    [
        (0.82075, (0.8199, 0.8257), ("0.821", "[0.820, 0.826]")),
        (0.022746, None, ("0.0227", "")),
        (0.001034, (0.0, 0.00219), ("0.00103", "[0.00000, 0.00219]")),
        (1.857503, None, ("1.858", "")),
        (17.121617, (15.2, 20.7), ("17.12", "[15.20, 20.70]")),
        (346.484449, None, ("346.5", "")),
        (12345.678, None, ("12346", "")),
        (8.0, None, ("8", "")),
        (0.0, (0.0, 0.0), ("0.000", "[0.000, 0.000]")),
        (-0.5, (-0.6, -0.0000001), ("-0.500", "[-0.600, 0.000]")),
        (0.0, (-250.0, 250.0), ("0.0", "[-250.0, 250.0]")),
    ],
)
def test_numbers_have_the_decimals_they_are_worth(value, interval, expected) -> None:
    assert numbers(Measure(value, True, interval).to_json()) == expected


def test_why_there_is_no_value() -> None:
    none, zero = ({"value": value, "valid": value is not None, "interval": None} for value in (None, 0.0))
    few = {"protocol": {"frames": 30, "scenarios": ["a", "b"]}}
    many = {"protocol": {"frames": 240, "scenarios": ["a", "b"]}}
    one = {"protocol": {"frames": 240, "scenarios": ["a"]}}
    short = {"protocol": {"frames": 10, "scenarios": ["a", "b"], "clip_frames": 16}}
    assert missing_because(("realism", "town-KVD"), none, one) == "needs two scenarios"
    assert missing_because(("realism", "town-KVD"), none, few) == "needs more frames"
    assert missing_because(("drift", "town-KID drift ratio"), none, few, own=True) == "needs 80 frames"
    assert missing_because(("realism", "town-KVD"), none, short) == "needs 16 frames"
    assert missing_because(("drift", "town-KID drift ratio"), none, many) == "not above the floor at first"
    assert missing_because(("drift", "town-KID drift ratio"), none, many, own=True) == "nothing above the floor"
    assert missing_because(("persistence", "actor", "change"), none, few) == "needs 41 frames"
    assert missing_because(("persistence", "actor", "change"), none, many) == "no such things in these towns"
    assert missing_because(("boxes", "classes", "bus", "AP"), none, many) == "no such things in these towns"
    assert missing_because(("boxes", "share mAP"), zero, many) == "the painter has 0"
    assert missing_because(("pictures", "psnr, dB"), none, many, own=True) == "these are its own pictures"
    assert missing_because(("ablation", "follows"), none, many) is None


def test_directions_and_units() -> None:
    assert better(("layout", "iou road")) == HIGHER
    assert better(("layout", "share road")) == HIGHER
    assert better(("consistency", "known motion", "share warp error")) == LOWER
    assert better(("pictures", "contrast")) == ONE
    assert better((SCENARIOS, "ego in collision")) == LOWER
    assert better((SCENARIOS, "ego speed, m/s")) is None
    assert unit((SCENARIOS, "ego in collision")) == "share of frames"
    assert unit(("boxes", "errors", "translation")) == "m"
    assert better(("realism", "town-KID above floor")) == LOWER
    assert better(("realism", "town-KID floor")) is None
    assert better(("boxes", "classes", "car", "AP_at", "2")) == HIGHER
    assert better(("boxes", "errors", "scale")) == LOWER
    assert better(("drift", "town-KID drift ratio")) == ONE
    assert better(("drift", "town-KID above floor, last window")) == LOWER
    assert better(("ablation", "change")) is None
    assert unit(("pictures", "colour error")) == "ΔE*ab"
    assert unit(("ablation", "change")) is None


def test_every_measure_of_a_run_has_a_direction_but_counts_and_floors(report) -> None:
    without = {path[-1] for path, _ in leaves(report["sources"][1]["measures"]) if better(path) is None}
    assert without == {"instances", "painter's change", *(name for name in without if name.endswith(" floor"))}
