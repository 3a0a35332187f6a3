"""A video's halves against each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from everroad.cli import main
from everroad.evaluation.halves import Cut, evaluate_halves, halves_table, write_halves
from everroad.media import VideoWriter

BETWEEN, FIRST, SECOND = "between the halves", "first half", "second half"


def film(path: Path, frames: int = 72, second: str = "same", size: tuple[int, int] = (240, 136)) -> Path:
    """Blotches that glide by; ``second`` says what becomes of the second half."""
    draw = np.random.default_rng(0)
    scene = cv2.GaussianBlur(draw.integers(0, 256, (size[1], size[0] + 200, 3), dtype=np.uint8), (0, 0), 2.0)
    scene = np.clip((scene.astype(np.float32) - 127) * 4 + 127, 0, 255).astype(np.uint8)
    with VideoWriter(path, 12.0, quality=10) as writer:
        for i in range(frames):
            late = i >= frames // 2
            picture = scene[:, (0 if late and second == "still" else 2 * i) :][:, : size[0]]
            if late and second == "blurred":
                picture = cv2.add(cv2.GaussianBlur(picture, (0, 0), 2.0), (30, 0, 0, 0))
            writer.write(np.ascontiguousarray(picture))
    return path


def value(report: dict[str, Any], part: str, name: str) -> float:
    measure = report["measures"][part][name]
    assert measure["valid"], name
    return float(measure["value"])


def test_places_of_frames() -> None:
    """Half of 21 frames in 2 stretches of 5: what is left over has none."""
    cut = Cut(half=10, stretches=2, length=4, seconds=0.1)
    assert [cut.place(i) for i in (0, 3, 4, 7, 8, 9)] == [(0, 0, 0), (0, 0, 3), (0, 1, 0), (0, 1, 3), None, None]
    assert [cut.place(i) for i in (10, 17, 18, 20)] == [(1, 0, 0), (1, 1, 3), None, None]


@pytest.mark.slow
def test_halves_that_differ_are_found_to(tmp_path: Path) -> None:
    same, blurred, still = (
        evaluate_halves(film(tmp_path / f"{name}.mp4", second=name), 4) for name in ("same", "blurred", "still")
    )
    assert value(same, BETWEEN, "gradient energy") == pytest.approx(1, abs=0.1)
    assert value(same, BETWEEN, "contrast") == pytest.approx(1, abs=0.1)
    assert value(blurred, BETWEEN, "gradient energy") < 0.5
    assert value(blurred, BETWEEN, "town-KID") > value(same, BETWEEN, "town-KID")
    assert value(blurred, BETWEEN, "town-FID") > value(same, BETWEEN, "town-FID")
    assert value(still, SECOND, "still frames, estimated flow") > 0.9
    assert value(still, FIRST, "still frames, estimated flow") == 0
    assert value(still, BETWEEN, "town-FVD") > value(same, BETWEEN, "town-FVD")
    assert value(same, BETWEEN, "colour error") < 2 < 5 < value(blurred, BETWEEN, "colour error")
    assert same["measures"][BETWEEN]["town-KID"]["interval"] is not None
    assert same["protocol"]["frames_a_stretch"] == 9


@pytest.mark.slow
def test_the_same_twice_and_json(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4")
    first, again = (evaluate_halves(path, 4) for _ in range(2))
    assert first == again
    write_halves(tmp_path / "halves.json", first)
    assert json.loads((tmp_path / "halves.json").read_text()) == first
    assert len(halves_table(first).rows) == sum(map(len, first["measures"].values()))


def test_what_cannot_be_measured_is_refused(tmp_path: Path) -> None:
    film(tmp_path / "short.mp4", frames=40)
    film(tmp_path / "small.mp4", size=(160, 90))
    (tmp_path / "text.mp4").write_text("no video")
    for name, message in (
        ("short", r"short.mp4: expected 72 frames at least for 2 x 4 stretches, got 40; take a longer video"),
        ("small", r"small.mp4: expected pictures of 224x128 at least, got 160x90; take a larger one"),
        ("text", r"text.mp4: expected a readable video"),
        ("none", r"none.mp4: expected a readable video"),
    ):
        with pytest.raises(ValueError, match=message):
            evaluate_halves(tmp_path / f"{name}.mp4", 4)
    with pytest.raises(ValueError, match="--stretches: expected 2 at least, got 1"):
        evaluate_halves(tmp_path / "short.mp4", 1)


def test_the_command_writes_its_file_and_refuses_in_a_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path, out = film(tmp_path / "film.mp4"), tmp_path / "new" / "halves.json"
    assert run("evaluate", "halves", str(tmp_path / "none.mp4"), "--out", str(out)) == 2
    assert not out.parent.exists()
    assert capfd.readouterr().err.count("\n") == 1
    assert run("evaluate", "halves", str(path), "--out", str(out), "--stretches", "4") == 0
    assert json.loads(out.read_text())["format"] == "everroad.evaluation.halves"
    assert "town-KID" in capfd.readouterr().out


def run(*words: str) -> int:
    return main(list(words))


@pytest.mark.slow
def test_a_real_drive(shared_data: Callable[[str], Path]) -> None:
    report = evaluate_halves(shared_data("dashcam/highway.mp4"))
    assert report["protocol"]["frames_a_stretch"] == 13
    assert abs(value(report, BETWEEN, "town-KID")) < 1
    assert 0.5 < value(report, BETWEEN, "gradient energy") < 2
    assert 0 < value(report, FIRST, "warp error, estimated flow") < 5
    assert value(report, FIRST, "still frames, estimated flow") == 0
