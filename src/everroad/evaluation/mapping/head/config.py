"""Sizes of the map head."""

from __future__ import annotations

from dataclasses import dataclass, field

from everroad.evaluation.mapping.elements import MAP_CLASSES
from everroad.evaluation.mapping.ground_truth import Window

CELL_M = 0.5  # of the grid on the ground that the picture is laid on


@dataclass(frozen=True)
class MapHeadConfig:
    """Widths at a half, a quarter, an eighth and a sixteenth of the picture; of the ground at cells of 1 m and of 2 m; of a
    query; queries of a picture, points of a query's line; layers that refine them and heads of their attention.

    The window is the ground ahead. Of it only what the camera sees is to be found (``seen.seen_area``).
    """

    widths: tuple[int, int, int, int] = (24, 48, 72, 96)
    ground: tuple[int, int] = (32, 64)
    query: int = 64
    queries: int = 24
    points: int = 20
    layers: int = 2
    heads: int = 4
    window: Window = field(default_factory=Window)
    classes: tuple[str, ...] = MAP_CLASSES

    def __post_init__(self) -> None:
        counts = (*self.widths, *self.ground, self.query, self.queries, self.layers, self.heads)
        if len(self.widths) != 4 or len(self.ground) != 2 or min(counts) < 1 or self.query % self.heads or self.points < 2:
            raise ValueError(
                "map head: expected four widths and two of the ground, positive sizes, 2 points or more and a query that its "
                f"heads share, got {self}"
            )
        if any(side % 2 or not 4 <= side <= 200 for side in self.sides_m):
            got = f"{self.sides_m[0]:g} x {self.sides_m[1]:g} m"
            raise ValueError(f"map head: expected a window whose sides are even numbers of metres, 4 to 200, got {got}")

    @property
    def sides_m(self) -> tuple[float, float]:
        """Of the window, ahead and aside."""
        return self.window.x_max_m - self.window.x_min_m, self.window.y_max_m - self.window.y_min_m

    def cells(self, cell_m: float) -> tuple[int, int]:
        """Of a grid over the window: rows (ahead) and columns (to the left)."""
        return round(self.sides_m[0] / cell_m), round(self.sides_m[1] / cell_m)
