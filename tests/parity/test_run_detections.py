"""``evaluate`` has nuScenes' own tool score what its detector found, where it is installed, and says the same by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

pytest.importorskip("nuscenes", reason="needs the official devkit: pip install nuscenes-devkit==1.2.0")

from everroad.evaluation.protocols import get_protocol
from everroad.evaluation.reference import evaluation_seeds, open_town
from everroad.evaluation.run.evaluate import evaluate
from everroad.evaluation.run.judges import load_judges
from everroad.evaluation.sources.painter import PainterPictures
from everroad.model.presets import get_preset

FRAMES = 18


def test_the_official_scores_are_ours(tmp_path) -> None:
    device, protocol = torch.device("cpu"), replace(get_protocol("stage-short"), frames=FRAMES)
    towns = [open_town(seed, FRAMES, get_preset("town")) for seed in evaluation_seeds(4)]
    sources = [PainterPictures("again")]
    report = evaluate(sources, towns[:2], towns[2:], protocol, load_judges(device), tmp_path, device=device, threads=1).report
    for source in report["sources"]:
        theirs, mine = source["official detection scores"], source["measures"]["boxes"]
        assert theirs["tool"] == "nuscenes-devkit 1.2.0"
        assert theirs["mAP"] == pytest.approx(mine["official_mAP"]["value"], abs=1e-6)
        assert theirs["NDS"] == pytest.approx(mine["official_NDS"]["value"], abs=1e-6)
        assert theirs["mAP"] > 0.01
