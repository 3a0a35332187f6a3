from __future__ import annotations

from dataclasses import replace

import pytest

from everroad.scenario.edit.look import with_look

from .straight import road


def test_only_what_is_named_changes():
    scenario = road()
    out = with_look(scenario, "rain", "night", 7)
    assert (out.weather, out.time_of_day, out.appearance_seed) == ("rain", "night", 7)
    out = with_look(scenario, time_of_day="dusk")
    assert (out.weather, out.time_of_day, out.appearance_seed) == ("clear", "dusk", 0)
    assert out.actors is scenario.actors


def test_recorded_images_go_with_their_sky_alone():
    scenario = replace(road(), images={"CAM_FRONT": ("a.png",) * 121})
    assert with_look(scenario, appearance_seed=3).images == scenario.images
    assert with_look(scenario, weather="clear").images == scenario.images
    assert with_look(scenario, weather="fog").images == {}


@pytest.mark.parametrize("seed", [-1, 2**63, 10**30])
def test_a_seed_beyond_63_bits_is_refused(seed):
    with pytest.raises(ValueError, match=r"^appearance: expected a whole number from 0 to 9223372036854775807, got "):
        with_look(road(), appearance_seed=seed)
    assert with_look(road(), appearance_seed=2**63 - 1).appearance_seed == 2**63 - 1
