"""The tables of a nuScenes map expansion while they are filled: nodes, lines, polygons, and the layers that name them."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from jaxtyping import Float
from numpy import ndarray
from shapely.geometry import Polygon

from everroad.export.tokens import token

MAP_VERSION = "1.3"
LIST_LAYERS = (
    "polygon", "line", "node", "drivable_area", "road_segment", "road_block", "lane", "ped_crossing", "walkway", "stop_line",
    "carpark_area", "road_divider", "lane_divider", "traffic_light", "lane_connector",
)  # fmt: skip
DICT_LAYERS = ("arcline_path_3", "connectivity")


def empty_layers() -> dict[str, Any]:
    """All layers that the devkit asks for, with nothing in them."""
    return {**{name: [] for name in LIST_LAYERS}, **{name: {} for name in DICT_LAYERS}}


class MapTables:
    """Layers that grow; every record gets the token of its place in the map ``key``."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.layers = empty_layers()

    def add(self, layer: str, **fields: Any) -> str:
        """A record of a layer; its token."""
        rows = self.layers[layer]
        rows.append({"token": token("map", self.key, layer, len(rows)), **fields})
        return rows[-1]["token"]

    def nodes(self, points: Float[ndarray, "p _"]) -> list[str]:
        """Nodes of points; heights go."""
        return [self.add("node", x=float(x), y=float(y)) for x, y in points[:, :2].tolist()]

    def line(self, nodes: list[str]) -> str:
        """A line along nodes."""
        return self.add("line", node_tokens=nodes)

    def polygon(self, polygon: Polygon) -> str:
        """A polygon with its holes."""
        exterior = self.nodes(ring(polygon.exterior))
        holes = [{"node_tokens": self.nodes(ring(hole))} for hole in polygon.interiors]
        return self.add("polygon", exterior_node_tokens=exterior, holes=holes)


def ring(line: Any) -> Float[ndarray, "p 2"]:
    """Points of a closed line, without the last, which is the first."""
    return np.asarray(line.coords, dtype=np.float64)[:-1, :2]


def valid_polygons(exterior_m: Float[ndarray, "p _"], holes_m: tuple[ndarray, ...] = ()) -> list[Polygon]:
    """The area as valid polygons: itself, or what is left of one that crosses itself. The devkit cannot cut invalid ones."""
    polygon = Polygon(exterior_m[:, :2], [hole[:, :2] for hole in holes_m])
    if polygon.is_valid:
        return [polygon] if polygon.area > 0 else []
    try:
        valid = shapely.make_valid(polygon)
    except shapely.GEOSException:  # some areas that collapse to lines here and there
        valid = polygon.buffer(0)
    inner = [piece for part in shapely.get_parts(valid) for piece in shapely.get_parts(part)]
    return [piece for piece in inner if isinstance(piece, Polygon) and piece.area > 0]
