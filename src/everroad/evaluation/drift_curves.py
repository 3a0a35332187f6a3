"""How far each source drifts, on many towns, by the distance of pictures alone: ``python -m everroad.evaluation.drift_curves``.

    python -m everroad.evaluation.drift_curves nano-0.safetensors nano-1.safetensors chunked=clip-0.safetensors --out drift

The whole evaluation (``everroad evaluate run``) judges every frame by every measure, which on 64 towns takes hours; a drift
ratio needs town-KID of some frames only. Sources whose names differ in a last "-NUMBER" are one method that was trained with
several seeds: its row is their mean, beside the least and the greatest of them.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from numpy import ndarray

from everroad.evaluation.features.files import load_packaged_features
from everroad.evaluation.features.network import FeatureNetwork, as_input
from everroad.evaluation.measure import INVALID, Measure, combined, curve_windows, measures_to_json
from everroad.evaluation.module_command import ModuleParser, whole_number
from everroad.evaluation.progress import say_progress
from everroad.evaluation.reference import EvaluationTown, evaluation_seeds, open_town
from everroad.evaluation.report.tree import numbers
from everroad.evaluation.run.distances import kernel_between, others_by_town
from everroad.evaluation.run.painting import own_pictures
from everroad.evaluation.run.shown import View, as_batch, resized, view_of
from everroad.evaluation.sources.open import open_sources
from everroad.evaluation.sources.types import Picture, PictureSource
from everroad.evaluation.trunk import fold_normalisation
from everroad.scenario.files import write_atomically
from everroad.stream.folder import check_can_be_made, empty_folders_go
from everroad.stream.hardware import Stopwatch, describe_hardware, usable_device, versions
from everroad.training.ship import git_commit

FORMAT, FORMAT_VERSION = "everroad.evaluation.drift", 1
MODULE = "everroad.evaluation.drift_curves"
STRIDE = 4
REPORT, TABLE = "drift.json", "drift.md"
RATIO = "drift ratio"
ByFrame = dict[int, Float[ndarray, "n p"]]


def drift_curves(
    sources: Sequence[PictureSource],
    towns: Sequence[EvaluationTown],
    others: Sequence[EvaluationTown],
    frames: int,
    *,
    processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, dict[str, Measure]]:
    """By source: town-KID above the painter's floor in each window of 40 frames (``measure.curve_windows``), of every fourth
    frame, and its last window over its first. The reference is the painter's pictures of ``others``.

    Raises ``ValueError`` for fewer frames than two windows have.
    """
    windows = curve_windows(frames)
    if len(windows) < 2:
        raise ValueError(f"frames: expected 80 at least, two windows of 40, got {frames}; ask for more")
    wanted = [i for window in windows for i in range(window.first, window.last + 1, STRIDE)]
    network = load_packaged_features()[0]
    fold_normalisation(network)
    views = [view_of(town) for town in towns]
    further, painter = (_of_painter(network, of, wanted, processes) for of in ([view_of(town) for town in others], views))
    seen: dict[str, ByFrame] = {}
    for done, source in enumerate(sources):
        seen[source.name] = {}
        for i, pictures in _until(source, towns, wanted[-1]):
            if i in set(wanted):
                seen[source.name][i] = features_of(network, pictures, views)
            if progress is not None:
                progress((done * (wanted[-1] + 1) + i + 1) * len(towns), len(sources) * (wanted[-1] + 1) * len(towns))
    found: dict[str, dict[str, Measure]] = {}
    for name, of in seen.items():
        curve: dict[str, Measure] = {}
        for window in windows:
            at = [i for i in wanted if window.first <= i <= window.last]
            own, floor = (kernel_between(others_by_town(side, at), others_by_town(further, at)) for side in (of, painter))
            curve[window.name] = combined(lambda a, b: a - b, own, floor)
        first, last = curve[windows[0].name], curve[windows[-1].name]
        found[name] = {**curve, RATIO: ratio(first, last)}
    return found


def ratio(first: Measure, last: Measure) -> Measure:
    """Of a source that begins no further away than the painter itself a ratio says nothing."""
    return combined(lambda late, early: late / early, last, first) if first.value > 0 else INVALID


def features_of(network: FeatureNetwork, pictures: Sequence[Picture], views: Sequence[View]) -> Float[ndarray, "n p"]:
    """Of one picture a town."""
    judged = as_batch([resized(picture, view.camera) for picture, view in zip(pictures, views, strict=True)])
    with torch.no_grad():
        return network.picture_features(network.see(as_input(judged)))[0].numpy()


def _of_painter(network: FeatureNetwork, views: list[View], wanted: Sequence[int], processes: int) -> ByFrame:
    with closing(own_pictures(views, wanted, processes)) as frames:
        return {i: features_of(network, pictures, views) for i, pictures in zip(wanted, frames, strict=True)}


def _until(source: PictureSource, towns: Sequence[EvaluationTown], last: int) -> Iterator[tuple[int, list[Picture]]]:
    stream = source.pictures(towns)
    for i in range(last + 1):
        pictures = next(stream, None)
        if pictures is None:
            raise ValueError(f"{source.name}: expected a picture of frame {i}, got the end; ask for fewer frames")
        yield i, pictures


def by_method(found: dict[str, dict[str, Measure]]) -> dict[str, dict[str, Any]]:
    """Sources that differ in a last number together: the mean of their curves, its ratio, and each seed's."""
    groups: dict[str, list[str]] = {}
    for name in found:
        groups.setdefault(re.sub(r"-\d+(\.safetensors)?$", "", name), []).append(name)
    rows = {}
    for method, names in groups.items():
        windows = [window for window in found[names[0]] if window != RATIO]
        mean = {w: combined(lambda *each: sum(each) / len(each), *(found[name][w] for name in names)) for w in windows}
        rows[method] = {
            "seeds": {name: found[name] for name in names},
            "curve": mean,
            RATIO: ratio(mean[windows[0]], mean[windows[-1]]),
        }
    return rows


