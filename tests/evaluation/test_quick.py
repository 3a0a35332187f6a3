"""The quick evaluation from end to end on a world model of a few weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from everroad.evaluation import quick
from everroad.evaluation.candidates import Candidate
from everroad.evaluation.first_frame_baselines import ground_warp, mean_squared_error
from everroad.evaluation.quick import evaluate_quick
from everroad.media import read_image
from everroad.model.config import HTFTConfig
from everroad.model.world_model import WorldModel
from everroad.stream.generate import next_frame
from everroad.stream.source import to_images
from everroad.stream.start import start

pytestmark = pytest.mark.slow

NUMBERS = ("layout", "layout curve", "persistence", "statistics", "baselines", "acceptance")


@pytest.fixture(scope="module", autouse=True)
def _kept_towns(kit) -> Iterator[None]:
    """Every town is authored once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quick, "open_town", kit.open_town)
        yield


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quick") / "report"


@pytest.fixture(scope="module")
def heard() -> list[tuple[int, int]]:
    return []


@pytest.fixture(scope="module")
def report(kit, out: Path, heard: list[tuple[int, int]]) -> dict[str, Any]:
    candidates = [Candidate("model", kit.model, {"sha256": "abc"}), Candidate("without", kit.model, {}, zero_memory=True)]
    return evaluate_quick(
        candidates, out, towns=2, frames=6, segmenter=(kit.judge, {"sha256": "judge"}), command="everroad evaluate quick",
        progress=lambda done, total: heard.append((done, total)), threads=1, steps=2,
    )  # fmt: skip


def numbers(model: dict[str, Any]) -> str:
    return json.dumps({name: model[name] for name in NUMBERS})


def test_the_report_carries_its_protocol(report: dict[str, Any], out: Path) -> None:
    assert json.loads((out / "report.json").read_text()) == report
    protocol = report["protocol"]
    assert protocol["town_seeds"] == [1_000_000, 1_000_001]
    assert (protocol["frames"], protocol["height_px"], protocol["width_px"]) == (6, 64, 112)
    assert protocol["segmenter_sha256"] == "judge"
    assert report["command"] == "everroad evaluate quick"
    assert report["models"][0]["model_sha256"] == "abc"
    assert report["models"][0]["model_hash"] == report["models"][1]["model_hash"]
    assert {"hardware", "versions", "threads"} <= set(report)


def test_what_six_frames_cannot_show_is_invalid(report: dict[str, Any]) -> None:
    model = report["models"][0]
    assert model["layout"]["1-40"]["share mean"] == {"value": None, "valid": False, "interval": None}
    assert model["persistence"]["all"]["instances"]["value"] == 0
    assert model["statistics"]["1"]["colour error"]["valid"]
    assert not model["statistics"]["240"]["colour error"]["valid"]
    assert not model["baselines"]["margin over warp"]["valid"]
    assert {entry["passed"] for entry in model["acceptance"].values()} == {None}


def test_progress_reaches_the_end(report: dict[str, Any], heard: list[tuple[int, int]]) -> None:
    assert heard[-1] == (24, 24)
    assert [done for done, _ in heard] == [4, 8, 12, 16, 20, 24]


def test_memory_held_at_zero_makes_other_pictures(report: dict[str, Any], out: Path) -> None:
    sheet = read_image(out / "sheet.png")
    height = sheet.shape[0] // 6  # two towns of painter, model and model without memory
    rows = sheet[: 6 * height].reshape(6, height, *sheet.shape[1:])[:, -64:]
    assert sheet.shape[1] == 2 * 112
    # Frame 1 has no memory yet.
    assert np.array_equal(rows[1][:, :112], rows[2][:, :112])
    assert not np.array_equal(rows[1][:, 112:], rows[2][:, 112:])


