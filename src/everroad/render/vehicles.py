"""Vehicles as convex parts in a box of the actor's size: its own frame, x forward, origin at the box centre."""

from __future__ import annotations

from dataclasses import dataclass

from everroad.render import hashing
from everroad.render.mesh import Colour, Face, Mesh, box, disc, make_mesh, on_face

_PAINTS: tuple[Colour, ...] = (
    (232, 232, 230), (40, 42, 46), (150, 154, 158), (86, 90, 96), (178, 30, 34), (30, 74, 150), (196, 200, 204), (22, 96, 72),
    (212, 140, 36), (110, 30, 44), (58, 130, 176), (198, 184, 150), (234, 204, 56), (70, 60, 52),
)  # fmt: skip
_CARGO: tuple[Colour, ...] = ((226, 226, 222), (196, 176, 60), (52, 96, 156), (168, 44, 44), (110, 140, 100), (150, 152, 156))
_BUSES: tuple[Colour, ...] = ((206, 60, 44), (238, 196, 60), (60, 110, 170), (230, 230, 226), (70, 140, 96))
_GLASS: Colour = (46, 58, 70)
_TYRE: Colour = (28, 28, 30)
_RIM: Colour = (140, 142, 146)
_DARK: Colour = (34, 34, 36)
_HEAD: Colour = (255, 250, 226)
_TAIL: Colour = (206, 28, 24)
_BRAKE: Colour = (255, 60, 44)


@dataclass(frozen=True)
class Lights:
    """Which lamps are lit."""

    head: bool
    tail: bool
    brake: bool


def body_kind(category: str | None, seed: int) -> str:
    """Shape of a vehicle: its category's, and for cars one told by the seed."""
    if category is None or category.startswith(("vehicle.car", "vehicle.ego", "vehicle.emergency.police")):
        return ("sedan", "sedan", "suv", "suv", "van", "hatch")[hashing.pick(6, seed, 1)]
    return {
        "vehicle.truck": "truck",
        "vehicle.trailer": "trailer",
        "vehicle.bus.rigid": "bus",
        "vehicle.bus.bendy": "bus",
        "vehicle.construction": "digger",
        "vehicle.emergency.ambulance": "van",
    }.get(category, "sedan")


def make_vehicle(kind: str, size_lwh: tuple[float, float, float], seed: int, lights: Lights) -> Mesh:
    """The mesh of a vehicle of a kind and size; colours are told by the seed."""
    if kind == "truck":
        return _truck(size_lwh, seed, lights)
    if kind == "bus":
        return _bus(size_lwh, seed, lights)
    if kind == "trailer":
        return make_mesh([_chassis(size_lwh, 0.12), _cargo(size_lwh, -0.5, 0.5, seed, lights)])
    if kind == "digger":
        return _digger(size_lwh, seed, lights)
    return _car(kind, size_lwh, seed, lights)


# Shares of the length: where the cabin's base begins and ends (from the rear), lean of its front and back; height of the belt.
_CABINS: dict[str, tuple[float, float, float, float, float]] = {
    "sedan": (0.14, 0.72, 0.15, 0.10, 0.54),
    "hatch": (0.03, 0.72, 0.15, 0.05, 0.54),
    "suv": (0.02, 0.74, 0.11, 0.04, 0.56),
    "van": (0.01, 0.90, 0.14, 0.02, 0.50),
}


def _wheels(length: float, width: float, height: float, radius: float, places: tuple[float, ...]) -> list[Face]:
    """Discs on both sides at places along x (shares of the length from the rear)."""
    faces = []
    for share in places:
        x = (share - 0.5) * length
        for side in (1.0, -1.0):
            y = side * (width / 2 + 0.012)
            faces.append(disc((x, y, -height / 2 + radius), radius * 1.12, side, _DARK, fine=True))
            faces.append(disc((x, y * 1.004, -height / 2 + radius), radius, side, _TYRE))
            faces.append(disc((x, y * 1.008, -height / 2 + radius), radius * 0.55, side, _RIM, fine=True))
    return faces


