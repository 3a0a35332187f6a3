"""What the baselines cost: ``python -m everroad.evaluation.baselines.cost``, on one thread, with weights that know nothing.

Of training, the time of loss and gradient for each frame whose error is asked for, painting and optimiser apart; of generation,
the time for each frame of one town, its conditions included. It is the processor's time, which other programs change little.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import torch

from everroad.evaluation.baselines.clip_model import ClipConfig, added_parameters, clip_model
from everroad.evaluation.baselines.clip_recipe import ClipBatch
from everroad.evaluation.baselines.clip_source import SCHEMES, clip_source
from everroad.evaluation.baselines.frame_by_frame import frame_source
from everroad.evaluation.baselines.recipes import BASELINE_RECIPES
from everroad.evaluation.baselines.sources import WITHOUT_WEIGHTS
from everroad.evaluation.module_command import ModuleParser, whole_number
from everroad.evaluation.reference import EvaluationTown, open_town
from everroad.evaluation.sources.types import PictureSource
from everroad.model.presets import get_preset
from everroad.model.world_model import WorldModel
from everroad.stream.hardware import describe_hardware, one_core
from everroad.training.block_plan import BlockPlan
from everroad.training.denoiser import DenoiserRecipe

PRESET, REPEATS, TOWN = "town-nano", 5, 1_000_000


def milliseconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """The processor's time: the median of some runs, after one that warms up."""
    work()
    taken = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return 1000 * median(taken)


def training_cost(recipe: DenoiserRecipe) -> float:
    """Milliseconds of one train step for each frame whose error is asked for, on two painted towns."""
    small = replace(recipe, plan=BlockPlan(towns=2, segments=2, frames=13, uses=recipe.plan.uses, workers=0))
    module, batch = small.build().train(), next(iter(small.batches(0)))
    small.ready(module, batch)

    def step() -> None:
        small.loss(module, batch, 0)[0].backward()

    asked = int((~batch.given).sum()) if isinstance(batch, ClipBatch) else recipe.batch
    return milliseconds(step) / asked


def generation_cost(source: PictureSource, town: EvaluationTown, frames: int) -> float:
    """Milliseconds for each of frames 1 to ``frames``."""
    return milliseconds(lambda: list(itertools.islice(source.pictures([town]), frames + 1)), repeats=1) / frames


def main() -> None:
    """Parses, measures and prints."""
    parser = ModuleParser("everroad.evaluation.baselines.cost", __doc__)
    parser.add_argument("--frames", type=whole_number(1, 10_000), default=24, help="frames of a town to generate")
    arguments = parser.parse_args()
    config = get_preset(PRESET)
    frame_model = WorldModel(config).eval()
    model = clip_model(frame_model, ClipConfig()).eval()
    counts = [sum(p.numel() for p in one.parameters()) for one in (frame_model, model)]
    print(f"{describe_hardware(torch.device('cpu'))}, one thread, torch {torch.__version__}")
    print(f"parameters: frames {counts[0]:,}, clips {counts[1]:,}, of which between frames {added_parameters(model):,}")
    town = open_town(TOWN, arguments.frames + model.clip.frames, config)
    sources = [*WITHOUT_WEIGHTS.values(), frame_source(frame_model), *(clip_source(model, scheme) for scheme in SCHEMES)]
    with one_core():
        for name, recipe in BASELINE_RECIPES.items():
            assert isinstance(recipe, DenoiserRecipe)
            if recipe.preset != PRESET:
                continue
            print(f"{name}: {training_cost(recipe):.1f} ms a training sample", flush=True)
        for source in sources:
            print(f"{source.name}: {generation_cost(source, town, arguments.frames):.1f} ms a frame", flush=True)


if __name__ == "__main__":
    main()
