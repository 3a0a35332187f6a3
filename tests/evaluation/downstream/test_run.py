"""The whole run with small networks: folders, report, and what is done already is not done again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from everroad.evaluation.candidates import Candidate
from everroad.evaluation.detector.config import DetectorConfig
from everroad.evaluation.detector.files import load_packaged_detector
from everroad.evaluation.downstream import run
from everroad.evaluation.downstream.__main__ import SCALES, main
from everroad.evaluation.downstream.recipe import Maker
from everroad.evaluation.downstream.run import REPORT, TABLE, downstream
from everroad.evaluation.downstream.score import MODEL, PAINTER, score_detectors
from everroad.evaluation.labelled_clips import LabelledSet
from everroad.evaluation.sources.model import ModelPictures
from everroad.evaluation.sources.open import Format
from everroad.evaluation.sources.painter import PainterPictures
from everroad.stream.hardware import usable_device
from everroad.training import engine

TINY = replace(
    SCALES["small"],
    train_steps=2,
    batch=1,
    learnt_trunk=False,
    workers=0,
    network=DetectorConfig(widths=(4, 8, 8, 8), query=16, queries=8, remembered=4, heads=2),
    clips=LabelledSet(towns=1, clips=2, key_frames=2, key_frame_step=3, height_px=64, width_px=112, town_seconds=1.5),
)


@pytest.mark.slow
def test_a_run_ends_in_a_table_and_goes_on_where_it_was(kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = ModelPictures(Candidate("tiny", kit.model), steps=1)
    monkeypatch.setattr(Maker, "open", lambda self: (source, Format(64, 112, 12.0)))
    monkeypatch.setattr(run, "open_town", lambda seed, frames, form: kit.open_town(seed, frames, kit.config))
    heard: list[str] = []
    options = {"seeds": 1, "towns": 2, "frames": 6, "kinds": ("real", "both"), "command": "it", "quiet": True}
    report = downstream(TINY, tmp_path, **options, say=lambda what, *_: heard.append(what))
    assert heard == ["clips of towns"] * 2 + ["scored"] * 7
    assert list(report["rows"]) == ["real", "both", "shipped"]
    assert report["rows"]["shipped"]["scores"]["mAP"]["valid"]
    assert report["protocol"]["town_seeds"] == [1_000_000, 1_000_001]
    assert {path.name for path in tmp_path.iterdir()} == {"clips", "real-0", "both-0", REPORT, TABLE}
    assert str(tmp_path) not in json.dumps(report)

    def refuse(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(engine, "_update", refuse)
    again = downstream(TINY, tmp_path, **options)
    assert json.loads((tmp_path / REPORT).read_text())["rows"] == again["rows"] == report["rows"]
    with pytest.raises(ValueError, match="train_steps 2 → 3"):
        downstream(replace(TINY, train_steps=3), tmp_path, **options)


def test_the_painters_pictures_as_a_source_score_as_the_painters(kit) -> None:
    """And the first frame, which is the same in both, does not count."""
    shipped, _ = load_packaged_detector()
    found = score_detectors({"shipped": shipped}, PainterPictures(), kit.towns, 6, usable_device("cpu"))["shipped"]
    assert {name: of.value for name, of in found[PAINTER].items() if of.valid} == {
        name: of.value for name, of in found[MODEL].items() if of.valid
    }
    assert found[PAINTER]["mAP"].valid


@pytest.mark.parametrize(("option", "name"), [("--seeds", "seeds"), ("--eval-towns", "eval-towns"), ("--streams", "streams")])
def test_the_command_line_refuses_in_one_line(tmp_path: Path, capsys, option: str, name: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--out", str(tmp_path / "new"), option, "0"])
    assert caught.value.code == 2
    assert f"{name}: expected 1 to" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
