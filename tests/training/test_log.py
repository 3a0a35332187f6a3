from __future__ import annotations

import json
import sys

import cv2
import numpy as np
import pytest
import torch

from everroad.training.log import RunLog, truncate_metrics


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_windows_hold_means_and_remainders(tmp_path):
    with RunLog(tmp_path, "run", 0, 7, 3, quiet=True) as log:
        for train_step in range(1, 8):
            rare = {"rare": float(train_step)} if train_step in (1, 2) else {}
            log.record(train_step, {"loss": torch.tensor(float(train_step)), **rare})
            if train_step == 5:
                log.flush()
    assert lines(tmp_path) == [
        {"train_step": 3, "over": 3, "loss": 2.0, "rare": 1.5},
        {"train_step": 5, "over": 2, "loss": 4.5},
        {"train_step": 6, "over": 1, "loss": 6.0},
        {"train_step": 7, "over": 1, "loss": 7.0},
    ]


def test_lines_after_the_checkpoint_and_half_lines_go(tmp_path):
    path = tmp_path / "metrics.jsonl"
    truncate_metrics(path, 5)
    assert not path.exists()
    whole = [json.dumps({"train_step": n}) for n in (2, 4, 6)]
    path.write_text("\n".join(whole))
    truncate_metrics(path, 5)
    assert path.read_text() == "\n".join(whole[:2]) + "\n"
    path.write_text(whole[0] + "\n" + whole[1][:7])
    truncate_metrics(path, 5)
    assert path.read_text() == whole[0] + "\n"


@pytest.mark.parametrize("line", [b"\xff\xfe", b"[1]", b"null", b'{"train_step": "x"}', b'{"a": 1}', b"[" * 100_000])
def test_what_no_run_wrote_ends_the_metrics_that_are_kept(line, tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"train_step": 2}\n' + line + b'\n{"train_step": 3}\n')
    truncate_metrics(path, 5)
    assert path.read_text() == '{"train_step": 2}\n'


def test_strips_are_rgb_pictures(tmp_path):
    picture = np.zeros((4, 6, 3), dtype=np.uint8)
    picture[..., 0] = 200
    with RunLog(tmp_path, "run", 0, 1, 1, quiet=True) as log:
        log.strip(12, picture)
    back = cv2.cvtColor(cv2.imread(str(tmp_path / "strips" / "000000012.png")), cv2.COLOR_BGR2RGB)
    assert (back == picture).all()


@pytest.mark.parametrize("installed", [True, False])
def test_tensorboard_is_used_where_it_is_installed(tmp_path, monkeypatch, installed):
    if installed:
        pytest.importorskip("tensorboard")
    else:
        monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with RunLog(tmp_path, "run", 0, 1, 1, quiet=True) as log:
        log.record(1, {"loss": 1.0})
    assert (tmp_path / "tensorboard").exists() == installed
    assert len(lines(tmp_path)) == 1


def test_progress_speaks_unless_quiet(tmp_path, capsys):
    for quiet in (True, False):
        with RunLog(tmp_path, "town stage 1", 0, 2, 1, quiet=quiet) as log:
            log.record(1, {"loss": 1.0})
            log.record(2, {"loss": 0.25})
        out = capsys.readouterr()
        assert ("town stage 1  2/2" in out.out and "loss 0.2500" in out.out and "steps/s" in out.out) != quiet
        assert not (quiet and (out.out or out.err))
