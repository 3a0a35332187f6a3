"""Collisions, standing overlaps, and riders, who are neither."""

from __future__ import annotations

import numpy as np

from everroad.evaluation.plausibility.contacts import contacts


def test_the_ego_hits_what_stands_on_its_way_from_the_frame_on_in_which_the_boxes_meet(plane) -> None:
    ego = plane.line(48, 6.0)  # half a metre a frame; its front is 3.65 m before its origin
    scenario = plane.scenario(ego, plane.actor("parked", np.tile([[15.0, 0.0]], (48, 1))))
    found = contacts(scenario)
    # The parked car's rear is at 13 m; both shrink by 5 cm.
    assert np.flatnonzero(found.ego)[0] == int((13 + 0.1 - 3.65) // 0.5) + 1
    assert np.array_equal(found.actors, found.ego.astype(float))
    assert not found.standing.any()
    assert (found.present == 1).all()


def test_two_that_stand_in_one_another_overlap_but_nobody_drove_there(plane) -> None:
    stand = np.tile([[40.0, 8.0]], (24, 1))
    scenario = plane.scenario(plane.line(24, 3.0), plane.actor("a", stand), plane.actor("b", stand + [1.0, 0.5]))
    found = contacts(scenario)
    assert (found.standing == 2).all()
    assert not found.actors.any()
    assert not found.ego.any()


def test_the_ego_that_stands_in_a_parked_car_has_not_hit_it(plane) -> None:
    still = np.zeros((12, 2))
    found = contacts(plane.scenario(still, plane.actor("parked", still + [3.0, 0.5])))
    assert not found.ego.any()
    assert (found.standing == 1).all()


def test_riders_and_cars_side_by_side_do_not_collide(plane) -> None:
    ride = plane.line(24, 4.0, (20.0, 0.0))
    bicycle = plane.actor("bike", ride, category="vehicle.bicycle", size=(1.8, 0.6, 1.2))
    rider = plane.actor("rider", ride, category="human.pedestrian.adult", size=(0.6, 0.6, 1.7))
    beside = [plane.actor(name, plane.line(24, 5.0, (30.0, y))) for name, y in (("a", 5.0), ("b", 7.0))]
    found = contacts(plane.scenario(plane.line(24, 4.0), bicycle, rider, *beside))
    assert not found.actors.any()
    assert not found.standing.any()
