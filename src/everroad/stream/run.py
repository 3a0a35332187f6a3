"""``generate_run``: a scenario goes in, a folder with its generated video comes out."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from everroad.conditions.show import draw_conditions
from everroad.media import VideoWriter, contact_sheet, panels, write_png
from everroad.model.inference import for_inference
from everroad.model.world_model import WorldModel
from everroad.scenario.images import refuse_bad_recorded
from everroad.scenario.types import Camera, Scenario
from everroad.stream import folder as run_folder
from everroad.stream.generate import Frame, next_frame
from everroad.stream.hardware import Stopwatch, describe_hardware, usable_device, versions
from everroad.stream.source import Picture, Source, make_source, painted_frames, start_image, to_images
from everroad.stream.start import start as start_stream
from everroad.stream.state import StreamState, make_with, refuse_steps, shortened, state_bytes

Progress = Callable[[int, int], None]  # frames done, frames in all


@runtime_checkable
class FrameSink(Protocol):
    """Takes a run's pictures while they are made, beside the video."""

    def begin(self, scenario: Scenario, camera: Camera, frames: int, made_with: dict[str, Any]) -> None:
        """Before the run: its scenario at the model's frame rate, its camera at the model's size, how many frames follow and
        what they are made with (JSON). May refuse them with ``ValueError``."""

    def write(self, frame_index: int, picture: UInt8[ndarray, "h w 3"]) -> None:
        """Frames 1, 2, ..., RGB."""

    def end(self) -> None:
        """After the last frame."""

    def abandon(self) -> None:
        """Instead of ``end``, where the run fails after ``begin``."""


@dataclass(frozen=True)
class _Plan:
    """A run whose inputs have all been accepted."""

    world_model: WorldModel
    source: Source
    state: StreamState
    frames: int
    reference: Callable[[int], Picture] | None
    watch: Stopwatch
    facts: dict[str, Any]  # what the report says and the run does not find out


