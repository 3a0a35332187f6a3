"""A run's averaged weights as a model file with its card: ``python -m everroad.training.ship RUN --out FILE``, and with
``--decoder RUN``, ``--sketch RUN…`` and ``--finish RUN…`` those of the parts that train alone.

The card holds what is known of the run: data, recipe and its settings, command, hardware, hours, training samples of every
stage, git commit. Runs that began with shipped weights go on from those weights' card (``--after CARD``; that of the packaged
weights is found where the first run began with ``init=packaged``). Runs that did not gain and do not ship are told apart
(``--given-up RUN…``). Scores are added by ``--scores REPORT`` (an ``evaluate quick`` report whose first model this is).
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from everroad.data.addressing import plain
from everroad.model.checkpoint import load_weights, packaged_path, read_safetensors, save_world_model
from everroad.model.presets import get_preset
from everroad.model.world_model import WorldModel
from everroad.stream.folder import DISK_ERRORS
from everroad.stream.hardware import describe_hardware
from everroad.training.block_recipe import PACKAGED
from everroad.training.checkpoint import copy_tensors, load_run_weights
from everroad.training.detail import FinishRecipe, SketchRecipe
from everroad.training.layout_critic import CRITIC
from everroad.training.recipes import RECIPES

DETAIL = "autoencoder.detail."
PAINTED = "towns authored from seeds 0 to 999,999 and painted by everroad.render"
UNRECORDED = "; no recorded picture"


def run_facts(run_dir: Path) -> dict[str, Any]:
    """Recipe, settings, train steps, samples and hours of one run up to its newest checkpoint, from what its folder holds."""
    about = json.loads((run_dir / "recipe.json").read_text())
    recipe = about["recipe"]
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    saved = [int(folder.name) for folder in (run_dir / "checkpoints").glob("[0-9]*")]
    lines = [line for line in lines if not saved or line["train_step"] <= max(saved)]  # a killed run has trained on beyond it
    steps = lines[-1]["train_step"] if lines else 0
    seconds = sum((line["seconds"] + line["seconds_waiting"]) * line["over"] for line in lines)
    return {
        "recipe": recipe["name"],
        "command": " ".join(["everroad train", recipe["name"], *changed_settings(recipe), "--dtype", about["dtype"]]),
        "hardware": about["hardware"],
        "train_steps": steps,
        "samples": (steps - min(steps, _alone_steps(recipe))) * recipe["batch"],
        "hours": round(seconds / 3600, 2),
        "last_loss": round(lines[-1]["loss"], 4) if lines else None,
    }


def _alone_steps(recipe: dict[str, Any]) -> int:
    """Train steps in which a critic learnt and nothing that ships."""
    realism = recipe.get("realism", {})
    return realism.get("alone_steps", 0) if realism.get("weight") else 0


def changed_settings(recipe: dict[str, Any]) -> list[str]:
    """What differs from the named recipe, as overrides; of paths only the last part."""
    named = plain(RECIPES[recipe["name"]]) if recipe["name"] in RECIPES else recipe

    def differences(ours: dict[str, Any], theirs: dict[str, Any], prefix: str) -> list[str]:
        found = []
        for key, value in ours.items():
            if isinstance(value, dict):
                found += differences(value, theirs.get(key, {}), f"{prefix}{key}.")
            elif key in theirs and value != theirs[key]:
                found.append(f"{prefix}{key}={Path(value).name if isinstance(value, str) else value}")
        return found

    return [text for text in differences(recipe, named, "") if not text.startswith("loop.")]


def data_of(run_dirs: Sequence[Path], before: dict[str, Any]) -> str:
    """What the runs were trained on, after what the card of the weights before them says."""
    plans = [json.loads((run / "recipe.json").read_text())["recipe"].get("recorded", {}) for run in run_dirs]
    named = {
        Path(plan["path"]).name + (f" (of each what lies before {plan['until_s']:g} s)" if plan["until_s"] else "")
        for plan in plans
        if plan.get("path")
    }
    data = before.get("data", PAINTED + UNRECORDED)
    return f"{data.removesuffix(UNRECORDED)}; recorded pictures: {', '.join(sorted(named))}" if named else data


def scores_of(report_path: Path) -> dict[str, Any]:
    """What a card says of an ``evaluate quick`` report: the first model's figures beside their bars, and the command, of whose
    paths only the last part is told."""
    report = json.loads(report_path.read_text())
    figures = {
        name: {"value": entry["value"], "bar": entry["bar"]} for name, entry in report["models"][0]["acceptance"].items()
    }
    words = [Path(word).name if word.startswith("/") else word for word in report["command"].split()]
    return {"command": " ".join(words), "figures": figures}


def git_commit() -> str:
    """The commit checked out where this runs, or "unknown"."""
    try:
        out = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True, cwd=Path(__file__).parent
        )
        return out.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def mean_weights(each: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of state dicts of one architecture; what is no number with a fraction is the first one's.

    Raises ``ValueError`` where names or shapes differ.
    """
    first = each[0]
    for other in each[1:]:
        copy_tensors({name: torch.empty_like(tensor) for name, tensor in first.items()}, other, "weights to average")
    return {
        name: torch.stack([weights[name].float() for weights in each]).mean(0) if tensor.is_floating_point() else tensor
        for name, tensor in first.items()
    }


