"""``everroad evaluate ...``: measure how good a model is."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from everroad.console import COMPUTE, AtLeastOne, Compute, networks_dtype, output_file, progress_bar

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


@evaluate_app.command
def run(
    source: str, /, *, out: Path, scenarios: Annotated[list[Path] | None, Parameter(consume_multiple=True)] = None,
    protocol: str = "stage-long", towns: AtLeastOne = 16, frames: AtLeastOne | None = None, steps: AtLeastOne | None = None,
    public: bool = False, ablation: bool = False, overwrite: bool = False, compute: Compute = COMPUTE,
) -> None:  # fmt: skip
    """Measure one model, or recorded runs, whole: realism, drift, consistency, obedience, with intervals, into a report.

    Args:
        source: A preset with packaged weights (town), a weights file (.safetensors), the folder of a training, a run folder of
            "everroad generate", a folder of such, or a baseline: repeat, warp, or with its weights chunked=FILE, one-shot=FILE,
            diagonal=FILE, frame-by-frame=FILE.
        out: Folder for report.html, report.json, frames.jsonl and figures.
        scenarios: Scenario files; for recorded runs those that they were made from, in their order. Without it, evaluation
            towns.
        protocol: stage-long, stage-short, wcoda, vista or glad.
        towns: How many evaluation towns.
        frames: Another number of frames than the protocol's.
        steps: Denoise steps a frame; the model's own if not given.
        public: Measure FID, FVD and LPIPS too, with published weights from the folder that EVERROAD_WEIGHTS names.
        ablation: Zero, shuffle and mirror each condition too, and say whether the video follows.
        overwrite: Replace an earlier evaluation in the folder.
    """
    _evaluate([source], out, scenarios or [], protocol, towns, frames, steps, public, ablation, overwrite, compute)


@evaluate_app.command
def compare(
    *sources: str, out: Path, scenarios: Annotated[list[Path] | None, Parameter(consume_multiple=True)] = None,
    protocol: str = "stage-long", towns: AtLeastOne = 16, frames: AtLeastOne | None = None, steps: AtLeastOne | None = None,
    public: bool = False, ablation: bool = False, overwrite: bool = False, compute: Compute = COMPUTE,
) -> None:  # fmt: skip
    """Measure models or runs side by side: same scenarios, same seeds; differences from the first one have intervals.

    Args:
        sources: Two or more of what "everroad evaluate run" takes.
        out: Folder for report.html, report.json, frames.jsonl and figures.
        scenarios: Scenario files; without them, evaluation towns.
        protocol: stage-long, stage-short, wcoda, vista or glad.
        towns: How many evaluation towns.
        frames: Another number of frames than the protocol's.
        steps: Denoise steps a frame; each model's own if not given.
        public: Measure FID, FVD and LPIPS too, with published weights from the folder that EVERROAD_WEIGHTS names.
        ablation: Zero, shuffle and mirror each condition too, and say whether the video follows.
        overwrite: Replace an earlier evaluation in the folder.
    """
    if len(sources) < 2:
        raise ValueError(f"compare: expected two sources at least, got {len(sources)}; name more, or use everroad evaluate run")
    _evaluate(list(sources), out, scenarios or [], protocol, towns, frames, steps, public, ablation, overwrite, compute)


@evaluate_app.command
def halves(
    video: Path, /, *, out: Path, stretches: AtLeastOne = 8, public: bool = False, compute: Compute = COMPUTE,
) -> None:  # fmt: skip
    """Measure a real video's two halves against each other: the floor of every measure that needs no layout.

    Args:
        video: A video file of a drive.
        out: JSON file to write.
        stretches: In how many stretches each half is cut; intervals come from drawing them again.
        public: Measure FID and FVD too, with published weights from the folder that EVERROAD_WEIGHTS names.
    """
    with output_file(out, ".json"):
        from rich.console import Console

        from everroad.evaluation.halves import evaluate_halves, halves_table, write_halves
        from everroad.stream.hardware import usable_device

        device = str(usable_device(compute.device))
        command = shlex.join(["everroad", *sys.argv[1:]])
        if compute.threads is not None:
            import torch

            torch.set_num_threads(compute.threads)
        with progress_bar("halves", compute.quiet) as progress:
            report = evaluate_halves(
                video, stretches, public=public, device=device, command=command, progress=progress
            )  # fmt: skip
        write_halves(out, report)
    if not compute.quiet:
        Console().print(halves_table(report))


def _evaluate(
    named: list[str], out: Path, scenarios: list[Path], protocol: str, towns: int, frames: int | None, steps: int | None,
    public: bool, ablation: bool, overwrite: bool, compute: Compute,
) -> None:  # fmt: skip
    from everroad.stream.folder import check_can_be_made

    check_can_be_made(out, "--out")
    from rich.console import Console

    from everroad.evaluation.report.table import report_tables
    from everroad.evaluation.run.command import Asked, evaluate_named

    asked = Asked(
        tuple(named), out, tuple(scenarios), protocol, towns, frames, steps, public, ablation, overwrite,
        compute.device, networks_dtype(compute), compute.threads, shlex.join(["everroad", *sys.argv[1:]]),
    )  # fmt: skip
    with progress_bar("evaluate", compute.quiet) as progress:
        report = evaluate_named(asked, progress)
    if not compute.quiet:
        for table in report_tables(report):
            Console().print(table)
