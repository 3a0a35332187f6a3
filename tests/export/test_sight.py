from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from everroad import geometry
from everroad.export.sight import Witness, projected_box
from everroad.render.painter import Painter
from tests.export.scenes import actor, camera, drive

CAR = (4.5, 1.9, 1.5)


def look(*actors, painted=False):
    scene = drive(actors=actors)
    witness = Witness(scene, Painter(scene) if painted else None)
    return witness, witness.look(scene.frame(0), scene.cameras[0])


def test_an_actor_alone_is_wholly_seen_inside_its_projected_box():
    car = actor("a", "vehicle.car", CAR, (-8.0, -1.75))
    _, seen = look(car)
    sight = seen.of_actor["a"]
    assert sight.seen_px == sight.whole_px == int((seen.instance == 1).sum()) > 50
    scene = drive(actors=(car,))
    frame = scene.frame(0)
    box = projected_box(frame.actors[0], camera(), geometry.invert(frame.world_from_ego @ camera().ego_from_camera))
    assert box is not None
    assert (np.array(sight.box_px[:2]) >= box[:2] - 1.5).all()
    assert (np.array(sight.box_px[2:]) <= box[2:] + 2.5).all()
    mask = seen.instance == 1
    rows, columns = np.nonzero(mask)
    assert sight.box_px == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_one_actor_hides_another():
    near, far = actor("near", "vehicle.truck", (8.0, 2.5, 3.0), (-8.0, -1.75)), actor("far", "vehicle.car", CAR, (5.0, -1.75))
    beside = actor("beside", "vehicle.car", CAR, (5.0, 6.0))
    _, seen = look(near, far, beside)
    assert seen.of_actor["far"].seen_px == 0 < seen.of_actor["far"].whole_px
    assert seen.of_actor["far"].box_px is None
    assert seen.of_actor["near"].seen_px == seen.of_actor["near"].whole_px
    assert seen.of_actor["beside"].seen_px == seen.of_actor["beside"].whole_px
    # Half of it behind the truck.
    _, half = look(near, actor("far", "vehicle.car", CAR, (5.0, 2.6)))
    assert 0.2 < half.of_actor["far"].seen_px / half.of_actor["far"].whole_px < 0.9


def test_what_is_behind_is_not_there():
    _, seen = look(actor("a", "vehicle.car", CAR, (-40.0, -1.75)))
    assert seen.of_actor == {}
    assert (seen.instance == 0).all()


@pytest.mark.parametrize("painted", [False, True])
def test_only_painted_pictures_have_buildings(painted):
    scene = drive()
    witness, seen = look(*scene.actors, painted=painted)
    assert witness.names == {i: a.track_id for i, a in enumerate(scene.actors, start=1)}
    assert (seen.instance.max() > len(scene.actors)) == painted


def test_depth_is_that_of_the_ground_and_the_actors():
    scene = drive(actors=(actor("a", "vehicle.car", CAR, (-8.0, -1.75)),))
    depth_m = Witness(scene, None).depth(scene.frame(0), scene.cameras[0])
    assert np.isinf(depth_m[0]).all()
    # Last row: 32 px below the middle, 1.5 m above the ground, focal 89.6 px.
    assert depth_m[-1, 0] == pytest.approx(1.5 * 89.6 / 31.5, rel=1e-4)
    # The car's rear: 20 - 8 - 2.25 - 1.7 m ahead of the camera.
    assert 8.0 < depth_m[32, 55] < 9.5


def test_a_box_around_the_camera_is_clipped():
    scene = drive()
    around = replace(scene.frame(0).actors[0], world_from_actor=scene.frame(0).world_from_ego)
    assert (
        projected_box(around, camera(), geometry.invert(scene.frame(0).world_from_ego @ camera().ego_from_camera)) is not None
    )
