"""The example of docs/recordings.md is a recording that can be trained on, and its Python runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import torch

from everroad.data.recorded_clips import RecordedSpec, read_recorded
from everroad.data.recordings import find_stretches
from everroad.training.overrides import apply_overrides
from everroad.training.recipes import get_recipe

PAGE = (Path(__file__).parents[1] / "docs" / "recordings.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


def write_example(folder: Path) -> Path:
    """The page's recording, its frames 0 and 1 painted with 50 and 100."""
    text = block("json")
    path = folder / "recordings" / "drive_a.json"
    for names in json.loads(text)["images"].values():
        for i, name in enumerate(names):
            (path.parent / name).parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(path.parent / name), np.full((540, 960, 3), 50 * (i + 1), np.uint8))
    path.write_text(text)
    return path


def test_the_example_is_a_clip_of_two_frames(tmp_path):
    path = write_example(tmp_path)
    (stretch,) = find_stretches(path.parent, 2)
    (clip,) = read_recorded([RecordedSpec(stretch.path, stretch.camera, 0, 2)], 128, 224)
    assert clip.images.float().mean((1, 2, 3)).round().tolist() == [50, 100]
    assert clip.conditions.present.map.tolist() == [False, False]
    assert clip.conditions.present.ego_motion.tolist() == [False, True]
    torch.testing.assert_close(clip.conditions.previous_from_current[1, :3, 3], torch.tensor([1.5, 0.0, 0.0]))


def test_the_pages_python_runs(tmp_path, monkeypatch):
    write_example(tmp_path)
    monkeypatch.chdir(tmp_path)
    made: dict[str, object] = {}
    exec(compile(block("python"), "docs/recordings.md", "exec"), made)
    assert made["latents"].shape == (2, 48, 16, 28)  # type: ignore[attr-defined]
    assert len(list((tmp_path / "latents").iterdir())) == 1


def test_the_pages_settings_exist():
    (line,) = re.findall(r"^    everroad train (.*)$", PAGE, re.MULTILINE)
    name, *overrides = line.split()
    assert apply_overrides(get_recipe(name), overrides).recorded.until_s == 7.2
    named = set(re.findall(r"^\| `(recorded\.\w+)`", PAGE, re.MULTILINE))
    assert named == {f"recorded.{field}" for field in vars(get_recipe(name).recorded)}
