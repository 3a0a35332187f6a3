"""What there is to plot: of each measure of the curve a panel, with a line a source over the windows' middles."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from everroad.evaluation.report.glossary import SAID, better, is_floor, unit
from everroad.evaluation.report.headline import headline
from everroad.evaluation.report.names import shown_path
from everroad.evaluation.report.tree import Path, at, is_measure, leaves

# Below a class of boxes stand thresholds and errors: they are in the tables.
_DEEPEST = 4


@dataclass(frozen=True)
class Point:
    """A window: its middle frame, its name, and the measure there; ``value`` is ``None`` where it is invalid."""

    frame: float
    window: str
    value: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Line:
    """One source's."""

    name: str
    is_painter: bool
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Panel:
    """One plot. ``last`` is the last frame; ``headline`` panels come first."""

    path: Path
    title: str
    said: str
    last: int
    rate_hz: float | None
    lines: tuple[Line, ...]
    headline: bool


def panels_of(report: Mapping[str, Any]) -> list[Panel]:
    """Of every measure that some source other than the painter has in some window, the headline's first; none of one window.

    Floors are the painter's lines, and shares what lies between a line and the painter's: they have panels of their own in the
    headline alone.
    """
    if all(len(source["curve"]) < 2 for source in report["sources"]):
        return []
    titles = {row.path: row.title for row in headline(report) if row.path[0] != "drift" and not is_floor(row.path)}
    found = [_panel(report, path, titles.get(path)) for path in [*titles, *(p for p in _paths(report) if p not in titles)]]
    return [panel for panel in found if panel is not None]


def file_names(panels: list[Panel]) -> list[str]:
    """Of each panel the name of its file, all different."""
    names: list[str] = []
    for panel in panels:
        slug = re.sub(r"[^a-z0-9]+", "-", " ".join(panel.path).lower()).strip("-")[:100] or "measure"
        alike = sum(name == f"curve-{slug}.svg" or name.startswith(f"curve-{slug}--") for name in names)
        names.append(f"curve-{slug}--{alike + 1}.svg" if alike else f"curve-{slug}.svg")
    return names


def _paths(report: Mapping[str, Any]) -> Iterator[Path]:
    seen = set()
    for source in report["sources"]:
        for window in source["curve"].values():
            for path, leaf in leaves(window):
                wanted = is_measure(leaf) and len(path) <= _DEEPEST and not is_floor(path)
                if wanted and not path[-1].startswith("share ") and path not in seen:
                    seen.add(path)
                    yield path


def _panel(report: Mapping[str, Any], path: Path, title: str | None) -> Panel | None:
    lines = tuple(_line(source, path) for source in report["sources"])
    others = [line for line in lines if not line.is_painter] or lines
    if not any(point.value is not None for line in others for point in line.points):
        return None
    way = better(path)
    said = ", ".join(part for part in (unit(path), SAID.get(way) if way else None) if part)
    protocol = report["protocol"]
    shown = shown_path(path) if title is None else title
    rate = protocol.get("made_at_hz")
    rate_hz = None if rate is None else float(rate)
    return Panel(path, shown, said, protocol["frames"], rate_hz, lines, title is not None)


def _line(source: Mapping[str, Any], path: Path) -> Line:
    points = []
    for name, window in source["curve"].items():
        first, last = (int(end) for end in name.split("-"))
        measure = at(window, path)
        if is_measure(measure) and measure["valid"]:
            ends = measure.get("interval")
            low_high = (float(ends[0]), float(ends[1])) if ends else None
            points.append(Point((first + last) / 2, name, float(measure["value"]), low_high))
        else:
            points.append(Point((first + last) / 2, name, None, None))
    return Line(source["name"], source["described"].get("kind") == "painter", tuple(points))
