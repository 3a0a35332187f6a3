"""From a training run to the packaged feature network: ``python -m everroad.evaluation.features.ship out/town-features``."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from everroad.evaluation.features.files import save_features
from everroad.evaluation.features.network import FeatureNetwork, as_input
from everroad.evaluation.features.recipe import (
    FARTHEST_M,
    FEATURE_RECIPES,
    FeaturesRecipe,
    depth_error,
    flow_error,
    make_batch,
)
from everroad.evaluation.judge_files import as_stored
from everroad.evaluation.labelled_clips import LabelledClips, labelled_clips
from everroad.evaluation.trunk import Seen
from everroad.model.checkpoint import load_weights, packaged_path
from everroad.stream.hardware import versions
from everroad.training.checkpoint import load_run_weights
from everroad.training.ship import git_commit, run_facts

HELD_OUT_TOWNS = 24
CHUNK = 32


@torch.no_grad()
def fit_units(network: FeatureNetwork, clips: LabelledClips) -> None:
    """Sets the means and deviations of the features to those of painted clips."""
    pooled, embedding, texture, motion = [], [], [], []
    for first in range(0, len(clips.images), CHUNK):
        pair = clips.images[first : first + CHUNK, -2:]
        one, other = (network.see(as_input(pair[:, i])) for i in range(2))
        pooled.append(network.pool(one))
        embedding.append(network.picture(pooled[-1]))
        texture.append(network.texture(one))
        motion.append(network.move(one, other).embedding)
    for name, parts in (("pooled", pooled), ("embedding", embedding), ("texture", texture), ("motion", motion)):
        values = torch.cat(parts).double()
        getattr(network, f"{name}_mean").copy_(values.mean(0))
        getattr(network, f"{name}_deviation").copy_(values.std(0).clamp(min=1e-3))


@torch.no_grad()
def score(network: FeatureNetwork, clips: LabelledClips) -> dict[str, float]:
    """What it tells of clips of towns that it has not seen."""
    right, depth, flow, ego = [], [], [], []
    for first in range(0, len(clips.images), CHUNK):
        batch = make_batch(clips, torch.arange(first, min(first + CHUNK, len(clips.images))))
        one, other = network.see(batch.images), network.see(batch.following)
        logits, log_depth = network.label(one)
        moved = network.move(Seen(*one), Seen(*other))
        right.append((logits.argmax(1) == batch.semantic).float().mean((1, 2)))
        depth.append(depth_error(log_depth, batch.depth_m)[None])
        flow.append(flow_error(moved, batch)[None])
        ego.append((network.ego(moved.embedding) - batch.ego_motion).abs())
    steps = torch.cat(ego)

    def mean(parts: list[Tensor]) -> float:
        return round(float(torch.cat(parts).mean()), 4)

    return {
        "pixels of the right class": mean(right),
        f"depth nearer than {FARTHEST_M:.0f} m, mean error of the logarithm": mean(depth),
        "flow, mean error in pixels": mean(flow),
        "step from frame to frame, mean error in metres": round(float(steps[:, 0].mean()), 4),
        "turn from frame to frame, mean error in rad": round(float(steps[:, 1].mean()) / 100, 5),
    }


def ship(run_dir: Path, path: Path, cache_dir: Path) -> dict[str, Any]:
    """Fits the units of a run's averaged weights, scores them on further towns, writes them and their card."""
    recipe = FEATURE_RECIPES["town-features"]
    assert isinstance(recipe, FeaturesRecipe)
    network = FeatureNetwork(recipe.network)
    units = {name: tensor for name, tensor in network.named_buffers() if "." not in name}  # fitted below, never learnt
    load_weights(network, load_run_weights(run_dir) | units, str(run_dir))
    as_stored(network)
    network.eval()
    fit_units(network, labelled_clips(recipe.clips, recipe.cache(), 1))
    held_out = labelled_clips(replace(recipe.clips, seed=1, towns=HELD_OUT_TOWNS), cache_dir, 1)
    card = {
        "name": "town-features",
        "purpose": "features of town-FID, town-KID and town-FVD, which are no FID, KID and FVD",
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "data": f"{recipe.clips.towns * recipe.clips.clips} painted clips of training towns",
        **run_facts(run_dir),
        "git_commit": git_commit(),
        "versions": versions(),
        "scores": score(network, held_out),
        "scores_of": f"{len(held_out.images)} clips of {HELD_OUT_TOWNS} other towns",
    }
    save_features(network, path, card)
    return card


if __name__ == "__main__":
    out = packaged_path("town-features.safetensors")
    shipped = ship(Path(sys.argv[1]), out, Path.home() / ".cache" / "everroad" / "labelled-held-out")
    print(json.dumps({name: shipped[name] for name in ("parameters", "samples", "scores")}, indent=1))
