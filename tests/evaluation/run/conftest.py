"""Judges, the detector untrained, and a few towns of the painter's."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from everroad.evaluation.detector.config import DetectorConfig
from everroad.evaluation.detector.network import Detector
from everroad.evaluation.features.files import load_packaged_features
from everroad.evaluation.mapping.head.config import MapHeadConfig
from everroad.evaluation.mapping.head.network import MapHead
from everroad.evaluation.protocols import Protocol, get_protocol
from everroad.evaluation.reference import EvaluationTown, evaluation_seeds, open_town
from everroad.evaluation.run.judges import Judges
from everroad.evaluation.segmenter import load_packaged_segmenter
from everroad.model.presets import get_preset

FRAMES = 13


@pytest.fixture(scope="package")
def judges() -> Judges:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Judges(
            load_packaged_segmenter()[0],
            load_packaged_features()[0],
            Detector(DetectorConfig((4, 8, 8, 8), query=8, queries=6, remembered=4, layers=1, heads=2)).eval(),
            MapHead(MapHeadConfig(widths=(4, 8, 8, 8))).eval(),
            {"segmenter": {"sha256": "none"}},
        )


@pytest.fixture(scope="package")
def towns() -> list[EvaluationTown]:
    return [open_town(seed, FRAMES, get_preset("town-nano")) for seed in evaluation_seeds(4)]


@pytest.fixture(scope="package")
def others() -> list[EvaluationTown]:
    return [open_town(seed, FRAMES, get_preset("town-nano")) for seed in evaluation_seeds(6)[4:]]


@pytest.fixture(scope="package")
def protocol() -> Protocol:
    return replace(get_protocol("stage-long"), frames=FRAMES, clip_frames=6, clip_stride=4)
