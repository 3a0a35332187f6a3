"""The pictures of recorded runs: folders that ``everroad generate`` wrote, one for each scenario."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from everroad.evaluation.reference import EvaluationTown
from everroad.evaluation.sources.types import Picture
from everroad.media import read_image, read_video_frames
from everroad.scenario.files import finite_json
from everroad.stream import folder as run_folder

MOST_HZ = 1000


@dataclass(frozen=True)
class RunFacts:
    """What a run's report says of its pictures."""

    folder: Path
    scenario: str
    frames: int
    frame_rate_hz: float
    report: dict[str, Any]
    model_sha256: str | None


def run_facts(folder: Path) -> RunFacts:
    """Of one run folder. Raises ``ValueError`` for one that is none, or whose run did not end."""
    try:
        report = finite_json((folder / run_folder.REPORT).read_text(encoding="utf-8"))
        about, model = report["scenario"], report.get("model") or {}
        facts = RunFacts(
            folder, str(about["name"]), int(report["frames"]), float(about["frame_rate_hz"]), report, model.get("model_sha256")
        )
        if report["format"] == run_folder.FORMAT and facts.frames >= 1 and 0 < facts.frame_rate_hz <= MOST_HZ:
            return facts
    except (OSError, ValueError, RecursionError, TypeError, LookupError, AttributeError, OverflowError):
        pass
    raise ValueError(f"{folder}: expected a folder of everroad generate, got another; generate it again")


@dataclass(frozen=True)
class RunPictures:
    """Run folders in the order of the towns: their PNG frames where they have them, else their video, which lost a little."""

    name: str
    runs: tuple[RunFacts, ...]

    def described(self) -> dict[str, Any]:
        return {
            "kind": "recorded run",
            "runs": [run.folder.name for run in self.runs],
            "pictures": ["png" if _png(run.folder) else "video" for run in self.runs],
            "model_sha256": [run.model_sha256 for run in self.runs],
            "seeds": [run.report.get("seed") for run in self.runs],
            "starts": [run.report.get("start") for run in self.runs],
        }

    def pictures(self, towns: Sequence[EvaluationTown]) -> Iterator[list[Picture]]:
        if len(towns) != len(self.runs):
            raise ValueError(
                f"{self.name}: expected a run for each of {len(towns)} scenarios, got {len(self.runs)}; give as many"
            )
        streams = [chain([town.picture(0)], _frames(run.folder)) for town, run in zip(towns, self.runs, strict=True)]
        return (list(of_frame) for of_frame in zip(*streams, strict=False))


def picture_size(folder: Path) -> tuple[int, int]:
    """Height and width of a run's pictures. Raises ``ValueError`` where there are none."""
    first = next(_frames(folder), None)
    if first is None:
        raise ValueError(f"{folder}: expected frames or a video, got neither; generate it again")
    return first.shape[0], first.shape[1]


def _png(folder: Path) -> bool:
    return (folder / run_folder.FRAMES / "000001.png").is_file()


def _frames(folder: Path) -> Iterator[Picture]:
    """Frames 1 and on."""
    if not _png(folder):
        yield from read_video_frames(folder / run_folder.VIDEO)
        return
    for path in sorted((folder / run_folder.FRAMES).glob("*.png")):
        yield read_image(path)
