"""What of the map a camera can see: the part of a window of the ground that its picture shows, and the elements in it.

What stands in the way is not asked. The ground is flat, as the towns' is: z = 0 in the ego frame.
"""

from __future__ import annotations

import numpy as np
import shapely
from jaxtyping import Float
from numpy import ndarray
from shapely import LineString, MultiLineString, Polygon
from shapely.geometry.base import BaseGeometry

from everroad import geometry
from everroad.evaluation.mapping.elements import MAP_CLASSES, MapElements, elements_of
from everroad.evaluation.mapping.ground_truth import Window, map_elements
from everroad.scenario.nuscenes.map_cuts import lines_of, polygons_of
from everroad.scenario.types import Camera, Scenario

OUTLINES = frozenset({"ped_crossing"})  # classes whose elements are closed
LEAST_M = 1.0  # shorter pieces at the picture's edge are left out
_NEAREST_M = 0.5  # along the camera's axis


def seen_elements(scenario: Scenario, frame_index: int, camera: Camera, window: Window | None = None) -> MapElements:
    """The elements of one frame, of ``map_elements``, as far as they lie in ``seen_area`` of the camera.

    Raises as ``map_elements`` does.
    """
    window = window or Window()
    area = seen_area(camera.intrinsics, camera.ego_from_camera, camera.height_px, camera.width_px, window)
    return clipped(map_elements(scenario, frame_index, window), area)


def seen_area(
    intrinsics: Float[ndarray, "3 3"],
    ego_from_camera: Float[ndarray, "4 4"],
    height_px: int,
    width_px: int,
    window: Window,
) -> Polygon:
    """The part of the window, in the ego frame, whose ground the picture shows; empty where there is none."""
    across, down, depth = pixel_from_ground(intrinsics, ego_from_camera)
    # Of a point (x, y, 1) in sight all of these are positive; the picture spans from -0.5 to its size less 0.5.
    sides = (
        depth - [0, 0, _NEAREST_M],
        across + 0.5 * depth,
        (width_px - 0.5) * depth - across,
        down + 0.5 * depth,
        (height_px - 0.5) * depth - down,
    )
    corners = np.array(window.polygon().exterior.coords)[:-1]
    for side in sides:
        corners = _halved(corners, side)
    return Polygon(corners)


def pixel_from_ground(intrinsics: Float[ndarray, "3 3"], ego_from_camera: Float[ndarray, "4 4"]) -> Float[ndarray, "3 3"]:
    """The homography from (x, y, 1) on the ground in the ego frame to (column, row, 1) times the depth in metres."""
    return intrinsics @ geometry.invert(ego_from_camera)[:3, [0, 1, 3]]


def _halved(corners: Float[ndarray, "n 2"], side: Float[ndarray, "3"]) -> Float[ndarray, "m 2"]:
    """The part of a convex polygon where ``side`` is positive (Sutherland and Hodgman 1974)."""
    value = corners @ side[:2] + side[2]
    kept: list[Float[ndarray, "2"]] = []
    for i in range(len(corners)):
        before, here = value[i - 1], value[i]
        if (before > 0) != (here > 0):
            kept.append(corners[i - 1] + (corners[i] - corners[i - 1]) * before / (before - here))
        if here > 0:
            kept.append(corners[i])
    return np.array(kept) if len(kept) > 2 else np.empty((0, 2))


def clipped(elements: MapElements, area: Polygon) -> MapElements:
    """The elements as far as they lie in an area: outlines closed along its edge, lines cut. Has no scores."""
    found: list[tuple[str, Float[ndarray, "p 2"]]] = []
    for line, label in zip(elements.lines_m, elements.label, strict=True):
        name = MAP_CLASSES[label]
        if name in OUTLINES:
            cut = shapely.make_valid(Polygon(line)).intersection(area)
            pieces: list[BaseGeometry] = [part.exterior for part in polygons_of(cut)]
        else:
            pieces = _whole_lines(LineString(line).intersection(area))
        found += [(name, shapely.get_coordinates(piece)) for piece in pieces if piece.length >= LEAST_M]
    return elements_of(found)


def _whole_lines(cut: BaseGeometry) -> list[BaseGeometry]:
    """Pieces that meet, such as at a ring's first point, are one."""
    pieces = lines_of(cut)
    return list(lines_of(shapely.line_merge(MultiLineString(pieces)))) if len(pieces) > 1 else list(pieces)
