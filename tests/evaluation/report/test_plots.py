"""Plots: finite places, ticks that hold the values, gaps where there is no value."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from everroad.evaluation.report.axes import frames_axis, rounded_axis
from everroad.evaluation.report.panels import Line, Panel, Point, file_names, panels_of
from everroad.evaluation.report.plots import STYLE, svg_file, svg_inline

SVG = "{http://www.w3.org/2000/svg}"


def panel(*values: float | None, interval: float | None = None) -> Panel:
    points = []
    for i, value in enumerate(values):
        ends = None if value is None or interval is None else (value - interval, value + interval)
        points.append(Point(20.5 + 40 * i, f"{40 * i + 1}-{40 * i + 40}", value, ends))
    line = Line("model", False, tuple(points))
    return Panel(("group", "measure"), "a measure", "", 40 * len(values), 12.0, (line,), False)


def drawn(of: Panel) -> ET.Element:
    return ET.fromstring(svg_file(of))


def places(root: ET.Element) -> list[float]:
    keys = ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height")
    found = [
        float(part.attrib[key]) for part in root.iter() for key in keys if key in part.attrib and "%" not in part.attrib[key]
    ]
    listed = [float(n) for part in root.iter() if "points" in part.attrib for n in re.split("[ ,]", part.attrib["points"])]
    return found + listed


NUMBERS = st.floats(-1e9, 1e9) | st.just(1.0) | st.none()


@given(st.lists(NUMBERS, min_size=1, max_size=8).filter(lambda v: any(x is not None for x in v)), st.none() | st.floats(0, 1e6))
def test_all_places_are_finite_and_inside(values: list[float | None], interval: float | None) -> None:
    root = drawn(panel(*values, interval=interval))
    found = places(root)
    assert all(math.isfinite(place) for place in found)
    assert min(found) >= 0
    assert max(found) <= max(float(root.attrib["width"]), float(root.attrib["height"]))


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_axes_hold_the_values_between_a_few_round_ticks(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    axis = rounded_axis(low, high, 100.0, 0.0)
    slack = 1e-5 * axis.step
    assert axis.low - slack <= low <= high <= axis.high + slack
    assert 2 <= len(axis.ticks()) <= 8
    mantissa = axis.step / 10 ** math.floor(math.log10(axis.step) + 1e-9)
    assert min(abs(mantissa - round_) for round_ in (1, 2, 5, 10)) < 1e-6
    assert len({text for _, text in axis.ticks()}) == len(axis.ticks())


def test_ticks_are_written_as_their_step_needs() -> None:
    assert [text for _, text in rounded_axis(0.71, 0.86, 100.0, 0.0).ticks()] == ["0.70", "0.75", "0.80", "0.85", "0.90"]
    assert [text for _, text in rounded_axis(-0.1, 1.3, 100.0, 0.0).ticks()] == ["-0.5", "0.0", "0.5", "1.0", "1.5"]
    assert [text for _, text in rounded_axis(0.0, 0.0, 100.0, 0.0).ticks()] == ["0.0", "0.5", "1.0"]
    assert [text for _, text in frames_axis(240, 40, 0.0, 100.0).ticks()] == ["0", "40", "80", "120", "160", "200", "240"]
    assert [text for _, text in frames_axis(1200, 40, 0.0, 100.0).ticks()] == ["0", "200", "400", "600", "800", "1000", "1200"]
    assert [text for _, text in frames_axis(50, 40, 0.0, 100.0).ticks()] == ["0", "40"]


def test_the_line_goes_through_the_windows_middles() -> None:
    root = drawn(panel(0.0, 1.0, 0.5))
    points = next(of.attrib["points"] for of in root.iter(f"{SVG}polyline"))
    (x0, y0), (x1, y1), (x2, y2) = [tuple(map(float, pair.split(","))) for pair in points.split()]
    edge = next(of for of in root.iter(f"{SVG}line") if of.attrib.get("class") == "grid").attrib
    left, right = float(edge["x1"]), float(edge["x2"])
    assert [x0, x1, x2] == [round(left + (right - left) * middle / 120, 1) for middle in (20.5, 60.5, 100.5)]
    assert y1 < y2 < y0
    assert abs((y0 + y1) / 2 - y2) <= 0.1


def test_an_invalid_window_is_a_gap_and_a_lone_one_a_marker_with_a_whisker() -> None:
    root = drawn(panel(1.0, 2.0, None, 3.0, interval=0.5))
    assert [len(of.attrib["points"].split()) for of in root.iter(f"{SVG}polyline")] == [2]
    bands = [of for of in root.iter(f"{SVG}polygon") if of.attrib["class"] == "band"]
    assert [len(of.attrib["points"].split()) for of in bands] == [4]
    assert [of.attrib["class"] for of in root.iter(f"{SVG}line")].count("whisker") == 1
    said = [of.text for of in root.iter(f"{SVG}title")]
    assert "model, frames 121-160: 3 [2.5, 3.5]" in said
    assert not any("81-120" in text for text in said if text)


def test_the_painter_is_dashed_grey_and_under_the_others(report) -> None:
    root = drawn(next(of for of in panels_of(report) if of.path == ("layout", "iou road")))
    groups = [of.attrib["class"] for of in root.findall(f"{SVG}g") if "class" in of.attrib]
    assert groups == ["s0 painter", "s1", "s2"]
    assert ".plot .painter .line{stroke-dasharray" in STYLE
    assert "prefers-color-scheme:dark" in STYLE


def test_panels_of_a_report(report) -> None:
    panels = panels_of(report)
    titles = [of.title for of in panels if of.headline]
    assert titles[:2] == ["layout share", "layout share of what is told"]
    assert [of.headline for of in panels] == sorted((of.headline for of in panels), reverse=True)
    paths = [of.path for of in panels]
    assert len(set(paths)) == len(paths)
    assert ("realism", "town-KID") in paths
    assert ("realism", "town-KID floor") not in paths
    assert ("boxes", "classes", "car", "AP") in paths
    assert ("boxes", "classes", "bus", "AP") not in paths
    assert ("consistency", "ego motion", "speed correlation") in paths
    names = file_names(panels)
    assert len(set(names)) == len(names)
    assert "curve-layout-share-mean.svg" in names


def test_what_only_the_painter_has_is_no_panel(report) -> None:
    invalid = {"value": None, "valid": False, "interval": None}
    for source in report["sources"][1:]:
        for window in source["curve"].values():
            window["pictures"]["contrast"] = invalid
    assert ("pictures", "contrast") not in [of.path for of in panels_of(report)]


def test_names_that_slug_alike_get_files_of_their_own() -> None:
    alike = [panel(1.0), panel(2.0), panel(3.0)]
    assert file_names(alike) == ["curve-group-measure.svg", "curve-group-measure--2.svg", "curve-group-measure--3.svg"]


def test_hostile_names_are_escaped_and_files_are_xml(report, hostile) -> None:
    for of in panels_of(report):
        assert hostile not in svg_inline(of)
        assert any(hostile in (part.text or "") for part in drawn(of).iter(f"{SVG}title"))
