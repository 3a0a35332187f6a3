"""What is kept of every picture: a few numbers, never the picture. The measures are made of them when all frames are done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from everroad.evaluation.colour import lab
from everroad.evaluation.layout_agreement import overlaps
from everroad.evaluation.persistence import KINDS, Sighting, mean_colours, sightings
from everroad.evaluation.picture_statistics import Statistics, picture_statistics
from everroad.evaluation.reference import EvaluationTown, Reference


@dataclass(frozen=True)
class Record:
    """Of one picture beside its reference."""

    overlaps: Float[ndarray, "2 4"]
    statistics: Statistics
    colours: Float[ndarray, "_ 3"]  # mean L*a*b* of each of the reference's instances


def make_record(picture: UInt8[ndarray, "h w 3"], labels: UInt8[ndarray, "h w"], reference: Reference) -> Record:
    """The numbers of one picture, which the segmenter labelled."""
    colours = lab(picture)
    statistics, of_instances = picture_statistics(picture, colours), mean_colours(colours, reference.masks)
    return Record(overlaps(labels, reference.semantic), statistics, of_instances)


Records = Sequence[Sequence[Record]]  # by frame (frame 0 is the start image), then by town


def stack_overlaps(records: Records) -> Float[ndarray, "n f 2 4"]:
    """By town, then by frame."""
    return np.stack([np.stack([record.overlaps for record in of_frame]) for of_frame in records], 1)


def stack_statistics(records: Records) -> Statistics:
    """Leading axes: towns, frames."""
    return Statistics(
        *(
            np.stack([np.stack([getattr(record.statistics, name) for record in of_frame]) for of_frame in records], 1)
            for name in ("mean_lab", "variance", "gradient_energy")
        )
    )


def all_sightings(
    records: Records, ids: Sequence[Sequence[ndarray]], towns: Sequence[EvaluationTown]
) -> dict[str, list[Sighting]]:
    """Sightings by kind ("actor", "facade"); ``ids`` are the references' instances, ordered as the records."""
    found: dict[str, list[Sighting]] = {kind: [] for kind in KINDS}
    for index, town in enumerate(towns):
        colours = [of_frame[index].colours for of_frame in records]
        for sighting in sightings(index, [of_frame[index] for of_frame in ids], colours):
            found[town.kind(sighting.instance)].append(sighting)
    return found
