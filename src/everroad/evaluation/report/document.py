"""The report's folder: ``report.html``, ``report.json`` and the plots in ``figures/``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from everroad.evaluation.report.html import page
from everroad.evaluation.report.panels import file_names, panels_of
from everroad.evaluation.report.plots import svg_file
from everroad.evaluation.run.film import Film
from everroad.evaluation.run.frames_file import NAME as FRAMES
from everroad.evaluation.run.frames_file import PART
from everroad.scenario.files import write_atomically
from everroad.stream.folder import check_can_be_made, empty_folders_go

FORMAT = "everroad.evaluation.run"
REPORT, PAGE, FIGURES = "report.json", "report.html", "figures"
_FIGURE = re.compile(r"curve-[a-z0-9-]+\.svg")
# What a run that was cut off leaves, without a report to know it by.
_LEFT = {FRAMES, PART, FIGURES}


def check_folder(folder: Path, overwrite: bool) -> None:
    """Raises ``ValueError`` unless a report may be written there. Leaves nothing behind."""
    check_can_be_made(folder, "--out")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not _holds_a_report(folder):
        raise ValueError(f"{folder}: expected a new folder, got one that holds something else; name another")
    if not overwrite:
        raise ValueError(f"{folder}: expected a new folder, got one that holds an evaluation; use --overwrite")
    for name in (REPORT, PAGE, FRAMES):
        if (folder / name).is_dir():
            raise ValueError(f"{folder / name}: expected a file, got a folder; move it, or name another folder")
    if (folder / FIGURES).exists() and not (folder / FIGURES).is_dir():
        raise ValueError(f"{folder / FIGURES}: expected a folder, got a file; move it, or name another folder")


def _holds_a_report(folder: Path) -> bool:
    try:
        report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {path.name for path in folder.iterdir()} <= _LEFT
    return isinstance(report, dict) and report.get("format") == FORMAT


@contextmanager
def made_whole(folder: Path) -> Iterator[None]:
    """Makes the folder for the work in it. Where that fails, what it began goes, and a report that was there stays."""
    with empty_folders_go(folder / REPORT):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            yield
        except BaseException:
            (folder / PART).unlink(missing_ok=True)
            raise


def write_report(folder: Path, report: Mapping[str, Any], film: Film) -> None:
    """Writes the plots, the page and the JSON beside, and then puts them and ``frames.jsonl`` in place of an earlier report's.

    Everything is worked out before anything is written. Raises ``ValueError`` for a number that is not finite and for a path
    that cannot be written; a full disk (``OSError``) propagates; then the earlier report is as it was. Call ``check_folder``
    first.
    """
    panels = panels_of(report)
    figures = {folder / FIGURES / name: svg_file(panel) for name, panel in zip(file_names(panels), panels, strict=True)}
    html = page(report, film, panels).encode()
    text = (json.dumps(report, indent=2, allow_nan=False) + "\n").encode()
    written = {**figures, folder / PAGE: html, folder / REPORT: text}
    (folder / FIGURES).mkdir(parents=True, exist_ok=True)
    try:
        for path, content in written.items():
            write_atomically(_beside(path), content)
        _clear(folder)
        for path in (*written, folder / FRAMES):
            if _beside(path).exists():  # renaming needs no space
                _beside(path).replace(path)
    except BaseException:
        for path in written:
            _beside(path).unlink(missing_ok=True)
        with suppress(OSError):
            (folder / FIGURES).rmdir()  # only an empty one goes
        raise


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _clear(folder: Path) -> None:
    """Takes away what a report consists of; what else lies in the folder stays."""
    for path in (folder / REPORT, folder / PAGE, *(folder / FIGURES).iterdir()):
        if path.parent == folder or _FIGURE.fullmatch(path.name):
            path.unlink(missing_ok=True)
