"""How light falls: sun, ambient light, haze and sky colours of a weather and a time of day. Colours are RGB, 0 to 255."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.render import hashing
from everroad.render.mesh import Colour
from everroad.scenario.types import TimeOfDay, Weather


@dataclass(frozen=True)
class Look:
    """The lighting of one weather and time of day; all a function of these and the appearance seed.

    ``sun_direction`` points to the sun, world frame. Light on a face is ``ambient + sun * max(0, normal . sun_direction)``.
    ``haze_per_m`` is the extinction: a share 1 - exp(-haze_per_m * distance) of the colour becomes ``haze``.
    """

    weather: Weather
    time_of_day: TimeOfDay
    seed: int
    sun_direction: Colour
    sun: Colour
    ambient: Colour
    haze: Colour
    zenith: Colour
    haze_per_m: float
    shadow: float
    cloud: float

    @property
    def dark(self) -> bool:
        """Lamps and windows are lit."""
        return self.time_of_day != "day"

    @property
    def night(self) -> bool:
        """Head lamps light the ground."""
        return self.time_of_day == "night"

    @property
    def wet(self) -> bool:
        """The ground mirrors the sky."""
        return self.weather == "rain"

    def light(self, normals: Float[ndarray, "n 3"]) -> Float[ndarray, "n 3"]:
        """Light on faces with these unit normals (world frame), 1 = albedo as it is."""
        diffuse = np.maximum(normals @ np.array(self.sun_direction), 0.0)
        # Faces turned up see more of the sky than walls do.
        sky = 0.86 + 0.14 * normals[:, 2]
        return np.array(self.ambient) * sky[:, None] + np.array(self.sun) * diffuse[:, None]

    def haze_share(self, distance_m: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
        """Share of the haze's colour at a distance."""
        return 1.0 - np.exp(-self.haze_per_m * np.maximum(distance_m, 0.0))


# haze and zenith by time of day and weather; sun and ambient light; visibility in metres (63 % haze) and shadow strength.
_SKY: dict[tuple[str, str], tuple[Colour, Colour]] = {
    ("day", "clear"): ((196, 214, 232), (84, 140, 214)),
    ("day", "overcast"): ((190, 194, 198), (150, 158, 168)),
    ("day", "rain"): ((150, 156, 162), (112, 120, 130)),
    ("day", "fog"): ((200, 203, 205), (186, 190, 194)),
    ("dusk", "clear"): ((232, 158, 112), (72, 82, 138)),
    ("dusk", "overcast"): ((142, 132, 138), (86, 90, 110)),
    ("dusk", "rain"): ((104, 104, 116), (66, 70, 86)),
    ("dusk", "fog"): ((150, 144, 148), (118, 118, 128)),
    ("night", "clear"): ((42, 46, 66), (14, 18, 36)),
    ("night", "overcast"): ((48, 46, 52), (26, 27, 34)),
    ("night", "rain"): ((40, 42, 50), (22, 24, 32)),
    ("night", "fog"): ((66, 66, 70), (44, 45, 52)),
}
_SUN: dict[tuple[str, str], tuple[Colour, Colour]] = {
    ("day", "clear"): ((0.62, 0.59, 0.52), (0.56, 0.60, 0.66)),
    ("day", "overcast"): ((0.16, 0.16, 0.16), (0.80, 0.82, 0.84)),
    ("day", "rain"): ((0.06, 0.06, 0.06), (0.64, 0.66, 0.69)),
    ("day", "fog"): ((0.08, 0.08, 0.08), (0.80, 0.81, 0.82)),
    ("dusk", "clear"): ((0.56, 0.36, 0.20), (0.42, 0.41, 0.50)),
    ("dusk", "overcast"): ((0.08, 0.07, 0.06), (0.50, 0.49, 0.54)),
    ("dusk", "rain"): ((0.02, 0.02, 0.02), (0.42, 0.42, 0.48)),
    ("dusk", "fog"): ((0.04, 0.04, 0.04), (0.54, 0.52, 0.54)),
    ("night", "clear"): ((0.07, 0.08, 0.10), (0.29, 0.30, 0.37)),
    ("night", "overcast"): ((0.0, 0.0, 0.0), (0.31, 0.31, 0.34)),
    ("night", "rain"): ((0.0, 0.0, 0.0), (0.28, 0.29, 0.33)),
    ("night", "fog"): ((0.0, 0.0, 0.0), (0.31, 0.31, 0.33)),
}
_VISIBILITY_M = {"clear": 900.0, "overcast": 550.0, "rain": 190.0, "fog": 55.0}
_SHADOW = {"clear": 0.42, "overcast": 0.16, "rain": 0.10, "fog": 0.10}
_ELEVATION_DEG = {"day": (32.0, 58.0), "dusk": (9.0, 16.0), "night": (35.0, 60.0)}


def make_look(weather: Weather | None, time_of_day: TimeOfDay | None, seed: int) -> Look:
    """The lighting of a frame; an absent weather is clear and an absent time of day is day."""
    weather, time_of_day = weather or "clear", time_of_day or "day"
    azimuth = hashing.between(0.0, 2 * np.pi, seed, 11)
    elevation = np.radians(hashing.between(*_ELEVATION_DEG[time_of_day], seed, 12))
    direction = (np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation))
    haze, zenith = _SKY[time_of_day, weather]
    sun, ambient = _SUN[time_of_day, weather]
    tint = hashing.between(0.94, 1.06, seed, 13)
    shadow = _SHADOW[weather] * (0.5 if time_of_day == "night" else 1.0)
    return Look(
        weather=weather,
        time_of_day=time_of_day,
        seed=seed,
        sun_direction=(float(direction[0]), float(direction[1]), float(direction[2])),
        sun=sun,
        ambient=ambient,
        haze=(haze[0] * tint, haze[1], haze[2]),
        zenith=(zenith[0], zenith[1], min(zenith[2] * tint, 255.0)),
        haze_per_m=1.0 / (_VISIBILITY_M[weather] * hashing.between(0.8, 1.25, seed, 14)),
        shadow=shadow,
        cloud={"clear": hashing.between(0.15, 0.75, seed, 15), "overcast": 0.55, "rain": 0.45, "fog": 0.0}[weather],
    )
