"""The whole test on makers of pictures whose obedience is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch

from everroad.conditions.types import BOX_LAYERS, MAP_LAYERS, Conditions
from everroad.evaluation.ablation import run
from everroad.evaluation.ablation.__main__ import main
from everroad.evaluation.ablation.altered import ALTERATIONS, Alteration, altered
from everroad.evaluation.ablation.altered_model import AlteredModel, Told
from everroad.evaluation.ablation.measures import FOLLOWED, IGNORED, UNCLEAR, UNTESTED, USED, Result
from everroad.evaluation.ablation.report import ablation_table
from everroad.evaluation.ablation.run import ablate, ablate_source
from everroad.evaluation.candidates import Candidate
from everroad.evaluation.reference import EvaluationTown
from everroad.evaluation.sources.types import Picture
from everroad.render.semantics import LANE_MARKING, ROAD, SEMANTIC_CLASSES, SKY, VEHICLE
from everroad.scenario.types import TIMES_OF_DAY, WEATHERS
from everroad.stream.generate import next_frame
from everroad.stream.start import start

pytestmark = pytest.mark.slow
FRAMES = 2


def read_back(pictures: torch.Tensor) -> torch.Tensor:
    """The judge of ``Draughtsman``: red is twenty times the class."""
    return (pictures[:, 0] // 20).clamp(max=len(SEMANTIC_CLASSES) - 1)


class Kept(Told):
    """All frames are kept, not the last alone: every test asks for the same ones."""

    def __init__(self, towns: Sequence[EvaluationTown]) -> None:
        super().__init__(towns)
        self.frames: dict[int, Conditions] = {}

    def at(self, frame_index: int) -> Conditions:
        if frame_index not in self.frames:
            self.frames[frame_index] = super().at(frame_index)
        return self.frames[frame_index]


@pytest.fixture(scope="module")
def told(kit) -> Told:
    return Kept(kit.towns)


@pytest.fixture(scope="module")
def twice(kit) -> Told:
    """Each town twice: four are the least that have intervals."""
    return Kept([*kit.towns, *kit.towns])


@dataclass(frozen=True)
class Fake:
    told: Told
    alteration: Alteration | None

    @property
    def name(self) -> str:
        return "fake"

    def described(self) -> Mapping[str, Any]:
        return {}

    def pictures(self, towns: Sequence[EvaluationTown]) -> Iterator[list[Picture]]:
        for frame_index in range(FRAMES + 1):
            conditions = self.told.at(frame_index)
            if self.alteration is not None:
                conditions = altered(conditions, self.alteration)
            yield [self.draw(town, frame_index, own) for town, own in zip(towns, conditions.split(), strict=True)]

    def draw(self, town: EvaluationTown, frame_index: int, conditions) -> Picture:
        return np.full((64, 112, 3), 100, np.uint8)


class Draughtsman(Fake):
    """Draws map and boxes as they are told, in flat colours, and nothing else."""

    def draw(self, town, frame_index, conditions):
        labels = np.full((64, 112), SKY, np.uint8)
        roads, boxes = conditions.map_image[0, 0].numpy() > 127, conditions.box_image[0, 0].numpy() > 127
        labels[roads[MAP_LAYERS.index("drivable_area")]] = ROAD
        for name in ("divider_solid", "divider_dashed", "road_divider"):
            labels[roads[MAP_LAYERS.index(name)]] = LANE_MARKING
        for name in ("car", "large_vehicle"):
            labels[boxes[BOX_LAYERS.index(name)]] = VEHICLE
        return np.repeat(20 * labels[..., None], 3, -1).astype(np.uint8)


class WeatherPainter(Fake):
    """The painter's pictures of the town itself, in the weather and at the time of day that it is told, if any."""

    def draw(self, town, frame_index, conditions):
        frame, there = town.source.scenario.frame(frame_index), conditions.present
        weather = WEATHERS[int(conditions.weather)] if there.weather else frame.weather
        time_of_day = TIMES_OF_DAY[int(conditions.time_of_day)] if there.time_of_day else frame.time_of_day
        return town.painter.paint(replace(frame, weather=weather, time_of_day=time_of_day), town.source.camera).rgb


def ablated(told: Told, maker: type[Fake], alterations: Sequence[Alteration] = ALTERATIONS) -> dict[str, Result]:
    found = ablate_source(partial(maker, told), told.towns, FRAMES, read_back, alterations=alterations, told=told)
    return {of.alteration.name: of for of in found}


def test_who_ignores_everything_is_found_out(twice):
    found = ablated(twice, Fake)
    tested = {of.verdict for of in found.values() if of.towns == 4}
    assert tested == {IGNORED}
    assert {of.verdict for of in found.values() if of.towns == 0} == {UNTESTED}
    assert found["camera, shuffle"].verdict == UNTESTED  # all towns have the same
    assert all(of.change.value == 0 for of in found.values() if of.change.valid)


def test_who_draws_map_and_boxes_follows_them_and_nothing_else(twice):
    found = ablated(twice, Draughtsman)
    for way in ("zero", "shuffle", "mirror"):
        assert found[f"map, {way}"].verdict == FOLLOWED, way
    assert found["boxes, zero"].verdict == FOLLOWED
    assert found["map, zero"].follows.value == 1
    # The cars that stay where they were hide a part of the mirrored road.
    assert found["map, mirror"].follows.value > 0.7
    others = [of for of in found.values() if of.alteration.part not in ("map", "boxes")]
    assert all(of.verdict == (IGNORED if of.towns else UNTESTED) for of in others)
    assert all(of.change.value == 0 for of in others if of.towns)


