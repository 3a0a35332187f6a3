"""The report of the ablation test as a table in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HEAD = ("part", "way", "towns", "ΔE*ab", "change", "by", "agreement: unaltered → altered video", "follows", "verdict")


def ablation_rows(report: Mapping[str, Any]) -> list[list[str]]:
    """The head, then one row an alteration. Agreements are with what the town asks, then with what the alteration asks."""
    return [list(_HEAD), *(_cells(of) for of in report["alterations"].values())]


def ablation_table(report: Mapping[str, Any]) -> str:
    """The same in Markdown."""
    head, *rows = [f"| {' | '.join(row)} |" for row in ablation_rows(report)]
    return "\n".join([head, "| --- | --- | ---: | ---: | ---: | --- | --- | ---: | --- |", *rows])


def _cells(of: Mapping[str, Any]) -> list[str]:
    pairs = [
        f"{_value(of['agreement'][f'unaltered video, {asker}'])} → {_value(of['agreement'][f'altered video, {asker}'])}"
        for asker in ("town", "alteration")
        if f"altered video, {asker}" in of["agreement"]
    ]
    cells = [of["part"], of["way"], str(of["towns altered"]), _value(of["colour difference"]), _with_interval(of["change"])]
    return [*cells, of["yardstick"] or "-", "; ".join(pairs) or "-", _with_interval(of["follows"]), of["verdict"]]


def _value(measure: Mapping[str, Any]) -> str:
    return f"{measure['value']:.2f}" if measure["valid"] else "-"


def _with_interval(measure: Mapping[str, Any]) -> str:
    interval = measure["interval"]
    return _value(measure) + (f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else "")