def ship(
    run_dirs: list[Path],
    decoder_dir: Path | None,
    out: Path,
    scores: dict[str, Any] | None,
    earlier: dict[str, Any] | None = None,
    others: Sequence[Path] = (),
    sketch_dirs: Sequence[Path] = (),
    finish_dirs: Sequence[Path] = (),
    given_up_dirs: Sequence[Path] = (),
) -> dict[str, Any]:
    """Writes the averaged weights of the last run in ``run_dirs`` (stages in order) and answers the card, whose runs follow
    those of the ``earlier`` card. ``others`` are files of earlier weights of the same line, whose mean with these ships;
    without a run, they alone. ``sketch_dirs`` and ``finish_dirs`` are the runs, in order, of the networks that add detail;
    ``given_up_dirs`` are runs whose weights do not ship.

    Raises ``ValueError`` for neither a run nor earlier weights with their card, a run of another kind, or a file name
    that is none; ``OSError`` where ``out`` cannot be written.
    """
    if out.suffix != ".safetensors" or out.is_dir() or out.with_suffix(".json").is_dir():
        raise ValueError(f"--out: expected the name of a .safetensors file, got '{out}'; name another")
    for part, runs in (("decoder", [decoder_dir] if decoder_dir else []), ("sketch", sketch_dirs), ("finish", finish_dirs)):
        for run, recipe in ((run, run_facts(run)["recipe"]) for run in runs):
            if not recipe.endswith(f"-{part}"):
                raise ValueError(f"--{part}: expected a run of a {part} recipe, got {recipe} in {run}; name another")
    if not run_dirs and not (others and earlier):
        raise ValueError("ship: expected a run, or --mean-with FILE and --after CARD, got neither; name one")
    preset = _preset(run_dirs[-1]) if run_dirs else (earlier or {})["preset"]
    model = WorldModel(get_preset(preset))
    each = [load_run_weights(run, "ema") for run in run_dirs[-1:]] + [read_safetensors(path)[0] for path in others]
    tensors = mean_weights([{name: t for name, t in weights.items() if not name.startswith(CRITIC)} for weights in each])
    if decoder_dir is not None:
        tensors |= {name: t for name, t in load_run_weights(decoder_dir, "ema").items() if name.startswith(DETAIL)}
    for runs, part in ((sketch_dirs, SketchRecipe.PART), (finish_dirs, FinishRecipe.PART)):
        for run in runs[-1:]:
            tensors |= {name: t for name, t in load_run_weights(run, "ema").items() if name.startswith(part)}
    load_weights(model, tensors, "weights to ship")
    before = earlier or _packaged_card(run_dirs)
    parts = {"stages": run_dirs, "sketch": sketch_dirs, "finish": finish_dirs, "given_up": given_up_dirs}
    told = {part: [*before.get(part, []), *(run_facts(run) for run in runs)] for part, runs in parts.items()}
    card = {
        "data": data_of([run for runs in parts.values() for run in runs] + ([decoder_dir] if decoder_dir else []), before),
        "stages": told["stages"],
        "decoder": run_facts(decoder_dir) if decoder_dir else before.get("decoder"),
        "sketch": told["sketch"],
        "finish": told["finish"],
        "given_up": told["given_up"],
        "mean_of_checkpoints": len(each) if run_dirs or len(each) > 1 else before.get("mean_of_checkpoints", 1),
        "samples": sum(stage["samples"] for stage in told["stages"]),
        "hardware": describe_hardware(torch.device("cpu")),
        "git_commit": git_commit(),
        "scores": scores or {},
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    save_world_model(model, out, card)
    return card


def _packaged_card(run_dirs: Sequence[Path]) -> dict[str, Any]:
    """The card of the weights that the first run began with, where these are the packaged ones."""
    if not run_dirs:
        return {}
    recipe = json.loads((run_dirs[0] / "recipe.json").read_text())["recipe"]
    return json.loads(packaged_path(f"{recipe['preset']}.json").read_text()) if recipe.get("init") == PACKAGED else {}


def _preset(run_dir: Path) -> str:
    return json.loads((run_dir / "recipe.json").read_text())["recipe"]["preset"]


def main() -> None:
    """Parses and ships."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("runs", type=Path, nargs="*", help="run folders of the stages, in order; the last one's weights ship")
    parser.add_argument("--decoder", type=Path, help="run folder of the decoder")
    parser.add_argument("--sketch", type=Path, nargs="+", help="run folders of the sketch's network, in order")
    parser.add_argument("--finish", type=Path, nargs="+", help="run folders of the network that finishes frames, in order")
    parser.add_argument("--given-up", type=Path, nargs="+", help="run folders that did not gain and do not ship")
    parser.add_argument("--out", type=Path, required=True, help="model file to write")
    parser.add_argument("--scores", type=Path, help="report.json of evaluate quick")
    parser.add_argument("--after", type=Path, help="card (.json) of the weights that the first run began with")
    parser.add_argument("--mean-with", type=Path, nargs="+", help="weights of earlier checkpoints, averaged with the last")
    arguments = parser.parse_args()
    try:
        card = _shipped(arguments)
    except (OSError, ValueError) as error:
        full = getattr(error, "errno", None) in DISK_ERRORS
        parser.exit(1 if full else 2, f"{parser.prog}: {error}{'; make room and run it again' if full else ''}\n")
    except (AttributeError, LookupError, RecursionError, TypeError) as error:
        got = f"got a damaged one ({type(error).__name__}: {error}); check them"
        parser.exit(2, f"{parser.prog}: expected run folders, cards and reports as everroad writes them, {got}\n")
    print(f"{arguments.out}: {card['samples']} samples")


def _shipped(arguments: argparse.Namespace) -> dict[str, Any]:
    scores = scores_of(arguments.scores) if arguments.scores else None
    earlier = json.loads(arguments.after.read_text()) if arguments.after else None
    if earlier is not None and "stages" not in earlier:
        raise ValueError(f"--after: expected the card of a model, got another file, {arguments.after}; name another")
    return ship(
        arguments.runs, arguments.decoder, arguments.out, scores, earlier, arguments.mean_with or [], arguments.sketch or [],
        arguments.finish or [], arguments.given_up or [],
    )  # fmt: skip


if __name__ == "__main__":
    main()
