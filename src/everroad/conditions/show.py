"""``show_scenario``: a scenario as pictures for people, in a file whose ending says of which kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from everroad.conditions.show_birds_eye import draw_birds_eye
from everroad.conditions.show_conditions import draw_conditions
from everroad.conditions.show_rerun import refuse_without_rerun, write_recording
from everroad.conditions.show_view import View, draw_view, make_view
from everroad.media import VideoWriter, write_png
from everroad.scenario.images import refuse_bad_recorded
from everroad.scenario.types import Scenario

__all__ = ["ENDINGS", "SHEET_FRAMES", "draw_birds_eye", "draw_conditions", "show_scenario"]

ENDINGS = (".png", ".mp4", ".rrd")
SHEET_FRAMES = 4

Progress = Callable[[int, int], None]  # frames done, frames in all


def show_scenario(
    scenario: Scenario,
    out: Path,
    camera_names: Sequence[str] = (),
    frames: Sequence[int] = (),
    *,
    image_folder: Path | None = None,
    height_px: int = 288,
    ids: bool = False,
    progress: Progress | None = None,
) -> int:
    """Writes bird's eye and cameras, over recorded images where there are some; the number of frames shown.

    Args:
        scenario: without map and actors it is shown with its pictures and the ego path; without cameras from above alone.
        out: ``.png`` for a sheet of frames, ``.mp4`` for a video at the scenario's frame rate, ``.rrd`` for a Rerun recording.
        camera_names: which cameras; all of them if not given.
        frames: which frames a ``.png`` shows; ``SHEET_FRAMES`` from the first to the last if not given.
        image_folder: what the scenario's image paths are relative to.
        height_px: height of each camera's picture.
        ids: write track ids beside the boxes.
        progress: hears (frames done, frames in all).

    Raises ``ValueError`` for a camera or a frame that is not there, a recorded image that is missing, broken or not of its
    camera's size, ``frames`` for anything but a PNG, another ending, and ``.rrd`` without the extra ``rerun``; then nothing is
    written.
    """
    if out.suffix not in ENDINGS:
        raise ValueError(f"{out}: expected a file name that ends in {', '.join(ENDINGS)}, got '{out.name}'; name it so")
    if out.suffix == ".rrd":
        refuse_without_rerun()
    view = make_view(scenario, camera_names, image_folder, height_px, ids)
    indices = _chosen_frames(len(scenario), frames, out)
    names = [camera.name for camera in view.cameras]
    refuse_bad_recorded(scenario, view.image_folder, names, indices, "take it out of the scenario")
    if out.suffix == ".png":
        _write_sheet(view, out, indices, progress)
    elif out.suffix == ".mp4":
        _write_video(view, out, indices, progress)
    else:
        write_recording(view, out, indices, progress)
    return len(indices)


def _chosen_frames(count: int, frames: Sequence[int], out: Path) -> list[int]:
    if frames and out.suffix != ".png":
        raise ValueError(f"frame: expected it with a .png alone, got {out.name}, which shows all; name a .png or leave it out")
    for index in frames:
        if not 0 <= index < count:
            raise ValueError(f"frame: expected 0 to {count - 1}, got {index}; name another")
    if out.suffix != ".png":
        return list(range(count))
    even = sorted({round(i * (count - 1) / (SHEET_FRAMES - 1)) for i in range(SHEET_FRAMES)})
    return list(dict.fromkeys(frames)) or even


def _write_sheet(view: View, out: Path, indices: list[int], progress: Progress | None) -> None:
    pictures = []
    for done, index in enumerate(indices, start=1):
        pictures.append(draw_view(view, index))
        if progress is not None:
            progress(done, len(indices))
    write_png(out, np.concatenate(pictures))


def _write_video(view: View, out: Path, indices: list[int], progress: Progress | None) -> None:
    with VideoWriter(out, view.scenario.frame_rate_hz or 1.0) as video:
        for done, index in enumerate(indices, start=1):
            video.write(draw_view(view, index))
            if progress is not None:
                progress(done, len(indices))
