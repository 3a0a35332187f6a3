"""Where the exported pictures come from, and their files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8, UInt16
from numpy import ndarray

from everroad.conditions.rig import fit_image
from everroad.export.options import ImageFormat
from everroad.media import read_image, refuse_broken_image
from everroad.render.painter import Painter
from everroad.scenario.files import write_atomically
from everroad.scenario.types import Camera, Scenario

Picture = UInt8[ndarray, "h w 3"]
JPEG_QUALITY = 95
# Depth pictures hold metres times this, as KITTI's do; 0 is where nothing is.
DEPTH_SCALE = 256.0
_COPIED = {".jpg": ".jpg", ".jpeg": ".jpg", ".png": ".png"}


@dataclass(frozen=True)
class EncodedPicture:
    """A picture file's content and the ending that its name gets."""

    content: bytes
    ending: str


# Frame index and camera to a picture, or ``None`` where there is none.
PictureOf = Callable[[int, Camera], EncodedPicture | None]


def encode(picture: Picture, image_format: ImageFormat) -> EncodedPicture:
    """JPEG of quality 95, or PNG."""
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if image_format == "jpg" else []
    _, data = cv2.imencode(f".{image_format}", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    return EncodedPicture(data.tobytes(), f".{image_format}")


def painted_pictures(scenario: Scenario, painter: Painter, image_format: ImageFormat) -> PictureOf:
    """The painter's pictures of all cameras."""

    def picture_of(frame_index: int, camera: Camera) -> EncodedPicture:
        rgb = painter.paint(scenario.frame(frame_index), camera).rgb
        assert rgb is not None
        return encode(rgb, image_format)

    return picture_of


def recorded_pictures(
    scenario: Scenario, image_folder: Path, image_format: ImageFormat, size_px: tuple[int, int] | None = None
) -> PictureOf:
    """The scenario's recorded images; JPEG and PNG files byte for byte, others, and those brought to ``size_px`` (height,
    width), encoded anew.

    Raises ``ValueError`` (when a picture is asked for) for one that cannot be read or has another size than its camera.
    """

    own = {camera.name: camera for camera in scenario.cameras}

    def picture_of(frame_index: int, fitted: Camera) -> EncodedPicture | None:
        camera = own[fitted.name]
        name = scenario.images[camera.name][frame_index]
        if not name:
            return None
        path = image_folder / name
        image = _of_size(path, camera)
        if size_px is not None:
            return encode(fit_image(image, *size_px), image_format)
        ending = _COPIED.get(path.suffix.lower())
        return encode(image, image_format) if ending is None else EncodedPicture(path.read_bytes(), ending)

    return picture_of


def _of_size(path: Path, camera: Camera) -> Picture:
    image = read_image(path)
    wanted, got = (camera.width_px, camera.height_px), (image.shape[1], image.shape[0])
    if wanted != got:
        text = f"{wanted[0]}x{wanted[1]} like camera {camera.name}, got {got[0]}x{got[1]}"
        raise ValueError(f"{path}: expected a picture of {text}; mend the camera, or the picture")
    return image


def recorded_cameras(scenario: Scenario) -> tuple[Camera, ...]:
    """The cameras that have recorded images."""
    return tuple(camera for camera in scenario.cameras if any(scenario.images.get(camera.name, ())))


def check_recorded(scenario: Scenario, image_folder: Path, key_frames: list[int]) -> None:
    """Raises ``ValueError`` for an image that is missing at a key frame, is no file, or lacks its end, and for a camera whose
    first image has another size than it. The sizes of the rest are looked at when they are read."""
    for camera in recorded_cameras(scenario):
        for i, name in enumerate(scenario.images[camera.name]):
            if not name and i in key_frames:
                raise ValueError(
                    f"images of {camera.name}: expected one at key frame {i}, got none; add it, or export painted pictures"
                )
            if not name:
                continue
            path = image_folder / name
            if not path.is_file():
                raise ValueError(
                    f"{path}: expected the recorded image of frame {i}, got no file; add it, or export painted ones"
                )
            refuse_broken_image(path)
            if i == 0:
                _of_size(path, camera)


def write_picture(path: Path, picture: EncodedPicture) -> None:
    """Writes a picture file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, picture.content)


def depth_picture(depth_m: Float[ndarray, "h w"]) -> UInt16[ndarray, "h w"]:
    """Metres along the camera's axis times 256; 0 for the sky and what is further than 255.99 m."""
    scaled = np.where(np.isfinite(depth_m), depth_m, 0) * DEPTH_SCALE
    return np.where(scaled <= np.iinfo(np.uint16).max, np.rint(scaled), 0).astype(np.uint16)


def write_grey16(path: Path, picture: UInt16[ndarray, "h w"]) -> None:
    """Writes a 16-bit grey PNG, whole or not at all."""
    _, data = cv2.imencode(".png", picture)
    write_picture(path, EncodedPicture(data.tobytes(), ".png"))
