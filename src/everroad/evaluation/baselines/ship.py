"""A baseline's averaged weights as a file with its card: ``python -m everroad.evaluation.baselines.ship RUN --out FILE``.

``--decoder RUN`` puts the learned part of the decoder in, which all models that are compared share. Frame by frame gives a
world model without memory, a clip recipe a clip model; ``sources.open_source`` reads both.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from everroad.evaluation.baselines.clip_files import save_clip_model
from everroad.evaluation.baselines.clip_model import ClipConfig, ClipModel, added_parameters
from everroad.evaluation.baselines.frame_by_frame import without_memory
from everroad.evaluation.module_command import ModuleParser
from everroad.model.checkpoint import load_weights, save_world_model
from everroad.model.config import config_from_json
from everroad.model.presets import get_preset
from everroad.model.world_model import WorldModel
from everroad.stream.folder import check_can_be_made
from everroad.training.checkpoint import load_run_weights
from everroad.training.ship import DETAIL, git_commit, run_facts


def ship_baseline(run: Path, out: Path, decoder: Path | None = None) -> dict[str, Any]:
    """Writes the averaged weights of a run of ``baselines.recipes`` to ``out`` and answers the card.

    Raises ``ValueError`` for a run of another recipe or without a checkpoint, a file name that is none; ``OSError`` where
    ``out`` cannot be written.
    """
    if out.suffix != ".safetensors":
        raise ValueError(f"--out: expected the name of a .safetensors file, got '{out}'; name another")
    check_can_be_made(out, "--out", folder=False)
    recipe = _recipe(run)
    facts, named = run_facts(run), f"train {recipe['name']}"
    facts["command"] = facts["command"].replace(named, f"{named} seed={recipe['seed']}")
    if decoder is not None and not _recipe(decoder)["name"].endswith("-decoder"):
        raise ValueError(f"--decoder: expected a run of a decoder recipe, got {_recipe(decoder)['name']}; name another")
    config, is_clip = get_preset(recipe["preset"]), "clip" in recipe
    model = ClipModel(config, config_from_json(ClipConfig, recipe["clip"])) if is_clip else WorldModel(config)
    tensors = load_run_weights(run, "ema")
    if decoder is not None:
        tensors |= {name: tensor for name, tensor in load_run_weights(decoder, "ema").items() if name.startswith(DETAIL)}
    load_weights(model, tensors, str(run))
    frames = recipe["clip"]["frames"] - sum(recipe["given"]) / len(recipe["given"]) if is_clip else 1
    card = {
        "baseline": recipe["name"],
        "seed": recipe["seed"],
        "stages": [{**facts, "samples": round(facts["samples"] * frames)}],
        "decoder": None if decoder is None else run_facts(decoder),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "parameters_between_frames": added_parameters(model) if isinstance(model, ClipModel) else 0,
        "git_commit": git_commit(),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(model, ClipModel):
        save_clip_model(model, out, card)
    else:
        save_world_model(without_memory(model), out, card)
    return card


def _recipe(run: Path) -> dict[str, Any]:
    """What a run folder says of its recipe. Raises ``ValueError`` for one that is no training, or not of a baseline."""
    try:
        recipe = json.loads((run / "recipe.json").read_text(encoding="utf-8"))["recipe"]
        name, preset = str(recipe["name"]), recipe.get("preset")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ValueError(f"{run}: expected a training run's folder with its recipe.json, got another; name one") from None
    if not isinstance(preset, str):
        raise ValueError(f"{run}: expected a run of a baseline, got one of {name}; name another")
    if not (run / "metrics.jsonl").is_file():
        raise ValueError(f"{run}: expected a training run's folder with its metrics.jsonl, got none; train it again")
    return recipe


def main() -> None:
    """Parses and ships."""
    parser = ModuleParser("everroad.evaluation.baselines.ship", __doc__)
    parser.add_argument("run", type=Path, help="run folder of a baseline's recipe")
    parser.add_argument("--decoder", type=Path, help="run folder of the decoder")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    arguments = parser.parse_args()
    with parser.exits():
        card = ship_baseline(arguments.run, arguments.out, arguments.decoder)
    print(f"{arguments.out}: {card['baseline']}, seed {card['seed']}, {card['stages'][0]['samples']} samples")


if __name__ == "__main__":
    main()
