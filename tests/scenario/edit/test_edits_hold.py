"""What holds for all edits: valid results that can be stored, an input that stays as it was, the same result again."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everroad.scenario.edit.add_actor import add_actor
from everroad.scenario.edit.behaviours import BrakeHard, Cross, Cruise, CutIn, Parked
from everroad.scenario.edit.ego_path import pace_ego, shift_ego
from everroad.scenario.edit.join import join
from everroad.scenario.edit.look import with_look
from everroad.scenario.edit.placing import NearEgo, OnLane
from everroad.scenario.edit.remove import remove
from everroad.scenario.edit.time import cut
from everroad.scenario.rigs import with_rig
from everroad.scenario.storage import load_scenario, save_scenario

from ..strategies import difference, scenarios
from .straight import road, standing

pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")

METRES, SECONDS, MPS = st.floats(-60, 200), st.floats(0, 10), st.floats(0, 25)
SIDES = st.sampled_from(["left", "right"])
PLACES = st.builds(NearEgo, METRES, st.sampled_from(["ego", "left", "right", "oncoming"]), st.floats(0, 10)) | st.builds(
    OnLane, st.sampled_from(["inner", "outer", "far-inner", "nowhere"]), st.floats(0, 500), st.floats(-3, 3)
)
BEHAVIOURS = (
    st.just(Parked())
    | st.builds(Cruise, MPS)
    | st.builds(CutIn, SECONDS, SIDES, st.floats(0.5, 5), MPS)
    | st.builds(BrakeHard, SECONDS, MPS, st.floats(1, 9))
    | st.builds(Cross, SECONDS, st.floats(0.5, 4), SIDES)
)
EDITS = st.one_of(
    st.builds(lambda p, b: lambda s: add_actor(s, "new", p, b), PLACES, BEHAVIOURS),
    st.builds(lambda p, b: lambda s: add_actor(s, "new", p, b, allow_overlap=True), PLACES, BEHAVIOURS),
    st.builds(lambda x: lambda s: shift_ego(s, x), st.floats(-20, 20)),
    st.builds(lambda x: lambda s: pace_ego(s, x), st.floats(0.05, 4)),
    st.builds(lambda a, b: lambda s: cut(s, a, b), st.integers(-2, 130), st.integers(-2, 130)),
    st.builds(lambda w, a: lambda s: with_look(s, w, None, a), st.sampled_from([None, "rain"]), st.integers(0, 9)),
    st.builds(lambda p: lambda s: remove(s, [p]), st.sampled_from(["car*", "*", "cat", "other"])),
    st.just(lambda s: with_rig(s, "nuscenes-6")),
    st.just(lambda s: join(s, s)),
)


def source():
    return replace(road(), actors=(standing("car", 80.0, -3.0), standing("other", 90.0, 14.0)))


@settings(max_examples=60, deadline=None)
@given(edits=st.lists(EDITS, min_size=1, max_size=3))
def test_edits_are_pure_repeatable_and_valid_or_refused_in_one_line(edits, tmp_path_factory):
    scenario, path = source(), tmp_path_factory.getbasetemp() / "edited.json"
    for edit in edits:
        before = deepcopy(scenario)
        try:
            out = edit(scenario)
        except ValueError as error:
            refused = str(error)
        else:
            refused = ""
        if refused:
            assert "\n" not in refused
            assert "expected" in refused
            assert difference(before, scenario) is None
            continue
        assert difference(before, scenario) is None
        assert difference(out, edit(scenario)) is None
        scenario = out
    save_scenario(scenario, path)
    assert difference(scenario, load_scenario(path)) is None


@settings(max_examples=60, deadline=None)
@given(place=PLACES, behaviour=BEHAVIOURS)
def test_to_add_and_then_remove_changes_nothing(place, behaviour):
    scenario = source()
    try:
        out = add_actor(scenario, "new", place, behaviour, allow_overlap=True)
    except ValueError:
        return
    assert difference(remove(out, ["new"]), scenario) is None


@settings(max_examples=60)
@given(scenario=scenarios())
def test_identities_of_any_scenario(scenario):
    assert shift_ego(scenario, 0.0) is scenario
    assert pace_ego(scenario, 1.0) is scenario
    assert cut(scenario, 0, len(scenario) - 1) is scenario
    assert difference(with_look(scenario), scenario) is None
    assert difference(remove(scenario), scenario) is None


@settings(max_examples=60)
@given(scenario=scenarios(), data=st.data())
def test_a_cut_of_any_scenario_is_its_frames(scenario, data):
    first = data.draw(st.integers(0, len(scenario) - 1))
    last = data.draw(st.integers(first, len(scenario) - 1))
    out = cut(scenario, first, last)
    for i in range(len(out)):
        a, b = scenario.frame(first + i), out.frame(i)
        np.testing.assert_array_equal(a.world_from_ego, b.world_from_ego)
        assert a.signals == b.signals
        assert [x.track_id for x in a.actors] == [x.track_id for x in b.actors]
        for x, y in zip(a.actors, b.actors, strict=True):
            np.testing.assert_array_equal(x.world_from_actor, y.world_from_actor)
