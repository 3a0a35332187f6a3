"""What makes the pictures that are measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from jaxtyping import UInt8
from numpy import ndarray

from everroad.evaluation.reference import EvaluationTown

Picture = UInt8[ndarray, "h w 3"]


@runtime_checkable
class PictureSource(Protocol):
    """A model, a recorded run, the painter itself, a baseline."""

    @property
    def name(self) -> str:
        """What a report calls it."""
        ...

    def described(self) -> Mapping[str, Any]:
        """Plain JSON: what it is."""
        ...

    def pictures(self, towns: Sequence[EvaluationTown]) -> Iterator[list[Picture]]:
        """Frame 0, which is the painter's, then frames 1, 2, ...: one picture a town, all towns in lockstep."""
        ...
