"""Training checkpoints on disk: a folder of safetensors files and one ``state.json``, never a pickle.

A folder under its final name is whole: it is written beside, flushed to the disk and renamed. ``state.json`` lists every file's
size and SHA-256, which are checked before a byte of it is used.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from everroad.data.tensor_files import save_tensors

FORMAT_VERSION = 1
KEEP = 2
GROUPS = ("weights", "ema", "optimiser")  # what every checkpoint has
MEND = "delete this folder to go on from the checkpoint before it"


@dataclass(frozen=True)
class Checkpoint:
    """Named groups of named tensors ("weights", "ema", "optimiser"), on the CPU and contiguous, and where they come from."""

    train_step: int
    groups: dict[str, dict[str, Tensor]]
    about: dict[str, Any]


def save_checkpoint(run_dir: Path, checkpoint: Checkpoint) -> Path:
    """Writes ``run_dir/checkpoints/<train step>/``, then deletes all but the newest two. A step already saved is left alone."""
    root = run_dir / "checkpoints"
    folder = root / f"{checkpoint.train_step:09d}"
    if folder.exists():
        return folder
    root.mkdir(parents=True, exist_ok=True)
    for leftover in root.glob(".partial-*"):
        shutil.rmtree(leftover)
    beside = root / f".partial-{checkpoint.train_step:09d}"
    beside.mkdir()
    files = {}
    for group, tensors in checkpoint.groups.items():
        path = beside / f"{group}.safetensors"
        # A file has no strides and no aliases: each tensor is written row by row, as its own copy.
        save_tensors({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, path)
        _flush(path)
        files[path.name] = {"bytes": path.stat().st_size, "sha256": _sha256(path)}
    state = {
        "format_version": FORMAT_VERSION, "train_step": checkpoint.train_step, "files": files, "about": checkpoint.about,
    }  # fmt: skip
    (beside / "state.json").write_text(json.dumps(state, indent=1))
    _flush(beside / "state.json")
    _flush(beside)
    beside.rename(folder)
    _flush(root)
    for old in checkpoint_folders(run_dir)[:-KEEP]:
        shutil.rmtree(old)
    return folder


def checkpoint_folders(run_dir: Path) -> list[Path]:
    """The checkpoints of a run, oldest first."""
    return sorted(path for path in (run_dir / "checkpoints").glob("[0-9]*") if path.is_dir())


def load_checkpoint(folder: Path) -> Checkpoint:
    """Reads one checkpoint folder. Raises ``ValueError`` where anything of it is missing, damaged or of another version."""
    state = _read_state(folder)
    groups = {}
    for name, expected in state["files"].items():
        path = folder / name
        size = path.stat().st_size if path.is_file() else None
        if size != expected["bytes"]:
            got = "no file" if size is None else f"{size} bytes"
            raise ValueError(f"{path}: expected {expected['bytes']} bytes, got {got}; {MEND}")
        if _sha256(path) != expected["sha256"]:
            raise ValueError(f"{path}: expected SHA-256 {expected['sha256']}, got another: the file is damaged; {MEND}")
        try:
            groups[path.stem] = load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path}: expected a safetensors file, got {error}; {MEND}") from error
    return Checkpoint(state["train_step"], groups, state["about"])


def _read_state(folder: Path) -> dict[str, Any]:
    """A checkpoint's ``state.json``, of this version and with all its entries."""
    path = folder / "state.json"
    try:
        state = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: expected a readable state.json, got {error}; {MEND}") from None
    if not isinstance(state, dict) or "format_version" not in state:
        raise ValueError(f"{path}: expected a readable state.json, got one without format_version; {MEND}")
    version, train_step = state["format_version"], state.get("train_step")
    if version != FORMAT_VERSION:
        raise ValueError(f"{path}: expected format_version {FORMAT_VERSION}, got {version}; use the version that wrote it")
    whole = {
        "train_step": type(train_step) is int and f"{train_step:09d}" == folder.name,
        "files": _lists_files(state.get("files")),
        "about": isinstance(state.get("about"), dict),
    }
    for entry, good in whole.items():
        if not good:
            raise ValueError(f"{path}: expected a readable state.json, got one whose {entry} is missing or damaged; {MEND}")
    return state


def _lists_files(files: Any) -> bool:
    return (
        isinstance(files, dict)
        and all(f"{group}.safetensors" in files for group in GROUPS)
        and all(Path(name).name == name for name in files)
        and all(isinstance(entry, dict) and {"bytes", "sha256"} <= entry.keys() for entry in files.values())
    )


def load_newest(run_dir: Path) -> Checkpoint | None:
    """The newest checkpoint of a run, ``None`` where there is none yet. Raises ``ValueError`` as ``load_checkpoint``."""
    folders = checkpoint_folders(run_dir)
    return load_checkpoint(folders[-1]) if folders else None


def load_run_weights(run_dir: Path, group: str = "ema") -> dict[str, Tensor]:
    """The state dict of a run's newest checkpoint: "ema" (the averaged weights, which ship) or "weights".

    Raises ``ValueError`` where the run has no checkpoint or a damaged one.
    """
    newest = load_newest(run_dir)
    if newest is None:
        raise ValueError(f"{run_dir}: expected a training run with a checkpoint, got none; train it first")
    return newest.groups[group]


def copy_tensors(target: Mapping[str, Tensor], source: Mapping[str, Tensor], what: str) -> None:
    """Fills the target tensors in place, which keep their strides (channels_last), dtypes and devices.

    Raises ``ValueError`` where names or shapes differ.
    """
    if target.keys() != source.keys():
        lacks, extra = sorted(target.keys() - source.keys())[:3], sorted(source.keys() - target.keys())[:3]
        raise ValueError(f"{what}: expected the recipe's tensors, got none of {lacks} but {extra}; use another run folder")
    for name, tensor in target.items():
        if tensor.shape != source[name].shape:
            raise ValueError(f"{what}: expected {name} of shape {tuple(tensor.shape)}, got {tuple(source[name].shape)}")
        tensor.detach().copy_(source[name])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
