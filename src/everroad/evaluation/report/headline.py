"""The few measures that come first, in the page, its plots and the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from everroad.evaluation.report.tree import Path, at, is_measure
from everroad.evaluation.run.measures import NEAR_CARS


@dataclass(frozen=True)
class Row:
    """``path`` begins with the group. ``optional``: only where it was measured; ``beside``: stands to the row above."""

    title: str
    path: Path
    optional: bool = False
    beside: bool = False

    @property
    def where(self) -> Path:
        """Where it stands in a source's part of the report."""
        return self.path if self.path[0] == "drift" else ("measures", *self.path)


ROWS: tuple[Row, ...] = (
    Row("layout share", ("layout", "share mean")),
    Row("layout share of what is told", ("layout", "share told"), beside=True),
    Row("PSNR to the painter, dB", ("pictures", "psnr, dB")),
    Row("share of warp error", ("consistency", "known motion", "share warp error")),
    Row("share of static flicker", ("consistency", "known motion", "share static flicker")),
    Row("facades' change, ΔE*ab", ("persistence", "facade", "change")),
    Row("the painter's", ("persistence", "facade", "painter's change"), beside=True),
    Row("town-KID above floor", ("realism", "town-KID above floor")),
    Row("town-KID drift ratio", ("drift", "town-KID drift ratio")),
    Row("above floor, first window", ("drift", "town-KID above floor, first window"), beside=True),
    Row("above floor, last window", ("drift", "town-KID above floor, last window"), beside=True),
    Row("town-FVD", ("realism", "town-FVD")),
    Row("town-FVD floor", ("realism", "town-FVD floor"), beside=True),
    Row("FID", ("realism", "FID"), optional=True),
    Row("FID floor", ("realism", "FID floor"), optional=True, beside=True),
    Row("FVD", ("realism", "FVD"), optional=True),
    Row("FVD floor", ("realism", "FVD floor"), optional=True, beside=True),
    Row("share of car AP", ("boxes", f"share {NEAR_CARS}")),
    Row(NEAR_CARS, ("boxes", NEAR_CARS), beside=True),
    Row("share of map mAP", ("map", "share mAP")),
    Row("ego speed error", ("consistency", "ego motion", "speed error")),
    Row("identity share", ("consistency", "identity", "share identity")),
    Row("gradient energy", ("pictures", "gradient energy")),
    Row("colour error, ΔE*ab", ("pictures", "colour error")),
)


def headline(report: Mapping[str, Any]) -> Iterator[Row]:
    """The rows for this report."""
    for row in ROWS:
        if not row.optional or any(at(source, row.where) is not None for source in report["sources"]):
            yield row


def changed_rows(report: Mapping[str, Any]) -> Iterator[Row]:
    """The rows for its differences: none that is 0 throughout, such as of floors, which are the painter's."""
    for row in headline(report):
        found = [at(column, row.where) for column in report["differences"]]
        if not all(is_measure(of) and of["value"] == 0 and not any(of.get("interval") or ()) for of in found):
            yield row
