"""From a training run to the packaged segmenter: ``python -m everroad.evaluation.ship_segmenter runs/segmenter``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from everroad.data.addressing import plain
from everroad.evaluation.layout_agreement import LAYOUT_CLASSES, agreement, overlaps
from everroad.evaluation.measure import Window
from everroad.evaluation.reference import evaluation_seeds, open_town
from everroad.evaluation.segmenter import Segmenter, save_segmenter
from everroad.evaluation.segmenter_recipe import SEGMENTER_RECIPES, SegmenterRecipe
from everroad.model.checkpoint import load_weights, packaged_path
from everroad.model.presets import get_preset
from everroad.stream.hardware import describe_hardware, versions
from everroad.training.checkpoint import load_run_weights

TOWNS, LAST_FRAME, EVERY_FRAMES = 8, 240, 8


def score(segmenter: Segmenter, town_seeds: Sequence[int], preset: str = "town") -> dict[str, float | None]:
    """IoU of each layout class and their mean on the painter's pictures, pooled over every eighth frame of the towns."""
    per_town = []
    for seed in town_seeds:
        town = open_town(seed, LAST_FRAME, get_preset(preset))
        rows = []
        for frame_index in range(0, LAST_FRAME + 1, EVERY_FRAMES):
            reference = town.reference(frame_index)
            picture = torch.from_numpy(np.ascontiguousarray(reference.picture.transpose(2, 0, 1)))[None]
            rows.append(overlaps(segmenter.labels(picture)[0].numpy(), reference.semantic))
        per_town.append(np.stack(rows))
    own = np.stack(per_town)
    found = agreement(own, own, Window(0, own.shape[1] - 1))
    measures = {name: found[f"iou {name}"] for name in (*LAYOUT_CLASSES, "mean")}
    return {name: round(measure.value, 4) if measure.valid else None for name, measure in measures.items()}


def ship(run_dir: Path, path: Path) -> dict[str, Any]:
    """Scores a run's averaged weights on evaluation towns, writes them and their card, and returns the card."""
    settings = json.loads((run_dir / "recipe.json").read_text(encoding="utf-8"))
    recipe = SEGMENTER_RECIPES["segmenter"]
    assert isinstance(recipe, SegmenterRecipe)
    segmenter = Segmenter(recipe.network)
    load_weights(segmenter, load_run_weights(run_dir), str(run_dir))
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    train_step, seeds = lines[-1]["train_step"], evaluation_seeds(TOWNS)
    card = {
        "name": "segmenter",
        "purpose": "judges layout agreement; no part of generation",
        "parameters": sum(parameter.numel() for parameter in segmenter.parameters()),
        "data": f"{recipe.pictures.towns * recipe.pictures.frames} painted pictures of training towns",
        "command": "everroad train segmenter --dtype bfloat16 --threads 1",
        "recipe": plain(settings),
        "train_steps": train_step,
        "samples": train_step * recipe.batch,
        "training_minutes": round(sum(line["over"] * line["seconds"] for line in lines) / 60, 1),
        "hardware": describe_hardware(torch.device("cpu")),
        "versions": versions(),
    }
    scores = score(segmenter.eval(), seeds)
    card |= {"town_seeds": seeds, "scores": scores, "scores_mean": "IoU over the layout classes, painter's pictures, 128x224"}
    save_segmenter(segmenter, path, card)
    return card


if __name__ == "__main__":
    shipped = ship(Path(sys.argv[1]), packaged_path("segmenter.safetensors"))
    print(json.dumps({name: shipped[name] for name in ("parameters", "samples", "scores")}, indent=1))
