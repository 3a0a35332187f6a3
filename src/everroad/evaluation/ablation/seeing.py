"""What pictures show: the classes that a judge names, the ego's motion on the road, the mean colour."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from everroad.evaluation.ablation.asking import mean_colour
from everroad.evaluation.ablation.yardsticks import Asked, Kind, Seen
from everroad.evaluation.consistency.ego_motion import UNKNOWN, ego_motion, ground_mask
from everroad.evaluation.reference import EvaluationTown
from everroad.evaluation.sources.types import Picture

# Names the painter's class of every pixel.
Judge = Callable[[UInt8[Tensor, "b 3 h w"]], UInt8[Tensor, "b h w"]]


@dataclass(frozen=True)
class Eye:
    """Looks at pictures of some towns."""

    towns: Sequence[EvaluationTown]
    judge: Judge

    def sees(
        self, pictures: Sequence[Picture], before: Sequence[Picture], asked: Sequence[Asked], frame_index: int,
        kinds: Collection[Kind],
    ) -> list[Seen]:  # fmt: skip
        """Of one frame of every town and the one before it, as far as yardsticks of these kinds need. The ego's motion is
        looked for where the town itself has ground: no alteration of the motion changes that."""
        labels = self._labels(pictures) if "layout" in kinds else [None] * len(pictures)
        found = []
        for n, picture in enumerate(pictures):
            motion = UNKNOWN
            if "motion" in kinds and asked[n].readable:
                source = self.towns[n].source
                seconds = float(source.scenario.time_s[frame_index] - source.scenario.time_s[frame_index - 1])
                motion = ego_motion(picture, before[n], ground_mask(asked[n].semantic), source.camera, seconds)
            found.append(Seen(mean_colour(picture), labels[n], motion))
        return found

    def _labels(self, pictures: Sequence[Picture]) -> list[UInt8[np.ndarray, "h w"]]:
        batch = torch.from_numpy(np.ascontiguousarray(np.stack(pictures).transpose(0, 3, 1, 2)))
        return list(self.judge(batch).numpy())
