"""The loop test: what remembers comes back, and what does not, does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from everroad.evaluation.loop_circuit import closed_circuit, way_back
from everroad.evaluation.loop_test import COMPARED, NAMES, LoopTown, loop_measures, loop_table, open_circuit
from everroad.evaluation.reference import EvaluationTown, evaluation_seeds
from everroad.evaluation.sources.types import Picture
from everroad.render.painter import Painter

pytestmark = pytest.mark.slow  # towns are authored and painted

FORM: Any = SimpleNamespace(height_px=32, width_px=56, frame_rate_hz=2.5)
SEEDS = evaluation_seeds(2)


@dataclass(frozen=True)
class Forgetful:
    """Paints the same layout, but from ``since`` on the houses and all else that nobody told are others."""

    since: int
    until: int = 10**9
    early: int = 0
    name: str = "forgetful"

    def described(self) -> dict[str, Any]:
        return {}

    def pictures(self, towns: Sequence[EvaluationTown]) -> Iterator[list[Picture]]:
        others = []
        for town in towns:
            scenario = replace(town.source.scenario, appearance_seed=town.source.scenario.appearance_seed + 1)
            others.append(replace(town, source=replace(town.source, scenario=scenario), painter=Painter(scenario)))
        frames = len(towns[0].source.scenario) - self.early
        for i in range(frames):
            shown = others if self.since <= i < self.until else towns
            # Painting is dear, and nobody looks at most of these.
            seen = any(0 <= i - first <= COMPARED for first in (0, (frames - COMPARED) // 2, frames - COMPARED - 1))
            yield [town.picture(i) if seen else np.zeros((32, 56, 3), np.uint8) for town in shown]


@pytest.fixture(scope="module")
def towns() -> list[LoopTown]:
    return [open_circuit(seed, FORM) for seed in SEEDS[:1]]


def test_a_circuit_is_closed_and_smooth() -> None:
    circuit = closed_circuit(SEEDS[0], 20)
    poses, lap = circuit.scenario.world_from_ego, circuit.lap
    assert len(circuit.scenario) == lap + 21
    np.testing.assert_array_equal(poses.matrices()[lap:], poses.matrices()[:21])
    steps = np.linalg.norm(np.diff(poses.translation_m, axis=0), axis=1)
    assert steps.max() < 11.5 / 12
    assert np.abs(np.diff(steps)).max() < 0.05
    # Round a block, all the way.
    yaw = np.unwrap([np.arctan2(pose[1, 0], pose[0, 0]) for pose in poses.matrices()[: lap + 1]])
    assert abs(yaw[-1] - yaw[0]) == pytest.approx(2 * np.pi, abs=1e-6)
    assert circuit.scenario.actors == circuit.scenario.signals == ()
    assert circuit.scenario.weather != "rain"


def test_the_way_back_follows_the_lanes() -> None:
    scenario = closed_circuit(SEEDS[1], 1).scenario
    assert scenario.map is not None
    assert scenario.map.lanes is not None
    lanes = {lane.lane_id: lane for lane in scenario.map.lanes}
    way = way_back(scenario)
    assert len(set(way)) == len(way)
    for before, after in zip(way, (*way[1:], way[0]), strict=True):
        assert after in lanes[before].successors
    dead_end = replace(scenario.map, lanes=tuple(replace(lane, successors=()) for lane in scenario.map.lanes))
    with pytest.raises(ValueError, match="expected a map with a way back to where it began, got none"):
        way_back(replace(scenario, map=dead_end))


@pytest.mark.slow
def test_what_remembers_comes_back_and_what_forgets_does_not(towns: list[LoopTown]) -> None:
    late = towns[0].lap - 4
    sources = [Forgetful(since=late), Forgetful(since=COMPARED + 1, until=late, name="remembers")]
    found = loop_measures(sources, towns)
    for name in ("painter", "remembers"):
        assert found[name]["return"].value == found[name]["facades"].value == 0
        assert found[name]["came back"].value == 1
        assert not found[name]["return psnr, dB"].valid
        assert found[name]["elsewhere"].value > 5
    assert found["forgetful"]["facades"].value > 3
    assert found["forgetful"]["return"].value > 0
    assert found["forgetful"]["return psnr, dB"].value > found["forgetful"]["elsewhere psnr, dB"].value
    assert found["forgetful"]["came back"].value < 0.8
    table = loop_table(found)
    assert [line.split(" | ")[0].strip("| ") for line in table.splitlines()[2:]] == list(NAMES)


@pytest.mark.slow
def test_what_ends_early_is_refused(towns: list[LoopTown]) -> None:
    with pytest.raises(ValueError, match=r"forgetful: expected \d+ frames, got fewer; let it make more"):
        loop_measures([Forgetful(since=0, early=2)], towns[:1])


def test_a_lap_of_too_few_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a lap of 96 frames at least"):
        open_circuit(SEEDS[0], SimpleNamespace(height_px=32, width_px=56, frame_rate_hz=1.0))
