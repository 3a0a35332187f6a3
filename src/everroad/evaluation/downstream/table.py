"""The downstream report as tables in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from everroad.evaluation.downstream.score import CARS

HEADLINES = (CARS, "mAP", "NDS")
Row = Mapping[str, Any]


def downstream_tables(report: Mapping[str, Any]) -> str:
    """What training on each kind of pictures gains, by class, and what detectors find in the model's own video."""
    rows: Mapping[str, Row] = report["rows"]
    trained = {kind: row for kind, row in rows.items() if kind != "shipped"}
    classes = [name for name in rows["real"]["scores"] if name.startswith("AP ") and rows["real"]["scores"][name]["valid"]]
    protocol = report["protocol"]
    of = f"{protocol['towns']} evaluation towns of {protocol['frames']} frames; seeds of each detector: {protocol['seeds']}"
    return "\n\n".join(
        [
            f"Trained on each, scored on the painter's pictures ({of}; 95 % intervals over towns):",
            _table(
                ["trained on", *HEADLINES, *(f"gain, {name}" for name in HEADLINES), *(f"share, {name}" for name in HEADLINES)],
                [
                    [kind, *_cells(row, "scores"), *_cells(row, "gain", signed=True), *_cells(row, "share")]
                    for kind, row in trained.items()
                ],
            ),
            "Each seed, scored on the painter's pictures:",
            _table(
                ["trained on", *HEADLINES],
                [[kind, *(", ".join(map(_number, row["seeds"][name])) for name in HEADLINES)] for kind, row in trained.items()],
            ),
            "AP by class, scored on the painter's pictures (classes that the towns have):",
            _table(["trained on", *classes], [[kind, *_cells(row, "scores", classes)] for kind, row in trained.items()]),
            "The reverse: scored on the model's pictures, and that as a share of the same detectors' scores on the painter's:",
            _table(
                ["trained on", *HEADLINES, *(f"share, {name}" for name in HEADLINES)],
                [[kind, *_cells(row, "on generated"), *_cells(row, "kept")] for kind, row in rows.items()],
            ),
        ]
    )


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    ruler = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ruler, *lines])


def _cells(row: Row, part: str, names: Sequence[str] = HEADLINES, *, signed: bool = False) -> list[str]:
    of = row.get(part)
    show: Callable[[float | None], str] = _signed if signed else _number
    return ["-" if of is None else _with_interval(of[name], show) for name in names]


def _with_interval(measure: Mapping[str, Any], show: Callable[[float | None], str]) -> str:
    interval = measure["interval"]
    return show(measure["value"]) + (f" [{show(interval[0])}, {show(interval[1])}]" if interval else "")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.3f}"
