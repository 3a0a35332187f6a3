"""Film strips: the worst stretches of each source under the painter's, and every town at a few frames."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from everroad.evaluation.measure import curve_windows
from everroad.evaluation.report.markup import Markup, details, element
from everroad.evaluation.report.tree import PAINTER
from everroad.evaluation.run.film import Film

_MOST_FRAMES = 5
_OPEN_TOWNS = 4
_SOURCE_PX, _PICTURE_PX = 93, 227


def worst_cases(report: Mapping[str, Any], film: Film) -> Markup:
    """Of each source its worst stretches, worst first, with what the film has of them; half of all stretches at most."""
    parts = []
    protocol = report["protocol"]
    most = max(1, len(protocol["scenarios"]) * max(1, len(curve_windows(protocol["frames"]))) // 2)
    others = _others(report)
    for row, source in others:
        if len(others) > 1:
            parts.append(element("h3", source["name"]))
        cases = source.get("worst", [])[:most]
        if not cases:
            parts.append(element("p", "No stretch has a layout to follow."))
        for place, case in enumerate(cases):
            frames = [i for i in sorted(film.frames) if case["first"] <= i <= case["last"]]
            town = [str(name) for name in protocol["scenarios"]].index(str(case["town"]))
            said = f"{case['town']}, frames {case['first']} to {case['last']}: layout share {case['layout share']:.3f}"
            strip = _strip(film, frames, town, [(0, PAINTER), (row, source["name"])], str(case["town"]))
            parts.append(details(f"{place + 1}. {said}", strip, shown=place < 3))
    return element("div", parts) if parts else element("p", "There is no source but the painter.")


def town_strips(report: Mapping[str, Any], film: Film) -> Markup:
    """Of each town all sources, the painter above, at five frames from the first to the last."""
    made = [i for i in sorted(film.frames) if i > 0]
    spread = [1 + (max(made, default=1) - 1) * step / (_MOST_FRAMES - 1) for step in range(_MOST_FRAMES)]
    frames = sorted({min(made, key=lambda i: (abs(i - place), i)) for place in spread}) if made else []
    rows = [(i, source["name"]) for i, source in enumerate(report["sources"])]
    return element("div", _towns(report, film, frames, rows))


def _towns(report: Mapping[str, Any], film: Film, frames: Sequence[int], rows: Sequence[tuple[int, str]]) -> Iterator[Markup]:
    for town, name in enumerate(report["protocol"]["scenarios"]):
        yield details(str(name), _strip(film, frames, town, rows, str(name)), shown=town < _OPEN_TOWNS)


def _others(report: Mapping[str, Any]) -> list[tuple[int, Mapping[str, Any]]]:
    """The sources but the painter, each with its place."""
    return [(i, of) for i, of in enumerate(report["sources"]) if of["described"].get("kind") != PAINTER]


def _strip(film: Film, frames: Sequence[int], town: int, rows: Sequence[tuple[int, str]], of: str) -> Markup:
    """A column a frame, a row a source."""
    if not frames:
        return element("p", "The film has no frame of it.", class_="note")
    head = element("tr", element("th", class_="source"), (element("th", f"frame {i}", scope="col") for i in frames))
    body = [
        element(
            "tr",
            element("th", name, scope="row"),
            (_cell(film.frames[i][source][town], f"{of}, {name}, frame {i}") for i in frames),
        )
        for source, name in rows
    ]
    wide = _SOURCE_PX + _PICTURE_PX * len(frames)
    return element("div", element("table", head, body, class_="strip", style=f"max-width:{wide}px"), class_="wide")


def _cell(jpeg: bytes, alt: str) -> Markup:
    source = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
    return element("td", element("img", src=source, alt=alt, loading="lazy"))
