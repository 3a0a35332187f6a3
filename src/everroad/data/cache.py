"""The block cache on disk: one safetensors file for each town of a block, deletable at any time.

A file's name holds the block index, the town index and a digest of (its source, package version), and its header repeats
the digest: a file of another config or version is never read.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from safetensors import SafetensorError, safe_open
from torch import Tensor

from everroad import __version__
from everroad.conditions.types import Conditions
from everroad.data.addressing import digest
from everroad.data.blocks import BlockSource
from everroad.data.clips import Clip
from everroad.data.tensor_files import save_tensors

FORMAT_VERSION = 1


def cache_digest(config: BlockSource) -> str:
    """What every file of this config carries."""
    return digest({"format_version": FORMAT_VERSION, "config": config, "everroad": __version__})


def cache_path(cache_dir: Path, config: BlockSource, block_index: int, town_index: int) -> Path:
    """Where one town of one block lies."""
    return cache_dir / f"block-{block_index:06d}-town-{town_index:03d}-{cache_digest(config)}.safetensors"


def cached_blocks(cache_dir: Path) -> dict[Path, tuple[int, str]]:
    """(block index, digest) of every cache file in a folder, unfinished ones included."""
    return {
        path: (int(path.name.split("-")[1]), path.name.split("-")[4].split(".")[0])
        for path in sorted(cache_dir.glob("block-[0-9]*-town-[0-9]*-*.safetensors*"))
    }


def tensors_by_name(tree: Any, prefix: str = "") -> dict[str, Tensor]:
    """The tensors of nested dataclasses, tuples, lists and dicts by dotted name; anything else is left out."""
    if isinstance(tree, Tensor):
        return {prefix.rstrip("."): tree}
    if isinstance(tree, dict):
        items = tree.items()
    elif isinstance(tree, tuple | list):
        items = enumerate(tree)
    elif is_dataclass(tree) and not isinstance(tree, type):
        items = vars(tree).items()
    else:
        return {}
    return {name: tensor for key, item in items for name, tensor in tensors_by_name(item, f"{prefix}{key}.").items()}


def conditions_from_names(tensors: dict[str, Tensor], prefix: str = "", kind: Any = Conditions) -> Any:
    """The inverse of ``tensors_by_name`` for ``Conditions``. Raises ``KeyError`` where a tensor is missing."""
    return kind(
        **{
            name: conditions_from_names(tensors, f"{prefix}{name}.", hint) if is_dataclass(hint) else tensors[f"{prefix}{name}"]
            for name, hint in get_type_hints(kind).items()
        }
    )


def save_town(path: Path, clips: Sequence[Clip], tag: str) -> None:
    """Writes a town's clips beside ``path`` and renames, so that a file under its name is whole."""
    tensors = {
        f"{i}.{name}": tensor.contiguous() for i, clip in enumerate(clips) for name, tensor in tensors_by_name(clip).items()
    }
    about = {"digest": tag, "clips": len(clips), "crc32": _crc32(tensors)}
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        save_tensors(tensors, beside, {"everroad": json.dumps(about)})
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def load_town(path: Path, tag: str) -> list[Clip]:
    """A town's clips. Raises ``ValueError`` where the file is missing, damaged or of another config."""
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["everroad"])
            if about["digest"] != tag:
                raise ValueError(f"{path}: expected cache digest {tag}, got {about['digest']}; delete the file")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        if about["crc32"] != _crc32(tensors):
            raise ValueError(f"{path}: expected checksum {about['crc32']}, got {_crc32(tensors)}; delete the file")
        return [Clip(tensors[f"{i}.images"], conditions_from_names(tensors, f"{i}.conditions.")) for i in range(about["clips"])]
    except (OSError, SafetensorError, KeyError) as error:
        raise ValueError(f"{path}: expected a whole cache file, got {error}; delete the file, it will be made again") from error


def _crc32(tensors: dict[str, Tensor]) -> int:
    check = 0
    for name in sorted(tensors):
        check = zlib.crc32(tensors[name].contiguous().view(-1).numpy().data, check)
    return check