def _chassis(size: tuple[float, float, float], clearance: float) -> list[Face]:
    """The dark underside: what is seen below a body between its wheels, and the tyres from the front and the rear."""
    length, width, height = size
    low, top = -height / 2, -height / 2 + clearance * height + 0.2
    faces = box((-0.46 * length, -0.40 * width, low + 0.14), (0.46 * length, 0.40 * width, top), _DARK)[:4]
    tyres = [
        box((x - 0.3, side * 0.38 * width - 0.11, low), (x + 0.3, side * 0.38 * width + 0.11, top), _TYRE)[:4]
        for x in (-0.3 * length, 0.3 * length)
        for side in (-1, 1)
    ]
    return faces + [face for tyre in tyres for face in tyre]


def _end_lamps(front: Face, back: Face, lights: Lights, low: float, high: float, wide: float) -> list[Face]:
    """Head lamps on the front face, tail lamps and plate on the back face; v runs down the face."""
    tail, tail_glow = (_BRAKE, 0.95) if lights.brake else (_TAIL, 0.55 if lights.tail else 0.12)
    head_glow = 1.0 if lights.head else 0.25
    faces = [on_face(front, u, low, u + wide, high, _HEAD, glow=head_glow, fine=False) for u in (0.04, 0.96 - wide)]
    faces += [on_face(back, u, low, u + wide, high, tail, glow=tail_glow, fine=False) for u in (0.03, 0.97 - wide)]
    faces.append(on_face(back, 0.38, high, 0.62, min(high + 0.16, 1.0), (214, 214, 206)))
    faces.append(on_face(front, 0.22, high - 0.05, 0.78, min(high + 0.2, 1.0), _DARK))
    return faces


def _car(kind: str, size: tuple[float, float, float], seed: int, lights: Lights) -> Mesh:
    length, width, height = size
    rear, front, lean_front, lean_back, belt = _CABINS[kind]
    paint = _PAINTS[hashing.pick(len(_PAINTS), seed, 2)]
    radius = min(0.23 * height, 0.36)
    low, waist = -height / 2 + 0.14 * height, -height / 2 + belt * height
    body = box((-length / 2, -width / 2, low), (length / 2, width / 2, waist), paint, inset=(0.02 * length, 0.03 * width, 0))
    body += _end_lamps(body[0], body[1], lights, 0.18, 0.44, 0.2)
    body += [on_face(body[i], 0.0, 0.86, 1.0, 1.0, _DARK) for i in (2, 3)]
    body += _wheels(length, width, height, radius, (0.19, 0.81))
    x0, x1 = (rear - 0.5) * length, (front - 0.5) * length
    inset, top = 0.10 * width, height / 2
    a, b, c, d = (
        (x1, width / 2 - 0.04, waist),
        (x1, -width / 2 + 0.04, waist),
        (x0, -width / 2 + 0.04, waist),
        (x0, width / 2 - 0.04, waist),
    )
    e, f = (x1 - lean_front * length, width / 2 - inset, top), (x1 - lean_front * length, -width / 2 + inset, top)
    g, h = (x0 + lean_back * length, -width / 2 + inset, top), (x0 + lean_back * length, width / 2 - inset, top)
    cabin = [Face(ring, paint) for ring in ((f, b, a, e), (h, d, c, g), (e, a, d, h), (g, c, b, f), (e, h, g, f))]
    cabin += [
        on_face(cabin[0], 0.05, 0.1, 0.95, 0.92, _GLASS, fine=False),
        on_face(cabin[1], 0.08, 0.14, 0.92, 0.8, _GLASS, fine=False),
    ]
    if kind == "van":
        cabin += [on_face(cabin[i], u0, 0.14, u1, 0.75, _GLASS, fine=False) for i, u0, u1 in ((2, 0.08, 0.34), (3, 0.66, 0.92))]
    else:
        cabin += [
            on_face(cabin[i], u0, 0.16, u1, 0.88, _GLASS, fine=False) for i in (2, 3) for u0, u1 in ((0.08, 0.49), (0.54, 0.92))
        ]
    return make_mesh([_chassis(size, 0.14), body, cabin])


