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


def check_exact(sweeps: bool, exact: bool) -> None:
    """Raises ``ValueError`` for key frames of a whole scenario: of its frames none is told to be one."""
    if exact and not sweeps:
        wanted = "all frames of a scenario that --exact reads, which knows no key frames"
        raise ValueError(f"--key-frames: expected {wanted}, got both options; leave one out")


EVERYTHING = SceneChoice()
