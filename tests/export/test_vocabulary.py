from __future__ import annotations

from dataclasses import replace

import pytest

from everroad.export.vocabulary import ATTRIBUTES, attribute_of, fixed_tables, visibility_token
from tests.export.scenes import FRAMES, actor

CAR, WALKER, CYCLE = (4.5, 1.9, 1.5), (0.6, 0.7, 1.75), (1.8, 0.6, 1.6)


@pytest.mark.parametrize(
    ("category", "velocity", "attribute"),
    [
        ("vehicle.car", (5.0, 0.0), "vehicle.moving"),
        ("vehicle.car", (0.0, 0.0), "vehicle.parked"),
        ("human.pedestrian.adult", (1.0, 0.0), "pedestrian.moving"),
        ("human.pedestrian.child", (0.0, 0.0), "pedestrian.standing"),
        ("vehicle.bicycle", (4.0, 0.0), "cycle.with_rider"),
        ("vehicle.motorcycle", (0.0, 0.0), "cycle.without_rider"),
        ("movable_object.trafficcone", (0.0, 0.0), None),
        ("animal", (1.0, 0.0), None),
    ],
)
def test_attributes_follow_from_the_motion(category, velocity, attribute):
    moving = actor("a", category, CAR, (0.0, 0.0), velocity)
    assert attribute_of(moving, 3) == attribute
    if attribute is not None:
        assert attribute_of(replace(moving, velocity_mps=None), 3) is None


def test_a_vehicle_that_stands_for_a_while_has_stopped():
    car = actor("a", "vehicle.car", CAR, (0.0, 0.0), (5.0, 0.0))
    velocity = car.velocity_mps.copy()
    velocity[:4] = 0
    assert attribute_of(replace(car, velocity_mps=velocity), 0) == "vehicle.stopped"


def test_own_attributes_win_and_unknown_ones_do_not():
    car = actor(
        "a", "vehicle.car", CAR, (0.0, 0.0), (5.0, 0.0), attributes=("vehicle.stopped", "flying") + ("",) * (FRAMES - 2)
    )
    assert [attribute_of(car, i) for i in range(3)] == ["vehicle.stopped", "vehicle.moving", "vehicle.moving"]


@pytest.mark.parametrize(("share", "level"), [(0.0, "1"), (0.39, "1"), (0.4, "2"), (0.6, "3"), (0.8, "4"), (1.0, "4")])
def test_visibility_has_four_levels(share, level):
    assert visibility_token(share) == level


def test_fixed_tables():
    tables = fixed_tables()
    assert [row["level"] for row in tables["visibility"]] == ["v0-40", "v40-60", "v60-80", "v80-100"]
    assert len(tables["attribute"]) == len(ATTRIBUTES) == 8
    assert len({row["token"] for row in tables["category"]}) == len(tables["category"]) == 24
