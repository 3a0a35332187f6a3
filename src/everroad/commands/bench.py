"""``everroad bench ...``: measure speed and memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from everroad.console import COMPUTE, MODEL, AtLeastOne, Compute, Model, load_model, networks_dtype, progress_bar

bench_app = App(name="bench", help="Measure speed and memory.")


@bench_app.command
def stream(
    *, frames: AtLeastOne = 60, steps: AtLeastOne | None = None, memory_frames: AtLeastOne | None = None,
    as_json: Annotated[bool, Parameter(name="--json")] = False, model: Model = MODEL, compute: Compute = COMPUTE,
) -> None:  # fmt: skip
    """Measure frames a second and milliseconds by stage of a stream, and the bytes it remembers.

    Args:
        frames: How many frames are timed.
        steps: Denoise steps a frame; the model's own if not given.
        memory_frames: Stream this many frames more and say by how much the process grew after the hundredth.
        as_json: Print one JSON object.
    """
    from everroad.stream.bench import bench_stream

    world_model, card = load_model(model, compute)
    options: dict[str, Any] = {"frames": frames, "steps": steps, "rss_frames": memory_frames}
    options |= {"device": compute.device, "dtype": networks_dtype(compute)}
    with progress_bar("bench", compute.quiet) as progress:
        measured = bench_stream(world_model, card, progress=progress, **options)
    print(json.dumps(measured) if as_json else "\n".join(_lines(measured)))


@bench_app.command
def painter(*, frames: AtLeastOne = 60, as_json: Annotated[bool, Parameter(name="--json")] = False) -> None:
    """Measure the painter's frames a second on one core: RGB at 128x224, all outputs at 256x448.

    Args:
        frames: How many frames of each of four towns are timed.
        as_json: Print one JSON object.
    """
    from everroad.stream.bench_painter import bench_painter

    measured = bench_painter(frames)
    print(json.dumps(measured) if as_json else "\n".join(_lines(measured)))


@bench_app.command
def scenario(
    *, repeats: AtLeastOne = 5, log: Path | None = None, rig: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json")] = False,
) -> None:  # fmt: skip
    """Measure milliseconds of authoring, saving and reading scenarios and of drawing conditions, on one core.

    Args:
        repeats: How often each job is timed on each of four towns.
        log: Also time the reading of this driving log (Argoverse 2) or scenario file.
        rig: Named camera rig for the log instead of its own cameras: nuscenes-front or nuscenes-6.
        as_json: Print one JSON object.
    """
    from everroad.stream.bench_scenario import bench_scenario

    measured = bench_scenario(repeats, log, rig)
    print(json.dumps(measured) if as_json else "\n".join(_lines(measured)))


def _lines(measured: dict[str, Any]) -> Iterator[str]:
    for name, value in measured.items():
        yield f"{name}: {', '.join(f'{k} {v}' for k, v in value.items()) if isinstance(value, dict) else value}"
