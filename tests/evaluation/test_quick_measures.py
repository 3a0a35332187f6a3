"""The whole set of measures on the painter's own pictures, and on the same pictures with damage made to order."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from everroad.evaluation.first_frame_baselines import FRAMES as BASELINE_FRAMES
from everroad.evaluation.measure import Measure
from everroad.evaluation.persistence import instance_masks
from everroad.evaluation.picture_statistics import FRAMES
from everroad.evaluation.quick_measures import BARS, Trace, acceptance, measures_of
from everroad.evaluation.records import make_record
from everroad.evaluation.reference import EvaluationTown, Reference
from everroad.render.semantics import BUILDING, LANE_MARKING, ROAD, SKY, VEHICLE

LAST = 42
HEIGHT, WIDTH = 32, 48
Picture = np.ndarray


class ToyTown(EvaluationTown):
    """A road under a house; a car crosses, half a pixel a frame."""

    def __init__(self) -> None:
        object.__setattr__(self, "fast", np.ones(LAST + 1, dtype=bool))

    def kind(self, instance: int) -> str:
        return "actor" if instance == 2 else "facade"


def toy_reference(frame: int):
    semantic = np.full((HEIGHT, WIDTH), SKY, dtype=np.uint8)
    semantic[16:] = ROAD
    semantic[28, ::3] = LANE_MARKING
    semantic[4:16, 8:40] = BUILDING
    instance = np.where(semantic == BUILDING, 1, 0).astype(np.int32)
    left = 2 + frame // 2
    semantic[18:24, left : left + 10], instance[18:24, left : left + 10] = VEHICLE, 2
    return Reference(COLOURS[semantic], semantic, instance_masks(instance))


COLOURS = np.random.default_rng(3).integers(0, 256, (13, 3), dtype=np.uint8)


def judge(picture: Picture) -> np.ndarray:
    """The class of the nearest colour."""
    distance = np.square(picture[..., None, :].astype(int) - COLOURS).sum(-1)
    return distance.argmin(-1).astype(np.uint8)


def traces(damage: Callable[[int, Picture], Picture]) -> tuple[Trace, Trace]:
    """A model that shows the painter's pictures damaged, and the painter, of two equal towns."""
    model, painter = Trace(), Trace()
    for frame in range(LAST + 1):
        reference = toy_reference(frame)
        shown = damage(frame, reference.picture) if frame else reference.picture
        painter.records.append([make_record(reference.picture, judge(reference.picture), reference)] * 2)
        painter.ids.append([reference.masks.ids] * 2)
        model.records.append([make_record(shown, judge(shown), reference)] * 2)
        if BASELINE_FRAMES.first <= frame <= BASELINE_FRAMES.last:
            painter.errors[frame] = np.array([[0.04, 0.02]] * 2)
            model.errors[frame] = np.array([np.square((shown / 255.0) - reference.picture / 255.0).mean() + 0.001] * 2)
    return model, painter


def measured(damage: Callable[[int, Picture], Picture]):
    return measures_of(*traces(damage), [ToyTown(), ToyTown()])


@pytest.fixture(scope="module")
def perfect():
    return measured(lambda frame, picture: picture)


def test_the_painters_own_pictures_are_perfect(perfect) -> None:
    assert perfect["layout"]["1-40"]["share mean"].value == 1
    assert perfect["layout curve"]["1-40"]["share mean"].value == 1
    assert not perfect["layout"]["200-240"]["share mean"].valid
    assert perfect["persistence"]["actor"]["instances"].value == 2
    assert perfect["persistence"]["facade"]["change"].value == pytest.approx(0, abs=1e-3)
    assert perfect["persistence"]["all"]["variety"].value == pytest.approx(1)
    for frame in FRAMES[:2]:
        assert perfect["statistics"][str(frame)]["gradient energy"].value == pytest.approx(1)
    assert perfect["baselines"]["margin over repeat"].value == pytest.approx(10 * np.log10(40))


def frozen(frame: int, picture: Picture) -> Picture:
    return toy_reference(0).picture


def blurred(frame: int, picture: Picture) -> Picture:
    return cv2.GaussianBlur(picture, (0, 0), 1.5)


def noisy(frame: int, picture: Picture) -> Picture:
    return np.clip(picture + np.random.default_rng(frame).normal(0, 25, picture.shape), 0, 255).astype(np.uint8)


def drifting(frame: int, picture: Picture) -> Picture:
    return np.clip(picture.astype(int) + [2 * frame, 0, -frame], 0, 255).astype(np.uint8)


def without_car(frame: int, picture: Picture) -> Picture:
    return np.where((toy_reference(frame).semantic == VEHICLE)[..., None], COLOURS[ROAD], picture)


@pytest.mark.parametrize(
    ("damage", "path", "at_most"),
    [
        (frozen, ("layout", "1-40", "share vehicle"), 0.5),
        (blurred, ("layout", "1-40", "share lane_marking"), 0.8),
        (blurred, ("statistics", "40", "gradient energy"), 0.7),
        (without_car, ("layout", "1-40", "share vehicle"), 0.0),
        (frozen, ("baselines", "margin over repeat"), 13.0),
        (noisy, ("baselines", "margin over warp"), 10.0),
    ],
)
def test_damage_lowers_what_it_should(perfect, damage, path: tuple[str, ...], at_most: float) -> None:
    before, after = perfect, measured(damage)
    for name in path:
        before, after = before[name], after[name]
    assert after.value <= at_most < before.value + 1e-9


@pytest.mark.parametrize(
    ("damage", "path", "at_least"),
    [
        (drifting, ("statistics", "40", "colour error"), 15.0),
        (drifting, ("persistence", "facade", "change"), 15.0),
        (drifting, ("persistence", "all", "beyond the painter's"), 15.0),
        (noisy, ("statistics", "1", "gradient energy"), 1.2),
        (frozen, ("persistence", "actor", "change"), 10.0),
    ],
)
def test_damage_raises_what_it_should(perfect, damage, path: tuple[str, ...], at_least: float) -> None:
    before, after = perfect, measured(damage)
    for name in path:
        before, after = before[name], after[name]
    assert after.value >= at_least > before.value


def test_each_bar_is_compared_with_its_measure(perfect) -> None:
    found = acceptance(perfect)
    assert list(found) == list(BARS)
    assert [entry["passed"] for entry in found.values()] == [True, None, None, True, True]
    assert found["layout share, frames 1-40"] == {"bar": 0.85, "value": 1.0, "passed": True}
    assert found["dB over warping the first frame"]["value"] == pytest.approx(10 * np.log10(20), abs=1e-5)


def test_the_least_gradient_energy_decides() -> None:
    def entry(value: float) -> dict[str, Measure]:
        return {"gradient energy": Measure(value, True)}

    share = {"share mean": Measure(0.8, True)}
    found = acceptance(
        {
            "statistics": dict(zip(map(str, FRAMES), map(entry, (0.95, 0.9, 0.79, 1.4)), strict=True)),
            "layout": {"1-40": share, "200-240": share},
            "baselines": {"margin over repeat": Measure(0.5, True), "margin over warp": Measure(0.49, True)},
        }
    )
    values = list(found.values())
    assert [value["value"] for value in values] == [0.8, 0.8, 0.79, 0.5, 0.49]
    assert [value["passed"] for value in values] == [False, True, False, True, False]
