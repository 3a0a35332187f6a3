from __future__ import annotations

from dataclasses import replace

import pytest

from everroad.scenario.edit.remove import remove

from .straight import road, standing


def several():
    car, truck = standing("car1", 100.0, 50.0), replace(standing("truck1", 120.0, 50.0), category="vehicle.truck")
    walker = replace(standing("walker1", 140.0, 50.0), category="human.pedestrian.child")
    dog = replace(standing("dog", 150.0, 50.0), category=None, source_category="DOG")
    return replace(road(), actors=(car, truck, walker, dog))


@pytest.mark.parametrize(
    ("ids", "classes", "left"),
    [
        (["car1"], [], "truck1 walker1 dog"),
        (["*1"], [], "dog"),
        ([], ["pedestrian"], "car1 truck1 dog"),
        ([], ["vehicle.*"], "walker1 dog"),
        ([], ["DOG"], "car1 truck1 walker1"),
        (["dog"], ["truck", "human.*"], "car1"),
        ([], [], "car1 truck1 walker1 dog"),
    ],
)
def test_those_that_are_named_go(ids, classes, left):
    scenario = several()
    out = remove(scenario, ids, classes)
    assert [actor.track_id for actor in out.actors] == left.split()
    assert all(actor in scenario.actors for actor in out.actors)
    assert out.map is scenario.map


def test_unknown_names_are_refused_with_a_near_match():
    with pytest.raises(ValueError, match=r"track id: expected that of an actor .*, got 'truk1'; did you mean 'truck1'\?"):
        remove(several(), ["truk1"])
    with pytest.raises(ValueError, match=r"class: .*, got 'pedestrians'; did you mean 'pedestrian'\?"):
        remove(several(), [], ["pedestrians"])
    with pytest.raises(ValueError, match="got 'x'; there are none"):
        remove(road(), ["x"])
