"""All baselines by name: what a comparison asks for."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from everroad.evaluation.baselines.clip_files import load_clip_model
from everroad.evaluation.baselines.clip_source import Scheme, clip_source
from everroad.evaluation.baselines.frame_by_frame import frame_source
from everroad.evaluation.baselines.trivial import PainterSource, RepeatSource, WarpSource
from everroad.evaluation.sources.types import PictureSource
from everroad.model.checkpoint import load_world_model

WITHOUT_WEIGHTS = {source.name: source for source in (PainterSource(), RepeatSource(), WarpSource())}
FRAME_BY_FRAME = "frame-by-frame"
NAMES: tuple[str, ...] = (*WITHOUT_WEIGHTS, FRAME_BY_FRAME, *get_args(Scheme))


def open_source(name: str, weights: Path | None = None, *, dtype: str = "float32", device: str = "cpu") -> PictureSource:
    """The baseline of that name, with the weights that ``baselines.ship`` wrote where it learns.

    Raises ``ValueError`` for another name, weights that are missing or not wanted, and files that do not fit.
    """
    if name not in NAMES:
        raise ValueError(f"baseline: expected one of {', '.join(NAMES)}, got '{name}'; name one")
    if name in WITHOUT_WEIGHTS:
        if weights is not None:
            raise ValueError(f"baseline {name}: expected no weights, got {weights}; leave them out")
        return WITHOUT_WEIGHTS[name]
    if weights is None:
        raise ValueError(f"baseline {name}: expected a file of its weights, got none; train and ship it, and name the file")
    if name == FRAME_BY_FRAME:
        return frame_source(load_world_model(weights)[0], dtype=dtype, device=device)
    return clip_source(load_clip_model(weights)[0], name, dtype=dtype, device=device)  # type: ignore[arg-type]
