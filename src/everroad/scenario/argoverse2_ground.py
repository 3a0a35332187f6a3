"""The ground height raster of an Argoverse 2 log, cropped around the ego path and brought to the world frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from pydantic import BaseModel, ConfigDict
from scipy.spatial import KDTree

from everroad.scenario.checks import check_positions, check_range
from everroad.scenario.files import parse_json, read_bytes
from everroad.scenario.types import GroundHeight

# Ground kept around the ego path, and how many cells (0.3 m each) become one. Heights are stored in 16 bits, which near 68 m
# means steps of 6 cm, so a mean over 3 x 3 cells is also the better height.
GROUND_MARGIN_M = 100.0
GROUND_CELLS = 3


class _ImageFromCity(BaseModel):
    """``img = (R city + t) s``: where the raster lies in the city frame."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    R: tuple[float, float, float, float]
    t: tuple[float, float]
    s: float


def read_ground(heights_path: Path, sim2_path: Path) -> GroundHeight:
    """The whole ground height raster in the city frame, at its own resolution. Raises ``ValueError`` for unreadable files."""
    image_from_city = parse_json(_ImageFromCity, read_bytes(sim2_path), sim2_path)
    if image_from_city.R != (1.0, 0.0, 0.0, 1.0) or not image_from_city.s > 0:
        raise ValueError(
            f"{sim2_path}: expected a raster along the city's axes, got R {image_from_city.R}, s {image_from_city.s}; "
            "mend it or pass --without-map"
        )
    check_range(f"{sim2_path}: s", image_from_city.s, 1e-2, 1e3, "cells a metre")
    check_positions(f"{sim2_path}: t", np.array(image_from_city.t, dtype=np.float64))
    try:
        # Mapped first: a header that claims more than the file holds takes no memory, and nothing but a plain array passes.
        with np.errstate(over="ignore"):
            height_m = np.array(np.lib.format.open_memmap(heights_path, mode="r"))
    except (OSError, ValueError, EOFError, TypeError, OverflowError, SyntaxError) as error:
        raise ValueError(f"{heights_path}: expected an array file, got '{error}'; copy the log again") from None
    if height_m.ndim != 2 or not np.issubdtype(height_m.dtype, np.floating):
        got = f"{height_m.dtype} of shape {height_m.shape}"
        raise ValueError(f"{heights_path}: expected heights (rows, columns), got {got}; pass --without-map")
    # img = (city + t) * s, and cell (row, col) covers [col, col + 1) x [row, row + 1) of the image.
    resolution_m = 1 / image_from_city.s
    origin_xy_m = 0.5 * resolution_m - np.array(image_from_city.t, dtype=np.float64)
    try:
        return GroundHeight(origin_xy_m, resolution_m, height_m.astype(np.float64))
    except ValueError as error:
        raise ValueError(f"{heights_path}: {error}") from None


def nearest_height(ground: GroundHeight, points_xy_m: Float[ndarray, "n 2"]) -> Float[ndarray, "n"]:
    """Height of the nearest cell that is known, for points that may lie outside the raster.

    Raises ``ValueError`` for a raster that knows no height at all.
    """
    rows, cols = np.nonzero(np.isfinite(ground.height_m))
    if not len(rows):
        raise ValueError("ground height: expected known heights for the map's points without z, got none; pass --without-map")
    cells_xy_m = ground.origin_xy_m + ground.resolution_m * np.stack([cols, rows], axis=-1)
    _, nearest = KDTree(cells_xy_m).query(points_xy_m)
    return ground.height_m[rows[nearest], cols[nearest]]


def crop_ground(ground: GroundHeight, path_xy_m: Float[ndarray, "n 2"], world_from_city_m: Float[ndarray, "3"]) -> GroundHeight:
    """The ground within ``GROUND_MARGIN_M`` of the path's bounding box, coarser by ``GROUND_CELLS``, in the world frame."""
    rows, cols = ground.height_m.shape
    low = np.floor((path_xy_m.min(axis=0) - GROUND_MARGIN_M - ground.origin_xy_m) / ground.resolution_m).astype(int)
    high = np.ceil((path_xy_m.max(axis=0) + GROUND_MARGIN_M - ground.origin_xy_m) / ground.resolution_m).astype(int) + 1
    (left, top), (right, bottom) = np.maximum(low, 0), np.minimum(high, (cols, rows))
    if left >= right or top >= bottom:
        raise ValueError("ground height: expected a raster that covers the ego path, got none near it; pass --without-map")
    kept = ground.height_m[top:bottom, left:right]
    pad = [(0, -size % GROUND_CELLS) for size in kept.shape]
    blocks = np.pad(kept, pad, constant_values=np.nan)
    blocks = blocks.reshape(blocks.shape[0] // GROUND_CELLS, GROUND_CELLS, blocks.shape[1] // GROUND_CELLS, GROUND_CELLS)
    known = np.isfinite(blocks).sum(axis=(1, 3))
    total = np.where(np.isfinite(blocks), blocks, 0.0).sum(axis=(1, 3))
    height_m = np.where(known > 0, total / np.maximum(known, 1), np.nan) + world_from_city_m[2]
    first_m = ground.origin_xy_m + ground.resolution_m * (np.array([left, top]) + (GROUND_CELLS - 1) / 2)
    # Millimetres are more than the raster knows, and keep the scenario's file small.
    return GroundHeight(first_m + world_from_city_m[:2], ground.resolution_m * GROUND_CELLS, np.round(height_m, 3))
