"""Which way each measure of consistency moves under damage: ``python -m everroad.evaluation.consistency.damage_table``.

The painter's own pictures of the first evaluation towns, as they are and with each damage of ``made_damage``, beside the
painter; and how well the ego motion is read off the undamaged ones. Tables in Markdown.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from everroad.conditions.rig import fit_camera, front_camera
from everroad.evaluation.consistency.records import (
    ConsistencyRecord,
    KnownFrame,
    Prepared,
    consistency,
    consistency_record,
    prepare,
)
from everroad.evaluation.made_damage import MADE_DAMAGE, Picture
from everroad.evaluation.measure import Window
from everroad.evaluation.reference import evaluation_seeds
from everroad.render.painter import Painter
from everroad.scenario.town import author_town

FRAME_RATE_HZ = 12.0
DAMAGE: dict[str, Callable[[Iterable[Picture]], Iterator[Picture]]] = {"painter": iter, **MADE_DAMAGE}


def painted(seed: int, frames: int, height_px: int, width_px: int) -> tuple[list[Picture], list[Prepared]]:
    """Pictures 0 to ``frames`` of a town, and what a record needs of each."""
    town = author_town(seed, seconds=(frames + 1) / FRAME_RATE_HZ, frame_rate_hz=FRAME_RATE_HZ)
    camera, painter = fit_camera(front_camera(town.cameras), height_px, width_px), Painter(town)
    pictures, prepared, before = [], [], None
    for i in range(frames + 1):
        made = painter.paint(town.frame(i), camera, frozenset({"rgb", "depth", "semantic", "instance"}))
        assert made.rgb is not None
        assert made.depth_m is not None
        assert made.semantic is not None
        assert made.instance is not None
        pose = town.world_from_ego.matrix(i)
        now = KnownFrame(float(town.time_s[i]), pose, camera, made.depth_m, made.semantic, made.instance)
        pictures.append(made.rgb)
        prepared.append(prepare(now, before))
        before = now
    return pictures, prepared


def damage_table(towns: int, frames: int, height_px: int, width_px: int) -> str:
    """Rows are measures of frames 1 to ``frames``, columns the damage; below it the errors of the ego motion, undamaged."""
    records: dict[str, list[list[ConsistencyRecord]]] = {name: [[] for _ in range(frames + 1)] for name in DAMAGE}
    for seed in evaluation_seeds(towns):
        pictures, prepared = painted(seed, frames, height_px, width_px)
        for name, damage in DAMAGE.items():
            previous = None
            for i, picture in enumerate(damage(pictures)):
                records[name][i].append(consistency_record(picture, previous, prepared[i]))
                previous = picture
    window = Window(1, frames)
    found = {name: consistency(of, records["painter"], [window])[window.name] for name, of in records.items()}
    lines = [f"| measure | {' | '.join(DAMAGE)} |", f"| --- |{' ---: |' * len(DAMAGE)}"]
    for kind, measures in found["painter"].items():
        for name in measures:
            values = [found[damage][kind][name] for damage in DAMAGE]
            cells = [f"{value.value:.3f}" if value.valid else "-" for value in values]
            lines.append(f"| {kind}: {name} | {' | '.join(cells)} |")
    ego = [record.ego for of_frame in records["painter"] for record in of_frame if record.ego.asked_mps > 1]
    if ego:
        speeds = [abs(of.shown_mps / of.asked_mps - 1) for of in ego]
        turns = [abs(np.degrees(of.shown_radps - of.asked_radps)) for of in ego]
        lines.append(f"\nEgo motion, {len(ego)} frames faster than 1 m/s, whether readable or not:")
        lines.append(f"relative error of speed {np.median(speeds):.4f} (median), {np.quantile(speeds, 0.9):.4f} (90 %);")
        lines.append(f"of the yaw rate {np.median(turns):.3f} deg/s (median), {np.quantile(turns, 0.9):.3f} (90 %).")
    return "\n".join(lines)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("towns", 4), ("frames", 40), ("height-px", 128), ("width-px", 224)):
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    print(damage_table(asked.towns, asked.frames, asked.height_px, asked.width_px))


if __name__ == "__main__":
    main()
