"""``frames.jsonl``: a line for each picture that was judged, written while the run goes on, for whoever digs deeper."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from everroad.evaluation.run.records import PictureRecord, Trace

NAME = "frames.jsonl"
PART = f"{NAME}.part"  # until the report is whole


@dataclass(frozen=True)
class FramesFile:
    """Writes to an open text file; ``sources`` and ``towns`` are names."""

    file: IO[str]
    sources: Sequence[str]
    towns: Sequence[str]

    def look(self, frame_index: int, _: object, traces: Sequence[Trace]) -> None:
        """Takes a frame of all sources."""
        painter = traces[0].records[frame_index]
        for name, trace in zip(self.sources, traces, strict=True):
            for town, record, reference in zip(self.towns, trace.records[frame_index], painter, strict=True):
                line = {"source": name, "town": town, "frame": frame_index, **frame_numbers(record, reference)}
                self.file.write(json.dumps(line, allow_nan=False) + "\n")


def frame_numbers(record: PictureRecord, painter: PictureRecord) -> dict[str, Any]:
    """Numbers of one picture; ``None`` where there is none."""
    warp, ego, statistics = record.consistency.warp, record.consistency.ego, record.layout.statistics
    energy = float(painter.layout.statistics.gradient_energy)
    return {
        "layout_iou": _rounded(layout_iou(record)),
        "colour_error": _rounded(float(np.linalg.norm(statistics.mean_lab - painter.layout.statistics.mean_lab))),
        "gradient_energy": _rounded(float(statistics.gradient_energy) / energy if energy > 0 else None),
        "psnr_db": _rounded(-10 * float(np.log10(record.squared_error)) if record.squared_error > 0 else None),
        "warp_error": _rounded(warp.error / warp.pixels if warp.pixels else None),
        "asked_mps": _rounded(ego.asked_mps),
        "shown_mps": _rounded(ego.shown_mps if ego.sure else None),
        "boxes": None if record.boxes is None else int(record.boxes.truths.sum()),
        "boxes_found_at_2m": None if record.boxes is None else int(record.boxes.matched[record.boxes.score >= 0.3, 2].sum()),
    }


def layout_iou(record: PictureRecord) -> float | None:
    """Mean IoU of the layout classes that the frame has."""
    both, either = record.layout.overlaps
    there = either > 0
    return float((both[there] / either[there]).mean()) if there.any() else None


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(value, 5)
