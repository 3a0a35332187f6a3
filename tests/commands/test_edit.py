"""The editing commands as a user meets them: they compose, and what is refused is one line and makes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from everroad import cli
from everroad.scenario.storage import load_scenario, save_scenario
from everroad.scenario.town import author_town

PARKED = ("add-actor", "SOURCE", "--out", "OUT", "--behaviour", "parked")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "town.json"
    save_scenario(author_town(3, 6.0), path)
    save_scenario(author_town(3, 1.0, 10.0), path.with_name("slower.json"))
    return path


def run(*words: str | Path) -> int:
    return cli.main(["scenario", *map(str, words)])


def test_edits_compose_from_file_to_file(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b, c = (tmp_path / f"{name}.json" for name in "abc")
    parked = ("--behaviour", "parked", "--ahead", "70", "--left", "-9", "--allow-overlap")
    assert run("add-actor", source, "--out", a, "--name", "mine", *parked) == 0
    assert load_scenario(a).actors[-1].track_id == "mine"
    assert (
        run("look", a, "--out", b, "--weather", "rain", "--time-of-day", "night", "--appearance", "7", "--rig", "nuscenes-6")
        == 0
    )
    assert run("replay", b, "--out", c, "--left", "0.2", "--pace", "0.9") == 0
    assert run("cut", c, "--out", a, "--to-s", "2") == 0
    assert run("cut", c, "--out", b, "--from-s", "2", "--to-s", "4") == 0
    assert run("join", a, b, "--out", c, "--no-move") == 0
    assert run("remove", c, "--out", a, "--id", "mine", "--class", "pedestrian") == 0
    out = load_scenario(a)
    assert (len(out), out.weather, out.time_of_day, out.appearance_seed, len(out.cameras)) == (49, "rain", "night", 7, 6)
    assert not [actor for actor in out.actors if actor.track_id == "mine" or actor.detection_class == "pedestrian"]
    said = capsys.readouterr()
    assert said.err == ""
    assert "49 frames" in said.out.splitlines()[-1]


def test_an_event_is_staged_with_its_parameters(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("event", "cut-in", "--into", source, "--out", tmp_path / "e.json", "--ttc-s", "1.2") == 0
    assert "least time to collision 1.2 s" in capsys.readouterr().out
    assert load_scenario(tmp_path / "e.json").actors[-1].track_id == "cut-in"
    assert run("event", "--list") == 0
    assert len(capsys.readouterr().out.splitlines()) == 10


def test_towns_are_made_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("towns", "--seed", "3", "--count", "2", "--seconds", "0.5", "--out", tmp_path / "t", "--quiet")
    assert run(*words) == 0
    assert run(*words) == 0
    assert len(list((tmp_path / "t").iterdir())) == 3
    assert capsys.readouterr().err == ""


def test_an_ego_on_points_of_a_file(source: Path, tmp_path: Path) -> None:
    lane = max(load_scenario(source).map.lanes, key=lambda lane: len(lane.centerline_m))  # type: ignore[union-attr]
    (tmp_path / "points.json").write_text(json.dumps(lane.centerline_m.tolist()))
    words = ("--points", tmp_path / "points.json", "--speed", "3", "--allow-overlap")
    assert run("replay", source, "--out", tmp_path / "p.json", *words) == 0
    ego = load_scenario(tmp_path / "p.json").world_from_ego.translation_m
    assert abs(ego[0] - lane.centerline_m[0]).max() < 0.3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[0, 0]]", "expected a list of two points at least, got 1; add some"),
        ("[[0, 0], [1]]", "[1]: expected [x, y] or [x, y, z], got 1 number; mend the file"),
        ("[[0, 0], [1, 2, 3, 4]]", "[1]: expected [x, y] or [x, y, z], got 4 numbers; mend the file"),
        ("[[0, 0], [9, true]]", "[1][1]: expected a valid number, got True; mend the file"),
        ('[[0, 0], ["9", 1]]', "[1][0]: expected a valid number, got '9'; mend the file"),
        ("[[0, 0], [9, NaN]]", "[1][1]: expected a finite number, got nan; mend the file"),
        ('{"a": 1}', "file: expected a valid array, got {'a': 1}; mend the file"),
    ],
)
def test_points_of_a_file_are_refused_like_scenario_files(
    text: str, said: str, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "points.json"
    path.write_text(text)
    assert run("replay", str(source), "--points", str(path), "--out", str(tmp_path / "out.json")) == 2
    assert capsys.readouterr().err == f"everroad: {path}: {said}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["event", "cutin"], "event: expected one of the ten, got "),
        (["event", "cutin", "--list"], "did you mean 'cut-in'?"),
        (["event"], "event: expected a name"),
        (["event", "cut-in", "--out", "OUT"], "--seed, --into: expected one of them, got both or none"),
        (["event", "cut-in", "--seed", "3", "--out", "OUT", "--ttc-s", "-1"], "expected 0.3 to 6 s, got -1"),
        (["event", "cut-in", "--into", "SOURCE", "--out", "OUT", "--at-s", "60"], "at_s: expected 0 to 5.9"),
        ([*PARKED], "--lane, --ahead: expected one of them"),
        ([*PARKED, "--lane", "lane_0"], "did you mean 'lane0'?"),
        ([*PARKED, "--ahead", "2"], "frame 0: expected 'added' and 'ego' apart"),
        ([*PARKED[:-1], "cruise", "--ahead", "9", "--speed", "-3"], "speed_mps: expected"),
        ([*PARKED, "--ahead", "9", "--at", "3"], "--at: expected none, since parked takes neither"),
        ([*PARKED, "--ahead", "9", "--speed", "nan"], "--speed: expected none, since parked"),
        ([*PARKED, "--ahead", "9", "--towards", "left"], "--towards: expected none, since parked"),
        ([*PARKED[:-1], "cruise", "--ahead", "9", "--at", "3"], "--at: expected none, since cruise takes --speed, got 3.0"),
        ([*PARKED[:-1], "brake-hard", "--ahead", "9", "--towards", "left"], "--towards: expected none, since brake-hard"),
        ([*PARKED[:-1], "cut-in", "--ahead", "9", "--at", "nan"], "at_s: expected 0 to 5.9"),
        ([*PARKED[:-1], "cross", "--ahead", "9", "--at", "-1"], "at_s: expected 0 to 5.9"),
        ([*PARKED[:-1], "cross", "--ahead", "9", "--at", "inf"], "at_s: expected 0 to 5.9"),
        ([*PARKED[:-1], "cruise", "--ahead", "9", "--speed", "inf"], "speed_mps: expected finite numbers, 0 to 60"),
        ([*PARKED, "--ahead", "9", "--along", "3"], "--along: expected it with --lane alone, got 3 with --ahead; drop it"),
        ([*PARKED, "--lane", "lane0", "--side", "left"], "--side: expected it with --ahead alone, got left"),
        ([*PARKED, "--ahead", "70", "--name", "*"], "track id: expected none of * ? [, which are wildcards of remove, got '*'"),
        (["remove", "SOURCE", "--out", "OUT", "--id", "nobody"], "expected that of an actor of the scenario, got 'nobody'"),
        (["remove", "SOURCE", "--out", "OUT"], "--id, --class: expected one of them, got none"),
        (["replay", "SOURCE", "--out", "OUT"], "--left, --pace, --lanes, --points: expected one of them"),
        (["replay", "SOURCE", "--out", "OUT", "--pace", "0"], "factor: expected finite numbers, 0.05 to 20"),
        (["replay", "SOURCE", "--out", "OUT", "--lanes"], "--lanes: expected the lane ids of the path, got none; name one"),
        (["cut", "SOURCE", "--out", "OUT", "--from-s", "9"], "seconds: expected a span with a frame in it within 0 to"),
        (["cut", "SOURCE", "--out", "OUT", "--from-s", "-1"], "seconds: expected a span"),
        (["cut", "SOURCE", "--out", "/proc/x.json"], "--out /proc/x.json: expected a place that can be written"),
        (["cut", "SOURCE", "--out", "OUT.txt"], "expected a file name that ends in .json or .json.gz"),
        (["cut", "NONE", "--out", "OUT", "--to-s", "1"], "expected a readable file"),
        (["look", "SOURCE", "--out", "OUT", "--weather", "hail"], "--weather: expected one of clear, overcast, rain, fog"),
        (["look", "SOURCE", "--out", "OUT"], "--weather, --time-of-day, --appearance, --rig: expected one of them at"),
        (["cut", "SOURCE", "--out", "OUT"], "--from-s, --to-s: expected one of them at least, got none; say what to keep"),
        (["replay", "SOURCE", "--out", "OUT", "--pace", "0.9", "--speed", "3"], "--speed: expected it with --lanes or"),
        (["event", "cut-in", "--into", "SOURCE", "--out", "OUT", "--seconds", "9"], "--seconds: expected it with --seed alone"),
        (["join", "SOURCE", "SLOWER", "--out", "OUT"], "join: expected two scenarios of one frame rate, got 12 Hz and 10 Hz; "),
        *[
            ([*words, number], f"{words[-1]}: expected a whole number from 0 to 9223372036854775807, got '{number}'")
            for number in ("-1", "9223372036854775808", str(10**30))
            for words in (
                ["town", "--out", "OUT", "--seed"],
                ["towns", "--count", "2", "--out", "OUT", "--seed"],
                ["event", "cut-in", "--out", "OUT", "--seed"],
                ["look", "SOURCE", "--out", "OUT", "--appearance"],
            )
        ],
        (["towns", "--seed", str(2**63 - 2), "--count", "9", "--out", "OUT"], "seed: expected a whole number from 0 to 9223"),
        (["towns", "--seed", "3", "--count", "0", "--out", "OUT"], "--count: expected a whole number of at least 1"),
        (["towns", "--seed", "3", "--count", "2", "--seconds", "0", "--out", "OUT"], "seconds: expected a positive length"),
    ],
)  # fmt: skip
def test_refusals_are_one_line_and_make_nothing(
    words: list[str], said: str, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "out.json"
    names = {
        "SOURCE": str(source),
        "SLOWER": str(source.with_name("slower.json")),
        "OUT": str(out),
        "OUT.txt": str(out.with_suffix(".txt")),
        "NONE": str(tmp_path / "none.json"),
    }
    assert run(*[names.get(word, word) for word in words]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    assert said in captured.err
    assert captured.out == ""
    assert list(tmp_path.iterdir()) == []


CROSSING = ("--behaviour", "cross", "--ahead", "20", "--at", "0.5", "--category", "human.pedestrian.adult")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a plain video gives, and the same with poses."""
    path = tmp_path_factory.mktemp("clip") / "clip.json"
    bare = replace(author_town(3, 2.0), map=None, ground=None, actors=(), signals=(), weather=None, time_of_day=None)
    save_scenario(replace(bare, ego_motion_known=False, actors_known=False), path)
    save_scenario(replace(bare, actors_known=False), path.with_name("posed.json"))
    return path


