from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.export.scenes import drive

from everroad import cli
from everroad.scenario.edit.time import cut
from everroad.scenario.storage import save_scenario
from everroad.scenario.town import author_town
from everroad.scenario.types import Scenario
from everroad.stream import bench_scenario as module
from everroad.stream.bench_scenario import bench_scenario

JOBS = [
    "author a town", "save .json", "save .json.gz", "read .json", "read .json.gz",
    "conditions nuscenes-6 32x56", "conditions nuscenes-front 32x56", "export nuscenes-6 32x56, 2 frames", "read that scene",
]  # fmt: skip


@pytest.fixture(scope="module")
def town() -> Scenario:
    return author_town(1_000_000, seconds=2.0)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, town: Scenario) -> None:
    monkeypatch.setattr(module, "author_town", lambda seed, seconds: town)
    monkeypatch.setattr(module, "TOWN_SEEDS", (1_000_000,))
    monkeypatch.setattr(module, "FRAMES_DRAWN", 3)
    monkeypatch.setattr(module, "cut", lambda town, first, last: cut(drive(), 0, 1))  # no houses to be painted
    monkeypatch.setattr(module, "CONDITIONS", (("nuscenes-6", 32, 56), ("nuscenes-front", 32, 56)))


def _times(measured: dict) -> dict[str, dict[str, float]]:
    return {name: value for name, value in measured.items() if "median_ms" in (value if isinstance(value, dict) else {})}


@pytest.mark.slow
def test_every_job_has_times_that_fit() -> None:
    measured = bench_scenario(repeats=2)
    assert json.loads(json.dumps(measured)) == measured
    assert list(_times(measured)) == JOBS
    for times in _times(measured).values():
        assert 0 <= times["shortest_ms"] <= times["median_ms"] <= times["longest_ms"]
    assert measured["read .json"]["shortest_ms"] > 0
    assert measured["threads"] == 1
    assert measured["hardware"]
    assert "numpy" in measured["versions"]


def test_turns_are_counted_once_for_each_repeat_after_one_that_is_not() -> None:
    done: list[str] = []
    assert len(list(module._timed([lambda: done.append("a"), lambda: done.append("b")], repeats=3))) == 6
    assert "".join(done) == "a" + "ab" * 3


def test_conditions_are_of_frames_from_the_whole_town(monkeypatch: pytest.MonkeyPatch, town: Scenario) -> None:
    drawn = []
    monkeypatch.setattr(module, "build_conditions", lambda frame, previous, cameras: drawn.append((frame, previous, cameras)))
    for turn in module._drawing(town, "nuscenes-6", 128, 224):
        turn()
    assert [(frame.frame_index, previous.frame_index) for frame, previous, _ in drawn] == [(1, 0), (9, 8), (17, 16)]
    assert [(camera.height_px, camera.width_px) for camera in drawn[0][2]] == [(128, 224)] * 6


@pytest.mark.slow
def test_a_log_is_read_as_well(town: Scenario, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_scenario(town, tmp_path / "log.json")
    command = ["bench", "scenario", "--repeats", "1", "--log", str(tmp_path / "log.json")]
    assert cli.main([*command, "--rig", "nuscenes-6", "--json"]) == 0
    assert list(_times(json.loads(capsys.readouterr().out))) == ["read log", *JOBS]
    assert cli.main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["read log", *JOBS, "hardware", "threads", "versions"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"repeats": 0}, "1 to 1000 repeats"),
        ({"repeats": 10**30}, "1 to 1000 repeats"),
        ({"rig": "nuscenes-6"}, "a log to read"),
        ({"log": Path("nowhere.json")}, "nowhere.json"),
        ({"log": Path("nowhere.txt")}, "nowhere.txt"),
    ],
)
def test_bad_calls_are_refused_before_any_work(monkeypatch: pytest.MonkeyPatch, options: dict, said: str) -> None:
    monkeypatch.setattr(module, "author_town", None)
    with pytest.raises(ValueError, match=said):
        bench_scenario(**options)
