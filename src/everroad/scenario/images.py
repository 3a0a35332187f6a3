"""Where a scenario's recorded images lie, and the refusal of those that are missing or broken."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from everroad.media import read_image, refuse_broken_image
from everroad.scenario.types import Camera, Scenario

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
# Markers of JPEG (ITU-T T.81, table B.1): frame headers of all processes, and the application segment that Exif is in.
_FRAMES, _EXIF = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}, 0xE1


def recorded_path(scenario: Scenario, folder: Path, camera_name: str, frame_index: int) -> Path | None:
    """The recorded image of a camera at a frame; ``None`` where there is none. ``folder``: what image paths are relative to."""
    paths = scenario.images.get(camera_name, ())
    return folder / paths[frame_index] if paths and paths[frame_index] else None


def refuse_bad_recorded(
    scenario: Scenario, folder: Path, camera_names: Iterable[str], frame_indices: Iterable[int], instead: str
) -> None:
    """Raises ``ValueError`` unless the recorded images that the scenario names for these cameras and frames are all there,
    whole (as ``media.refuse_broken_image`` sees it) and of their camera's size. ``instead`` ends the message: what to do
    without the image."""
    names = tuple(camera_names)
    cameras = {camera.name: camera for camera in scenario.cameras}
    known: set[tuple[str, Path]] = set()  # a picture may stand for many frames
    for frame_index in frame_indices:
        for name in names:
            path = recorded_path(scenario, folder, name, frame_index)
            if path is None or (name, path) in known:
                continue
            known.add((name, path))
            if not path.is_file():
                wanted = f"expected frame {frame_index}'s recorded image, got no file"
                raise ValueError(f"{path}: {wanted}; add it, or {instead}")
            refuse_broken_image(path)
            _refuse_other_size(path, cameras[name], instead)


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels of a picture file, as ``media.read_image`` reads it. Of PNG and JPEG without Exif, which may
    say that the picture is turned, the header is enough; others are decoded. Raises ``ValueError`` for what is no picture."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if head.startswith(_PNG) and b"eXIf" not in head:
        return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    at = 2 if head.startswith(_JPEG) else len(head)
    while at + 9 <= len(head) and head[at] == 0xFF and head[at + 1] != _EXIF:
        if head[at + 1] in _FRAMES:
            return int.from_bytes(head[at + 7 : at + 9], "big"), int.from_bytes(head[at + 5 : at + 7], "big")
        at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    height, width = read_image(path).shape[:2]
    return width, height


def _refuse_other_size(path: Path, camera: Camera, instead: str) -> None:
    wanted, got = (camera.width_px, camera.height_px), picture_size(path)
    if wanted != got:
        text = f"a picture of {wanted[0]}x{wanted[1]} like camera {camera.name}, got {got[0]}x{got[1]}"
        raise ValueError(f"{path}: expected {text}; mend the camera's size and intrinsics or the picture, or {instead}")