def test_the_sheet_shows_what_the_stream_makes(kit, report: dict[str, Any], out: Path) -> None:
    """A town alone, as ``generate`` makes it, against the batch: equal but for the kernels' rounding."""
    town = kit.open_town(1_000_001, 6, kit.config)
    image = to_images(town.reference(0).picture, next(kit.model.parameters()).device)
    state = start(kit.model, image, town.conditions(0), [1_000_001], ["CAM_FRONT"], steps=2)
    frame, _ = next_frame(kit.model, state, town.conditions(1))
    alone = frame.decode_uint8(kit.model)[0, 0].permute(1, 2, 0).numpy()
    sheet = read_image(out / "sheet.png")
    height = sheet.shape[0] // 6
    shown = sheet[4 * height : 5 * height][-64:, :112]
    assert np.abs(shown.astype(int) - alone).max() <= 2


@pytest.mark.slow
def test_the_same_numbers_twice(kit, report: dict[str, Any], tmp_path: Path) -> None:
    again = evaluate_quick(
        [Candidate("model", kit.model)], tmp_path / "again", towns=2, frames=6, segmenter=(kit.judge, {}), threads=1, steps=2
    )
    assert numbers(again["models"][0]) == numbers(report["models"][0])
    assert again["painter"] == report["painter"]


@pytest.mark.slow
def test_frames_8_to_16_are_measured_against_both_baselines(kit, tmp_path: Path) -> None:
    report = evaluate_quick(
        [Candidate("model", kit.model)], tmp_path / "out", towns=1, frames=16, segmenter=(kit.judge, {}), steps=1
    )
    found = report["models"][0]["baselines"]
    errors: list[list[float]] = []
    town = kit.open_town(1_000_000, 16, kit.config)
    first = town.reference(0).picture
    for frame in range(8, 17):
        truth = town.reference(frame).picture
        warped = ground_warp(first, town.source.camera, town.first_from_current(frame))
        errors.append([mean_squared_error(first, truth), mean_squared_error(warped, truth)])
    assert town.fast[8:17].all()
    assert found["frames"]["value"] == 9
    repeat, warp = -10 * np.log10(np.mean(errors, 0))
    assert found["psnr repeat"]["value"] == pytest.approx(repeat, abs=1e-4)
    assert found["psnr warp"]["value"] == pytest.approx(warp, abs=1e-4)
    assert found["margin over warp"]["value"] == pytest.approx(found["psnr model"]["value"] - warp, abs=1e-4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"towns": 0}, "at least 1 town"),
        ({"frames": 0}, "at least 1 town and 1 frame"),
        ({"dtype": "float16"}, "dtype: expected float32 or bfloat16"),
        ({"device": "tpu"}, "device"),
        ({"steps": 0}, "denoise step"),
        ({"steps": 10**9}, "at most 1000, got 1000000000"),
        ({"towns": 1001}, "at most 1000 towns, got 1001"),
        ({"towns": 10**30}, "at most 1000 towns"),
        ({"frames": 10**30}, "at most 1000000 frames"),
    ],
)
def test_bad_arguments_are_refused_and_nothing_is_made(kit, tmp_path: Path, options: dict[str, Any], words: str) -> None:
    arguments = {"towns": 1, "frames": 2, "segmenter": (kit.judge, {})} | options
    with pytest.raises(ValueError, match=words) as caught:
        evaluate_quick([Candidate("model", kit.model)], tmp_path / "out", **arguments)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_models_that_cannot_be_compared_are_refused(kit, tmp_path: Path) -> None:
    small = WorldModel(replace(kit.config, height_px=32, htft=HTFTConfig(enabled=False))).eval()
    for candidates, words in [
        ([], "at least one model"),
        ([Candidate("a", kit.model), Candidate("a", kit.model)], "different names"),
        ([Candidate("a", kit.model), Candidate("b", small)], "one frame size"),
    ]:
        with pytest.raises(ValueError, match=words):
            evaluate_quick(candidates, tmp_path / "out", segmenter=(kit.judge, {}))
    assert not (tmp_path / "out").exists()
