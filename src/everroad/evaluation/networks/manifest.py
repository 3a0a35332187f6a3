"""What a public weights file holds: the name and shape of every parameter, from where that is known, and who publishes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from torch import Tensor

FORMAT_VERSION = 1
# Batch normalisation's counter of training steps: evaluation has no use for it, and older files lack it.
UNUSED_END = "num_batches_tracked"


@dataclass(frozen=True)
class Manifest:
    """One public file. ``files`` are its public names, the first the usual one.

    ``sha256`` is the published file's, or the first digits of it where only these are known. ``others`` are files of the same
    names and shapes, by sha256, that must not pass for it. Parameters that start with one of ``unused`` may be absent: the
    network has no use for them.
    """

    name: str
    files: tuple[str, ...]
    published_by: str
    sha256: str
    others: Mapping[str, str]
    unused: tuple[str, ...]
    source: str
    parameters: Mapping[str, tuple[int, ...]]
    verified_against: tuple[Mapping[str, Any], ...]

    @property
    def needed(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of what the network computes with."""
        return {name: shape for name, shape in self.parameters.items() if not self._is_unused(name)}

    def _is_unused(self, name: str) -> bool:
        return name.endswith(UNUSED_END) or (bool(self.unused) and name.startswith(self.unused))

    def checked(self, tensors: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
        """What the network needs of a state dict, in float32.

        Raises ``ValueError`` that names the first parameter that is missing, unknown, of another shape or not finite.
        """
        wrong = self._first_difference(tensors)
        if wrong:
            raise ValueError(
                f"{source}: expected the weights of {self.name}, {wrong}; give {self.files[0]} as {self.published_by} has it"
            )
        return {name: tensors[name].float() for name in self.needed}

    def _first_difference(self, tensors: Mapping[str, Tensor]) -> str | None:
        for name, shape in self.parameters.items():
            if name not in tensors:
                if self._is_unused(name):
                    continue
                return f"got none named '{name}'"
            if tuple(tensors[name].shape) != shape:
                return f"got '{name}' of {tuple(tensors[name].shape)} where {shape} belongs"
            if not self._is_unused(name) and not (tensors[name].is_floating_point() and bool(tensors[name].isfinite().all())):
                return f"got '{name}' with numbers that are not finite floats"
        unknown = [name for name in tensors if name not in self.parameters]
        return f"got '{unknown[0]}', which it does not have" if unknown else None

    def verification(self) -> list[dict[str, Any]] | str:
        """For the report: other implementations and the greatest difference from them, or "unverified"."""
        return [dict(each) for each in self.verified_against] or "unverified"


@cache
def load_manifest(name: str) -> Manifest:
    """One of the package's own, by the name of its file."""
    text = resources.files("everroad.evaluation.networks").joinpath("manifests", f"{name}.json").read_text(encoding="utf-8")
    data = json.loads(text)
    assert data.pop("format_version") == FORMAT_VERSION, name
    return Manifest(
        **{key: tuple(data.pop(key)) for key in ("files", "unused", "verified_against")},
        parameters={key: tuple(shape) for key, shape in data.pop("parameters").items()},
        **data,
    )
