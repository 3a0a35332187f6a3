"""The pictures of a map: the mask of where roads and pavements are, and a base map to draw on."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

# The devkit takes masks at ten pixels a metre, and loads one whole: beyond this one is not drawn.
MASK_PX_PER_M, MOST_MASK_PX = 10.0, 2**29
BASE_PX_PER_M, MOST_BASE_PX = 2.0, 2**26
LONGEST_PX = 2**16 - 1  # of a side: what readers of PNG files and OpenCV's drawing take
FOREGROUND = 255
# The devkit's BitMap looks for the masks of its four maps under these names.
OFFICIAL_MASKS = {
    "singapore-onenorth": "53992ee3023e5494b90c316c183be829",
    "singapore-hollandvillage": "37819e65e09e5547b8a3ceaefba56bb2",
    "singapore-queenstown": "93406b464a165eaba6d9de76ca09f5da",
    "boston-seaport": "36092f0b03a857c6a3403e25b4b7aab3",
}
_ROAD, _PAVEMENT, _CROSSING, _GROUND = (110, 110, 115), (170, 165, 160), (225, 225, 225), (60, 75, 55)
_SHIFT_BITS = 4  # of OpenCV's sub-pixel coordinates


def draw_mask(layers: dict[str, Any], canvas_m: tuple[float, float]) -> UInt8[ndarray, "h w"]:
    """255 on drivable areas, crossings and walkways; one black pixel for a map that is too large to be loaded."""
    width, height = (round(side * MASK_PX_PER_M) for side in canvas_m)
    if width * height > MOST_MASK_PX or max(width, height) > LONGEST_PX:
        return np.zeros((1, 1), dtype=np.uint8)
    mask = np.zeros((height, width), dtype=np.uint8)
    for layer in ("walkway", "ped_crossing", "drivable_area"):
        _fill(mask, layers, layer, FOREGROUND, MASK_PX_PER_M)
    return mask


def draw_base_map(layers: dict[str, Any], canvas_m: tuple[float, float]) -> UInt8[ndarray, "h w 3"]:
    """The map from above in colour, coarser where it is large."""
    smaller = np.sqrt(MOST_BASE_PX / (canvas_m[0] * canvas_m[1])), LONGEST_PX / max(canvas_m)
    px_per_m = min(BASE_PX_PER_M, *map(float, smaller))
    picture = np.empty((max(round(canvas_m[1] * px_per_m), 1), max(round(canvas_m[0] * px_per_m), 1), 3), dtype=np.uint8)
    picture[:] = _GROUND
    for layer, colour in (("walkway", _PAVEMENT), ("drivable_area", _ROAD), ("ped_crossing", _CROSSING)):
        _fill(picture, layers, layer, colour, px_per_m)
    return picture


def _fill(picture: ndarray, layers: dict[str, Any], layer: str, colour: int | tuple[int, int, int], px_per_m: float) -> None:
    """Fills each polygon with its holes left out; rows count from the top, the map's y from the bottom."""
    place = {node["token"]: (node["x"], node["y"]) for node in layers["node"]}
    polygons = {polygon["token"]: polygon for polygon in layers["polygon"]}
    for record in layers[layer]:
        for token in record.get("polygon_tokens") or [record["polygon_token"]]:
            polygon = polygons[token]
            names = [polygon["exterior_node_tokens"], *(hole["node_tokens"] for hole in polygon["holes"])]
            rings = [np.array([place[name] for name in ring]) for ring in names]
            cv2.fillPoly(picture, [_pixels(ring, len(picture), px_per_m) for ring in rings], colour, shift=_SHIFT_BITS)


def _pixels(points_m: Float[ndarray, "p 2"], height_px: int, px_per_m: float) -> ndarray:
    """The devkit looks up column x * 10 and row height - y * 10, rounded."""
    columns, rows = points_m[:, 0] * px_per_m, height_px - points_m[:, 1] * px_per_m
    return np.rint(np.stack([columns, rows], axis=1) * 2**_SHIFT_BITS).astype(np.int32)
