"""The segmenter's pictures: addressed, from training towns alone, cached and made again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from everroad.conditions.rig import fit_camera, front_camera, jitter_camera
from everroad.data.addressing import addressed_seed
from everroad.evaluation import painted_frames as module
from everroad.evaluation.painted_frames import PaintedFrames, PaintedSet, painted_frames, render_painted, town_seeds
from everroad.render.painter import Painter
from everroad.scenario.town import author_town

SMALL = PaintedSet(towns=2, frames=2, height_px=32, width_px=56, town_seconds=1.0, close_ups=0.5)


@pytest.fixture(scope="module")
def first() -> PaintedFrames:
    return render_painted(SMALL, 0)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Town indices rendered, by a renderer that takes no time."""
    asked: list[int] = []

    def render(config: PaintedSet, town_index: int) -> PaintedFrames:
        asked.append(town_index)
        value = 10 * config.seed + town_index
        images = torch.full((config.frames, 3, config.height_px, config.width_px), value, dtype=torch.uint8)
        return PaintedFrames(images, images[:, 0].clone())

    monkeypatch.setattr(module, "render_painted", render)
    monkeypatch.setattr(module, "painter_digest", lambda: "painter")
    return asked


def test_pictures_are_a_function_of_the_set(first: PaintedFrames) -> None:
    again = render_painted(SMALL, 0)
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.semantic, again.semantic)
    assert first.images.shape == (2, 3, 32, 56)
    assert len(first.semantic.unique()) > 2


def test_towns_are_training_towns_and_differ() -> None:
    seeds = town_seeds(PaintedSet(towns=5000))
    assert len(set(seeds)) == 5000
    assert max(seeds) < 1_000_000
    assert seeds != town_seeds(PaintedSet(seed=1, towns=5000))


@pytest.mark.slow
def test_a_close_up_is_a_part_of_the_picture_of_twice_the_size() -> None:
    close = render_painted(replace(SMALL, frames=1, close_ups=1.0), 0)
    scenario = author_town(town_seeds(SMALL)[0], seconds=1.0)
    camera = jitter_camera(front_camera(scenario.cameras), addressed_seed(0, "painted rig", 0, 0))
    painter = Painter(scenario)

    def shown(frame_index: int) -> torch.Tensor:
        whole = painter.paint(scenario.frame(frame_index), fit_camera(camera, 64, 112), frozenset({"semantic"})).semantic
        assert whole is not None
        return torch.from_numpy(whole).unfold(0, 32, 1).unfold(1, 56, 1)  # every window of the close-up's size

    agreement = [float((shown(i) == close.semantic[0]).float().mean((-1, -2)).max()) for i in range(len(scenario))]
    assert max(agreement) > 0.99


def test_a_set_is_rendered_once(tmp_path: Path, counted: list[int]) -> None:
    heard: list[tuple[int, int]] = []
    made = painted_frames(SMALL, tmp_path, workers=0, progress=lambda done, total: heard.append((done, total)))
    assert made.images[:, 0, 0, 0].tolist() == [0, 0, 1, 1]
    assert heard == [(1, 2), (2, 2)]
    again = painted_frames(SMALL, tmp_path, workers=0)
    assert counted == [0, 1]
    assert torch.equal(again.images, made.images)


def test_what_is_missing_or_damaged_is_made_again(tmp_path: Path, counted: list[int]) -> None:
    painted_frames(SMALL, tmp_path, workers=0)
    one, other = sorted(tmp_path.iterdir())
    one.unlink()
    other.write_bytes(other.read_bytes()[:50])
    made = painted_frames(SMALL, tmp_path, workers=0)
    assert counted == [0, 1, 0, 1]
    assert made.images[:, 0, 0, 0].tolist() == [0, 0, 1, 1]


def test_another_set_or_painter_takes_the_folder_over(
    tmp_path: Path, counted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    painted_frames(SMALL, tmp_path, workers=0)
    before = {path.name for path in tmp_path.iterdir()}
    other = painted_frames(replace(SMALL, seed=7), tmp_path, workers=0)
    assert other.images[0, 0, 0, 0] == 70
    monkeypatch.setattr(module, "painter_digest", lambda: "another painter")
    painted_frames(SMALL, tmp_path, workers=0)
    assert len(counted) == 6
    after = {path.name for path in tmp_path.iterdir()}
    assert len(after) == 2
    assert not before & after


@pytest.mark.parametrize(
    "changes",
    [{"towns": 0}, {"frames": 0}, {"frames": 99}, {"close_ups": 1.5}, {"town_seconds": float("nan")}, {"width_px": 60}],
)
def test_bad_sets_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        replace(SMALL, **changes)  # type: ignore[arg-type]