def generate_run(
    world_model: WorldModel,
    card: dict[str, Any],
    scenario: Scenario,
    out_dir: Path,
    *,
    frames: int | None = None,
    seed: int = 0,
    camera: str | None = None,
    start: str | None = None,
    image_folder: Path | None = None,
    vertical_anchor: float = 0.5,
    steps: int | None = None,
    device: str = "cpu",
    dtype: str = "float32",
    overwrite: bool = False,
    png: bool = False,
    reference: bool = True,
    sink: FrameSink | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Generates frames 1 to ``frames`` (``None``: to the scenario's end) into ``out_dir`` and returns the report.

    ``start``: "recorded", "painter", "none" (frame 0 comes from the conditions alone) or a picture file; ``None`` is the
    recorded image where there is one and else the painter's. ``reference`` puts pictures beside the generated frames: the
    recorded ones where the stream starts from one, else the painter's. ``card`` is the model's. The scenario's image paths are
    relative to ``image_folder``. ``sink`` gets the generated pictures too.

    Raises ``ValueError`` for input that is refused, before any folder is made. A full disk (``OSError``) and an interrupt
    propagate and leave the partial video.
    """
    run_folder.check_folder(out_dir, overwrite, png=png)
    arguments = {"seed": seed, "camera": camera, "vertical_anchor": vertical_anchor, "steps": steps, "dtype": dtype}
    plan = _plan(world_model, card, scenario, frames, start, image_folder, device, reference, **arguments)
    with run_folder.empty_folders_go(out_dir), _begun(sink, plan):
        run_folder.make_folder(out_dir, png=png)
        try:
            return _write(plan, out_dir, png, sink, progress)
        except BaseException:
            with contextlib.suppress(OSError):
                out_dir.rmdir()  # only an empty folder goes
            raise


@contextlib.contextmanager
def _begun(sink: FrameSink | None, plan: _Plan) -> Iterator[None]:
    """The sink around a run. It ends before the run has its name, and is abandoned where anything goes wrong."""
    if sink is None:
        yield
        return
    model, sampler = plan.facts["model"], plan.facts["sampler"]
    made_with = {"model_sha256": model["model_sha256"], "seed": plan.facts["seed"], "start": plan.facts["start"], **sampler}
    sink.begin(plan.source.scenario, plan.source.camera, plan.frames, made_with)
    try:
        yield
    except BaseException:
        sink.abandon()
        raise


def _plan(
    world_model: WorldModel,
    card: dict[str, Any],
    scenario: Scenario,
    frames: int | None,
    start: str | None,
    image_folder: Path | None,
    device_name: str,
    reference: bool,
    *,
    seed: int,
    camera: str | None,
    vertical_anchor: float,
    steps: int | None,
    dtype: str,
) -> _Plan:
    device = usable_device(device_name)
    if not -(2**63) <= seed < 2**63:
        raise ValueError(f"seed: expected a 64-bit integer, got {seed}")
    source = make_source(scenario, world_model.config, camera, image_folder, vertical_anchor)
    last = len(source.scenario) - 1
    if last < 1:
        raise ValueError(
            f"scenario: expected at least two frames at {world_model.config.frame_rate_hz:g} Hz, one to start from and one to "
            "generate, got one frame; use a longer scenario"
        )
    frames = last if frames is None else frames
    if not 1 <= frames <= last:
        raise ValueError(
            f"frames: expected 1 to {last}, the scenario's frames after the first at {world_model.config.frame_rate_hz:g} Hz, "
            f"got {shortened(frames)}; ask for fewer, or take a longer scenario"
        )
    refuse_steps(steps)
    made_with = make_with(world_model, steps=steps, dtype=dtype)
    world_model = for_inference(world_model, device, made_with.torch_dtype)
    watch = Stopwatch(device)
    with watch.stage("start"):
        painted = painted_frames(source)
        wanted, names = start or ("recorded" if source.recorded_path(0) else "painter"), [source.camera.name]
        if wanted == "recorded":
            refuse_bad_recorded(source.scenario, source.image_folder, names, [0], "start from the painter's or a file")
        name, picture = ("none", None) if wanted == "none" else start_image(source, wanted, painted)
        state = start_stream(
            world_model,
            None if picture is None else to_images(picture, device),
            source.conditions(0),
            seed,
            [source.camera.name],
            steps=steps,
            dtype=dtype,
            model_hash=made_with.model_hash,
        )
    if reference and wanted == "recorded":
        refuse_bad_recorded(source.scenario, source.image_folder, names, range(1, frames + 1), "leave the reference out")
    shown = (_recorded_frames(source) if wanted == "recorded" else painted) if reference else None
    facts = {
        "scenario": {
            "name": scenario.name,
            "source": scenario.source,
            "frames": len(source.scenario),
            "frame_rate_hz": world_model.config.frame_rate_hz,
            "resampled_from_hz": source.resampled_from_hz,
            "camera": source.camera.name,
            "vertical_anchor": vertical_anchor,
        },
        "seed": seed,
        "frames": frames,
        "start": name,
        "reference": None if shown is None else ("recorded" if wanted == "recorded" else "painter"),
        "model": {"preset": world_model.config.name, "model_sha256": card.get("sha256", made_with.model_hash), "card": card},
        "sampler": {"steps": made_with.steps, "sigmas": made_with.sigmas, "dtype": made_with.dtype, "memory": made_with.form},
        "hardware": describe_hardware(device),
        "device": str(device),
        "versions": versions(),
    }
    return _Plan(world_model, source, state, frames, shown, watch, facts)


def _write(plan: _Plan, out_dir: Path, png: bool, sink: FrameSink | None, progress: Progress | None) -> dict[str, Any]:
    sheet: list[list[Picture]] = []
    sheet_frames = sheet_indices(plan.frames)
    rate_hz, watch, state = plan.world_model.config.frame_rate_hz, plan.watch, plan.state
    captions = ["conditions", "generated", *([plan.facts["reference"]] if plan.reference else [])]
    with ExitStack() as files:
        # Entered first, so closed last: the video gets its name when all else is written.
        video = files.enter_context(VideoWriter(out_dir / run_folder.VIDEO, rate_hz))
        panel_video = files.enter_context(VideoWriter(out_dir / run_folder.PANELS, rate_hz))
        for i in range(1, plan.frames + 1):
            with watch.stage("conditions"):
                conditions = plan.source.conditions(i)
            with watch.stage("denoise"):
                frame, state = next_frame(plan.world_model, state, conditions)
            with watch.stage("decode"):
                generated = _picture(frame, plan.world_model)
            with watch.stage("reference"):
                pictures = [draw_conditions(conditions), generated, *([plan.reference(i)] if plan.reference else [])]
            with watch.stage("video"):
                video.write(generated)
                panel_video.write(panels(pictures, captions))
                if png:
                    write_png(out_dir / run_folder.FRAMES / f"{i:06d}.png", generated)
                if sink is not None:
                    sink.write(i, generated)
            if i in sheet_frames:
                sheet.append(pictures)
            if progress is not None:
                progress(i, plan.frames)
        if sink is not None:
            sink.end()
        write_png(out_dir / run_folder.SHEET, _sheet(sheet, sheet_frames, captions))
        report = {**plan.facts, **_timings(watch), "state_bytes": state_bytes(state)}
        partial_report = run_folder.write_report(out_dir, report)
    partial_report.replace(out_dir / run_folder.REPORT)
    return report


def sheet_indices(frames: int) -> list[int]:
    """Which frames the sheet shows: the first, and four (from 480 frames on five) at equal distances to the last."""
    parts = 4 if frames < 480 else 5
    return sorted({1, *(math.ceil(frames * part / parts) for part in range(1, parts + 1))})


def _sheet(rows: list[list[Picture]], indices: list[int], captions: list[str]) -> UInt8[ndarray, "sheet_h sheet_w 3"]:
    """One row each of conditions, generated and reference; one column a frame."""
    of_kind = list(zip(*rows, strict=True))
    labels = [f"{caption} {i}" for caption in captions for i in indices]
    return contact_sheet([picture for pictures in of_kind for picture in pictures], labels, columns=len(indices))


def _timings(watch: Stopwatch) -> dict[str, Any]:
    """Medians of the stages, and frames over the time that all of them took but for reference and video."""
    streaming_s = sum(sum(watch.seconds[stage]) for stage in ("conditions", "denoise", "decode"))
    rate = len(watch.seconds["denoise"]) / streaming_s
    return {"ms": watch.median_ms(skip=2), "seconds": watch.total_s(), "frames_per_second": round(rate, 2)}


def _recorded_frames(source: Source) -> Callable[[int], Picture]:
    blank = np.zeros((source.camera.height_px, source.camera.width_px, 3), dtype=np.uint8)

    def recorded(frame_index: int) -> Picture:
        path = source.recorded_path(frame_index)
        return blank if path is None else source.recorded(path)

    return recorded


def _picture(frame: Frame, world_model: WorldModel) -> Picture:
    return frame.decode_uint8(world_model)[0, 0].permute(1, 2, 0).cpu().numpy()
