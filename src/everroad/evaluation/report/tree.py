"""Reading a report's tree of measures: what is a leaf, where it stands, how it is written, and why it may be missing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from everroad.evaluation.persistence import LATER_FRAMES

Path = tuple[str, ...]
PAINTER = "painter"
WINDOW_FRAMES = 40  # of the curve
CURVE_FRAMES = 2 * WINDOW_FRAMES  # a line needs two points


def is_measure(part: Any) -> bool:
    """Whether it is a measure as ``Measure.to_json`` writes it."""
    return isinstance(part, Mapping) and "value" in part and "valid" in part


def at(tree: Any, path: Sequence[str]) -> Any:
    """What stands there; ``None`` for nothing."""
    for name in path:
        if not isinstance(tree, Mapping) or name not in tree:
            return None
        tree = tree[name]
    return tree


def leaves(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every measure and every plain value, with where it stands, in the tree's order."""
    if isinstance(tree, Mapping) and not is_measure(tree):
        for name, part in tree.items():
            yield from leaves(part, (*path, str(name)))
    else:
        yield path, tree


def numbers(measure: Mapping[str, Any], most: int = 5) -> tuple[str, str]:
    """The value and the interval ("[low, high]", or nothing) with as many decimals as it is worth, ``most`` at most.

    Only of valid ones.
    """
    value, interval = measure["value"], measure.get("interval")
    if interval is None and float(value).is_integer():
        return f"{value:g}", ""
    places = min(_decimals(value, interval or ()), most)
    return _fixed(value, places), f"[{_fixed(interval[0], places)}, {_fixed(interval[1], places)}]" if interval else ""


def _decimals(value: float, interval: Sequence[float]) -> int:
    size = abs(value) or max(map(abs, interval), default=0.0)
    if size == 0:
        return 3
    return min(max((3 if size >= 1 else 2) - math.floor(math.log10(size)), 0), 5)


def _fixed(value: float, places: int) -> str:
    text = f"{value:.{places}f}"
    return text.lstrip("-") if float(text) == 0 else text


def missing_because(path: Path, painters: Any, report: Mapping[str, Any], *, own: bool = False) -> str | None:
    """Why a source's measure at ``path`` (its group first) is invalid, where that is known.

    ``painters`` is the painter's measure there, for a share that of what it is a share of; ``own``: the source is the painter.
    """
    frames, towns = report["protocol"]["frames"], len(report["protocol"]["scenarios"])
    group, name = path[0], path[-1]
    if group in ("realism", "drift") and towns < 2:
        return "needs two scenarios"
    if group == "drift" and not name.endswith("long over short") and frames < CURVE_FRAMES:
        return f"needs {CURVE_FRAMES} frames"
    if name.endswith("drift ratio"):
        return "nothing above the floor" if own else "not above the floor at first"
    if group in ("realism", "drift"):
        clip = report["protocol"].get("clip_frames")
        return f"needs {clip} frames" if clip is not None and frames < clip else "needs more frames"
    if own and name.startswith("psnr"):
        return "these are its own pictures"
    if name.startswith("share ") and is_measure(painters) and painters["valid"] and painters["value"] == 0:
        return "the painter has 0"
    if group == "persistence" and frames <= LATER_FRAMES:
        return f"needs {LATER_FRAMES + 1} frames"
    if group in ("boxes", "layout", "persistence", "map") and is_measure(painters) and not painters["valid"]:
        return "no such things in these towns"
    return None
