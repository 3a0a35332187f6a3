"""``everroad evaluate ...``: measure how good a model is."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from cyclopts import App

from everroad.console import COMPUTE, AtLeastOne, Compute, networks_dtype, progress_bar

evaluate_app = App(name="evaluate", help="Measure how good a model is.")


@evaluate_app.command
def quick(
    *, out: Path, weights: list[Path] | None = None, preset: str = "town", towns: AtLeastOne = 8, frames: AtLeastOne = 240,
    steps: AtLeastOne | None = None, overwrite: bool = False, compute: Compute = COMPUTE,
) -> None:  # fmt: skip
    """Measure models on evaluation towns: layout obedience, what they remember, drift and motion.

    The last model comes once more with its memory held at zero.

    Args:
        out: Folder for report.json and sheet.png.
        weights: A weights file (.safetensors); may be repeated. Without it, the packaged weights of the preset.
        preset: Packaged weights of this preset.
        towns: How many evaluation towns.
        frames: How many frames of each.
        steps: Denoise steps a frame; the model's own if not given.
        overwrite: Replace an earlier evaluation in the folder.
    """
    from everroad.stream.folder import check_can_be_made

    check_can_be_made(out, "--out")
    from rich.console import Console

    from everroad.evaluation.candidates import load_candidates
    from everroad.evaluation.quick import evaluate_quick
    from everroad.evaluation.quick_report import quick_table

    candidates = load_candidates(weights or (), preset)
    options: dict[str, Any] = {"towns": towns, "frames": frames, "steps": steps, "overwrite": overwrite}
    options |= {"device": compute.device, "dtype": networks_dtype(compute), "threads": compute.threads}
    options["command"] = shlex.join(["everroad", *sys.argv[1:]])
    with progress_bar("evaluate", compute.quiet) as progress:
        report = evaluate_quick(candidates, out, progress=progress, **options)
    if not compute.quiet:
        Console().print(quick_table(report))
