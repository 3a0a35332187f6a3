"""What makes the pictures that are measured, as the evaluation sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from jaxtyping import UInt8
from numpy import ndarray

from everroad.evaluation.reference import EvaluationTown

Picture = UInt8[ndarray, "h w 3"]


@runtime_checkable
class PictureSource(Protocol):
    """A model, a recorded run, a baseline or the painter itself."""

    @property
    def name(self) -> str:
        """Of its column in the report."""
        ...

    def described(self) -> Mapping[str, Any]:
        """What it is, in JSON's types: the hashes, steps and settings that make it what it is."""
        ...

    def pictures(self, towns: Sequence[EvaluationTown]) -> Iterator[list[Picture]]:
        """Frame 0 (the start picture, which is the painter's) and all that follow: at each frame one picture a town, RGB, of
        the size of the towns' cameras."""
        ...
