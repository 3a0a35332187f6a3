"""The folder of a training run: when one may begin or go on there."""

from __future__ import annotations

import json
from pathlib import Path

from everroad.stream.folder import check_can_be_made
from everroad.training.checkpoint import checkpoint_folders
from everroad.training.log import METRICS_FILE

RECIPE, PARTIAL_RECIPE = "recipe.json", "recipe.json.partial"
_FILES, _FOLDERS = (RECIPE, PARTIAL_RECIPE, METRICS_FILE), ("checkpoints", "strips", "tensorboard")


def check_run_folder(run_dir: Path) -> None:
    """Raises ``ValueError`` unless the folder can be made, is empty or holds a training run. Leaves nothing behind."""
    check_can_be_made(run_dir)
    if not run_dir.is_dir():
        return
    for path in (run_dir / name for name in _FILES):
        if path.is_dir():
            raise ValueError(f"{path}: expected a file of the run, got a folder; choose another --out")
    for path in (run_dir / name for name in _FOLDERS):
        if path.exists() and not path.is_dir():
            raise ValueError(f"{path}: expected a folder of the run, got a file; choose another --out")
    if {path.name for path in run_dir.iterdir()} - {PARTIAL_RECIPE} and not _holds_a_run(run_dir):
        raise ValueError(f"{run_dir}: expected a new folder or a training run, got something else in it; choose another folder")


def _holds_a_run(run_dir: Path) -> bool:
    if any((folder / "state.json").is_file() for folder in checkpoint_folders(run_dir)):
        return True
    try:
        written = json.loads((run_dir / RECIPE).read_text())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(written, dict) and {"everroad", "recipe"} <= written.keys()
