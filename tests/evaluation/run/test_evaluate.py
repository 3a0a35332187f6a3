"""The whole evaluation on the painter's pictures, damaged and not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from everroad.evaluation.detection.config import CVPR_2019, DetectionConfig
from everroad.evaluation.detection.filters import counted_truth
from everroad.evaluation.detection.official_samples import devkit
from everroad.evaluation.made_damage import MADE_DAMAGE
from everroad.evaluation.protocols import Protocol
from everroad.evaluation.reference import EvaluationTown
from everroad.evaluation.report.document import made_whole
from everroad.evaluation.run.evaluate import Evaluation, evaluate
from everroad.evaluation.run.frames_file import PART
from everroad.evaluation.run.judges import Judges, judged_size
from everroad.evaluation.run.measures import NEAR_CARS
from everroad.evaluation.run.observer import NEAR
from everroad.evaluation.run.shown import view_of
from everroad.evaluation.sources.painter import PainterPictures
from everroad.evaluation.sources.types import Picture
from everroad.scenario.types import DETECTION_CLASSES

CPU = torch.device("cpu")
pytestmark = pytest.mark.slow
Made = tuple[Path, Evaluation]


@dataclass(frozen=True)
class Fake:
    """Pictures of the wrong number or size."""

    name: str
    frames: int
    height_px: int

    def described(self) -> dict[str, Any]:
        return {}

    def pictures(self, towns: Sequence[EvaluationTown]) -> Iterator[list[Picture]]:
        for _ in range(self.frames):
            yield [np.zeros((self.height_px, 112, 3), np.uint8) for _ in towns]


@pytest.fixture(scope="module")
def made(towns, others, protocol: Protocol, judges: Judges, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("report")
    sources = [
        PainterPictures("again"),
        PainterPictures("blur", MADE_DAMAGE["blur"]),
        PainterPictures("frozen", MADE_DAMAGE["frozen"]),
    ]
    return folder, evaluate(
        sources, towns, others, protocol, judges, folder, device=CPU, threads=1, command="everroad evaluate run"
    )


def column(evaluation: Evaluation, name: str) -> dict[str, Any]:
    return next(of for of in evaluation.report["sources"] if of["name"] == name)


def value(tree: dict[str, Any], *path: str) -> float:
    for name in path:
        tree = tree[name]
    assert tree["valid"], path
    return float(tree["value"])


def leaves(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    if isinstance(tree, dict) and set(tree) == {"value", "valid", "interval"}:
        yield path, tree
    elif isinstance(tree, dict):
        for name, inner in tree.items():
            yield from leaves(inner, (*path, name))


def test_the_painter_again_is_the_painter_in_every_number(made: Made) -> None:
    first, again = column(made[1], "painter"), column(made[1], "again")
    assert {name: first[name] for name in ("measures", "curve", "drift", "worst")} == {
        name: again[name] for name in ("measures", "curve", "drift", "worst")
    }
    assert value(first, "measures", "realism", "town-KID above floor") == 0
    assert value(first, "measures", "layout", "share mean") == 1


def test_damage_moves_what_it_must(made: Made) -> None:
    blur, frozen, painter = (column(made[1], name)["measures"] for name in ("blur", "frozen", "painter"))
    assert value(blur, "pictures", "gradient energy") < 0.7 < value(frozen, "pictures", "gradient energy")
    assert value(blur, "pictures", "psnr, dB") > value(frozen, "pictures", "psnr, dB")
    assert value(frozen, "consistency", "known motion", "still frames") == 1
    assert value(frozen, "consistency", "known motion", "left by motion") > value(
        painter, "consistency", "known motion", "left by motion"
    )
    assert value(blur, "realism", "town-KID above floor") != 0


def test_differences_are_those_of_the_values(made: Made) -> None:
    found = made[1].report["differences"]
    assert [of["name"] for of in found] == ["blur less again", "frozen less again"]
    own = [value(column(made[1], name), "measures", "pictures", "contrast") for name in ("blur", "again")]
    assert value(found[0], "measures", "pictures", "contrast") == pytest.approx(own[0] - own[1], abs=2e-6)


def classes_of_one_town(towns: Sequence[EvaluationTown], frames: int, config: DetectionConfig) -> set[str]:
    """What only one of the towns has: too many draws of towns have none of it for an interval."""
    views = [view_of(town) for town in towns]
    keys = [[view.show(i, None)[0].truth for i in range(1, frames + 1) if view.is_key(i)] for view in views]
    having = [
        {DETECTION_CLASSES[label] for truth in of if truth for label in counted_truth(truth, config).label} for of in keys
    ]
    return {name for name in DETECTION_CLASSES if sum(name in of for of in having) == 1}


def test_every_measure_that_towns_can_doubt_has_an_interval(made: Made, towns, protocol: Protocol) -> None:
    without = {
        path
        for path, of in leaves(column(made[1], "blur")["measures"])
        if of["valid"] and of["interval"] is None and "instances" not in path
    }
    rare = {path for path in without if path[:2] == ("boxes", "classes")}
    assert {path[2] for path in rare} <= classes_of_one_town(towns, protocol.frames, CVPR_2019)
    near = {("boxes", NEAR_CARS)} if "car" in classes_of_one_town(towns, protocol.frames, NEAR) else set()
    assert without - rare <= near


def test_the_tool_that_scored_the_boxes_is_told(made: Made) -> None:
    of = column(made[1], "painter")
    assert of["official detection scores"]["tool"] == (devkit() or "everroad")
    assert of["official detection scores"]["NDS"] == pytest.approx(value(of, "measures", "boxes", "official_NDS"), abs=1e-6)


def test_the_report_carries_its_protocol_and_is_json(made: Made, protocol: Protocol) -> None:
    report = made[1].report
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report["protocol"]["clip_frames"] == protocol.clip_frames
    assert report["protocol"]["scenarios"] == ["1000000", "1000001", "1000002", "1000003"]
    assert report["protocol"]["other_towns"] == ["1000004", "1000005"]
    assert (report["protocol"]["judged_height_px"], report["protocol"]["height_px"]) == (128, 64)
    assert report["command"] == "everroad evaluate run"


def test_frames_have_a_line_each(made: Made, protocol: Protocol) -> None:
    lines = [json.loads(line) for line in (made[0] / PART).read_text().splitlines()]
    assert len(lines) == 4 * 4 * (protocol.frames + 1)
    late = next(of for of in lines if (of["source"], of["town"], of["frame"]) == ("again", "1000001", protocol.frames))
    assert late["psnr_db"] is None
    assert late["gradient_energy"] == 1


def test_the_film_holds_some_frames_of_all(made: Made, protocol: Protocol) -> None:
    film = made[1].film
    assert sorted(film.frames) == [0, 1, 10, protocol.frames]
    assert [len(of) for of in film.frames[10]] == [4] * 4
    assert film.frames[10][0][0].startswith(b"\xff\xd8")


def test_the_same_twice(towns, others, protocol: Protocol, judges: Judges, tmp_path: Path, made: Made) -> None:
    """With other worker threads, too."""
    again = evaluate([PainterPictures("again")], towns, others, protocol, judges, tmp_path, device=CPU, threads=3, command=None)
    assert column(again, "again") == column(made[1], "again")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Fake("short", 3, 64), "short: expected a picture of frame 3, got the end; ask for fewer frames"),
        (Fake("small", 30, 32), "small: expected pictures of 64x112, got 32x112 at frame 0; make them of that size"),
    ],
)
def test_pictures_that_do_not_fit_are_refused(
    source: Fake, message: str, towns, others, protocol: Protocol, judges: Judges, tmp_path: Path
) -> None:
    folder = tmp_path / "report"
    with pytest.raises(ValueError, match=message), made_whole(folder):
        evaluate([source], towns[:1], others, protocol, judges, folder, device=CPU, threads=1)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("own", "judged"), [((64, 112), (128, 224)), ((256, 448), (128, 224)), ((512, 768), (128, 192)), ((100, 10), (128, 16))]
)
def test_judges_look_at_pictures_as_large_as_they_learnt_from(own: tuple[int, int], judged: tuple[int, int]) -> None:
    assert judged_size(*own) == judged
