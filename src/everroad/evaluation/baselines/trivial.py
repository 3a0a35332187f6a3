"""Sources without a network: the painter itself, its first picture for ever, and that picture moved along the ground plane."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from everroad.evaluation.baselines.frames import last_frame, painted
from everroad.evaluation.first_frame_baselines import ground_warp
from everroad.evaluation.reference import EvaluationTown
from everroad.evaluation.sources.types import Picture


@dataclass(frozen=True)
class PainterSource:
    """The painter's own pictures: what every measure takes for true."""

    name: str = "painter"

    def described(self) -> Mapping[str, Any]:
        """Its kind."""
        return {"kind": "painter"}

    def pictures(self, towns: Sequence[EvaluationTown]) -> Iterator[list[Picture]]:
        """Each frame as it is painted."""
        for frame_index in range(last_frame(towns) + 1):
            yield painted(towns, frame_index)


@dataclass(frozen=True)
class RepeatSource:
    """The first picture for ever."""

    name: str = "repeat"

    def described(self) -> Mapping[str, Any]:
        """Its kind."""
        return {"kind": "repeat"}

    def pictures(self, towns: Sequence[EvaluationTown]) -> Iterator[list[Picture]]:
        """The same picture at each frame, as copies: who changes one changes no other."""
        first = painted(towns, 0)
        for _ in range(last_frame(towns) + 1):
            yield [picture.copy() for picture in first]


@dataclass(frozen=True)
class WarpSource:
    """The first picture, moved in one step by the known ego motion as if the world were flat and still (``ground_warp``)."""

    name: str = "warp"

    def described(self) -> Mapping[str, Any]:
        """Its kind."""
        return {"kind": "warp"}

    def pictures(self, towns: Sequence[EvaluationTown]) -> Iterator[list[Picture]]:
        """Each frame warped from the first one, not from the one before: nothing is interpolated twice."""
        first = painted(towns, 0)
        yield [picture.copy() for picture in first]
        for frame_index in range(1, last_frame(towns) + 1):
            yield [
                ground_warp(picture, town.source.camera, town.first_from_current(frame_index))
                for picture, town in zip(first, towns, strict=True)
            ]