def test_closing_lines_say_that_actors_are_unknown_and_count_in_the_singular(
    clip: Path, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    for words in (("cut", clip, "--to-s", "1"), ("look", clip, "--weather", "rain"), ("join", clip, clip), ("convert", clip)):
        assert run(*words, "--out", out) == 0
        said = capsys.readouterr().out
        assert "actors unknown" in said, words
        assert "0 actors" not in said
    assert run("cut", clip, "--out", out, "--to-s", "0") == 0
    assert ": 1 frame, actors unknown" in capsys.readouterr().out
    alone = tmp_path / "alone.json"
    save_scenario(replace(load_scenario(source), actors=load_scenario(source).actors[:1]), alone)
    assert run("look", alone, "--weather", "rain", "--out", out) == 0
    assert ", 1 actor, rain" in capsys.readouterr().out
    assert run("remove", alone, "--id", "*", "--out", out) == 0
    assert ", 0 actors, " in capsys.readouterr().out


def test_no_actor_is_added_where_the_ego_motion_or_the_actors_are_unknown(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, posed = tmp_path / "out.json", clip.with_name("posed.json")
    for source, wanted, advice in (
        (clip, "whose ego motion is known", "everroad scenario convert --poses"),
        (posed, "whose actors are known", 'take "actors_known": false out of the file'),
    ):
        for words in (("add-actor", source, *CROSSING), ("event", "pedestrian-crossing", "--into", source)):
            assert run(*words, "--out", out) == 2
            said = capsys.readouterr().err
            assert wanted in said
            assert said.endswith(f"{advice}\n")
            assert said.count("\n") == 1
            assert not out.exists()
    posed.write_text(posed.read_text().replace('"actors_known":false,', "").replace(',"actors_known":false', ""))
    assert run("add-actor", posed, *CROSSING, "--out", out) == 0
    assert ", 1 actor, " in capsys.readouterr().out


@pytest.mark.parametrize("words", [("cutin", "--seed", "3"), ("cutin",), ("cutin", "--ttc-s", "1.0", "--out", "x.json")])
def test_a_typo_in_the_name_of_an_event_is_told_as_one(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("event", *words) == 2
    said = "event: expected one of the ten, got 'cutin'; did you mean 'cut-in'? everroad scenario event --list lists them"
    assert capsys.readouterr().err == f"everroad: {said}\n"


def test_parts_that_do_not_join_say_how_they_differ(
    clip: Path, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    town = load_scenario(source)
    camera, out = town.cameras[0], tmp_path / "out.json"
    placed = camera.ego_from_camera.copy()
    placed[0, 3] += 0.25
    matrix = camera.intrinsics.copy()
    matrix[1, 1] = 999.0
    for other, said in (
        (replace(town, weather=None), f"one weather throughout, got {town.weather} and unknown; change one of them first with"),
        (replace(town, cameras=(replace(camera, width_px=900),)), "got CAM_FRONT of 1600x900 and of 900x900 pixels; give both"),
        (replace(town, cameras=(replace(camera, intrinsics=matrix),)), "and of 999 px (row 1, column 1); give both"),
        (replace(town, cameras=(replace(camera, ego_from_camera=placed),)), "got CAM_FRONT placed 0.25 m and turned 0 degrees"),
        (replace(town, cameras=(replace(camera, distortion=(0.1, 0.0)),)), "got CAM_FRONT with one distortion and with"),
    ):
        save_scenario(other, tmp_path / "other.json")
        assert run("join", source, tmp_path / "other.json", "--out", out) == 2
        assert said in capsys.readouterr().err


def test_an_option_that_a_behaviour_does_not_take(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--behaviour", "parked", "--ahead", "10", "--at", "2", "--out", tmp_path / "out.json")
    assert run("add-actor", source, *words) == 2
    assert "parked takes neither --at, --speed nor --towards, got 2.0; drop it" in capsys.readouterr().err
