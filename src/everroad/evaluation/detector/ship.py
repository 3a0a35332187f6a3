"""From a training run to the packaged detector: ``python -m everroad.evaluation.detector.ship out/town-detector``.

It is scored on the painter's pictures of evaluation towns as every evaluation scores models: key frames in order, twice a
second, with its memory.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from everroad.evaluation.detection.matching import Matches, joined, match_sample
from everroad.evaluation.detection.measures import detection_measures
from everroad.evaluation.detector.detect import detections_of
from everroad.evaluation.detector.files import save_detector
from everroad.evaluation.detector.network import Detector, DetectorMemory, boxes_of
from everroad.evaluation.detector.recipe import DETECTOR_RECIPES, DetectorRecipe
from everroad.evaluation.features.network import as_input
from everroad.evaluation.judge_files import as_stored
from everroad.evaluation.reference import evaluation_seeds, open_town
from everroad.evaluation.run.observer import NEAR
from everroad.evaluation.run.shown import View, as_batch, lenses, view_of
from everroad.model.checkpoint import load_weights, packaged_path
from everroad.model.presets import get_preset
from everroad.stream.hardware import versions
from everroad.training.checkpoint import load_run_weights
from everroad.training.ship import git_commit, run_facts

TOWNS, FRAMES = 16, 240


@torch.no_grad()
def town_matches(network: Detector, view: View, frames: int) -> tuple[Matches, Matches]:
    """Of the painter's key frames of a town: at nuScenes' ranges and near."""
    memory: DetectorMemory | None = None
    everywhere, near = [], []
    lens, seconds = lenses([view]), view.key_every / view.town.source.scenario.frame_rate_hz
    for i in range(0, frames + 1, view.key_every):
        shown, _ = view.show(i, None)
        way = torch.from_numpy(view.ego_from_earlier(i)).float()[None]
        _, found, memory = network(as_input(as_batch([shown.reference.picture])), lens, memory, way, seconds)
        boxes, scores = boxes_of(found)
        detections = detections_of(boxes[0], scores[0])
        assert shown.truth is not None
        everywhere.append(match_sample(shown.truth, detections))
        near.append(match_sample(shown.truth, detections, NEAR))
    return joined(everywhere), joined(near)


def score(network: Detector, seeds: Sequence[int], frames: int) -> dict[str, Any]:
    """On the painter's pictures of evaluation towns."""
    views = [view_of(open_town(seed, frames, get_preset("town"))) for seed in seeds]
    matches = [town_matches(network, view, frames) for view in views]
    everywhere, near = (detection_measures([of[i] for of in matches]) for i in range(2))
    return {
        "car AP at 2 m within 25 m": near["classes"]["car"]["AP_at"]["2"].to_json(),
        "mAP": everywhere["mAP"].to_json(),
        "NDS": everywhere["NDS"].to_json(),
        "AP": {name: of["AP"].to_json()["value"] for name, of in everywhere["classes"].items()},
    }


def ship(run_dir: Path, path: Path) -> dict[str, Any]:
    """Scores a run's averaged weights, writes them and their card."""
    recipe = DETECTOR_RECIPES["town-detector"]
    assert isinstance(recipe, DetectorRecipe)
    network = Detector(recipe.network)
    load_weights(network, load_run_weights(run_dir), str(run_dir))
    as_stored(network)
    network.eval()
    card = {
        "name": "town-detector",
        "purpose": "finds boxes in pictures: are they where the conditions asked for them?",
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "data": f"{recipe.clips.towns * recipe.clips.clips} painted clips of training towns; the trunk of town-features",
        **run_facts(run_dir),
        "git_commit": git_commit(),
        "versions": versions(),
        "scores": score(network, evaluation_seeds(TOWNS), FRAMES),
        "scores_of": f"the painter's pictures of {TOWNS} evaluation towns, {FRAMES} frames each, 2 a second",
    }
    save_detector(network, path, card)
    return card


if __name__ == "__main__":
    shipped = ship(Path(sys.argv[1]), packaged_path("town-detector.safetensors"))
    print(json.dumps({name: shipped[name] for name in ("parameters", "samples", "scores")}, indent=1))
