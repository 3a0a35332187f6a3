"""The world model of a training run as it stands, for those who look at it before anything ships."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from everroad.model.checkpoint import load_weights
from everroad.model.presets import PRESETS, get_preset
from everroad.model.world_model import WorldModel
from everroad.training.checkpoint import load_run_weights
from everroad.training.layout_critic import CRITIC


def holds_a_training(folder: Path) -> bool:
    """Whether a training's folder lies there."""
    return (folder / "recipe.json").is_file() and (folder / "checkpoints").is_dir()


def load_run_model(run_dir: Path) -> tuple[WorldModel, dict[str, Any]]:
    """The averaged weights of a run's newest checkpoint in evaluation mode, and what its recipe says.

    Raises ``ValueError`` for a run of no world model (a judge's, say), one without a checkpoint, and a damaged one.
    """
    try:
        about = json.loads((run_dir / "recipe.json").read_text(encoding="utf-8"))
        preset, name = about["recipe"]["preset"], about["recipe"]["name"]
    except (OSError, ValueError, LookupError, TypeError):
        raise ValueError(f"{run_dir}: expected the training of a world model, got another folder; name one") from None
    if not isinstance(preset, str) or preset not in PRESETS:
        raise ValueError(f"{run_dir}: expected a training of one of {', '.join(PRESETS)}, got another; name another folder")
    model = WorldModel(get_preset(preset))
    tensors = {key: t for key, t in load_run_weights(run_dir, "ema").items() if not key.startswith(CRITIC)}
    load_weights(model, tensors, str(run_dir))
    return model.eval(), {"recipe": name, "dtype": about.get("dtype")}
