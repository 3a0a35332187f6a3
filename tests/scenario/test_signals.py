from __future__ import annotations

import numpy as np

from everroad.scenario.roads import EAST, NORTH, SOUTH, WEST
from everroad.scenario.signals import CLEARING_S, GREEN, RED, YELLOW, YELLOW_S, colours, green_left_s, plan_signals, red_left_s

from .towns import roads

PLAN = plan_signals(roads(1), 1)
TIMES = np.arange(0, 120, 0.25)


def test_crossing_directions_never_have_right_of_way_together():
    east, north = colours(PLAN, EAST, TIMES), colours(PLAN, NORTH, TIMES)
    lit = PLAN.signalised
    assert lit.any()
    assert not lit.all()
    assert ((east[:, lit] == RED) | (north[:, lit] == RED)).all()
    assert (east[:, ~lit] == GREEN).all()
    np.testing.assert_array_equal(east, colours(PLAN, WEST, TIMES))
    np.testing.assert_array_equal(north, colours(PLAN, SOUTH, TIMES))


def test_green_is_followed_by_yellow_and_both_are_red_in_between():
    for node in np.flatnonzero(PLAN.signalised):
        east, north = colours(PLAN, EAST, TIMES)[:, node], colours(PLAN, NORTH, TIMES)[:, node]
        after_green = east[1:][(east[:-1] == GREEN) & (east[1:] != GREEN)]
        assert (after_green == YELLOW).all()
        cycle = PLAN.green_s[node].sum() + 2 * (YELLOW_S + CLEARING_S)
        both_red = ((east == RED) & (north == RED)).mean()
        assert abs(both_red - 2 * CLEARING_S / cycle) < 0.05


def test_times_left_agree_with_the_colours():
    for now in (0.0, 3.3, 17.0):
        for side in (EAST, NORTH):
            for left, lit in ((green_left_s(PLAN, side, now), GREEN), (red_left_s(PLAN, side, now), RED)):
                for node in np.flatnonzero(PLAN.signalised):
                    until = float(left[node])
                    assert (colours(PLAN, side, now)[node] == lit) == (until > 0)
                    if until > 0:
                        assert colours(PLAN, side, now + until - 1e-6)[node] == lit
                        assert colours(PLAN, side, now + until + 1e-6)[node] != lit