def test_who_paints_the_time_of_day_it_is_told_follows_that(twice):
    parts = ("weather", "time_of_day", "map")
    found = ablated(twice, WeatherPainter, [of for of in ALTERATIONS if of.part in parts])
    assert found["time_of_day, shuffle"].follows.value == pytest.approx(1)
    assert found["time_of_day, shuffle"].verdict == FOLLOWED
    assert found["weather, shuffle"].verdict == UNTESTED  # it is overcast in all towns
    assert found["weather, zero"].verdict == IGNORED
    assert found["map, mirror"].verdict == IGNORED


def test_a_model_unaltered_is_the_plain_stream(kit, told):
    """Bit for bit."""
    image = torch.from_numpy(np.stack([town.reference(0).picture for town in kit.towns]).transpose(0, 3, 1, 2).copy())
    state = start(
        kit.model, image[:, None].float() / 255, told.at(0), [town.seed for town in kit.towns], ["CAM_FRONT"], steps=2
    )
    made = list(AlteredModel(Candidate("model", kit.model), steps=2, told=told).pictures(kit.towns))
    assert len(made) == 7
    for frame_index in (1, 2):
        frame, state = next_frame(kit.model, state, told.at(frame_index))
        expected = frame.decode_uint8(kit.model)[:, 0].permute(0, 2, 3, 1).numpy()
        np.testing.assert_array_equal(np.stack(made[frame_index]), expected)


def made_by(kit, told: Told, alteration: Alteration | None = None, zero_memory: bool = False) -> list[np.ndarray]:
    """Frames 0 to 2."""
    source = AlteredModel(Candidate("model", kit.model, {}, zero_memory), alteration, steps=1, told=told)
    return [np.stack(pictures) for pictures in islice(source.pictures(kit.towns), 3)]


@pytest.fixture(scope="module")
def unaltered(kit, told) -> list[np.ndarray]:
    return made_by(kit, told)


@pytest.mark.parametrize("alteration", ALTERATIONS, ids=lambda of: of.name)
def test_a_model_under_every_alteration_makes_pictures(kit, told, unaltered, alteration):
    made = made_by(kit, told, alteration)
    assert [pictures.shape for pictures in made] == [(2, 64, 112, 3)] * 3
    untested = ("camera, shuffle", "weather, shuffle")  # alike in both towns
    if alteration.name != "anchor, shuffle":  # of which random weights make too little
        assert np.array_equal(made, unaltered) == (alteration.name in untested)


def test_memory_at_zero_is_kept_so(kit, told, unaltered):
    made = made_by(kit, told, zero_memory=True)
    assert np.array_equal(made[1], unaltered[1])
    assert not np.array_equal(made[2], unaltered[2])


def test_a_source_says_what_it_is(kit):
    source = AlteredModel(Candidate("model", kit.model, {"sha256": "abc"}), Alteration("map", "zero"))
    assert source.name == "model: map, zero"
    assert source.described() == {
        "name": source.name, "model_sha256": "abc", "zero_memory": False, "alteration": "map, zero"
    }  # fmt: skip


def test_the_report_of_a_model(kit, monkeypatch):
    monkeypatch.setattr(run, "open_town", kit.open_town)
    monkeypatch.setattr(run, "load_packaged_segmenter", lambda: (kit.judge, {"sha256": "judge"}))
    heard: list[tuple[int, int]] = []
    alterations = (Alteration("map", "mirror"), Alteration("camera", "zero"))
    candidate = Candidate("model", kit.model, {"sha256": "abc"})
    report = ablate(
        candidate, towns=2, frames=2, steps=1, alterations=alterations, command="it", progress=lambda *of: heard.append(of)
    )
    assert heard == [(6, 12), (12, 12)]
    assert report["protocol"]["town_seeds"] == [1_000_000, 1_000_001]
    assert report["protocol"]["segmenter_sha256"] == "judge"
    assert (report["model"]["model_sha256"], report["model"]["steps"], report["command"]) == ("abc", 1, "it")
    assert list(report["alterations"]) == ["map, mirror", "camera, zero"]
    assert report["alterations"]["camera, zero"]["verdict"] in (USED, IGNORED, UNCLEAR)
    again = ablate(candidate, towns=2, frames=2, steps=1, alterations=alterations, command="it")
    assert again == report
    table = ablation_table(report).splitlines()
    assert len(table) == 4
    assert all(line.count("|") == 10 for line in table)


@pytest.mark.parametrize(("towns", "frames"), [(1, 3), (2, 0)])
def test_too_little_is_refused(kit, towns, frames):
    with pytest.raises(ValueError, match=f"expected 2 towns and 1 frame at least, got {towns} and {frames}; ask for more"):
        ablate(Candidate("model", kit.model), towns=towns, frames=frames)


def test_the_command_line_refuses_in_one_line(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--towns", "1", "--weights", "nothing.safetensors"])
    assert caught.value.code == 2
    assert "nothing.safetensors" in capsys.readouterr().err