def drift_table(rows: dict[str, Any]) -> str:
    """Markdown: a row a method, from a report's rows."""
    windows = list(next(iter(rows.values()))["curve"])
    lines = [f"| source | seeds | {' | '.join(windows)} | {RATIO} | of the seeds, last window |"]
    lines.append(f"| --- | ---: |{' ---: |' * len(windows)} ---: | ---: |")
    for name, row in rows.items():
        cells = [_cell(row["curve"][window], window in (windows[0], windows[-1])) for window in windows]
        late = [of[windows[-1]]["value"] for of in row["seeds"].values() if of[windows[-1]]["valid"]]
        spread = f"{min(late):.3g} to {max(late):.3g}" if len(late) > 1 else "–"
        lines.append(f"| {name} | {len(row['seeds'])} | {' | '.join(cells)} | {_cell(row[RATIO], True)} | {spread} |")
    return "\n".join(lines)


def _cell(measure: dict[str, Any], whole: bool) -> str:
    return "–" if not measure["valid"] else " ".join(numbers(measure)) if whole else numbers(measure)[0]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = ModuleParser(MODULE, __doc__)
    parser.add_argument("sources", nargs="+", help="what everroad evaluate run takes")
    parser.add_argument("--towns", type=whole_number(2, 1000), default=64)
    parser.add_argument("--frames", type=whole_number(80, 100_000), default=240)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=whole_number(1, 1024))
    parser.add_argument("--out", type=Path, required=True, help=f"folder for {REPORT} and {TABLE}")
    asked = parser.parse_args(arguments)
    command = shlex.join(["python", "-m", MODULE, *(sys.argv[1:] if arguments is None else arguments)])
    with parser.exits(), empty_folders_go(asked.out / REPORT):
        check_can_be_made(asked.out, "--out")
        report = _report(asked, command)
        text = drift_table(report["rows"])
        asked.out.mkdir(parents=True, exist_ok=True)
        write_atomically(asked.out / REPORT, (json.dumps(report, indent=1, allow_nan=False) + "\n").encode())
        write_atomically(asked.out / TABLE, (text + "\n").encode())
    print(text)


def _report(asked: argparse.Namespace, command: str) -> dict[str, Any]:
    device = usable_device(asked.device)
    if asked.threads is not None:
        torch.set_num_threads(asked.threads)
    opened = open_sources(asked.sources, steps=None, device=device, dtype=asked.dtype, watch=Stopwatch(device))
    if any(of.runs for of in opened):
        raise ValueError("drift: expected models and baselines, got recorded runs; use everroad evaluate run")
    form = opened[0].format
    assert form is not None
    towns, others = (
        [open_town(seed, asked.frames, form) for seed in seeds]
        for seeds in (evaluation_seeds(asked.towns), evaluation_seeds(2 * asked.towns)[asked.towns :])
    )
    with torch.inference_mode():
        found = drift_curves(
            [of.source for of in opened], towns, others, asked.frames, processes=torch.get_num_threads(), progress=say_progress
        )
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "protocol": {
            "measure": "town-KID above the painter's floor, against other towns",
            "towns": [town.seed for town in towns],
            "other_towns": [town.seed for town in others],
            "frames": asked.frames,
            "every": STRIDE,
            "height_px": form.height_px,
            "width_px": form.width_px,
        },
        "sources": {of.source.name: dict(of.source.described()) for of in opened},
        "rows": measures_to_json(by_method(found)),
        "hardware": describe_hardware(device),
        "versions": versions(),
        "git_commit": git_commit(),
        "date": str(datetime.now(UTC).date()),
        "command": command,
    }


if __name__ == "__main__":
    main()
