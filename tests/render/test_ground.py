from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everroad.render import hashing
from everroad.render.look import make_look
from everroad.render.markings import DASH_M, DASH_PERIOD_M, make_markings
from everroad.render.scenery import make_scenery, make_shadows
from everroad.render.semantics import CROSSING, LANE_MARKING, ROAD, SIDEWALK, TERRAIN
from everroad.render.tiles import TILE_PX, GroundWorld, TileStore
from everroad.scenario.types import Divider, VectorMap
from tests.render.scenes import crossroads, rectangle


@pytest.fixture(scope="module")
def store() -> TileStore:
    scenery, look = make_scenery(crossroads(), 5), make_look("clear", "day", 5)
    return TileStore(
        GroundWorld(scenery.areas, make_markings(crossroads()), scenery.lamps, make_shadows(scenery, look), look, 5)
    )


def at(store: TileStore, scale: float, x: float, y: float) -> tuple[np.ndarray, int]:
    """Colour and class of the texel around a world point."""
    column, row = int(np.floor(x / (TILE_PX * scale))), int(np.floor(y / (TILE_PX * scale)))
    colour, kind = store.tile(scale, column, row)
    j, i = int(x / scale - column * TILE_PX), int(y / scale - row * TILE_PX)
    return colour[i, j].astype(float), int(kind[i, j])


@pytest.mark.parametrize("scale", [0.05, 0.1, 0.25])
def test_tiles_show_the_map(store: TileStore, scale: float) -> None:
    for x, y, wanted in (
        (20.0, -1.8, ROAD),
        (20.0, 0.17, LANE_MARKING),
        (20.0, 8.6, SIDEWALK),
        (20.0, 60.0, TERRAIN),
        (-30.0, -8.6, SIDEWALK),
    ):
        assert at(store, scale, x, y)[1] == wanted
    crossing = [at(store, scale, 48.0, y)[1] for y in np.arange(-6.5, 6.5, 0.1)]
    assert 0.3 < np.mean(np.array(crossing) == CROSSING) < 0.75
    yellow = at(store, scale, 20.0, 0.17)[0]
    assert yellow[0] > 1.5 * yellow[2]


def test_neighbouring_tiles_join_without_a_seam(store: TileStore) -> None:
    """The step across the border is no larger than steps inside."""
    for scale in (0.05, 0.1, 0.25):
        left, right = (store.tile(scale, c, 3)[0].astype(float) for c in (1, 2))
        across = np.abs(left[:, -1] - right[:, 0]).mean()
        inside = np.abs(np.diff(left, axis=1)).mean(axis=(0, 2))
        assert across < 1.5 * max(inside.max(), 1.0)


def test_levels_agree_on_average(store: TileStore) -> None:
    fine = np.mean([at(store, 0.05, x, -1.8)[0] for x in np.arange(0, 10, 0.21)], axis=0)
    coarse = np.mean([at(store, 0.25, x, -1.8)[0] for x in np.arange(0, 10, 0.21)], axis=0)
    np.testing.assert_allclose(fine, coarse, rtol=0.12)


@given(st.integers(-50, 50), st.integers(1, 9), st.integers(0, 2**40))
def test_noise_is_the_same_through_any_window(start: int, size: int, seed: int) -> None:
    whole = hashing.lattice(seed, np.arange(-60, 70), np.arange(-60, 70))
    window = hashing.lattice(seed, start + np.arange(size), start - 3 + np.arange(size))
    i, j = start - 3 + 60, start + 60
    np.testing.assert_array_equal(window, whole[i : i + size, j : j + size])
    assert 0 <= window.min() <= window.max() < 1


def test_noise_is_even_and_uncorrelated() -> None:
    noise = hashing.lattice(7, np.arange(300), np.arange(300)).astype(float)
    assert noise.mean() == pytest.approx(0.5, abs=0.01)
    assert noise.std() == pytest.approx(np.sqrt(1 / 12), abs=0.01)
    for axis in (0, 1):
        shifted = np.roll(noise, 1, axis)
        assert abs(np.corrcoef(noise.ravel(), shifted.ravel())[0, 1]) < 0.02


def dash_starts(points: list[list[float]], mark: str = "dashed") -> np.ndarray:
    divider = Divider(np.array(points, dtype=float), mark, "white")  # type: ignore[arg-type]
    return np.sort(make_markings(VectorMap(lane_dividers=(divider,))).low[:, 0])


def test_dashes_join_across_pieces_and_ignore_the_direction() -> None:
    whole = dash_starts([[0, 2, 0], [90, 2, 0]])
    np.testing.assert_allclose(np.diff(whole), DASH_PERIOD_M)
    np.testing.assert_allclose(dash_starts([[90, 2, 0], [0, 2, 0]]), whole, atol=1e-9)
    first, second = dash_starts([[0, 2, 0], [40, 2, 0]]), dash_starts([[40, 2, 0], [90, 2, 0]])
    np.testing.assert_allclose(np.concatenate([first, second]), whole, atol=1e-9)
    covered = make_markings(VectorMap(lane_dividers=(Divider(np.array([[0, 2, 0], [90.0, 2, 0]]), "dashed", "white"),)))
    assert (covered.high - covered.low)[:, 0].sum() == pytest.approx(90 * DASH_M / DASH_PERIOD_M)


def test_marks_are_what_their_type_says() -> None:
    line = [[0.0, 0, 0], [90, 0, 0]]
    counts = {
        mark: len(dash_starts(line, mark))
        for mark in ("none", "solid", "double_solid", "dashed", "double_dashed", "solid_dashed")
    }
    assert counts == {"none": 0, "solid": 1, "double_solid": 2, "dashed": 10, "double_dashed": 20, "solid_dashed": 11}


def test_zebra_stripes_run_along_the_traffic_inside_the_crossing() -> None:
    marks = make_markings(VectorMap(ped_crossings=(rectangle(46, -7, 50, 7),)))
    assert len(marks.quads_m) >= 9
    assert (marks.low >= [46, -7]).all()
    assert (marks.high <= [50, 7]).all()
    size = marks.high - marks.low
    assert (size[:, 0] > 3 * size[:, 1]).all()


def test_street_lamps_brighten_the_night() -> None:
    scenery = make_scenery(crossroads(), 5)
    look = make_look("clear", "night", 5)
    lit = TileStore(GroundWorld(scenery.areas, make_markings(None), scenery.lamps, make_shadows(scenery, look), look, 5))
    lamp = scenery.lamps[0]
    below = at(lit, 0.1, *(lamp.point_m + lamp.arm_m))[0].mean()
    away = -lamp.arm_m / np.linalg.norm(lamp.arm_m)
    assert below > 1.4 * at(lit, 0.1, *(lamp.point_m + 25 * away))[0].mean()
