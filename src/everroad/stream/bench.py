"""``bench_stream``: frames a second of a stream, and where the time goes."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch

from everroad.media import VideoWriter
from everroad.model.checkpoint import model_hash
from everroad.model.inference import for_inference
from everroad.model.world_model import WorldModel
from everroad.scenario.town import author_town
from everroad.stream.generate import next_frame
from everroad.stream.hardware import Stopwatch, describe_hardware, rss_mb, usable_device, versions
from everroad.stream.source import Source, make_source, painted_frames, to_images
from everroad.stream.start import start
from everroad.stream.state import StreamState, make_with, refuse_steps, shortened, state_bytes

TOWN_SEED = 1_000_000  # from the evaluation towns, so no model has seen it in training
MOST_FRAMES = 1_000_000
LONGEST_TOWN_S = 600.0  # longer streams drive through it again
RSS_FROM_FRAME = 100  # by then allocators and caches have settled


def bench_stream(
    world_model: WorldModel,
    card: dict[str, Any],
    *,
    frames: int = 60,
    warm_up: int = 10,
    steps: int | None = None,
    device: str = "cpu",
    dtype: str = "float32",
    rss_frames: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Medians over ``frames`` frames of an authored town, after ``warm_up`` frames; all values are plain JSON.

    ``ms`` by stage: conditions, denoise (``next_frame``), htft (denoise with the memory minus without), decode, video.
    ``frames_per_second`` counts all of a frame's turn but the video encoder. With ``rss_frames`` (more than 100) that many more
    frames are streamed and ``rss_growth_mb`` is the growth of the process from the hundredth of them to the last. ``progress``
    hears (frames done, frames in all). Raises ``ValueError`` for input that is refused.
    """
    for name, count in (("frames", frames), ("warm_up", warm_up), ("memory_frames", rss_frames or 0)):
        if count > MOST_FRAMES:
            raise ValueError(f"bench: expected at most {MOST_FRAMES} {name}, got {shortened(count)}; ask for fewer")
    if frames < 2 or warm_up < 0:
        raise ValueError(f"bench: expected at least 2 frames and no negative warm-up, got {frames} and {warm_up}")
    refuse_steps(steps)
    if rss_frames is not None and rss_frames <= RSS_FROM_FRAME:
        raise ValueError(f"bench: expected more than {RSS_FROM_FRAME} frames to watch the memory over, got {rss_frames}")
    torch_device = usable_device(device)
    config = world_model.config
    in_all = warm_up + 2 * frames + (rss_frames or 0)
    done = _Counter(in_all, progress)
    seconds = min((frames + warm_up + 2) / config.frame_rate_hz, LONGEST_TOWN_S)
    source = make_source(author_town(TOWN_SEED, seconds=seconds), config)
    sha256 = card.get("sha256") or model_hash(world_model)
    world_model = for_inference(world_model, torch_device, make_with(world_model, dtype=dtype, model_hash="").torch_dtype)
    state = _start(world_model, source, steps, dtype)
    watch = Stopwatch(torch_device)
    with tempfile.TemporaryDirectory() as scratch, VideoWriter(Path(scratch) / "video.mp4", config.frame_rate_hz) as video:
        for _ in range(warm_up + frames):
            state = _timed_turn(world_model, source, state, watch, video)
            done()
    with_ms, without_ms = _htft_ms(world_model, source, state, frames, torch_device, done)
    growth_mb = None if rss_frames is None else _rss_growth_mb(world_model, source, state, rss_frames, done)
    ms = watch.median_ms(skip=warm_up)
    turn_ms = ms.pop("turn")
    return {
        "frames_per_second": round(1e3 / turn_ms, 3),
        "width_px": config.width_px,
        "height_px": config.height_px,
        "steps": state.made_with.steps,
        "ms": {**ms, "htft": round(with_ms - without_ms, 3)},
        "state_bytes": state_bytes(state),
        "rss_mb": rss_mb(),
        "rss_growth_mb": growth_mb,
        "dtype": state.made_with.dtype,
        "threads": torch.get_num_threads(),
        "preset": config.name,
        "model_sha256": sha256,
        "hardware": describe_hardware(torch_device),
        "device": str(torch_device),
        "frames": frames,
        "versions": versions(),
    }


class _Counter:
    """Counts frames and tells ``progress``."""

    def __init__(self, in_all: int, progress: Callable[[int, int], None] | None) -> None:
        self.count, self.in_all, self.progress = 0, in_all, progress

    def __call__(self) -> None:
        self.count += 1
        if self.progress is not None:
            self.progress(self.count, self.in_all)


def _start(world_model: WorldModel, source: Source, steps: int | None, dtype: str) -> StreamState:
    image = to_images(painted_frames(source)(0), next(world_model.parameters()).device)
    return start(world_model, image, source.conditions(0), 0, [source.camera.name], steps=steps, dtype=dtype)


def _scene_index(source: Source, state: StreamState) -> int:
    """The scenario's frame that follows the state, from the start again after its end."""
    return 1 + int(state.frame_index) % (len(source.scenario) - 1)


def _timed_turn(
    world_model: WorldModel, source: Source, state: StreamState, watch: Stopwatch, video: VideoWriter
) -> StreamState:
    with watch.stage("turn"):
        with watch.stage("conditions"):
            conditions = source.conditions(_scene_index(source, state))
        with watch.stage("denoise"):
            frame, state = next_frame(world_model, state, conditions)
        with watch.stage("decode"):
            picture = frame.decode_uint8(world_model)[0, 0].permute(1, 2, 0).cpu().numpy()
    with watch.stage("video"):
        video.write(picture)
    return state


def _htft_ms(
    world_model: WorldModel, source: Source, state: StreamState, frames: int, device: torch.device, done: Callable[[], None]
) -> tuple[float, float]:
    """Median milliseconds of ``next_frame`` with and without the memory, turn about, so that both see the same machine."""
    without = copy.copy(world_model)  # the same weights
    without.config = replace(world_model.config, htft=replace(world_model.config.htft, enabled=False))
    watch = Stopwatch(device)
    for _ in range(frames):
        conditions = source.conditions(_scene_index(source, state))
        with watch.stage("without"):
            next_frame(without, state, conditions)
        with watch.stage("with"):
            _, state = next_frame(world_model, state, conditions)
        done()
    return 1e3 * median(watch.seconds["with"]), 1e3 * median(watch.seconds["without"])


def _rss_growth_mb(
    world_model: WorldModel, source: Source, state: StreamState, frames: int, done: Callable[[], None]
) -> float | None:
    settled = None
    for i in range(1, frames + 1):
        frame, state = next_frame(world_model, state, source.conditions(_scene_index(source, state)))
        frame.decode_uint8(world_model)
        if i == RSS_FROM_FRAME:
            settled = rss_mb()
        done()
    last = rss_mb()
    return None if settled is None or last is None else round(last - settled, 2)
