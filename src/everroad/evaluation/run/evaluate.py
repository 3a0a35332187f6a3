"""``evaluate``: picture sources and towns in, the whole report out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from everroad.evaluation.measure import DRAWS, Measure, Window, combined, measures_to_json
from everroad.evaluation.persistence import LEAST_PX
from everroad.evaluation.plausibility.measures import plausibility, plausibility_sums
from everroad.evaluation.protocols import Protocol
from everroad.evaluation.reference import EvaluationTown
from everroad.evaluation.run.drift import drift
from everroad.evaluation.run.film import Film
from everroad.evaluation.run.frames_file import PART, FramesFile, layout_iou
from everroad.evaluation.run.judges import Judges
from everroad.evaluation.run.loop import judge_all
from everroad.evaluation.run.measures import Compared, Tree
from everroad.evaluation.run.observer import WHOLE_EVERY
from everroad.evaluation.run.others import look_at_others
from everroad.evaluation.run.records import Trace
from everroad.evaluation.run.shown import KEY_FRAME_HZ, LEAST_SEEN_PX, view_of
from everroad.evaluation.sources.types import PictureSource
from everroad.stream.hardware import Stopwatch, describe_hardware, versions
from everroad.training.ship import git_commit

FORMAT, FORMAT_VERSION = "everroad.evaluation.run", 1
WORST_WINDOW, WORST_CASES = 40, 8


@dataclass(frozen=True)
class Evaluation:
    """The report in JSON's types, and the film that its strips are cut from."""

    report: dict[str, Any]
    film: Film


def evaluate(
    sources: Sequence[PictureSource],
    towns: Sequence[EvaluationTown],
    others: Sequence[EvaluationTown],
    protocol: Protocol,
    judges: Judges,
    folder: Path,
    *,
    device: torch.device,
    threads: int,
    command: str | None = None,
    watch: Stopwatch | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Every measure of ``sources`` on ``towns``, with ``others``, further towns of the painter's, as what distances are to.

    ``frames.jsonl.part`` is written into ``folder`` while it goes on (``report.document`` makes it part of the report, or takes
    it away). Raises ``ValueError`` for sources whose pictures do not fit.
    """
    watch = Stopwatch(device) if watch is None else watch
    film = Film(protocol.frames)
    names = ["painter", *(source.name for source in sources)]
    with (folder / PART).open("w", encoding="utf-8") as file:
        lines = FramesFile(file, names, [town.name for town in towns])

        def look(frame_index: int, pictures: Any, traces: Any) -> None:
            film.look(frame_index, pictures, traces)
            lines.look(frame_index, pictures, traces)

        seen = judge_all(sources, towns, protocol, judges, device, watch, threads=threads, look=look, progress=progress)
    further = look_at_others(others, protocol, judges.features, judges.public, device, watch, threads)
    with watch.stage("measures"):
        boxes: dict[tuple[int, Window], Tree] = {}
        compared = [Compared(own, seen.painter, further, towns, protocol, boxes) for own in (seen.painter, *seen.sources)]
        columns = [_column(of) for of in compared]
        official = [of.official() for of in compared]
        plausible = plausibility([plausibility_sums(town.source.scenario)[: protocol.frames + 1] for town in towns])
    described: list[Mapping[str, Any]] = [{"kind": "painter"}, *(source.described() for source in sources)]
    report = {
        **_protocol_json(towns, others, protocol, judges, device, threads, command),
        "sources": [
            {
                "name": name,
                "described": dict(of),
                **measures_to_json(column),
                "official detection scores": scores,
                "worst": _worst(own, seen.painter, towns),
            }
            for name, of, column, scores, own in zip(
                names, described, columns, official, (seen.painter, *seen.sources), strict=True
            )
        ],
        "differences": _differences(names[1:], columns[1:]),
        "scenarios plausible": measures_to_json(plausible),
        "seconds": watch.total_s(),
    }
    return Evaluation(report, film)


def _column(compared: Compared) -> dict[str, Any]:
    whole, curve = compared.measures(), compared.curve()
    return {"measures": whole, "curve": curve, "drift": drift(compared, curve, whole)}


def _differences(names: Sequence[str], columns: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of every source but the first: its measures less the first's, on the same draws of towns."""
    found = []
    for name, column in list(zip(names, columns, strict=True))[1:]:
        less = {part: _less(column[part], columns[0][part]) for part in ("measures", "drift")}
        found.append({"name": f"{name} less {names[0]}", **measures_to_json(less)})
    return found


def _less(tree: Tree, other: Tree) -> Tree:
    return {
        name: combined(lambda a, b: a - b, of, other[name]) if isinstance(of, Measure) else _less(of, other[name])
        for name, of in tree.items()
    }


def _worst(own: Trace, painter: Trace, towns: Sequence[EvaluationTown]) -> list[dict[str, Any]]:
    """The stretches of frames where the layout is followed least, as a share of the painter's own agreement."""
    cases = []
    for first in range(1, own.frames + 1, WORST_WINDOW):
        last = min(first + WORST_WINDOW - 1, own.frames)
        if last - first + 1 < min(WORST_WINDOW, own.frames):
            break
        for i, town in enumerate(towns):
            of = [
                [value for record in trace.records[first : last + 1] if (value := layout_iou(record[i])) is not None]
                for trace in (own, painter)
            ]
            if sum(of[1]) > 0:
                cases.append(
                    {"town": town.name, "first": first, "last": last, "layout share": round(sum(of[0]) / sum(of[1]), 4)}
                )
    return sorted(cases, key=lambda case: case["layout share"])[:WORST_CASES]


def _protocol_json(
    towns: Sequence[EvaluationTown],
    others: Sequence[EvaluationTown],
    protocol: Protocol,
    judges: Judges,
    device: torch.device,
    threads: int,
    command: str | None,
) -> dict[str, Any]:
    camera, judged = towns[0].source.camera, view_of(towns[0]).camera
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "protocol": {
            **protocol.to_json(),
            "made_at_hz": towns[0].source.scenario.frame_rate_hz,
            "scenarios": [town.name for town in towns],
            "scenarios_of_the_source": protocol.scenarios,
            "noise_seeds": [town.seed for town in towns],
            "other_towns": [town.name for town in others],
            "height_px": camera.height_px,
            "width_px": camera.width_px,
            "judged_height_px": judged.height_px,
            "judged_width_px": judged.width_px,
            "camera": camera.name,
            "key_frames_hz": KEY_FRAME_HZ,
            "flow_ego_motion_and_identity_every": WHOLE_EVERY,
            "least_seen_px": LEAST_SEEN_PX,
            "least_instance_px": LEAST_PX,
            "bootstrap_draws": DRAWS,
        },
        "judges": {name: dict(card) for name, card in judges.cards.items()},
        "public_networks": None if judges.public is None else [dict(of) for of in judges.public.described()],
        "hardware": describe_hardware(device),
        "device": str(device),
        "threads": threads,
        "versions": versions(),
        "git_commit": git_commit(),
        "command": command,
    }
