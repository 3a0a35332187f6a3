"""Which way every measure moves under damage made to order: ``python -m everroad.evaluation.damage_report --out out/damage``.

The whole evaluation of the painter's own pictures, as they are and damaged (``damaged_sources``), on the same evaluation towns.
Writes ``damage.md``, a table of damage by measure and the check of ``EXPECTED``, beside the report itself.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from everroad.evaluation.damaged_sources import damaged_sources, remembering
from everroad.evaluation.module_command import ModuleParser, whole_number
from everroad.evaluation.progress import say_progress
from everroad.evaluation.protocols import get_protocol
from everroad.evaluation.reference import evaluation_seeds, open_town
from everroad.evaluation.report.document import check_folder, made_whole, write_report
from everroad.evaluation.report.headline import ROWS as HEADLINE
from everroad.evaluation.report.headline import Row
from everroad.evaluation.report.tree import at, numbers
from everroad.evaluation.run.evaluate import Evaluation, evaluate
from everroad.evaluation.run.judges import Judges, load_judges
from everroad.evaluation.sources.painter import PainterPictures
from everroad.model.presets import get_preset
from everroad.scenario.files import write_atomically

MODULE, PAGE = "everroad.evaluation.damage_report", "damage.md"
UNDAMAGED = "undamaged"
_KNOWN, _FLOW, _EGO = (("consistency", of) for of in ("known motion", "estimated flow", "ego motion"))
# What the headline does not have: how pictures follow each other, and vehicles alone.
ROWS: tuple[Row, ...] = (
    *(row for row in HEADLINE if row.path[0] != "drift"),
    Row("layout share of vehicles", ("layout", "share vehicle")),
    Row("contrast", ("pictures", "contrast")),
    Row("warp error", (*_KNOWN, "warp error")),
    Row("warp error to detail", (*_KNOWN, "warp error to detail")),
    Row("left by motion", (*_KNOWN, "left by motion")),
    Row("static flicker", (*_KNOWN, "static flicker")),
    Row("light flicker", (*_KNOWN, "light flicker")),
    Row("still frames", (*_KNOWN, "still frames")),
    Row("warp error, estimated flow", (*_FLOW, "warp error")),
    Row("yaw rate error, deg/s", (*_EGO, "yaw rate error, deg/s")),
)
UP, DOWN = 1, -1
# What must move, and which way, by damage and the row's title. What is not listed may do as it likes.
EXPECTED: dict[str, dict[str, int]] = {
    "blur": {
        "gradient energy": DOWN, "contrast": DOWN, "town-KID above floor": UP, "town-FVD": UP, "layout share": DOWN,
        "warp error": DOWN,
    },
    "noise": {
        "gradient energy": UP, "town-KID above floor": UP, "town-FVD": UP, "warp error": UP, "left by motion": UP,
        "layout share": DOWN,
    },
    "colour shift": {"colour error, ΔE*ab": UP, "town-KID above floor": UP},
    "frozen": {
        "still frames": UP, "left by motion": UP, "layout share": DOWN, "ego speed error": UP, "town-FVD": UP,
        "warp error, estimated flow": DOWN,
    },
    "shuffled": {"layout share": DOWN, "left by motion": UP, "warp error": UP, "ego speed error": UP, "town-FVD": UP},
    "flicker": {"light flicker": UP, "static flicker": UP, "warp error": UP, "colour error, ΔE*ab": UP},
    "swapped layout": {"layout share": DOWN, "share of car AP": DOWN, "share of map mAP": DOWN, "left by motion": UP},
    "a car removed": {"layout share of vehicles": DOWN, "share of car AP": DOWN},
    "mirrored map": {"layout share": DOWN, "share of car AP": DOWN, "share of map mAP": DOWN, "left by motion": UP},
}  # fmt: skip


@dataclass(frozen=True)
class Check:
    """One expectation. ``held``: the interval of the difference from the undamaged lies on that side of none, whole."""

    damage: str
    measure: str
    way: int
    difference: Mapping[str, Any]

    @property
    def held(self) -> bool:
        return moved(self.difference) == self.way


def damage_evaluation(
    towns: int, frames: int, judges: Judges, folder: Path, command: str | None = None, **how: Any
) -> Evaluation:
    """The evaluation of the undamaged pictures and of those of each damage, at the size of ``town``.

    Clips are the protocol's, or half of the frames where that is less. Raises ``ValueError`` for fewer than two towns.
    """
    named, form = get_protocol("stage-long"), get_preset("town")
    protocol = replace(named, frames=frames, clip_frames=min(named.clip_frames, frames // 2))
    opened = [remembering(open_town(seed, frames, form)) for seed in evaluation_seeds(2 * towns)]
    sources = [PainterPictures(UNDAMAGED), *damaged_sources()]
    return evaluate(
        sources, opened[:towns], opened[towns:], protocol, judges, folder,
        device=torch.device("cpu"), threads=torch.get_num_threads(), command=command, **how,
    )  # fmt: skip


def moved(difference: Mapping[str, Any]) -> int:
    """1, -1, or 0 where the interval of the difference holds 0 or there is none."""
    interval = difference["interval"]
    if interval is None:
        return 0
    return UP if interval[0] > 0 else DOWN if interval[1] < 0 else 0


def check(report: Mapping[str, Any]) -> Iterator[Check]:
    """Every expectation against the report's differences."""
    rows = {row.title: row for row in ROWS}
    for damage, measures in EXPECTED.items():
        found = _difference(report, damage)
        for title, way in measures.items():
            yield Check(damage, title, way, at(found, rows[title].where))