def _cargo(size: tuple[float, float, float], rear: float, front: float, seed: int, lights: Lights) -> list[Face]:
    length, width, height = size
    colour = _CARGO[hashing.pick(len(_CARGO), seed, 3)]
    cargo = box((rear * length, -width / 2, -0.28 * height), (front * length, width / 2, height / 2), colour)
    stripe = _CARGO[hashing.pick(len(_CARGO), seed, 4)]
    cargo += [on_face(cargo[i], 0.06, 0.35, 0.94, 0.62, stripe, fine=False) for i in (2, 3)]
    cargo += [on_face(cargo[1], 0.49, 0.04, 0.51, 0.96, _DARK)]
    tail, glow = (_BRAKE, 0.95) if lights.brake else (_TAIL, 0.55 if lights.tail else 0.12)
    cargo += [on_face(cargo[1], u, 0.9, u + 0.14, 0.97, tail, glow=glow, fine=False) for u in (0.02, 0.84)]
    return cargo


def _truck(size: tuple[float, float, float], seed: int, lights: Lights) -> Mesh:
    length, width, height = size
    paint = _PAINTS[hashing.pick(len(_PAINTS), seed, 2)]
    split = 0.5 - min(2.2 / length, 0.4)
    cab_top = min(height / 2, -height / 2 + 2.7)
    cab = box(
        (split * length + 0.08, -0.48 * width, -0.36 * height),
        (length / 2, 0.48 * width, cab_top),
        paint,
        inset=(0.06, 0.05, 0),
    )
    cab += [
        on_face(cab[0], 0.06, 0.08, 0.94, 0.44, _GLASS, fine=False),
        on_face(cab[2], 0.1, 0.12, 0.62, 0.45, _GLASS, fine=False),
    ]
    cab += [on_face(cab[3], 0.38, 0.12, 0.9, 0.45, _GLASS, fine=False)]
    cab += [on_face(cab[0], u, 0.78, u + 0.16, 0.9, _HEAD, glow=1.0 if lights.head else 0.25, fine=False) for u in (0.03, 0.81)]
    radius = min(0.5, 0.17 * height)
    chassis = _chassis(size, 0.12) + _wheels(length, 0.96 * width, height, radius, (0.14, 0.26, 0.86))
    return make_mesh([chassis, _cargo(size, -0.5, split, seed, lights), cab])


def _bus(size: tuple[float, float, float], seed: int, lights: Lights) -> Mesh:
    length, width, height = size
    paint = _BUSES[hashing.pick(len(_BUSES), seed, 2)]
    body = box((-length / 2, -width / 2, -0.40 * height), (length / 2, width / 2, height / 2), paint)
    n = max(int(length / 1.7), 3)
    for i in (2, 3):
        body += [on_face(body[i], (k + 0.12) / n, 0.14, (k + 0.88) / n, 0.48, _GLASS, fine=False) for k in range(n)]
        body.append(on_face(body[i], 0.0, 0.62, 1.0, 0.7, (236, 236, 232), fine=False))
    body += [
        on_face(body[0], 0.06, 0.16, 0.94, 0.6, _GLASS, fine=False),
        on_face(body[1], 0.12, 0.14, 0.88, 0.46, _GLASS, fine=False),
    ]
    body.append(on_face(body[0], 0.2, 0.03, 0.8, 0.13, (255, 190, 60), glow=0.9))
    body += _end_lamps(body[0], body[1], lights, 0.74, 0.84, 0.14)
    body += _wheels(length, width, height, min(0.5, 0.16 * height), (0.24, 0.80))
    return make_mesh([_chassis(size, 0.08), body])


def _digger(size: tuple[float, float, float], seed: int, lights: Lights) -> Mesh:
    length, width, height = size
    yellow: Colour = (226, 168, 32)
    tracks = box((-0.4 * length, -width / 2, -height / 2), (0.3 * length, width / 2, -0.2 * height), _DARK)
    body = box((-0.5 * length, -0.46 * width, -0.2 * height), (0.2 * length, 0.46 * width, 0.08 * height), yellow)
    cabin = box(
        (-0.3 * length, -0.4 * width, 0.08 * height), (0.12 * length, 0.4 * width, 0.5 * height), yellow, inset=(0.05, 0.05, 0)
    )
    cabin += [on_face(cabin[i], 0.1, 0.12, 0.9, 0.8, _GLASS, fine=False) for i in range(4)]
    arm = box((0.2 * length, -0.12 * width, -0.15 * height), (0.5 * length, 0.12 * width, 0.1 * height), yellow)
    return make_mesh([tracks, body, cabin, arm])
