"""From what a user names to picture sources: a packaged model, a weights file, a training, or recorded runs."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from everroad.evaluation.baselines.sources import NAMES as BASELINES
from everroad.evaluation.baselines.sources import open_source
from everroad.evaluation.candidates import Candidate
from everroad.evaluation.sources.model import ModelPictures
from everroad.evaluation.sources.run_folder import RunFacts, RunPictures, picture_size, run_facts
from everroad.evaluation.sources.types import PictureSource
from everroad.model.checkpoint import load_packaged, load_world_model
from everroad.model.presets import PRESETS, get_preset
from everroad.stream.folder import holds_a_run
from everroad.stream.hardware import Stopwatch
from everroad.training.run_model import holds_a_training, load_run_model


@dataclass(frozen=True)
class Format:
    """Size and rate of a source's pictures."""

    height_px: int
    width_px: int
    frame_rate_hz: float


@dataclass(frozen=True)
class OpenSource:
    """A source, the format of its pictures (``None``: any), and the recorded runs that it is made of, if it is."""

    source: PictureSource
    format: Format | None
    runs: tuple[RunFacts, ...] = ()


def open_sources(
    named: Sequence[str], *, steps: int | None, device: torch.device, dtype: str, watch: Stopwatch
) -> list[OpenSource]:
    """Of each name: a preset with packaged weights, a .safetensors file, a training's folder, a run folder of ``everroad
    generate``, a folder of such, or a baseline, where it learns with its file: ``repeat``, ``chunked=clip.safetensors``.

    Raises ``ValueError`` for what is none of these, and for sources of different formats.
    """
    titles = _titles(named)
    found = []
    for name, title in zip(named, titles, strict=True):
        path = Path(name)
        baseline, is_with, weights = name.partition("=")
        if baseline in BASELINES:
            if is_with and not weights:
                raise ValueError(f"'{name}': expected the file of the baseline's weights after =, got nothing; name it")
            found.append(_baseline(baseline, Path(weights) if weights else None, dtype, device))
            continue
        runs = _runs(path)
        if runs:
            found.append(OpenSource(RunPictures(title, runs), _form_of(runs), runs))
            continue
        if name in PRESETS and not path.exists():
            model, card = load_packaged(name)
        elif holds_a_training(path):
            model, card = load_run_model(path)
        elif path.is_dir():
            raise ValueError(f"{path}: expected a run, a training or a folder of runs, got another folder; name one")
        else:
            _refuse_unknown(name, path)
            model, card = load_world_model(path)
        config = model.config
        candidate = Candidate(title, model, card)
        form = Format(config.height_px, config.width_px, config.frame_rate_hz)
        found.append(OpenSource(ModelPictures(candidate, steps, device, dtype, watch), form))
    return _of_one_format(found)


def _baseline(name: str, weights: Path | None, dtype: str, device: torch.device) -> OpenSource:
    """A baseline's format is that of its weights; without any, of whatever stands beside it."""
    source = open_source(name, weights, dtype=dtype, device=str(device))
    config = getattr(getattr(source, "model", None), "config", None)
    return OpenSource(source, None if config is None else Format(config.height_px, config.width_px, config.frame_rate_hz))


def _of_one_format(found: Sequence[OpenSource]) -> list[OpenSource]:
    formats = {of.format for of in found if of.format is not None}
    if len(formats) > 1:
        got = ", ".join(sorted(f"{of.height_px}x{of.width_px} at {of.frame_rate_hz:g} Hz" for of in formats))
        raise ValueError(f"evaluate: expected sources of one size and rate, got {got}; evaluate them one by one")
    town = get_preset("town")
    form = next(iter(formats), Format(town.height_px, town.width_px, town.frame_rate_hz))
    return [replace(of, format=form) for of in found]


def _runs(path: Path) -> tuple[RunFacts, ...]:
    if not path.is_dir():
        return ()
    if holds_a_run(path):
        return (run_facts(path),)
    return tuple(run_facts(inner) for inner in sorted(path.iterdir()) if inner.is_dir() and holds_a_run(inner))


def _form_of(runs: Sequence[RunFacts]) -> Format:
    """The size and rate that all runs of a source have."""
    forms = [Format(*picture_size(run.folder), run.frame_rate_hz) for run in runs]
    for run, form in zip(runs, forms, strict=True):
        if form != forms[0]:
            first, other = (f"{of.height_px}x{of.width_px} at {of.frame_rate_hz:g} Hz" for of in (forms[0], form))
            raise ValueError(f"{run.folder}: expected pictures of {first} as in {runs[0].folder}, got {other}; keep them apart")
    return forms[0]


def _refuse_unknown(name: str, path: Path) -> None:
    """What looks like no file's name and is none was meant as a preset or a baseline."""
    if path.exists() or path.suffix == ".safetensors" or len(path.parts) > 1:
        return
    known = [*PRESETS, *BASELINES]
    near = difflib.get_close_matches(name.partition("=")[0], known, n=1)
    wanted = f"a file, a folder or one of {', '.join(known)}"
    if name == "painter":
        raise ValueError(f"'{name}': expected {wanted}, got the painter, which every report has anyway; name another")
    hint = f"did you mean '{near[0]}'?" if near else "everroad evaluate run --help says what a source may be"
    raise ValueError(f"'{name}': expected {wanted}, got no such thing; {hint}")


def _titles(named: Sequence[str]) -> list[str]:
    """Short names where these differ, else the names as they were given."""
    short = [name.partition("=")[0] if name.partition("=")[0] in BASELINES else name for name in named]
    short = [Path(name).stem if name.endswith(".safetensors") else Path(name).name or name for name in short]
    places = [str(Path(name).resolve()) if Path(name).exists() else name for name in named]
    if len(set(places)) < len(places):
        raise ValueError(f"evaluate: expected different sources, got {', '.join(named)}; name each once")
    titles = short if len(set(short)) == len(short) else list(named)
    return ["painter's run" if title == "painter" else title for title in titles]
