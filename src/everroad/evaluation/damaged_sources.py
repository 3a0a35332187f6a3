"""The painter's pictures, worse in one known way, as picture sources: the damage of ``made_damage`` and three that only sources
can do, since they are about what is shown and not how."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from glob import escape
from itertools import count
from typing import Any

import numpy as np

from everroad.evaluation.labelled_clips import seen_pixels
from everroad.evaluation.made_damage import MADE_DAMAGE
from everroad.evaluation.reference import EvaluationTown
from everroad.evaluation.sources.painter import PainterPictures
from everroad.evaluation.sources.types import Picture, PictureSource
from everroad.render.painter import Painter
from everroad.scenario.edit.remove import remove

# Which car shows most is asked of every so many frames.
LOOK_EVERY = 6
# Shuffled frames are read this far ahead of the others.
KEPT = 10


@dataclass(frozen=True)
class RememberingTown(EvaluationTown):
    """A town that remembers the pictures last asked for: many sources damage the same ones, and painting is dear."""

    _kept: OrderedDict[int, Picture] = field(init=False, default_factory=OrderedDict, repr=False, compare=False)

    def picture(self, frame_index: int) -> Picture:
        """The painter's picture of a frame."""
        if frame_index not in self._kept:
            self._kept[frame_index] = super().picture(frame_index)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[frame_index]


@dataclass(frozen=True)
class OtherLayout:
    """Of each town the pictures of the next one: good pictures of another layout."""

    name: str = "swapped layout"

    def described(self) -> dict[str, Any]:
        return {"kind": "painter", "damage": self.name}

    def pictures(self, towns: Sequence[EvaluationTown]) -> Iterator[list[Picture]]:
        """Raises ``ValueError`` for a single town."""
        if len(towns) < 2:
            raise ValueError(f"{self.name}: expected two towns at least, got {len(towns)}; ask for more")
        return _painted([*towns[1:], towns[0]])


@dataclass(frozen=True)
class CarRemoved:
    """Each town without the car that shows most pixels over all frames; a town that shows no car is as it was."""

    name: str = "a car removed"

    def described(self) -> dict[str, Any]:
        return {"kind": "painter", "damage": self.name}

    def pictures(self, towns: Sequence[EvaluationTown]) -> Iterator[list[Picture]]:
        return _painted([without_largest_car(town) for town in towns])


def damaged_sources() -> list[PictureSource]:
    """One of each damage."""
    made = [PainterPictures(name, damage) for name, damage in MADE_DAMAGE.items()]
    return [*made, OtherLayout(), CarRemoved(), PainterPictures("mirrored map", mirrored)]


def mirrored(pictures: Iterable[Picture]) -> Iterator[Picture]:
    """Left and right exchanged, as if the map had been, and with it all that stands on it."""
    for picture in pictures:
        yield np.ascontiguousarray(picture[:, ::-1])


def without_largest_car(town: EvaluationTown) -> EvaluationTown:
    """The town without the car that ``largest_car`` finds, painted anew."""
    car = largest_car(town)
    if car is None:
        return town
    # A track id may hold what is a pattern to ``remove``.
    scenario = remove(town.source.scenario, ids=[escape(car)])
    return replace(town, source=replace(town.source, scenario=scenario), painter=Painter(scenario))


def remembering(town: EvaluationTown) -> RememberingTown:
    """The same town."""
    return RememberingTown(town.seed, town.source, town.painter, town.fast, town.label)


def largest_car(town: EvaluationTown) -> str | None:
    """Track id of the car that shows most pixels, summed over every ``LOOK_EVERY``-th frame; ``None`` where none shows any."""
    scenario, pixels = town.source.scenario, Counter[str]()
    cars = {actor.track_id for actor in scenario.actors if actor.detection_class == "car"}
    for frame_index in range(0, len(scenario), LOOK_EVERY):
        instance = town.painter.paint(scenario.frame(frame_index), town.source.camera, frozenset({"instance"})).instance
        assert instance is not None
        pixels.update({name: seen for name, seen in seen_pixels(instance, town.painter).items() if name in cars})
    return max(pixels, key=lambda name: (pixels[name], name), default=None)


def _painted(towns: Sequence[EvaluationTown]) -> Iterator[list[Picture]]:
    for frame_index in count():
        if any(frame_index >= len(town.source.scenario) for town in towns):
            return
        yield [town.picture(frame_index) for town in towns]
