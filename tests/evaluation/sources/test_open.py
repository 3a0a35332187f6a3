"""From names to picture sources."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from everroad.evaluation.reference import EvaluationTown
from everroad.evaluation.sources.model import ModelPictures
from everroad.evaluation.sources.open import OpenSource, open_sources
from everroad.evaluation.sources.run_folder import RunPictures
from everroad.media import VideoWriter, write_png
from everroad.model.checkpoint import save_world_model
from everroad.stream.hardware import Stopwatch

CPU = torch.device("cpu")


def opened(*names: str) -> list[OpenSource]:
    return open_sources(names, steps=None, device=CPU, dtype="float32", watch=Stopwatch(CPU))


def write_run(folder: Path, scenario: str = "town-1000000", frames: int = 4, png: bool = True) -> Path:
    folder.mkdir(parents=True)
    draw = np.random.default_rng(0)
    pictures = [draw.integers(0, 255, (64, 112, 3), dtype=np.uint8) for _ in range(frames)]
    if png:
        (folder / "frames").mkdir()
        for i, picture in enumerate(pictures, start=1):
            write_png(folder / "frames" / f"{i:06d}.png", picture)
    with VideoWriter(folder / "video.mp4", 12.0) as video:
        for picture in pictures:
            video.write(picture)
    about = {"name": scenario, "frame_rate_hz": 12.0}
    report = {"format": "everroad.run", "format_version": 1, "scenario": about, "frames": frames, "seed": 3, "start": "painter"}
    (folder / "report.json").write_text(json.dumps(report))
    return folder


def test_a_weights_file_is_a_model_of_its_size(kit, tmp_path: Path) -> None:
    save_world_model(kit.model, tmp_path / "mine.safetensors", {})
    (found,) = opened(str(tmp_path / "mine.safetensors"))
    assert isinstance(found.source, ModelPictures)
    assert found.source.name == "mine"
    assert found.format is not None
    assert (found.format.height_px, found.format.width_px, found.format.frame_rate_hz) == (64, 112, 12.0)
    described = json.loads(json.dumps(found.source.described()))
    assert described["steps"] == kit.config.sampler.steps


@pytest.mark.parametrize("png", [True, False])
def test_a_run_plays_its_frames_after_the_painters_first(kit, tmp_path: Path, png: bool) -> None:
    town: EvaluationTown = kit.towns[0]
    (found,) = opened(str(write_run(tmp_path / "run", png=png)))
    assert isinstance(found.source, RunPictures)
    made = list(found.source.pictures([town]))
    assert len(made) == 5
    np.testing.assert_array_equal(made[0][0], town.picture(0))
    if png:
        np.testing.assert_array_equal(made[1][0], np.random.default_rng(0).integers(0, 255, (64, 112, 3), dtype=np.uint8))
    assert found.source.described()["pictures"] == ["png" if png else "video"]


def test_a_folder_of_runs_is_one_source_in_the_order_of_names(kit, tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_run(tmp_path / "runs" / name, scenario=name)
    (found,) = opened(str(tmp_path / "runs"))
    assert [run.scenario for run in found.runs] == ["a", "b"]
    with pytest.raises(ValueError, match="runs: expected a run for each of 1 scenarios, got 2; give as many"):
        next(iter(found.source.pictures(kit.towns[:1])))


def test_a_baseline_takes_the_size_of_what_stands_beside_it(kit, tmp_path: Path) -> None:
    save_world_model(kit.model, tmp_path / "mine.safetensors", {})
    mine, repeat = opened(str(tmp_path / "mine.safetensors"), "repeat")
    assert repeat.format == mine.format
    assert repeat.source.name == "repeat"
    (alone,) = opened("warp")
    assert alone.format is not None
    assert alone.format.height_px == 128


def test_names_that_are_alike_stay_apart(kit, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        save_world_model(kit.model, tmp_path / folder / "m.safetensors", {})
    names = [str(tmp_path / folder / "m.safetensors") for folder in ("one", "two")]
    assert [of.source.name for of in opened(*names)] == names
    with pytest.raises(ValueError, match="expected different sources"):
        opened(names[0], names[0])


def test_what_is_no_source_is_refused(kit, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: expected a run, a training or a folder of runs, got another folder"):
        opened(str(tmp_path / "empty"))
    with pytest.raises(ValueError, match=r"nothing\.safetensors: expected a safetensors file, got no file"):
        opened(str(tmp_path / "nothing.safetensors"))
    with pytest.raises(ValueError, match="chunked: expected a file of its weights, got none"):
        opened("chunked")
    save_world_model(kit.model, tmp_path / "mine.safetensors", {})
    broken = write_run(tmp_path / "broken")
    (broken / "report.json").write_text('{"format": "everroad.run", "frames": 3}')
    with pytest.raises(ValueError, match="broken: expected a folder of everroad generate, got another"):
        opened(str(broken))


def test_broken_numbers_of_a_model_are_named(kit, tmp_path: Path) -> None:
    (found,) = opened(str(_saved(kit, tmp_path)))
    model = found.source.candidate.world_model  # type: ignore[attr-defined]
    with torch.no_grad():
        next(iter(model.unet.parameters())).fill_(torch.nan)
    made = found.source.pictures(kit.towns[:1])
    next(made)
    with pytest.raises(ValueError, match="mine: expected finite numbers, got others in frame 1 of 1000000"):
        next(made)


def _saved(kit, folder: Path) -> Path:
    save_world_model(kit.model, folder / "mine.safetensors", {})
    return folder / "mine.safetensors"