def _difference(report: Mapping[str, Any], damage: str) -> Mapping[str, Any]:
    return next(of for of in report["differences"] if of["name"] == f"{damage} less {UNDAMAGED}")


def damage_table(report: Mapping[str, Any]) -> str:
    """A row a measure, a column a damage; an arrow where the difference is clear, bold where it had to be."""
    columns = [of for of in report["sources"] if of["described"].get("damage") is not None]
    names = [of["name"] for of in columns]
    painter = next(of for of in report["sources"] if of["name"] == UNDAMAGED)
    lines = [f"| measure | painter | {' | '.join(names)} |", f"| --- |{' ---: |' * (1 + len(names))}"]
    for row in ROWS:
        if at(painter, row.where) is None:
            continue
        cells = [_value(at(painter, row.where))]
        for column in columns:
            way = moved(at(_difference(report, column["name"]), row.where))
            cell = f"{_value(at(column, row.where))}{ {UP: ' ↑', DOWN: ' ↓', 0: ''}[way] }"
            cells.append(f"**{cell}**" if row.title in EXPECTED[column["name"]] else cell)
        lines.append(f"| {row.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _value(measure: Mapping[str, Any]) -> str:
    return numbers(measure)[0] if measure["valid"] else "–"


def check_table(checks: Sequence[Check]) -> str:
    """What must move, whether it does, and by how much."""
    lines = ["| damage | measure | must go | by (95 %) | held |", "| --- | --- | --- | ---: | --- |"]
    for of in checks:
        by = " ".join(numbers(of.difference)) if of.difference["valid"] else "–"
        way = "up" if of.way == UP else "down"
        lines.append(f"| {of.damage} | {of.measure} | {way} | {by} | {'held' if of.held else '**not held**'} |")
    return "\n".join(lines)


def document(report: Mapping[str, Any]) -> str:
    """Both tables, and what they come from."""
    protocol, checks = report["protocol"], list(check(report))
    made = (
        f"{len(protocol['scenarios'])} evaluation towns, frames 1 to {protocol['frames']}; {report['hardware']}; "
        f"{datetime.now(UTC).date()}; commit {report['git_commit']}"
    )
    held = f"{sum(of.held for of in checks)} of {len(checks)} held."
    return "\n\n".join([f"    {report['command']}", made + ".", damage_table(report), held, check_table(checks)]) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = ModuleParser(MODULE, __doc__)
    parser.add_argument("--towns", type=whole_number(2, 1000), default=12)
    parser.add_argument("--frames", type=whole_number(4, 100_000), default=48)
    parser.add_argument("--out", type=Path, required=True, help="folder")
    parser.add_argument("--overwrite", action="store_true")
    asked = parser.parse_args(arguments)
    with parser.exits():
        check_folder(asked.out, asked.overwrite)
        judges = load_judges(torch.device("cpu"))
        command = shlex.join(["python", "-m", MODULE, *(sys.argv[1:] if arguments is None else arguments)])
        with made_whole(asked.out):
            found = damage_evaluation(asked.towns, asked.frames, judges, asked.out, command, progress=say_progress)
            write_report(asked.out, found.report, found.film)
            text = document(found.report)
            write_atomically(asked.out / PAGE, text.encode())
    print(text)


if __name__ == "__main__":
    main()
