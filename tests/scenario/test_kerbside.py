from __future__ import annotations

import numpy as np
import pytest
import shapely

from everroad import geometry
from everroad.scenario.kerbside import fill_kerbsides

from .towns import SEEDS, roads, town


@pytest.mark.parametrize("seed", SEEDS)
def test_parked_vehicles_stand_on_the_road_and_apart(seed):
    things = fill_kerbsides(roads(seed), seed)
    assert len(things.looks) > 50
    boxes = []
    for xy, yaw, look in zip(things.xy_m, things.yaw_rad, things.looks, strict=True):
        rotation = geometry.rotation_from_quaternion(geometry.quaternion_from_yaw(np.array([yaw])))[0]
        world_from_box = geometry.transform(rotation, np.array([*xy, 0.0]))
        boxes.append(shapely.Polygon(geometry.footprint(np.array(look.size_lwh_m), world_from_box)))
    ground = shapely.union_all([shapely.Polygon(a.exterior_m[:, :2]).buffer(0.12) for a in town(seed).map.drivable_areas])
    shapely.prepare(ground)
    vehicles = [b for b, look in zip(boxes, things.looks, strict=True) if look.category.startswith("vehicle")]
    assert all(ground.contains(b) for b in vehicles)
    tree = shapely.STRtree(boxes)
    a, b = tree.query(boxes, predicate="intersects")
    for i, j in zip(a[a < b], b[a < b], strict=True):
        assert boxes[i].intersection(boxes[j]).area < 1e-6, (things.looks[i].name, things.looks[j].name)


def test_lanes_stay_free():
    """Nothing at the kerb reaches into the width a bus needs in the outer lane."""
    seed = SEEDS[0]
    things = fill_kerbsides(roads(seed), seed)
    lanes = shapely.union_all([shapely.LineString(lane.centerline_m[:, :2]).buffer(1.3) for lane in town(seed).map.lanes])
    points = shapely.points(things.xy_m)
    assert shapely.distance(points, lanes).min() > 0.3
