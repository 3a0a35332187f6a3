"""How the dividers of a map expansion are painted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from everroad.scenario.nuscenes.map_records import MapRecords
from everroad.scenario.types import MarkColour, MarkType

Paint = tuple[MarkType, MarkColour]
UNKNOWN: Paint = ("unknown", "unknown")

# nuScenes has NIL, SINGLE_SOLID_WHITE, SINGLE_SOLID_YELLOW, SINGLE_ZIGZAG_WHITE, DOUBLE_SOLID_WHITE and DOUBLE_DASHED_WHITE;
# the others follow its way of naming. A zigzag line may not be crossed either.
_MARKS: dict[str, MarkType] = {
    "SINGLE_SOLID": "solid",
    "SINGLE_DASHED": "dashed",
    "SINGLE_ZIGZAG": "solid",
    "DOUBLE_SOLID": "double_solid",
    "DOUBLE_DASHED": "double_dashed",
    "SOLID_DASHED": "solid_dashed",
    "DASHED_SOLID": "dashed_solid",
}
_COLOURS: dict[str, MarkColour] = {"WHITE": "white", "YELLOW": "yellow", "BLUE": "blue"}


def paint(segment_type: str) -> Paint:
    """Mark and colour of a ``segment_type``; what we do not know is unknown."""
    if segment_type == "NIL":
        return "none", "unknown"
    kind, _, colour = segment_type.rpartition("_")
    if colour not in _COLOURS:
        return _MARKS.get(segment_type, "unknown"), "unknown"
    return _MARKS.get(kind, "unknown"), _COLOURS[colour]


def paint_of(records: MapRecords, layer: str, record: dict[str, Any], field: str) -> dict[frozenset[str], Paint]:
    """The paint between two nodes, by the two nodes.

    Such a list names nodes in order with the paint that follows; lanes name a node twice, as the end of one segment and as the
    start of the next.
    """
    segments = record.get(field) or []
    try:
        named = [(segment["node_token"], segment["segment_type"]) for segment in segments]
        return {frozenset((a, b)): paint(kind) for (a, kind), (b, _) in pairwise(named) if a != b}
    except (KeyError, TypeError, AttributeError):
        raise records.refused(
            f"{layer} '{record.get('token')}', field '{field}'", "nodes with a segment_type", segments
        ) from None


def paint_of_lanes(records: MapRecords) -> dict[frozenset[str], Paint]:
    """The same of everything that lanes say of the lines beside them."""
    found: dict[frozenset[str], Paint] = {}
    for record in records.layer("lane") or []:
        for side in ("left", "right"):
            found |= paint_of(records, "lane", record, f"{side}_lane_divider_segments")
    return found


def runs(painted: Sequence[Paint]) -> Iterator[tuple[int, int, Paint]]:
    """Stretches of the same paint: first segment, the one after the last, paint."""
    begin = 0
    for at in range(1, len(painted) + 1):
        if at == len(painted) or painted[at] != painted[begin]:
            yield begin, at, painted[begin]
            begin = at
