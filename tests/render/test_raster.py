from __future__ import annotations

import numpy as np
import pytest

from everroad.render.mesh import Face, box, disc, make_mesh, part_ranks, stack, unit_normals_of
from everroad.render.raster import Polygons, depth_of, paint_colour, paint_index, prepare
from everroad.render.view import make_lens
from tests.render.scenes import front


def polygons(*corners: list[tuple[float, float, float]], rank: list[int] | None = None) -> Polygons:
    n = len(corners)
    return Polygons(
        points_m=stack(corners),
        colour=np.array([[200.0, 10 * i, 0] for i in range(n)]),
        two_sided=np.ones(n, bool),
        rank=np.array(rank if rank is not None else range(n)),
        key=np.zeros(n),
        texture=np.full(n, -1),
        instance=np.arange(n),
        semantic=np.zeros(n, np.int64),
    )


def square(z: float, half: float) -> list[tuple[float, float, float]]:
    return [(-half, -half, z), (-half, half, z), (half, half, z), (half, -half, z)]


def test_rings_are_padded_with_their_last_corner() -> None:
    triangle, quad = square(1.0, 1.0)[:3], square(2.0, 1.0)
    both = stack([triangle, quad])
    assert both.shape == (2, 8, 3)
    np.testing.assert_array_equal(both[0], triangle + [triangle[-1]] * 5)
    np.testing.assert_array_equal(both[1], quad + [quad[-1]] * 4)


LENS = make_lens(front(101, 101, 100.0), 2)


def test_a_square_covers_its_pixels() -> None:
    index = paint_index(prepare(polygons(square(10.0, 2.03)), LENS), LENS)
    # Half of the side is 20.3 pixels, so 41 pixel centres lie inside.
    assert (index > 0).sum() == 41 * 41
    assert index[50, 50] == 1


def test_depth_of_a_slanted_plane_is_exact() -> None:
    floor = [(-5.0, 1.5, 3.0), (5, 1.5, 3), (5, 1.5, 60), (-5, 1.5, 60)]
    prepared = prepare(polygons(floor), LENS)
    depth = depth_of(paint_index(prepared, LENS), prepared, LENS)
    rows = np.arange(60, 95)
    np.testing.assert_allclose(depth[rows, 50], 1.5 * 100 / (rows - 50), rtol=1e-5)
    assert np.isinf(depth[:48]).all()
    assert depth.dtype == np.float32


def test_rank_decides_who_is_in_front() -> None:
    for rank, seen in (([0, 1], 2), ([1, 0], 1)):
        prepared = prepare(polygons(square(10.0, 2.0), square(11.0, 2.0), rank=rank), LENS)
        index = paint_index(prepared, LENS)
        assert prepared.instance[index[50, 50] - 1] == seen - 1


def test_polygons_behind_are_dropped_and_crossing_ones_clipped() -> None:
    behind = [(x, y, -z) for x, y, z in square(5.0, 2.0)]
    wall = [(1.0, -2.0, -30.0), (1.0, 2.0, -30.0), (1.0, 2.0, 30.0), (1.0, -2.0, 30.0)]
    prepared = prepare(polygons(behind, wall), LENS)
    assert prepared.instance.tolist() == [1]
    index = paint_index(prepared, LENS)
    depth = depth_of(index, prepared, LENS)
    columns = np.arange(60, 100)
    np.testing.assert_allclose(depth[50, columns], 100 / (columns - 50), rtol=1e-5)
    assert (index[:, :50] == 0).all()


def test_faces_turned_away_are_not_drawn() -> None:
    one_sided = polygons(square(10.0, 2.0), square(10.0, 2.0)[::-1])
    turned = Polygons(**{**one_sided.__dict__, "two_sided": np.zeros(2, bool)})
    assert len(prepare(turned, LENS).instance) == 1


def test_edges_are_smooth() -> None:
    canvas = np.zeros((202, 202, 3), np.uint8)
    paint_colour(canvas, prepare(polygons([(-2.0, -2, 10), (-1.5, 2, 10), (2, 1.7, 10)]), LENS), 2, lambda c, i: None)
    assert len(np.unique(canvas[..., 0])) > 10


def test_normals_point_out_of_boxes_and_discs() -> None:
    mesh = make_mesh([box((-1, -2, -3), (1, 2, 3), (0, 0, 0), inset=(0.2, 0.3, 0), bottom=True)])
    away = mesh.points_m[:, :4].mean(axis=1)
    assert ((mesh.normal * away).sum(axis=1) > 0).all()
    np.testing.assert_allclose(np.linalg.norm(mesh.normal, axis=1), 1)
    for side in (1.0, -1.0):
        face = disc((0, 0, 0), 1.0, side, (0, 0, 0))
        np.testing.assert_allclose(unit_normals_of(stack([face.points_m]))[0], [0, side, 0], atol=1e-12)
    triangle = Face(((0.0, 0, 0), (1, 0, 0), (0, 1, 0)), (0, 0, 0))
    np.testing.assert_allclose(unit_normals_of(stack([triangle.points_m]))[0], [0, 0, 1], atol=1e-12)


@pytest.mark.parametrize(("eye", "last"), [((9.0, 0, 0), 1), ((-9.0, 0, 0), 0), ((0.0, 0, 9), 2)])
def test_the_part_on_the_eye_s_side_comes_last(eye: tuple[float, float, float], last: int) -> None:
    parts = [
        box((-2, -1, 0), (0, 1, 1), (0, 0, 0)),
        box((0, -1, 0), (2, 1, 1), (0, 0, 0)),
        box((-2, -1, 1), (2, 1, 2), (0, 0, 0)),
    ]
    ranks = part_ranks(make_mesh(parts), np.array(eye))
    assert sorted(ranks.tolist()) == [0, 1, 2]
    if eye[2] > 1:
        assert ranks[2] == 2
    else:
        assert ranks[last] > ranks[1 - last]
        assert ranks[2] < ranks[last]
