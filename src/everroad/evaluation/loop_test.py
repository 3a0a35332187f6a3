"""Does a place come back as it was? ``python -m everroad.evaluation.loop_test --towns 2``: the loop test.

The ego drives round a block of an evaluation town, alone, and over the beginning of its way again (``loop_circuit``). Of the
first ``COMPARED`` frames after the start picture, pictures of the second lap are compared with those of the first at the same
poses:

    return     = mean ΔE*ab of the pixels between a source's two laps: the painter's is the floor,
    elsewhere  = the same between its first lap and another place, half a lap on: the ceiling,
    came back  = (elsewhere - return) / (elsewhere - the painter's return): 1 as it was, 0 another place,
    facades    = mean ΔE*ab of the mean colours of the same facades in both laps.

A memory of ten frames knows nothing of a place that it left 40 seconds ago, so nothing is required of it, only reported. What
drifts meanwhile counts as well: it comes back otherwise than it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray

from everroad.evaluation.candidates import load_candidates, refuse_unlike
from everroad.evaluation.colour import delta_e, lab
from everroad.evaluation.first_frame_baselines import mean_squared_error
from everroad.evaluation.loop_circuit import closed_circuit
from everroad.evaluation.measure import Measure, combined, pooled
from everroad.evaluation.module_command import ModuleParser, whole_number
from everroad.evaluation.persistence import mean_colours
from everroad.evaluation.reference import EvaluationTown, evaluation_seeds, open_scenario
from everroad.evaluation.report.tree import PAINTER, numbers
from everroad.evaluation.sources.model import ModelPictures
from everroad.evaluation.sources.types import Picture, PictureSource
from everroad.stream.source import PictureFormat

COMPARED = 24
NAMES = ("return", "return psnr, dB", "elsewhere", "elsewhere psnr, dB", "came back", "facades")
_SUMS = 7  # of a town: pairs; ΔE and squared error of the return, the same of elsewhere; facades' pixels, and ΔE times these


@dataclass(frozen=True)
class LoopTown:
    """A town with its circuit; ``lap`` frames make a lap."""

    town: EvaluationTown
    lap: int


def open_circuit(seed: int, form: PictureFormat) -> LoopTown:
    """At a model's size and rate. Raises ``ValueError`` for a town without a way back, or a lap of too few frames."""
    circuit = closed_circuit(seed, COMPARED, form.frame_rate_hz)
    if circuit.lap < 4 * COMPARED:
        raise ValueError(f"{seed}: expected a lap of {4 * COMPARED} frames at least, got {circuit.lap}; use a higher rate")
    return LoopTown(open_scenario(circuit.scenario, circuit.lap + COMPARED, form, seed, ""), circuit.lap)


def loop_measures(sources: Sequence[PictureSource], towns: Sequence[LoopTown]) -> dict[str, dict[str, Measure]]:
    """``NAMES`` of the painter and of each source by its name, over towns.

    Raises ``ValueError`` for a source that ends early.
    """
    painter = np.stack([_sums(PAINTER, loop, _painted(loop)) for loop in towns])
    found = {PAINTER: _measures(painter, painter)}
    for source in sources:
        own = [_sums(source.name, loop, _made(source, loop)) for loop in towns]
        found[source.name] = _measures(np.stack(own), painter)
    return found


def _painted(loop: LoopTown) -> Iterator[tuple[int, Picture]]:
    """Only what is compared: painting is dear."""
    for first in (1, loop.lap // 2 + 1, loop.lap + 1):
        yield from ((i, loop.town.picture(i)) for i in range(first, first + COMPARED))


def _made(source: PictureSource, loop: LoopTown) -> Iterator[tuple[int, Picture]]:
    return ((i, picture) for i, (picture,) in enumerate(source.pictures([loop.town])) if i > 0)


def _measures(own: Float[ndarray, "n q"], painter: Float[ndarray, "n q"]) -> dict[str, Measure]:
    def mean(of: ndarray, top: int, bottom: int = 0) -> Measure:
        return pooled(of, lambda rows: rows[:, top] / rows[:, bottom])

    def psnr(top: int) -> Measure:
        return pooled(own, lambda rows: -10 * np.log10(rows[:, top] / rows[:, 0]))

    returned, elsewhere, floor = mean(own, 1), mean(own, 3), mean(painter, 1)
    came_back = combined(lambda a, b, c: (a - b) / (a - c), elsewhere, returned, floor)
    values = (returned, psnr(2), elsewhere, psnr(4), came_back, mean(own, 6, 5))
    return dict(zip(NAMES, values, strict=True))


def _sums(name: str, loop: LoopTown, pictures: Iterator[tuple[int, Picture]]) -> Float[ndarray, "q"]:
    """Of one town: pictures are read once, and those of the first lap that are compared are kept."""
    kept: dict[int, Picture] = {}
    sums = np.zeros(_SUMS)
    half = loop.lap // 2
    for i, picture in pictures:
        if i <= COMPARED:
            kept[i] = picture
        elif 1 <= i - half <= COMPARED:
            sums[3:5] += _apart(kept[i - half], picture)
        elif i > loop.lap:
            first = kept[i - loop.lap]
            sums[:3] += (1.0, *_apart(first, picture))
            sums[5:] += _facades(loop.town, i, first, picture)
        if i == loop.lap + COMPARED:
            return sums
    raise ValueError(f"{name}: expected {loop.lap + COMPARED} frames, got fewer; let it make more")


def _apart(one: Picture, other: Picture) -> tuple[float, float]:
    return float(delta_e(lab(one), lab(other)).mean(dtype=np.float64)), mean_squared_error(one, other)


def _facades(town: EvaluationTown, frame_index: int, one: Picture, other: Picture) -> tuple[float, float]:
    """Pixels of facades, and how much their colours changed times these."""
    masks = town.reference(frame_index).masks
    facades = np.array([town.kind(int(i)) == "facade" for i in masks.ids], bool)
    change = delta_e(mean_colours(lab(one), masks), mean_colours(lab(other), masks))
    return float(masks.pixels[facades].sum()), float((masks.pixels * change)[facades].sum())


def loop_table(columns: dict[str, dict[str, Measure]]) -> str:
    """Markdown: a row a measure, a column a source."""
    lines = [f"| measure | {' | '.join(columns)} |", f"| --- |{' ---: |' * len(columns)}"]
    for name in NAMES:
        cells = [" ".join(numbers(of[name].to_json())) if of[name].valid else "–" for of in columns.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = ModuleParser("everroad.evaluation.loop_test", __doc__)
    parser.add_argument("--towns", type=whole_number(1, 1000), default=2)
    parser.add_argument("--preset", default="town")
    parser.add_argument("--weights", type=Path, action="append", default=[], help="a .safetensors file; may be repeated")
    asked = parser.parse_args(arguments)
    with parser.exits():
        candidates = load_candidates(asked.weights, asked.preset, zero_memory=False)
        refuse_unlike(candidates)
        towns = [open_circuit(seed, candidates[0].world_model.config) for seed in evaluation_seeds(asked.towns)]
        with torch.inference_mode():
            columns = loop_measures([ModelPictures(of) for of in candidates], towns)
    laps = ", ".join(f"{loop.town.name} {loop.lap}" for loop in towns)
    print(f"Frames of a lap, by town: {laps}; {COMPARED} compared.\n\n{loop_table(columns)}")


if __name__ == "__main__":
    main()
