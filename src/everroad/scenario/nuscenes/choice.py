"""What is taken of a data set: which scene, of which version, at which frames, from which cameras."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class SceneChoice:
    """Options of ``read_nuscenes`` that only a data set with scenes understands; the defaults choose nothing."""

    scene: str | None = None
    version: str | None = None
    cameras: tuple[str, ...] | None = None
    sweeps: bool = True
    exact: bool = False

    @property
    def chosen(self) -> tuple[str, ...]:
        """The options that differ from their defaults."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name) != field.default)


EVERYTHING = SceneChoice()
