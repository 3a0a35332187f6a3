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


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("twon", "'twon': expected a file, a folder or one of .*; did you mean 'town'?"),
        ("rpeat", "did you mean 'repeat'?"),
        ("chunkd=clip", "did you mean 'chunked'?"),
        ("painter", "got the painter, which every report has anyway"),
        ("qqqqq", "everroad evaluate run --help says"),
        ("repeat=", "'repeat=': expected the file of the baseline's weights after =, got nothing"),
    ],
)
def test_a_name_of_nothing_is_refused_with_a_near_one(name: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("?", "[?]")):
        opened(name)


@pytest.mark.parametrize(
    "changed",
    [{"frames": -3}, {"frames": float("inf")}, {"scenario": {"name": "a", "frame_rate_hz": float("nan")}}, {"model": [1]},
     {"scenario": {"name": "a", "frame_rate_hz": 0}}, {"seed": float("nan")}],
)  # fmt: skip
def test_a_run_of_nonsense_is_refused_by_its_folder(tmp_path: Path, changed: dict[str, object]) -> None:
    folder = write_run(tmp_path / "run")
    report = json.loads((folder / "report.json").read_text()) | changed
    (folder / "report.json").write_text(json.dumps(report))
    with pytest.raises(ValueError, match="run: expected a folder of everroad generate, got another; generate it again"):
        opened(str(folder))


def test_runs_of_different_sizes_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    write_run(tmp_path / "all" / "a")
    other = write_run(tmp_path / "all" / "b")
    for path in (other / "frames").iterdir():
        write_png(path, np.zeros((32, 56, 3), np.uint8))
    with pytest.raises(ValueError, match=r"b: expected pictures of 64x112 at 12 Hz as in .*a, got 32x56 at 12 Hz"):
        opened(str(tmp_path / "all"))


def test_a_video_that_is_not_there_is_said_plainly(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", png=False)
    (folder / "video.mp4").unlink()
    with pytest.raises(ValueError, match=r"video\.mp4: expected a readable video, got 'No such file or directory'; check"):
        opened(str(folder))


def test_a_card_with_numbers_that_json_has_not_is_refused_at_once(kit, tmp_path: Path) -> None:
    save_world_model(kit.model, tmp_path / "mine.safetensors", {})
    (tmp_path / "mine.json").write_text('{"score": NaN}')
    with pytest.raises(ValueError, match=r"mine\.json: expected the weights' card .*, but expected finite numbers, got NaN"):
        opened(str(tmp_path / "mine.safetensors"))


@pytest.mark.parametrize("preset", [[], None, "zz"])
def test_a_training_of_another_preset_is_refused_by_its_folder(tmp_path: Path, preset: object) -> None:
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "recipe.json").write_text(json.dumps({"recipe": {"name": "a", "preset": preset}}))
    with pytest.raises(ValueError, match="run: expected a training of one of town-nano, town, town-hd, got another"):
        opened(str(tmp_path / "run"))


def test_one_source_twice_is_refused_however_it_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected different sources"):
        opened(str(tmp_path), f"{tmp_path}/../{tmp_path.name}")


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
