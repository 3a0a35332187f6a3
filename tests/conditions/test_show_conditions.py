from __future__ import annotations

from everroad.conditions.build import build_conditions
from everroad.conditions.show_conditions import draw_conditions
from everroad.conditions.show_paint import COLOUR_OF_LAYER


def test_conditions_picture_has_the_colours_of_what_is_there(scene):
    street = scene.road(drivable_areas=[scene.rectangle(0, 60, -5, 5)])
    near, far = (
        draw_conditions(build_conditions(scene.frame([scene.actor(x, 0)], street), None, [scene.camera()])) for x in (8, 40)
    )
    assert near.shape == (128, 224, 3)
    assert near[120, 111].tolist() == list(COLOUR_OF_LAYER["drivable_area"])
    assert near[70, 111].sum() > far[66, 111].sum()
    assert near[70, 111, 2] == near[70, 111].max()  # cars are blue
