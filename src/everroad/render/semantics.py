"""The painter's semantic classes; the index in the tuple is the id in the picture."""

from __future__ import annotations

SEMANTIC_CLASSES: tuple[str, ...] = (
    "sky", "road", "lane_marking", "crossing", "sidewalk", "terrain", "building", "vegetation", "pole", "vehicle",
    "two_wheeler", "pedestrian", "object",
)  # fmt: skip

SKY, ROAD, LANE_MARKING, CROSSING, SIDEWALK, TERRAIN, BUILDING, VEGETATION, POLE, VEHICLE, TWO_WHEELER, PEDESTRIAN, OBJECT = (
    range(len(SEMANTIC_CLASSES))
)
