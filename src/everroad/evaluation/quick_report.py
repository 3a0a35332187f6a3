"""The quick evaluation's folder: report with its protocol, contact sheet, and the table for a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import UInt8
from numpy import ndarray
from rich.table import Table

from everroad.evaluation.candidates import Candidate
from everroad.evaluation.measure import DRAWS
from everroad.evaluation.persistence import LEAST_PX
from everroad.evaluation.picture_statistics import FRAMES
from everroad.evaluation.reference import EvaluationTown
from everroad.media import contact_sheet, write_png
from everroad.stream.folder import check_can_be_made
from everroad.stream.hardware import describe_hardware, versions
from everroad.stream.state import MadeWith

FORMAT, FORMAT_VERSION = "everroad.evaluation", 1
REPORT, SHEET = "report.json", "sheet.png"

# Title of each row of the table, and where its measure stands in the report.
ROWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("layout share 1-40", ("layout", "1-40", "share mean")),
    ("… of what is told", ("layout", "1-40", "share told")),
    ("layout share 200-240", ("layout", "200-240", "share mean")),
    ("… of what is told", ("layout", "200-240", "share told")),
    ("colour change, actors", ("persistence", "actor", "change")),
    ("… the painter's", ("persistence", "actor", "painter's change")),
    ("colour change, facades", ("persistence", "facade", "change")),
    ("… the painter's", ("persistence", "facade", "painter's change")),
    ("variety", ("persistence", "all", "variety")),
    ("colour error 240", ("statistics", "240", "colour error")),
    ("contrast 240", ("statistics", "240", "contrast")),
    *((f"gradient energy {frame}", ("statistics", str(frame), "gradient energy")) for frame in FRAMES),
    ("dB over repeat", ("baselines", "margin over repeat")),
    ("dB over warp", ("baselines", "margin over warp")),
)


def check_folder(folder: Path, overwrite: bool) -> None:
    """Raises ``ValueError`` unless an evaluation may be written there. Leaves nothing behind."""
    check_can_be_made(folder)
    if folder.is_dir() and any(folder.iterdir()):
        if not _holds_an_evaluation(folder):
            raise ValueError(f"{folder}: expected a new folder, got one that holds something else; name another")
        if not overwrite:
            raise ValueError(f"{folder}: expected a new folder, got one that holds an evaluation; use --overwrite")
        if (folder / SHEET).is_dir():
            raise ValueError(f"{folder / SHEET}: expected a picture, got a folder; move it, or name another folder")


def _holds_an_evaluation(folder: Path) -> bool:
    try:
        report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(report, dict) and report.get("format") == FORMAT


def protocol(
    candidate: Candidate,
    towns: Sequence[EvaluationTown],
    frames: int,
    dtype: str,
    judge_card: Mapping[str, Any],
    device: torch.device,
    command: str | None,
) -> dict[str, Any]:
    """What must be the same for the same numbers; size and rate are those of any of the candidates."""
    config = candidate.world_model.config
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "protocol": {
            "name": "quick",
            "town_seeds": [town.seed for town in towns],
            "noise_seeds": [town.seed for town in towns],
            "frames": frames,
            "frame_rate_hz": config.frame_rate_hz,
            "height_px": config.height_px,
            "width_px": config.width_px,
            "camera": towns[0].source.camera.name,
            "start": "painter",
            "dtype": dtype,
            "least_instance_px": LEAST_PX,
            "bootstrap_draws": DRAWS,
            "segmenter_sha256": judge_card.get("sha256"),
        },
        "segmenter": dict(judge_card),
        "hardware": describe_hardware(device),
        "device": str(device),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "command": command,
    }


def describe(candidate: Candidate, made_with: MadeWith) -> dict[str, Any]:
    """Which model a row is about. ``model_hash`` is that of the weights in memory, ``model_sha256`` that of the file."""
    return {
        "name": candidate.name,
        "preset": candidate.world_model.config.name,
        "zero_memory": candidate.zero_memory,
        "model_sha256": candidate.card.get("sha256"),
        "model_hash": made_with.model_hash,
        "steps": made_with.steps,
        "sigmas": list(made_with.sigmas),
        "card": dict(candidate.card),
    }


def sheet_frames(frames: int) -> list[int]:
    """Which frames the sheet shows: those of the statistics, as far as they are reached; else the first and the last."""
    reached = [frame for frame in FRAMES if frame <= frames]
    return reached if len(reached) > 1 else sorted({1, frames})


def sheet(
    shown: Mapping[int, Sequence[Sequence[UInt8[ndarray, "h w 3"]]]], names: Sequence[str], towns: Sequence[EvaluationTown]
) -> UInt8[ndarray, "sheet_h sheet_w 3"]:
    """A column a frame; of each town a row of the painter's and below it one of each model."""
    pictures, labels = [], []
    for index, town in enumerate(towns):
        for row, name in enumerate(["painter", *names]):
            for frame, of_frame in shown.items():
                pictures.append(of_frame[index][row])
                labels.append(f"{town.seed} {frame} {name}")
    return contact_sheet(pictures, labels, columns=len(shown))


def write(folder: Path, report: Mapping[str, Any], picture: UInt8[ndarray, "h w 3"]) -> None:
    """Makes the folder and writes the sheet, then the report. A full disk (``OSError``) propagates."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REPORT).unlink(missing_ok=True)
    write_png(folder / SHEET, picture)
    beside = folder / "report.partial.json"
    try:
        beside.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        beside.replace(folder / REPORT)
    finally:
        beside.unlink(missing_ok=True)


def quick_table(report: Mapping[str, Any]) -> Table:
    """A column for each model; below the measures the bars, with what was reached."""
    towns, frames = len(report["protocol"]["town_seeds"]), report["protocol"]["frames"]
    table = Table(title=f"{towns} evaluation town{'s' * (towns != 1)}, {frames} frame{'s' * (frames != 1)} each")
    if frames < FRAMES[-1]:
        table.caption = f"-: needs more frames; {FRAMES[-1]} fill every row"
    table.add_column("measure")
    for model in report["models"]:
        table.add_column(model["name"], justify="right")
    for title, path in ROWS:
        table.add_row(title, *(_cell(model, path) for model in report["models"]))
    table.add_section()
    for name in report["models"][0]["acceptance"]:
        table.add_row(name, *(_verdict(model["acceptance"][name]) for model in report["models"]))
    return table


def _cell(tree: Mapping[str, Any], path: Sequence[str]) -> str:
    for name in path:
        tree = tree[name]
    if not tree["valid"]:
        return "-"
    interval = tree["interval"]
    return f"{tree['value']:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


def _verdict(entry: Mapping[str, Any]) -> str:
    if entry["passed"] is None:
        return "-"
    sign = "✓" if entry["passed"] else "✗"
    return f"{entry['value']:.3f} {sign} {entry['bar']:g}"
