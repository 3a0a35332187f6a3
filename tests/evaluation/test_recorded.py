from __future__ import annotations

import json
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from tests.data.test_recordings import make_recording
from tests.model.conftest import TINY, make_model

from everroad.data.recorded_clips import RecordedSpec, read_recorded
from everroad.evaluation import recorded
from everroad.evaluation.candidates import Candidate
from everroad.evaluation.recorded import BLUR_PX, BLURRED, REPEAT, continue_stretch, evaluate_recorded, main, measures
from everroad.media import read_image
from everroad.model.world_model import WorldModel

pytestmark = pytest.mark.slow


@pytest.fixture
def candidate():
    return Candidate("tiny", make_model())


def test_a_stream_starts_from_the_first_held_out_frame_under_the_recordings_conditions(tmp_path, candidate):
    make_recording(tmp_path, frames=20)
    spec = RecordedSpec(str(tmp_path / "drive.json"), "CAM", 12, 4)
    rows = continue_stretch([candidate], spec)
    truth = read_recorded([spec], 32, 48)[0].images.permute(0, 2, 3, 1).numpy()
    assert np.array_equal(rows["recorded"], truth)
    assert (rows[REPEAT] == 12).all()
    assert (rows[BLURRED] == 12).all()
    assert [len(pictures) for pictures in rows.values()] == [4] * 5
    assert np.array_equal(rows["tiny"][0], truth[0])
    assert not np.array_equal(rows["tiny"][1], truth[1])
    # The start alone decides: what comes later in the recording is not seen.
    make_recording(tmp_path, frames=20, without=(15,))
    shorter = continue_stretch([candidate], replace(spec, frames=3))
    assert np.array_equal(shorter["tiny"], rows["tiny"][:3])


def test_measures_are_those_of_the_formulas():
    flat, steps = np.full((3, 4, 4, 3), 100, np.uint8), np.zeros((3, 4, 4, 3), np.uint8)
    steps[:, :, 2:] = 51
    darker = flat - 51
    found = measures([{"recorded": flat, "darker": darker}, {"recorded": flat, "darker": flat}])
    assert found["darker"]["psnr_db"] == pytest.approx([-10 * np.log10(0.2**2 / 2)] * 2, abs=0.01)
    same = measures([{"recorded": steps, "same": steps, "half": steps // 2, "none": flat}])
    assert same["same"]["gradient_energy"] == [1.0, 1.0]
    assert same["same"]["psnr_db"] == [100.0, 100.0]
    assert same["half"]["gradient_energy"] == pytest.approx([(25 / 51) ** 2] * 2, abs=1e-3)
    assert same["none"]["gradient_energy"] == [0.0, 0.0]


def test_the_blur_halves_the_gradient_energy_of_a_sharp_picture():
    sharp = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(sharp, (0, 0), 1.0).astype(np.uint8)
    blurred = cv2.GaussianBlur(smooth, (0, 0), BLUR_PX)
    (ratio,) = measures([{"recorded": np.stack([smooth] * 2), "blurred": np.stack([blurred] * 2)}])["blurred"][
        "gradient_energy"
    ]
    assert 0.3 < ratio < 0.8


def test_report_and_sheet(tmp_path, candidate, monkeypatch):
    make_recording(tmp_path / "recordings", "a", frames=20)
    make_recording(tmp_path / "recordings", "b", frames=30)
    other = Candidate("other", make_model(seed=1), {"sha256": "beef"})
    report = evaluate_recorded([candidate, other], tmp_path / "recordings", 1.0, tmp_path / "out", frames=5)
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report
    assert [(s["recording"], s["first_frame"]) for s in report["stretches"]] == [("a.json", 12), ("b.json", 12)]
    assert [model["sha256"] for model in report["models"]] == [None, "beef"]
    assert {len(found["psnr_db"]) for found in report["measures"].values()} == {5}
    assert set(report["measures"]) == {
        REPEAT,
        BLURRED,
        *(f"{n}{s}" for n in ("tiny", "other") for s in ("", ", encoded and decoded")),
    }
    assert read_image(tmp_path / "out" / "sheet.png").shape == (3 * (32 + 16), 3 * 48, 3)  # frames 0, 1 and 5


def test_bad_input_is_one_line_and_makes_nothing(tmp_path, candidate, monkeypatch, capsys):
    make_recording(tmp_path / "recordings", frames=20)
    monkeypatch.setattr(recorded, "load_candidates", lambda *_, **__: [candidate])
    arguments = ["recorded", str(tmp_path / "recordings"), "--from-s", "1.5", "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert "expected 19 frames on end" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(sys, "argv", [*arguments, "--frames", "1"])
    main()
    assert "| start repeated |" in capsys.readouterr().out


def test_models_of_two_sizes_are_refused(tmp_path, candidate):
    larger = WorldModel(replace(TINY, height_px=64)).eval()
    with torch.no_grad(), pytest.raises(ValueError, match="models of one frame size"):
        evaluate_recorded([candidate, Candidate("larger", larger)], tmp_path, 1.0, tmp_path / "out", 5)
