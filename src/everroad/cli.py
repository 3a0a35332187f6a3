"""The command line: parses, then calls one function. Commands import the rest of the package themselves: help is quick."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cyclopts import App, Parameter

from everroad import __version__
from everroad.commands import edit as _edit  # noqa: F401 (adds its commands to those of scenario)
from everroad.commands.bench import bench_app
from everroad.commands.evaluate import evaluate_app
from everroad.commands.export import EXPORTED, Export, Exported, generated_export
from everroad.commands.scenario import TOWN_RATE_HZ, scenario_app
from everroad.commands.source import SOURCE, SourceOptions
from everroad.console import (
    COMPUTE,
    MODEL,
    AtLeastOne,
    Compute,
    Minutes,
    Model,
    Seed,
    exit_status,
    kept_is_said,
    load_model,
    networks_dtype,
    progress_bar,
    say,
)

DEMO_SEED, DEMO_FRAMES = 1_000_003, 120
app = App(
    name="everroad",
    help="Driving scenarios in, endless camera video out, one frame at a time.",
    version=__version__,
    default_parameter=Parameter(negative=""),
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
for _group in (scenario_app, evaluate_app, bench_app):
    app.command(_group)


@app.command
def demo(*, out: Path = Path("out/demo"), compute: Compute = COMPUTE) -> None:
    """Generate 120 frames of an evaluation town on a clear day. An earlier run in the folder is replaced.

    Args:
        out: Folder of the run.
    """
    from everroad.stream.folder import check_folder

    check_folder(out, overwrite=True)
    from everroad.scenario.town import author_town
    from everroad.stream.run import generate_run

    world_model, card = load_model(MODEL, compute)
    town = author_town(DEMO_SEED, seconds=(DEMO_FRAMES + 1) / TOWN_RATE_HZ, frame_rate_hz=TOWN_RATE_HZ)
    options = {"frames": DEMO_FRAMES, "device": compute.device, "dtype": networks_dtype(compute), "overwrite": True}
    with kept_is_said(out, "*.partial.mp4"), progress_bar("demo", compute.quiet) as progress:
        report = generate_run(world_model, card, town, out, progress=progress, **options)
    _say_run(report, out, compute.quiet)


@app.command
def generate(
    scenario: Path, /, *, out: Path, frames: AtLeastOne | None = None, seed: Seed = 0, camera: str | None = None,
    start: str | None = None, steps: AtLeastOne | None = None, vertical_anchor: float = 0.5, no_reference: bool = False,
    png: bool = False, export: Export | None = None, overwrite: bool = False, exported: Exported = EXPORTED,
    taken: SourceOptions = SOURCE, model: Model = MODEL, compute: Compute = COMPUTE,
) -> None:  # fmt: skip
    """Generate video of a scenario, which is resampled to the model's frame rate.

    Args:
        scenario: Scenario file, or folder of a log or data set.
        out: Folder of the run.
        frames: How many frames; to the scenario's end if not given.
        seed: Which video of the scenario.
        camera: Which camera; the one nearest to straight ahead if not given.
        start: Start image: a picture file (of 16 bits, the upper 8), "recorded", "painter", or "none" to make frame 0 from the
            conditions alone.
        steps: Denoise steps a frame; the model's own if not given.
        vertical_anchor: Where a taller picture is cropped: 0 keeps its top, 1 its bottom.
        no_reference: Leave the recorded or painted frames out of the panels.
        png: Write every frame to frames/ too.
        export: Format and folder of a data set that the frames become a scene of: nuscenes DIR.
        overwrite: Replace an earlier run in the folder, and the scene of an earlier export.
    """
    from everroad.stream.folder import check_folder

    check_folder(out, overwrite)
    _refuse_nested(out, export)
    if start == "":
        raise ValueError("--start: expected a picture file, recorded, painter or none, got ''; name one")
    read = taken.read(scenario, compute.quiet)
    from everroad.stream.run import generate_run

    sink = generated_export(export, exported, overwrite)
    world_model, card = load_model(model, compute)
    options: dict[str, Any] = {"frames": frames, "seed": seed, "camera": camera, "start": start, "steps": steps, "png": png}
    options |= {"vertical_anchor": vertical_anchor, "reference": not no_reference, "overwrite": overwrite}
    options |= {"image_folder": scenario.parent, "device": compute.device, "dtype": networks_dtype(compute)}
    options |= {"sink": sink}
    with kept_is_said(out, "*.partial.mp4"), progress_bar("generate", compute.quiet) as progress:
        report = generate_run(world_model, card, read, out, progress=progress, **options)
    _say_run(report, out, compute.quiet)
    if sink is not None:
        say(sink.summary(), compute.quiet)


@app.command
def train(
    recipe: str, /, *overrides: str, out: Path | None = None, minutes: Minutes | None = None, compute: Compute = COMPUTE
) -> None:
    """Train a named recipe. The same command again resumes it from its last checkpoint.

    Args:
        recipe: Name of the recipe; a wrong one gets the list.
        overrides: Settings of the recipe as key=value, such as optimiser.learning_rate=1e-4.
        out: Folder of the run; out/RECIPE if not given.
        minutes: Stop, saved, at the first place after this long where the recipe may pause; stages 2 and 3 pause between walks.
    """
    import torch

    from everroad.stream.folder import check_can_be_made
    from everroad.stream.hardware import usable_device
    from everroad.training.engine import train as train_recipe
    from everroad.training.overrides import apply_overrides

    chosen = apply_overrides(_recipe(recipe), overrides)
    run_dir = Path("out") / chosen.name if out is None else out
    check_can_be_made(run_dir, "--out")
    device = str(usable_device(compute.device))
    seconds = None if minutes is None else 60 * minutes
    options: dict[str, Any] = {"device": device, "dtype": getattr(torch, networks_dtype(compute))}
    options |= {"threads": compute.threads, "quiet": compute.quiet}
    with kept_is_said(run_dir, "checkpoints/*"):
        result = train_recipe(chosen, run_dir, max_seconds=seconds, **options)
    say(f"{run_dir}: {result.train_step} of {chosen.train_steps} train steps", compute.quiet)


def _recipe(name: str) -> Any:
    """The recipe of that name, from the tables of all packages that train something."""
    import difflib

    from everroad.evaluation.recipes import EVALUATION_RECIPES
    from everroad.training.recipes import RECIPES

    recipes = {**RECIPES, **EVALUATION_RECIPES}
    if name not in recipes:
        near = difflib.get_close_matches(name, recipes, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "name one of them"
        raise ValueError(f"recipe: expected one of {', '.join(recipes)}, got '{name}'; {hint}")
    return recipes[name]


def _refuse_nested(out: Path, export: Export | None) -> None:
    """Each of the two replaces, and refuses, what it finds in its own folder."""
    if export is None:
        return
    run, data_set = out.resolve(), export[1].resolve()
    if run.is_relative_to(data_set) or data_set.is_relative_to(run):
        raise ValueError(
            f"--export {export[1]}: expected a folder apart from --out {out}, got it or one in the other; name another"
        )


def _say_run(report: dict[str, Any], out: Path, quiet: bool) -> None:
    scenario = report["scenario"]
    if scenario["resampled_from_hz"] is not None:
        say(f"resampled from {scenario['resampled_from_hz']:g} Hz to {scenario['frame_rate_hz']:g} Hz", quiet)
    rate = report["frames_per_second"]
    say(f"{report['frames']} frames of {scenario['camera']}, {rate:g} frames/s without the encoder", quiet)
    for name in sorted(path.name for path in out.iterdir()):
        say(str(out / name), quiet)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and answers its exit status: 0, 1 disk full, 2 refused, 130 interrupted, 141 nobody reads the output."""
    # Idle OpenMP threads that spin for long steal the core from painter and encoder; those that sleep at once wake up too late
    # and halve the frame rate. So they spin for some microseconds. Read once, when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    return exit_status(lambda: _run(sys.argv[1:] if arguments is None else arguments))


def _run(words: Sequence[str]) -> None:
    if "" in words:  # as a path it would be the current folder
        before = " ".join(words[: words.index("")])[-40:]
        raise ValueError(f"arguments: expected a value after '{before}', got an empty one; name one, or leave it out")
    app(words, exit_on_error=False, print_error=False)
