"""The sheet of generated events in the docs: ``python -m everroad.evaluation.events_sheet --out docs/events.png``.

Every event is staged in a town, five seconds around its moment are generated with packaged weights, and five of the frames go
into the sheet, above the conditions they were generated from. Runs are kept in ``--runs`` and taken up again.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from everroad.conditions.show import draw_conditions
from everroad.media import contact_sheet, read_image, write_png
from everroad.model.checkpoint import load_packaged
from everroad.scenario.edit.time import cut
from everroad.scenario.events.stage import stage_in_town
from everroad.stream.folder import FRAMES, REPORT
from everroad.stream.run import generate_run
from everroad.stream.source import make_source

# Towns where each event fits, on a day or at dusk.
TOWNS: dict[str, int] = {
    "cut-in": 3,
    "hard-brake": 9,
    "stopped-lead": 12,
    "pull-out": 9,
    "oncoming-drift": 3,
    "pedestrian-crossing": 1_000_003,
    "cyclist-crossing": 9,
    "left-turn-across": 1_000_003,
    "red-light": 0,
    "crossing-path": 72,
}
BEFORE, LENGTH, SHOWN = 30, 60, (10, 20, 30, 40, 50)  # frames before the moment, generated, and shown
WIDTH_PX, HEIGHT_PX = 152, 87


def event_rows(name: str, runs: Path) -> tuple[list[np.ndarray], list[str]]:
    """The pictures of one event, generated and then conditions, with their labels."""
    world_model, card = load_packaged("town")
    staged = stage_in_town(name, TOWNS[name])
    first = max(round(staged.at_s * 12) - BEFORE, 0)
    scenario = cut(staged.scenario, first, min(first + LENGTH, len(staged.scenario) - 1))
    folder = runs / name
    if not (folder / REPORT).is_file():
        generate_run(world_model, card, scenario, folder, png=True, reference=False, overwrite=True)
    source = make_source(scenario, world_model.config)
    generated = [read_image(folder / FRAMES / f"{i:06d}.png") for i in SHOWN]
    conditions = [draw_conditions(source.conditions(i)) for i in SHOWN]
    pictures = [cv2.resize(p, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA) for p in generated + conditions]
    labels = [f"{name} {i}" if k == 0 else str(i) for k, i in enumerate(SHOWN)]
    return pictures, [*labels, *[""] * len(SHOWN)]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="PNG to write")
    parser.add_argument("--runs", type=Path, default=Path("out/events"), help="folder of the runs")
    chosen = parser.parse_args(arguments)
    pictures, labels = [], []
    for name in TOWNS:
        more = event_rows(name, chosen.runs)
        pictures += more[0]
        labels += more[1]
        print(name, flush=True)
    write_png(chosen.out, contact_sheet(pictures, labels, len(SHOWN)))


if __name__ == "__main__":
    main()
