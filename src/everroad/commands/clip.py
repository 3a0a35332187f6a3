"""The options of ``everroad scenario convert`` for plain videos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import Parameter

if TYPE_CHECKING:
    from everroad.scenario.video import VideoOptions


@Parameter(name="*")
@dataclass(frozen=True)
class Clip:
    """What a plain video does not say itself; docs/own_data.md has the formats."""

    size: str | None = None
    "Video: size of the pictures to write, WxH; that of the crop if not given."
    crop: str | None = None
    "Video: part of the picture to keep, left,top,width,height in pixels."
    seconds: float | None = None
    "Video: take at most so many seconds of its beginning."
    poses: Path | None = None
    "Video: CSV table of ego poses; without it the ego motion is unknown."
    focal: float | None = None
    "Video: focal length in pixels of the whole picture."
    fov: float | None = None
    "Video: horizontal field of view of the whole picture in degrees; 65 is assumed."
    intrinsics: str | None = None
    "Video: fx,fy,cx,cy in pixels of the whole picture."
    camera_height: float | None = None
    "Video: metres of the camera above the ground; 1.5 is assumed."


CLIP = Clip()


def video_options(clip: Clip) -> VideoOptions:
    """The options as the converter takes them. Raises ``ValueError`` for those that make no sense."""
    from everroad.scenario.video import VideoOptions
    from everroad.scenario.video_camera import VideoCamera

    camera = VideoCamera(clip.size, clip.crop, clip.focal, clip.fov, clip.intrinsics, clip.camera_height)
    return VideoOptions(camera, clip.seconds, clip.poses)
