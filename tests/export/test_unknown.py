"""What a scenario does not know: tables either lack it or the export is refused; they never state something else."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from everroad import cli
from everroad.export.generated import GeneratedExport
from everroad.export.options import ExportOptions
from everroad.export.run import export_scenario
from everroad.scenario.nuscenes.reader import read_nuscenes
from everroad.scenario.storage import load_scenario, save_scenario
from tests.export.scenes import camera, drive, first_frames

NOTHING = {"map": None, "actors": (), "signals": (), "weather": None, "time_of_day": None}


def small(**changes):
    return first_frames(drive(**({"cameras": (camera(),)} | changes)), 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ego_motion_known": False}, "got ego motion unknown, of which tables would say that the car stands"),
        ({"actors_known": False, "actors": ()}, "got actors unknown, of which tables would say that the road is empty"),
        ({**NOTHING, "actors_known": False, "ego_motion_known": False}, "got ego motion and actors unknown"),
    ],
)
def test_unknown_motion_and_actors_are_refused(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message) as error:
        export_scenario(small(**changes), tmp_path / "set")
    assert "\n" not in str(error.value)
    made = GeneratedExport(tmp_path / "set", ExportOptions())
    with pytest.raises(ValueError, match=message):
        made.begin(drive(**changes), camera(), 6, {"seed": 0, "model_sha256": "abc"})
    assert not (tmp_path / "set").exists()


def test_the_command_says_what_to_do(tmp_path, capsys):
    save_scenario(small(**NOTHING, ego_motion_known=False, actors_known=False), tmp_path / "video.json")
    assert cli.main(["scenario", "export", str(tmp_path / "video.json"), "--out", str(tmp_path / "set")]) == 2
    assert capsys.readouterr().err == (
        "everroad: drive: expected known ego motion and actors, got ego motion and actors unknown, of which tables would say "
        "that the car stands and the road is empty; give them (docs/own_data.md), or set ego_motion_known and actors_known in "
        "the scenario file if that is so\n"
    )


def test_actors_that_are_there_are_known(tmp_path):
    export_scenario(small(actors_known=False), tmp_path)
    named = [actor for actor in small().actors if actor.category]  # tables hold no others
    assert len(read_nuscenes(tmp_path).actors) == len(named) > 0


def test_a_road_that_is_known_to_be_empty(tmp_path):
    export_scenario(small(actors=()), tmp_path)
    assert read_nuscenes(tmp_path).actors == ()


def test_no_map_weather_and_time_of_day_come_back_as_none(tmp_path):
    """Beside a scene that has a map, too."""
    export_scenario(small(name="bare", **NOTHING), tmp_path)
    for _ in range(2):
        back = read_nuscenes(tmp_path, "bare")
        assert (back.map, back.weather, back.time_of_day) == (None, None, None)
        assert load_scenario(tmp_path / "everroad/bare/scene.json").map is None
        export_scenario(small(name="whole"), tmp_path)
    whole = read_nuscenes(tmp_path, "whole")
    assert whole.map is not None
    assert (whole.weather, whole.time_of_day) == ("rain", "dusk")
    logs = json.loads((tmp_path / "v1.0-everroad" / "log.json").read_text())
    assert [log["location"] for log in logs] == ["no-map", "singapore-onenorth"]
    (row,) = json.loads((tmp_path / "v1.0-everroad" / "map.json").read_text())
    assert len(row["log_tokens"]) == 2


@pytest.mark.parametrize("weather", [None, "clear", "fog"])
def test_words_in_a_name_are_no_weather(tmp_path, weather):
    scene = replace(small(weather=weather, time_of_day=None), name="night rain", source="fog night, clear")
    name = export_scenario(scene, tmp_path)
    back = read_nuscenes(tmp_path, name)
    assert (back.weather, back.time_of_day) == (weather, None)
    assert np.allclose(back.time_s, 0)
