"""From what a user asks for to the folder of a report: everything is accepted before anything is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from everroad.evaluation.ablation.run import ablate
from everroad.evaluation.protocols import Protocol, get_protocol
from everroad.evaluation.reference import EvaluationTown, evaluation_seeds, open_scenario, open_town
from everroad.evaluation.report.document import check_folder, made_whole, write_report
from everroad.evaluation.run.evaluate import evaluate
from everroad.evaluation.run.judges import load_judges, load_public
from everroad.evaluation.sources.model import ModelPictures
from everroad.evaluation.sources.open import Format, OpenSource, open_sources
from everroad.scenario.sources import read_scenario
from everroad.stream.hardware import Stopwatch, usable_device
from everroad.stream.state import refuse_steps, shortened

MOST_TOWNS, MOST_FRAMES = 1000, 100_000
# A kernel distance needs two towns on each side.
LEAST_OTHERS = 2
ABLATION_TOWNS, ABLATION_FRAMES = 4, 24


@dataclass(frozen=True)
class Asked:
    """What the command line gives: sources by name, where to, on which scenarios, how long, and on what."""

    sources: tuple[str, ...]
    out: Path
    scenarios: tuple[Path, ...] = ()
    protocol: str = "stage-long"
    towns: int = 16
    frames: int | None = None
    steps: int | None = None
    public: bool = False
    ablation: bool = False
    overwrite: bool = False
    device: str = "cpu"
    dtype: str = "float32"
    threads: int | None = None
    command: str | None = None


def evaluate_named(asked: Asked, progress: Callable[[int, int], None] | None = None) -> dict[str, Any]:
    """Runs the evaluation, writes its folder and returns the report.

    Raises ``ValueError`` for whatever is refused, before the folder is made, and for pictures that do not fit, while they come.
    """
    protocol = _protocol(asked)
    check_folder(asked.out, asked.overwrite)
    refuse_steps(asked.steps)
    device = usable_device(asked.device)
    public = load_public(device, protocol) if asked.public else None  # first: what is missing is told at once
    if asked.threads is not None:
        torch.set_num_threads(asked.threads)
    watch = Stopwatch(device)
    opened = open_sources(asked.sources, steps=asked.steps, device=device, dtype=asked.dtype, watch=watch)
    protocol = _as_long_as(protocol, asked, opened)
    judges = load_judges(device, public)
    with watch.stage("scenarios"):
        towns = _towns(asked, protocol, opened)
        others = _others(asked, protocol, _format(opened), towns)
    with made_whole(asked.out):
        found = evaluate(
            [of.source for of in opened], towns, others, protocol, judges, asked.out,
            device=device, threads=torch.get_num_threads(), command=asked.command, watch=watch, progress=progress,
        )  # fmt: skip
        report = found.report
        if asked.ablation:
            report |= {"ablation": _ablation(asked, opened)}
        write_report(asked.out, report, found.film)
    return report


def _ablation(asked: Asked, opened: list[OpenSource]) -> dict[str, Any]:
    """Of each source that is a world model, on a few evaluation towns."""
    return {
        of.source.name: ablate(
            of.source.candidate, towns=ABLATION_TOWNS, frames=ABLATION_FRAMES, steps=asked.steps, device=asked.device,
            dtype=asked.dtype, command=asked.command,
        )
        for of in opened
        if isinstance(of.source, ModelPictures)
    }  # fmt: skip


def _protocol(asked: Asked) -> Protocol:
    named = get_protocol(asked.protocol)
    for name, count, most in (("towns", asked.towns, MOST_TOWNS), ("frames", asked.frames or 1, MOST_FRAMES)):
        if count > most:
            raise ValueError(f"{name}: expected {most} at most, got {shortened(count)}; ask for fewer")
    return named if asked.frames is None else replace(named, frames=asked.frames)


def _as_long_as(protocol: Protocol, asked: Asked, opened: list[OpenSource]) -> Protocol:
    """Recorded runs that are shorter than the protocol are refused, not cut."""
    for of in opened:
        for run in of.runs:
            if run.frames < protocol.frames:
                raise ValueError(
                    f"{run.folder}: expected {protocol.frames} frames for the protocol {protocol.name}, got {run.frames}; "
                    f"use --frames {run.frames}, or another protocol"
                )
        if of.runs and not asked.scenarios:
            raise ValueError(f"{of.source.name}: expected --scenarios with the files that the runs were made from, got none")
        if of.runs and len(of.runs) != len(asked.scenarios):
            raise ValueError(
                f"--scenarios: expected one for each of {len(of.runs)} runs, got {len(asked.scenarios)}; give as many"
            )
    return protocol


def _towns(asked: Asked, protocol: Protocol, opened: list[OpenSource]) -> list[EvaluationTown]:
    form = _format(opened)
    if not asked.scenarios:
        return [open_town(seed, protocol.frames, form) for seed in evaluation_seeds(asked.towns)]
    towns = []
    short = [path.name.removesuffix(".gz").removesuffix(".json") for path in asked.scenarios]
    labels = short if len(set(short)) == len(short) else [f"{i + 1}: {name}" for i, name in enumerate(short)]
    for i, path in enumerate(asked.scenarios):
        scenario = read_scenario(path)
        for of in opened:
            if of.runs and of.runs[i].scenario != scenario.name:
                raise ValueError(
                    f"{of.runs[i].folder}: expected the run of scenario {scenario.name}, got one of {of.runs[i].scenario}; "
                    "give --scenarios in the order of the runs"
                )
        towns.append(open_scenario(scenario, protocol.frames, form, i, labels[i]))
    return towns


def _format(opened: list[OpenSource]) -> Format:
    form = opened[0].format
    assert form is not None
    return form


def _others(asked: Asked, protocol: Protocol, form: Format, towns: list[EvaluationTown]) -> list[EvaluationTown]:
    """Evaluation towns that are not evaluated."""
    used = 0 if asked.scenarios else len(towns)
    count = max(LEAST_OTHERS, len(towns))
    return [open_town(seed, protocol.frames, form) for seed in evaluation_seeds(used + count)[used:]]
