"""``downstream``: trains a detector on each kind of pictures with each seed, scores them all, and writes the report."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from everroad.data.addressing import plain
from everroad.evaluation.detector.files import load_packaged_detector
from everroad.evaluation.detector.network import Detector
from everroad.evaluation.downstream.gains import REAL, Pair, rows
from everroad.evaluation.downstream.recipe import KINDS, Data, DownstreamRecipe
from everroad.evaluation.downstream.score import score_detectors
from everroad.evaluation.downstream.table import downstream_tables
from everroad.evaluation.measure import DRAWS
from everroad.evaluation.reference import evaluation_seeds, open_town
from everroad.evaluation.sources.types import PictureSource
from everroad.scenario.files import write_atomically
from everroad.stream.hardware import describe_hardware, usable_device, versions
from everroad.stream.state import COMPUTE_DTYPES
from everroad.training.engine import train
from everroad.training.ship import git_commit

FORMAT, FORMAT_VERSION = "everroad.downstream", 1
REPORT, TABLE = "downstream.json", "downstream.md"
SHIPPED = "shipped"
# Hears what is under way, and how much of it is done and there is in all.
Say = Callable[[str, int, int], None]


def downstream(
    recipe: DownstreamRecipe,
    out: Path,
    *,
    seeds: int = 3,
    towns: int = 16,
    frames: int = 240,
    kinds: Sequence[Data] = KINDS,
    command: str | None = None,
    quiet: bool = False,
    say: Say | None = None,
) -> dict[str, Any]:
    """Writes ``downstream.json`` and ``downstream.md`` into ``out`` and returns the report.

    The clips lie in ``out/clips`` unless the recipe names another folder, the trainings in ``out/<kind>-<seed>``. Run again it
    goes on where it was: clips that are there are not made again, and a training that is finished is not trained again.

    Args:
        recipe: all but its data and its seed. Detectors train where and in what its maker computes.
        seeds: of each kind, 0 and on.
        towns, frames: evaluation towns, and frames 1 to ``frames`` of each.
        kinds: of data, "real" among them.
        command: the command line to repeat this, for the report.
        quiet: no progress bars of the trainings.
        say: hears of the clips and of the scoring.

    Raises ``ValueError`` for counts that are refused, for what is no world model and for folders of other settings.
    """
    check_counts(seeds, towns, frames, kinds)
    device = usable_device(recipe.maker.device)
    base = recipe if recipe.cache_dir else replace(recipe, cache_dir=str(out / "clips"))
    source, form = base.maker.open()
    seconds = {"clips": _make_clips(base, kinds, say)}
    began = time.monotonic()
    networks = {
        (kind, seed): _trained(replace(base, data=kind, seed=seed), out / f"{kind}-{seed}", quiet)
        for seed in range(seeds)
        for kind in kinds
    }
    seconds["training"], began = time.monotonic() - began, time.monotonic()
    shipped, card = load_packaged_detector()
    named = {f"{kind}-{seed}": network for (kind, seed), network in networks.items()} | {SHIPPED: shipped}
    opened = [open_town(seed, frames, form) for seed in evaluation_seeds(towns)]
    found = score_detectors(named, source, opened, frames, device, None if say is None else lambda *of: say("scored", *of))
    seconds["scoring"] = time.monotonic() - began
    by_kind: dict[str, list[Pair]] = {kind: [found[f"{kind}-{seed}"] for seed in range(seeds)] for kind in kinds}
    report = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "protocol": {
            "towns": towns,
            "town_seeds": [town.seed for town in opened],
            "frames": frames,
            "first_frame": "seen, not counted",
            "seeds": seeds,
            "bootstrap_draws": DRAWS,
            "real": "the painter's pictures, which stand for recorded ones",
            "recipe": _told(base),
        },
        "model": _described(source),
        "shipped_detector_sha256": card.get("sha256"),
        "hardware": describe_hardware(device),
        "versions": versions(),
        "git_commit": git_commit(),
        "command": command,
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "rows": rows(by_kind, found[SHIPPED]),
    }
    write_atomically(out / REPORT, (json.dumps(report, indent=1, allow_nan=False) + "\n").encode())
    write_atomically(out / TABLE, (downstream_tables(report) + "\n").encode())
    return report


def check_counts(seeds: int, towns: int, frames: int, kinds: Sequence[Data]) -> None:
    """Raises ``ValueError`` for what cannot be compared."""
    for name, value, most in (("seeds", seeds, 100), ("eval-towns", towns, 1000), ("eval-frames", frames, 100_000)):
        if not 1 <= value <= most:
            raise ValueError(f"{name}: expected 1 to {most}, got {value}; mend it")
    if REAL not in kinds or len(set(kinds)) < len(kinds):
        raise ValueError(f"kinds: expected real and others, each once, got {', '.join(kinds)}; gains are over real")


def _make_clips(base: DownstreamRecipe, kinds: Sequence[Data], say: Say | None) -> float:
    """Seconds that it took. The trainings then read them from the folder."""
    began = time.monotonic()
    everything: Data = "real" if tuple(kinds) == (REAL,) else "both"
    replace(base, data=everything).read_clips(None if say is None else lambda *of: say("clips of towns", *of))
    return time.monotonic() - began


def _trained(recipe: DownstreamRecipe, run_dir: Path, quiet: bool) -> Detector:
    dtype = COMPUTE_DTYPES[recipe.maker.dtype]
    trained = train(recipe, run_dir, device=recipe.maker.device, dtype=dtype, quiet=quiet)
    network = trained.ema
    assert isinstance(network, Detector)
    return network.eval()


def _told(recipe: DownstreamRecipe) -> dict[str, Any]:
    """Its settings but for where files lie."""
    return {name: value for name, value in plain(recipe).items() if name not in ("data", "seed", "cache_dir", "workers")}


def _described(source: PictureSource) -> Mapping[str, Any]:
    return {name: value for name, value in source.described().items() if name != "card"}
