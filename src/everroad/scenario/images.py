"""Where a scenario's recorded images lie, and the refusal of those that are missing or broken."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from everroad.media import refuse_broken_image
from everroad.scenario.types import Scenario


def recorded_path(scenario: Scenario, folder: Path, camera_name: str, frame_index: int) -> Path | None:
    """The recorded image of a camera at a frame; ``None`` where there is none. ``folder``: what image paths are relative to."""
    paths = scenario.images.get(camera_name, ())
    return folder / paths[frame_index] if paths and paths[frame_index] else None


def refuse_bad_recorded(
    scenario: Scenario, folder: Path, camera_names: Iterable[str], frame_indices: Iterable[int], instead: str
) -> None:
    """Raises ``ValueError`` unless the recorded images that the scenario names for these cameras and frames are all there and
    whole (as ``media.refuse_broken_image`` sees it). ``instead`` ends the message: what to do without the image."""
    names = tuple(camera_names)
    for frame_index in frame_indices:
        for name in names:
            path = recorded_path(scenario, folder, name, frame_index)
            if path is None:
                continue
            if not path.is_file():
                wanted = f"expected frame {frame_index}'s recorded image, got no file"
                raise ValueError(f"{path}: {wanted}; add it, or {instead}")
            refuse_broken_image(path)
