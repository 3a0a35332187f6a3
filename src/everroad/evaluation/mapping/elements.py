"""Map elements of one frame: lines and closed outlines around the ego car, each with its class."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from everroad.scenario.checks import check_positions, check_range, check_shape

MAP_CLASSES = ("ped_crossing", "divider", "boundary")


def map_label_of(name: str) -> int:
    """Where a class stands in ``MAP_CLASSES``. Raises ``ValueError`` for an unknown one, with the nearest."""
    if name not in MAP_CLASSES:
        near = difflib.get_close_matches(name, MAP_CLASSES, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "name one of them"
        raise ValueError(f"class: expected one of {', '.join(MAP_CLASSES)}, got '{name}'; {hint}")
    return MAP_CLASSES.index(name)


@dataclass(frozen=True, eq=False)
class MapElements:
    """Lines in the ego car's frame (x forward, y left, metres), and of each the class (a place in ``MAP_CLASSES``).

    A closed outline ends where it begins. ``score`` is given for elements that a network found, ``None`` for the truth.

    Raises ``ValueError`` for lines of fewer than 2 points or without a length, numbers that are not finite, unknown classes,
    and numbers of classes or scores that differ from that of the lines.
    """

    lines_m: tuple[Float[ndarray, "_ 2"], ...]
    label: Int[ndarray, "n"]
    score: Float[ndarray, "n"] | None = None

    def __post_init__(self) -> None:
        check_shape("elements.label", self.label, (len(self.lines_m),))
        check_range("elements.label", self.label, 0.0, len(MAP_CLASSES) - 1.0)
        for i, line in enumerate(self.lines_m):
            check_shape(f"elements.lines_m[{i}]", line, (None, 2))
            check_positions(f"elements.lines_m[{i}]", line)
            if len(line) < 2 or not np.linalg.norm(np.diff(line, axis=0), axis=1).sum() > 0:
                raise ValueError(f"elements.lines_m[{i}]: expected 2 points or more, apart from each other, got none; drop it")
        if self.score is not None:
            check_shape("elements.score", self.score, (len(self.lines_m),))
            bad = np.flatnonzero(~np.isfinite(self.score))
            if len(bad):
                got = f"{self.score[bad[0]]} at element {bad[0]}"
                raise ValueError(f"elements.score: expected finite numbers, got {got}; mend or drop it")

    def __len__(self) -> int:
        return len(self.lines_m)


def elements_of(lines: Sequence[tuple[str, Float[ndarray, "_ 2"]]], scores: Sequence[float] | None = None) -> MapElements:
    """Elements from pairs of class name and line."""
    label = np.array([map_label_of(name) for name, _ in lines], dtype=np.int64)
    return MapElements(tuple(line for _, line in lines), label, None if scores is None else np.array(scores, dtype=np.float64))
