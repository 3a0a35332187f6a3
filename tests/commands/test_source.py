"""Options that only a data set with scenes understands, given for something else: one line, and nothing is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from everroad import cli
from everroad.scenario.storage import save_scenario
from everroad.scenario.town import author_town

from ..scenario.clips import write_clip

CHOICES = {
    "--camera": ["--camera", "CAM_FRONT"],
    "--scene": ["--scene", "scene-0061"],
    "--data-version": ["--data-version", "v1.0-mini"],
    "--key-frames": ["--key-frames"],
    "--exact": ["--exact"],
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    save_scenario(author_town(3, 0.5), folder / "town.json")
    write_clip(folder / "clip.mp4", 4)
    return folder


def refused(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    assert cli.main(["scenario", *map(str, words)]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    assert captured.out == ""
    return captured.err


@pytest.mark.parametrize("option", CHOICES)
@pytest.mark.parametrize("name", ["clip.mp4", "town.json"])
def test_convert(name: str, option: str, sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "convert", sources / name, "--out", tmp_path / "new" / "out.json", *CHOICES[option])
    assert f"{name}: expected a data set in nuScenes' format to choose from, got a choice of {option}; leave it out" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--scene", "--data-version", "--key-frames", "--exact"])
@pytest.mark.parametrize("command", ["show", "export"])
def test_show_and_export(command: str, option: str, sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / ("out.png" if command == "show" else "set")
    assert f"got a choice of {option}; leave it out" in refused(
        capsys, command, sources / "town.json", "--out", out, *CHOICES[option]
    )
    assert list(tmp_path.iterdir()) == []


def test_list(sources: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "got a choice of --data-version" in refused(capsys, "list", sources / "town.json", *CHOICES["--data-version"])
