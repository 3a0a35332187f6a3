"""Gaps to the leader on plain roads."""

from __future__ import annotations

import numpy as np
import pytest

from everroad.evaluation.plausibility.headway import leader_gaps


def test_the_gap_is_from_the_egos_front_to_the_leaders_rear(plane) -> None:
    ego = plane.line(30, 10.0)
    leader = plane.actor("leader", plane.line(30, 10.0, (25.0, 0.3)))
    farther = plane.actor("farther", plane.line(30, 10.0, (50.0, 0.0)))
    # Rear at 23 m, the ego's front 3.65 m ahead of its origin.
    assert leader_gaps(plane.scenario(ego, farther, leader)) == pytest.approx(19.35, abs=0.01)


def test_neighbours_oncoming_cars_and_followers_lead_nobody(plane) -> None:
    ego = plane.line(20, 10.0)
    others = [
        plane.actor("beside", plane.line(20, 10.0, (20.0, 3.5))),
        plane.actor("oncoming", plane.line(20, -5.0, (40.0, 0.0)), yaw=np.pi),
        plane.actor("behind", plane.line(20, 10.0, (-12.0, 0.0))),
        plane.actor("walker", plane.line(20, 1.0, (30.0, 0.0)), category="human.pedestrian.adult"),
    ]
    assert np.isinf(leader_gaps(plane.scenario(ego, *others))).all()


def test_round_a_bend_the_leader_is_on_the_path_not_straight_ahead(plane) -> None:
    angle = np.linspace(0, np.pi / 2, 60)
    bend = 30 * np.stack([np.sin(angle), 1 - np.cos(angle)], 1)
    ahead = plane.actor("ahead", np.tile(bend[40:41], (60, 1)), yaw=float(angle[40]))
    straight_on = plane.actor("straight on", np.tile([[30.0, 0.0]], (60, 1)))
    gaps = leader_gaps(plane.scenario(bend, ahead, straight_on))
    assert np.isfinite(gaps[:25]).all()
    # Along the arc less the half length of the leader and the ego's front, as the ego's poses here do not turn with the bend.
    assert gaps[0] == pytest.approx(30 * angle[40] - 2 - 3.65, abs=0.8)
