"""Colours of the pictures for people, and laying a colour over a picture."""

from __future__ import annotations

import numpy as np
from cv2 import boundingRect
from jaxtyping import Float, Int, UInt8
from numpy import ndarray

from everroad.conditions.box_images import LAYER_OF_CLASS
from everroad.conditions.boxes import class_index
from everroad.conditions.types import BOX_LAYERS

Colour = tuple[int, int, int]

BACKGROUND: Colour = (18, 20, 26)
WHITE: Colour = (255, 255, 255)
COLOUR_OF_LAYER: dict[str, Colour] = {
    "drivable_area": (62, 66, 76),
    "walkway": (92, 84, 70),
    "ped_crossing": (150, 140, 190),
    "stop_line": (255, 90, 90),
    "divider_solid": (235, 235, 235),
    "divider_dashed": (150, 205, 235),
    "road_divider": (250, 200, 60),
    "car": (70, 140, 255),
    "large_vehicle": (255, 140, 50),
    "two_wheeler": (60, 215, 150),
    "pedestrian": (255, 80, 160),
    "other": (175, 175, 90),
}
# Outlines of areas, in colours that show on asphalt; the ego's path, in one that no line of a map has.
COLOUR_OF_OUTLINE: dict[str, Colour] = {"drivable_area": (120, 205, 120), "walkway": (190, 150, 90)}
COLOUR_OF_PATH: Colour = (205, 90, 255)
SUBPIXEL_BITS = 4


def colour_of_class(detection_class: str | None) -> Colour:
    """What the boxes of a detection class, or of none, are drawn in."""
    return COLOUR_OF_LAYER[BOX_LAYERS[LAYER_OF_CLASS[class_index(detection_class)]]]


def fixed_point(pixels: Float[ndarray, "*n 2"]) -> Int[ndarray, "*n 2"]:
    """Pixel coordinates in OpenCV's fixed point, of ``SUBPIXEL_BITS``."""
    return np.rint(pixels * (1 << SUBPIXEL_BITS)).astype(np.int32)


def blend(
    picture: Float[ndarray, "h w 3"],
    colour: Colour,
    coverage: UInt8[ndarray, "h w"],
    light: Float[ndarray, "h w"] | None = None,
    opacity: float = 1.0,
) -> None:
    """Lays a colour, times ``light``, over ``picture`` where there is coverage."""
    left, top, width, height = boundingRect(coverage)
    window = np.s_[top : top + height, left : left + width]
    alpha = coverage[window][..., None] * np.float32(opacity / 255)
    paint = np.array(colour, dtype=np.float32)
    if light is not None:
        paint = paint * light[window][..., None]
    picture[window] += alpha * (paint - picture[window])
