"""A run hands its pictures on while it makes them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from tests.export.scenes import drive

from everroad.export.generated import GeneratedExport
from everroad.export.options import ExportOptions
from everroad.media import read_image
from everroad.scenario.types import Camera, Scenario
from everroad.stream.run import generate_run


class Sink:
    def __init__(self, refuse: bool = False, fail_at: int | None = None) -> None:
        self.calls: list[Any] = []
        self.pictures: list[np.ndarray] = []
        self.refuse, self.fail_at = refuse, fail_at

    def begin(self, scenario: Scenario, camera: Camera, frames: int, made_with: dict[str, Any]) -> None:
        if self.refuse:
            raise ValueError("sink: expected another run; go away")
        json.dumps(made_with)
        assert len(scenario) > frames
        self.calls.append(("begin", camera.height_px, camera.width_px, frames, made_with["seed"]))

    def write(self, frame_index: int, picture: np.ndarray) -> None:
        if frame_index == self.fail_at:
            raise OSError(28, "No space left on device")
        self.calls.append(frame_index)
        self.pictures.append(picture)

    def end(self) -> None:
        self.calls.append("end")

    def abandon(self) -> None:
        self.calls.append("abandon")


def test_the_sink_gets_every_generated_picture(fake, kit, tmp_path) -> None:
    sink = Sink()
    generate_run(fake, {}, drive(), tmp_path / "run", frames=3, seed=9, png=True, reference=False, sink=sink)
    assert sink.calls == [("begin", kit.config.height_px, kit.config.width_px, 3, 9), 1, 2, 3, "end"]
    for i, picture in enumerate(sink.pictures, start=1):
        np.testing.assert_array_equal(read_image(tmp_path / "run" / "frames" / f"{i:06d}.png"), picture)


def test_a_sink_that_refuses_stops_the_run_before_its_folder(fake, tmp_path) -> None:
    sink = Sink(refuse=True)
    with pytest.raises(ValueError, match="go away"):
        generate_run(fake, {}, drive(), tmp_path / "run", frames=2, reference=False, sink=sink)
    assert sink.calls == []
    assert not (tmp_path / "run").exists()


def test_a_run_that_fails_abandons_its_sink(fake, tmp_path) -> None:
    sink = Sink(fail_at=2)
    with pytest.raises(OSError, match="No space"):
        generate_run(fake, {}, drive(), tmp_path / "run", frames=3, reference=False, sink=sink)
    assert sink.calls[1:] == [1, "abandon"]
    assert not (tmp_path / "run" / "report.json").exists()


def test_a_run_is_exported_beside_its_video(fake, tmp_path) -> None:
    sink = GeneratedExport(tmp_path / "set", ExportOptions(also=("kitti",)))
    generate_run(fake, {}, drive(), tmp_path / "run", frames=7, reference=False, sink=sink)
    assert (tmp_path / "run" / "video.mp4").is_file()
    assert len(json.loads((tmp_path / "set" / "v1.0-everroad" / "sample.json").read_text())) == 2
    assert len(list((tmp_path / "set" / "kitti" / "training" / "label_2").iterdir())) == 2
