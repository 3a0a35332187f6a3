"""From a training run to the packaged map head: ``python -m everroad.evaluation.mapping.head.ship out/town-map-head``."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from everroad.data.clips import FRAME_RATE_HZ
from everroad.evaluation.detector.codes import Lens
from everroad.evaluation.judge_files import as_stored
from everroad.evaluation.labelled_clips import LabelledClips, LabelledSet, labelled_clips
from everroad.evaluation.mapping.ground_truth import map_elements
from everroad.evaluation.mapping.head.files import save_map_head
from everroad.evaluation.mapping.head.find import find
from everroad.evaluation.mapping.head.network import MapHead
from everroad.evaluation.mapping.head.recipe import MAP_HEAD_RECIPES, MapHeadRecipe
from everroad.evaluation.mapping.head.seen import clipped, seen_area
from everroad.evaluation.mapping.matching import MapMatches, joined_frames, match_frame
from everroad.evaluation.mapping.measures import map_measures
from everroad.model.checkpoint import load_weights, packaged_path
from everroad.scenario.town import author_town
from everroad.stream.hardware import versions
from everroad.training.checkpoint import load_run_weights
from everroad.training.ship import git_commit, run_facts

HELD_OUT_TOWNS = 24


def score(network: MapHead, clips: LabelledClips, config: LabelledSet) -> dict[str, Any]:
    """``map_measures`` of what it finds in the key frames of clips of towns that it has not seen, as JSON."""
    return _plain(map_measures([_town_matches(network, clips, config, town) for town in range(config.towns)]))


def _town_matches(network: MapHead, clips: LabelledClips, config: LabelledSet, town: int) -> MapMatches:
    of_town = range(town * config.clips, (town + 1) * config.clips)
    scenario = author_town(int(clips.town_seed[of_town[0]]), seconds=config.town_seconds, frame_rate_hz=FRAME_RATE_HZ)
    window, matches = network.config.window, []
    for i in of_town:
        lens = Lens(clips.intrinsics[i], clips.ego_from_camera[i])
        area = seen_area(
            lens.intrinsics.double().numpy(),
            lens.ego_from_camera.double().numpy(),
            config.height_px,
            config.width_px,
            window,
        )
        all_found = find(
            network, clips.images[i, : config.key_frames], Lens(*(part.expand(config.key_frames, -1, -1) for part in lens))
        )
        for k, found in enumerate(all_found):
            frame_index = int(clips.first_frame[i]) + k * config.key_frame_step
            matches.append(match_frame(clipped(map_elements(scenario, frame_index, window), area), found))
    return joined_frames(matches)


def _plain(measures: Any) -> Any:
    if isinstance(measures, dict):
        return {name: _plain(of) for name, of in measures.items()}
    return measures.to_json()


def ship(run_dir: Path, path: Path, cache_dir: Path) -> dict[str, Any]:
    """Scores a run's averaged weights on further towns, writes them and their card."""
    recipe = MAP_HEAD_RECIPES["town-map-head"]
    assert isinstance(recipe, MapHeadRecipe)
    network = MapHead(recipe.network)
    load_weights(network, load_run_weights(run_dir), str(run_dir))
    as_stored(network)
    network.eval()
    held_out = replace(recipe.clips, seed=1, towns=HELD_OUT_TOWNS)
    clips = labelled_clips(held_out, cache_dir, 1)
    card = {
        "name": "town-map-head",
        "purpose": "finds map elements in pictures: are they where the conditions asked for them?",
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "data": f"{recipe.clips.towns * recipe.clips.clips * recipe.clips.key_frames} painted pictures of training towns",
        **run_facts(run_dir),
        "git_commit": git_commit(),
        "versions": versions(),
        "scores": score(network, clips, held_out),
        "scores_of": f"{len(clips.images) * held_out.key_frames} pictures of {HELD_OUT_TOWNS} other towns",
    }
    save_map_head(network, path, card)
    return card


if __name__ == "__main__":
    out = packaged_path("town-map-head.safetensors")
    shipped = ship(Path(sys.argv[1]), out, Path.home() / ".cache" / "everroad" / "labelled-held-out")
    print(json.dumps({name: shipped[name] for name in ("parameters", "samples", "scores")}, indent=1))
