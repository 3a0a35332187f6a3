"""A map expansion made by hand around the ego path of ``fake``, with the odd cases of real maps in it.

The patch around the path runs from about (500, 1101) to (715, 1305).
"""

from __future__ import annotations

from typing import Any

Points = list[tuple[float, float]]

LAYERS = (
    "polygon", "line", "node", "drivable_area", "road_segment", "road_block", "lane", "ped_crossing", "walkway", "stop_line",
    "carpark_area", "road_divider", "lane_divider", "traffic_light", "lane_connector",
)  # fmt: skip
BOWTIE: Points = [(560, 1240), (580, 1250), (580, 1240), (560, 1250)]
ZIGZAG: Points = [(490, 1150), (510, 1155), (490, 1160), (510, 1165), (490, 1170)]


class FakeMap:
    """Collects records; ``content`` is the file."""

    def __init__(self) -> None:
        self.content: dict[str, Any] = {layer: [] for layer in LAYERS}
        self.content |= {"version": "1.3", "canvas_edge": [2979.5, 2118.1], "arcline_path_3": {}, "connectivity": {}}

    def add(self, layer: str, **fields: Any) -> str:
        token = f"{layer}-{len(self.content[layer])}"
        self.content[layer].append({"token": token, **fields})
        return token

    def nodes(self, points: Points) -> list[str]:
        return [self.add("node", x=float(x), y=float(y)) for x, y in points]

    def polygon(self, points: Points, holes: tuple[Points, ...] = ()) -> str:
        return self.add(
            "polygon",
            exterior_node_tokens=self.nodes(points),
            holes=[{"node_tokens": self.nodes(hole)} for hole in holes],
        )

    def line(self, points: Points) -> str:
        return self.add("line", node_tokens=self.nodes(points))

    def lane(self, layer: str, points: Points, paths: list[dict[str, Any]], outgoing: list[str]) -> str:
        segments = {"left_lane_divider_segments": [], "right_lane_divider_segments": []} if layer == "lane" else {}
        token = self.add(layer, polygon_token=self.polygon(points), lane_type="CAR", **segments)
        self.content["arcline_path_3"][token] = paths
        self.content["connectivity"][token] = {"incoming": [], "outgoing": outgoing}
        return token


def path(start: tuple[float, float, float], shape: str, radius: float, lengths: tuple[float, float, float]) -> dict[str, Any]:
    return {"start_pose": list(start), "end_pose": [0, 0, 0], "shape": shape, "radius": radius, "segment_length": list(lengths)}


def rectangle(x0: float, y0: float, x1: float, y1: float) -> Points:
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def expansion() -> dict[str, Any]:
    made = FakeMap()
    road = made.polygon(rectangle(450, 1195, 800, 1210), (rectangle(600, 1200, 605, 1202), []))
    # A U that lies on its side: what the patch leaves of it is two polygons.
    u = made.polygon([(640, 1260), (760, 1260), (760, 1290), (640, 1290), (640, 1280), (750, 1280), (750, 1270), (640, 1270)])
    made.add("drivable_area", polygon_tokens=[road, u])
    made.add("walkway", polygon_token=made.polygon(rectangle(560, 1211, 660, 1214)))
    made.add("walkway", polygon_token=made.polygon([(400, 1000), (1000, 1000), (1000, 1050), (400, 1050)]))  # far off
    made.add("ped_crossing", polygon_token=made.polygon([(610, 1195), (614, 1196), (614, 1210), (610, 1209)]))
    made.add(
        "stop_line",
        polygon_token=made.polygon(rectangle(607, 1196, 608.5, 1203)),
        stop_line_type="TURN_STOP",
        ped_crossing_tokens=[],
        traffic_light_tokens=[],
        road_block_token="",
    )
    made.add("road_divider", line_token=made.line([(450, 1203), (600, 1203), (800, 1203.5)]), road_segment_token=None)
    made.add("lane_divider", line_token=made.line(ZIGZAG))
    made.add("lane_divider", line_token=made.line([]))
    painted = made.line([(580, 1200), (590, 1200), (600, 1200), (610, 1200)])
    nodes = made.content["line"][-1]["node_tokens"]
    kinds = ("DOUBLE_DASHED_WHITE", "DOUBLE_DASHED_WHITE", "SINGLE_SOLID_YELLOW", "NIL")
    made.add(
        "lane_divider",
        line_token=painted,
        lane_divider_segments=[{"node_token": n, "segment_type": k} for n, k in zip(nodes, kinds, strict=True)],
    )
    beside = made.line([(580, 1206), (600, 1206), (620, 1206)])
    a, b, c = made.content["line"][-1]["node_tokens"]
    made.add("lane_divider", line_token=beside)
    bend = made.lane("lane_connector", rectangle(610, 1196, 640, 1240), [path((610, 1201, 0.0), "LSR", 12.0, (10, 9, 7.5))], [])
    first = made.lane(
        "lane",
        rectangle(560, 1199, 610, 1203),
        [path((560, 1201, 0.0), "LSL", 900.0, (0, 20, 0)), path((580, 1201, 0.0), "RLR", 40.0, (0, 0, 0.3))],
        [bend, "elsewhere"],
    )
    made.content["lane"][0]["left_lane_divider_segments"] = [
        {"node_token": node, "segment_type": "SINGLE_SOLID_WHITE"} for node in (a, b, b, c)
    ]
    made.lane("lane", rectangle(100, 100, 110, 104), [path((100, 102, 0.0), "LSL", 900.0, (0, 10, 0))], [first])
    made.lane("lane", rectangle(620, 1199, 630, 1203), [], [])
    return made.content
