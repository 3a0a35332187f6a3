"""What a camera is told, in one picture for people."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from everroad.conditions.box_images import FRONT_HIDDEN
from everroad.conditions.show_paint import BACKGROUND, COLOUR_OF_LAYER, WHITE, blend
from everroad.conditions.types import BOX_LAYERS, MAP_LAYERS, Conditions


def draw_conditions(conditions: Conditions, row: int = 0, view: int = 0) -> UInt8[ndarray, "h w 3"]:
    """Map and boxes of one sample and view in one picture; boxes are lighter the nearer they are, and so are their fronts."""
    picture = np.full((conditions.height_px, conditions.width_px, 3), BACKGROUND, dtype=np.float32)
    for channel, layer in zip(conditions.map_image[row, view].numpy(), MAP_LAYERS, strict=True):
        blend(picture, COLOUR_OF_LAYER[layer], channel)
    boxes = dict(zip(BOX_LAYERS, conditions.box_image[row, view].numpy(), strict=True))
    # Depth runs from 255 at 1 m to 3 at 85 m; a root spreads that over the range of the eye.
    light = 0.4 + 0.6 * np.sqrt(conditions.depth_image[row, view, 0].numpy() * np.float32(1 / 255))
    for layer in BOX_LAYERS[:-1]:
        blend(picture, COLOUR_OF_LAYER[layer], boxes[layer], light)
    # Hidden front faces are left out of this picture: only what is above their value shows.
    blend(picture, WHITE, np.maximum(boxes["front_face"], FRONT_HIDDEN) - FRONT_HIDDEN)
    return np.rint(picture).astype(np.uint8)
