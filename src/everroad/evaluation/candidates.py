"""What the evaluation compares: named world models, each with its memory or without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from everroad.model.checkpoint import load_packaged, load_world_model
from everroad.model.world_model import WorldModel


@dataclass(frozen=True)
class Candidate:
    """One row of the report. With ``zero_memory`` the memory is replaced by zeros before every frame."""

    name: str
    world_model: WorldModel
    card: Mapping[str, Any] = field(default_factory=dict)
    zero_memory: bool = False


def load_candidates(weights: Sequence[Path] = (), preset: str = "town", zero_memory: bool = True) -> list[Candidate]:
    """Model files in order, named by their file names, or without any the packaged weights of ``preset``.

    With ``zero_memory`` the last of them comes once more, its memory held at zero. Raises ``ValueError`` for files that are no
    world models.
    """
    loaded = [(path.stem, *load_world_model(path)) for path in weights] or [(preset, *load_packaged(preset))]
    names = [name for name, _, _ in loaded]
    if len(set(names)) < len(names):  # runs often hold files of one name
        names = [str(path.with_suffix("")) for path in weights]
    found = [Candidate(name, model, card) for name, (_, model, card) in zip(names, loaded, strict=True)]
    last = found[-1]
    if zero_memory and last.world_model.config.htft.enabled:
        found.append(replace(last, name=f"{last.name}, memory at zero", zero_memory=True))
    return found


def refuse_unlike(candidates: Sequence[Candidate]) -> None:
    """Raises ``ValueError`` for two of one name, and for pictures of different sizes or rates."""
    named = [candidate.name for candidate in candidates if not candidate.zero_memory]
    if len(set(named)) < len(named):
        raise ValueError(f"evaluate: expected models of different names, got {', '.join(named)}; name each once")
    sizes = {(c.height_px, c.width_px, c.frame_rate_hz) for c in (candidate.world_model.config for candidate in candidates)}
    if len(sizes) > 1:
        raise ValueError(f"evaluate: expected models of one frame size and rate, got {sorted(sizes)}; evaluate them one by one")
