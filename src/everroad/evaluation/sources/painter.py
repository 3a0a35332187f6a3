"""The painter's own pictures, as they are or damaged: what every measure says of them is known beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from everroad.evaluation.reference import EvaluationTown
from everroad.evaluation.sources.types import Picture

Damage = Callable[[Iterable[Picture]], Iterator[Picture]]


@dataclass(frozen=True)
class PainterPictures:
    """The painter, its pictures damaged by a function of each town's stream (``made_damage``) where one is given."""

    name: str = "painter"
    damage: Damage | None = None

    def described(self) -> dict[str, Any]:
        return {"kind": "painter", "damage": None if self.damage is None else self.name}

    def pictures(self, towns: Sequence[EvaluationTown]) -> Iterator[list[Picture]]:
        streams = [_painted(town) for town in towns]
        if self.damage is not None:
            streams = [self.damage(stream) for stream in streams]
        return (list(of_frame) for of_frame in zip(*streams, strict=True))


def _painted(town: EvaluationTown) -> Iterator[Picture]:
    for frame_index in count():
        if frame_index >= len(town.source.scenario):
            return
        yield town.picture(frame_index)
