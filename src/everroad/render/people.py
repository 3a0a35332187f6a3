"""Walkers, riders and loose things as a few convex parts in a box of the actor's size."""

from __future__ import annotations

from everroad.render import hashing
from everroad.render.mesh import Colour, Face, Mesh, box, disc, make_mesh, on_face

_SHIRTS: tuple[Colour, ...] = (
    (190, 44, 44),
    (44, 84, 160),
    (226, 196, 60),
    (60, 130, 80),
    (224, 224, 220),
    (60, 60, 66),
    (150, 80, 150),
    (230, 130, 50),
)
_TROUSERS: tuple[Colour, ...] = ((46, 54, 78), (50, 48, 46), (104, 92, 74), (84, 84, 90))
_SKIN: tuple[Colour, ...] = ((226, 184, 150), (190, 140, 104), (130, 90, 64), (96, 66, 50))
_HAIR: tuple[Colour, ...] = ((40, 32, 28), (96, 66, 40), (180, 150, 96), (120, 120, 120))
_TYRE: Colour = (30, 30, 32)


def _limb(x0: float, x1: float, y: float, half: float, z0: float, z1: float, colour: Colour) -> list[Face]:
    """An upright box whose foot is moved to ``x0`` and whose top is at ``x1``."""
    return box((x0 - half, y - half, z0), (x0 + half, y + half, z1), colour, shift_x=x1 - x0)


def _figure(height: float, width: float, base: float, stride: float, seed: int, *, vest: bool = False) -> list[list[Face]]:
    """Legs, torso with arms, head: from the feet at ``base`` up; ``stride`` swings the legs (metres)."""
    shirt = (240, 150, 30) if vest else _SHIRTS[hashing.pick(len(_SHIRTS), seed, 2)]
    trousers = _TROUSERS[hashing.pick(len(_TROUSERS), seed, 3)]
    skin, hair = _SKIN[hashing.pick(len(_SKIN), seed, 4)], _HAIR[hashing.pick(len(_HAIR), seed, 5)]
    hip, neck = base + 0.48 * height, base + 0.84 * height
    half = min(max(0.28 * width, 0.12), 0.24)
    legs = [_limb(side * stride, 0.0, side * 0.5 * half, 0.07, base, hip, trousers) for side in (-1, 1)]
    torso = box((-0.11, -half, hip), (0.11, half, neck), shirt, inset=(0.02, 0.03, 0))
    arms = [_limb(-side * 0.7 * stride, 0.0, side * (half + 0.05), 0.05, hip - 0.02, neck - 0.04, shirt) for side in (-1, 1)]
    head = box((-0.09, -0.085, neck + 0.01), (0.1, 0.085, base + height), skin)
    head += [on_face(head[i], 0, 0, 1, 0.4, hair) for i in (0, 2, 3)] + [on_face(head[1], 0, 0, 1, 0.9, hair)]
    head[4] = Face(head[4].points_m, hair)
    return [*legs, arms[0], torso, arms[1], head]


def make_pedestrian(size_lwh: tuple[float, float, float], seed: int, swing: float, category: str | None) -> Mesh:
    """A figure whose legs are apart by ``swing`` (-1 to 1; 0 stands)."""
    height = size_lwh[2]
    stride = 0.16 * height * swing
    vest = category is not None and category.endswith("construction_worker")
    return make_mesh(_figure(height, size_lwh[1], -height / 2, stride, seed, vest=vest))


def make_two_wheeler(size_lwh: tuple[float, float, float], seed: int, motor: bool, rider: bool, brake: bool) -> Mesh:
    """A bicycle or motorcycle, with a rider where it moves."""
    length, width, height = size_lwh
    low = -height / 2
    radius = min(0.2 * length, 0.36) if not motor else min(0.17 * length, 0.36)
    paint = _SHIRTS[hashing.pick(len(_SHIRTS), seed, 6)]
    wheels = []
    for x in (-length / 2 + radius, length / 2 - radius):
        wheels.append(disc((x, 0.0, low + radius), radius, 1.0, _TYRE, two_sided=True))
        wheels.append(
            disc((x, 0.0, low + radius), radius * (0.62 if motor else 0.78), 1.0, (126, 126, 126), two_sided=True, fine=True)
        )
        wheels += box((x - radius, -0.05, low), (x + radius, 0.05, low + 2 * radius), _TYRE)[:2]
    thick = 0.16 if motor else 0.05
    frame = box((-0.32 * length, -thick, low + radius), (0.28 * length, thick, low + (2.1 if motor else 1.9) * radius), paint)
    frame.append(on_face(frame[1], 0.1, 0.0, 0.9, 0.3, (255, 50, 40), glow=0.9 if brake else 0.3, fine=False))
    bars = box(
        (0.2 * length, -min(width / 2, 0.34), low + 2.4 * radius),
        (0.27 * length, min(width / 2, 0.34), low + 2.65 * radius),
        (40, 40, 42),
    )
    parts = [wheels, frame, bars]
    if rider:
        seat = low + 1.75 * radius
        parts += _figure(height / 2 - seat + (0.25 if motor else 0.35), width, seat - (0.25 if motor else 0.35), 0.12, seed)
    return make_mesh(parts)


def make_thing(size_lwh: tuple[float, float, float], seed: int, category: str | None) -> Mesh:
    """Cones, barriers, and a plain box for the rest."""
    length, width, height = size_lwh
    if category == "movable_object.trafficcone":
        cone = box(
            (-0.4 * length, -0.4 * width, -height / 2),
            (0.4 * length, 0.4 * width, height / 2),
            (236, 96, 28),
            inset=(0.36 * length, 0.36 * width, 0),
        )
        return make_mesh([cone + [on_face(cone[i], 0, 0.4, 1, 0.62, (236, 236, 232), fine=False) for i in range(4)]])
    if category == "movable_object.barrier":
        wall = box((-length / 2, -width / 2, -height / 2), (length / 2, width / 2, height / 2), (226, 226, 222))
        for i in range(4):
            wall += [on_face(wall[i], k / 4, 0.2, k / 4 + 0.125, 0.6, (206, 50, 36), fine=False) for k in range(4)]
        return make_mesh([wall])
    grey = hashing.between(0.7, 1.2, seed, 7)
    return make_mesh(
        [box((-length / 2, -width / 2, -height / 2), (length / 2, width / 2, height / 2), (120 * grey, 112 * grey, 100 * grey))]
    )
