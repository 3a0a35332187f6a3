"""Latents of recorded pictures on disk: one memory-mapped safetensors file for each stretch of a recording.

An encoder that is dear (the closed-form patch code is not) need not see a frame each time it serves. What encodes is the
caller's: this layer knows no model. A file says what it was made of: the pictures, their size and crop, the encoder. One that
was made of anything else is stale and is made again; each frame has its checksum, so that a slice is checked without reading
the rest.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from jaxtyping import Float, UInt8
from safetensors import SafetensorError, safe_open
from torch import Tensor

from everroad import __version__
from everroad.data.addressing import digest
from everroad.data.recorded_clips import fitted_picture
from everroad.data.recordings import Stretch, stretch_camera, stretch_pictures
from everroad.data.tensor_files import save_tensors

FORMAT_VERSION = 1
BATCH = 32

# Pictures of 0 to 255 to their latents.
Encode = Callable[[UInt8[Tensor, "n 3 h w"]], Float[Tensor, "n z y x"]]


@dataclass(frozen=True)
class LatentSource:
    """What latents are made of. ``encoder`` is a hash of the encoder's weights, such as ``model.checkpoint.model_hash``."""

    stretch: Stretch
    height_px: int
    width_px: int
    encoder: str
    vertical_anchor: float = 0.5

    def path(self, folder: Path) -> Path:
        """Where they lie in a folder of caches: the same place whatever encoder and pictures are now."""
        recording = Path(self.stretch.path)
        where = digest([str(recording.absolute()), self.stretch.camera, self.stretch.first_frame], 8)
        return folder / f"{recording.name.split('.')[0]}-{where}.latents.safetensors"

    def _facts(self) -> dict[str, Any]:
        facts = {name: value for name, value in asdict(self).items() if name != "stretch"}
        facts |= {"pictures": self.stretch.digest, "frames": self.stretch.frames}
        return {"format_version": FORMAT_VERSION, "everroad": __version__, **facts}


def ensure_latents(folder: Path, source: LatentSource, encode: Encode) -> Path:
    """The file of these latents, made where it is missing, stale, or cut short. Any number of processes may do so at once.

    Raises ``ValueError`` for a picture that cannot be read or an ``encode`` that gives another number of latents; ``OSError``
    for a full disk.
    """
    path = source.path(folder)
    try:
        read_latents(folder, source, 0, 1)
    except ValueError:
        _make(path, source, encode)
    return path


def read_latents(folder: Path, source: LatentSource, first: int, count: int) -> Float[Tensor, "n z y x"]:
    """Latents of ``count`` frames of the stretch from its frame ``first`` on; of the file only these are read.

    Raises ``ValueError`` where the file is missing, stale or damaged there, ``IndexError`` for frames that the stretch lacks.
    """
    if not 0 <= first < first + count <= source.stretch.frames:
        raise IndexError(f"latents: expected frames 0 to {source.stretch.frames - 1}, got {count} from {first} on")
    path = source.path(folder)
    try:
        with safe_open(path, framework="pt") as file:
            _refuse_stale(path, json.loads((file.metadata() or {})["everroad"]), source)
            latents = file.get_slice("latents")[first : first + count].clone()  # nothing stays mapped
            checks = file.get_slice("crc32")[first : first + count]
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path}: expected a whole file of latents, got '{error}'; delete it, it will be made again"
        ) from error
    if not torch.equal(_checksums(latents), checks):
        raise ValueError(f"{path}: expected latents of their checksums, got others; delete the file, it will be made again")
    return latents


def _refuse_stale(path: Path, about: Any, source: LatentSource) -> None:
    ours = source._facts()
    theirs = about if isinstance(about, dict) else {}
    changed = [f"{name} {value}, got {theirs.get(name)}" for name, value in ours.items() if theirs.get(name) != value]
    if changed:
        raise ValueError(f"{path}: expected latents of {changed[0]}; delete the file, it will be made again")


def _make(path: Path, source: LatentSource, encode: Encode) -> None:
    pictures, camera, parts = stretch_pictures(source.stretch), stretch_camera(source.stretch), []
    shape = (source.height_px, source.width_px, source.vertical_anchor)
    for first in range(0, len(pictures), BATCH):
        some = [torch.from_numpy(fitted_picture(one, camera, *shape)) for one in pictures[first : first + BATCH]]
        with torch.no_grad():
            parts.append(encode(torch.stack(some).permute(0, 3, 1, 2).contiguous()).cpu().contiguous())
        if len(parts[-1]) != len(some):
            raise ValueError(f"encode: expected {len(some)} latents, one a picture, got {len(parts[-1])}; mend it")
    latents = torch.cat(parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{uuid4().hex[:8]}.partial")
    try:
        tensors = {"latents": latents, "crc32": _checksums(latents)}
        save_tensors(tensors, beside, {"everroad": json.dumps(source._facts())})
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _checksums(latents: Float[Tensor, "n z y x"]) -> Tensor:
    """One crc32 a frame, int64."""
    return torch.tensor([zlib.crc32(frame.contiguous().view(torch.uint8).numpy().data) for frame in latents])
