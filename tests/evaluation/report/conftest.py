"""A report as an evaluation makes it, of a few numbers: the painter and two models, three towns, 84 frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from everroad.evaluation.consistency.ego_measures import NAMES as EGO
from everroad.evaluation.consistency.warp_error import NAMES as WARP
from everroad.evaluation.detection.config import ERRORS
from everroad.evaluation.layout_agreement import LAYOUT_CLASSES
from everroad.evaluation.mapping.elements import MAP_CLASSES
from everroad.evaluation.mapping.matching import THRESHOLDS_M
from everroad.evaluation.measure import INVALID, Measure, curve_windows, measures_to_json
from everroad.evaluation.persistence import KINDS
from everroad.evaluation.plausibility.measures import NAMES as PLAUSIBLE
from everroad.evaluation.protocols import PROTOCOLS
from everroad.evaluation.run.film import Film
from everroad.evaluation.run.measures import NEAR_CARS, TOWN_NAMES

HOSTILE = '<img src="http://evil/x" onerror="alert(1)">&[red]\'run'
FRAMES = 84


def measures(value: float, whole: bool) -> dict[str, Any]:
    """The tree of ``run.measures``, all of one value."""
    given = Measure(value, True, (value - 0.1, value + 0.1))
    scores = {"AP": given, "AP_at": dict.fromkeys(("0.5", "1", "2", "4"), given), "errors": dict.fromkeys(ERRORS, given)}
    nothing = {"AP": INVALID, "AP_at": dict.fromkeys(("0.5", "1", "2", "4"), INVALID), "errors": dict.fromkeys(ERRORS, INVALID)}
    warp = {f"{kind}{name}": given for name in WARP for kind in ("", "share ")}
    tree: dict[str, Any] = {
        "realism": {f"{name}{end}": given for pair in TOWN_NAMES for name in pair for end in ("", " floor", " above floor")},
        "pictures": dict.fromkeys(("colour error", "contrast", "gradient energy", "psnr, dB"), given),
        "layout": {f"{kind} {name}": given for name in (*LAYOUT_CLASSES, "mean", "told") for kind in ("iou", "share")},
        "boxes": {
            **dict.fromkeys(("mAP", "NDS", "official_mAP", "official_NDS"), given),
            "errors": dict.fromkeys(ERRORS, given),
            "classes": {"car": scores, "bus": nothing},
            **dict.fromkeys(("share mAP", "share NDS"), given),
            NEAR_CARS: given,
            f"share {NEAR_CARS}": given,
        },
        "map": {
            "mAP": given,
            "classes": {
                name: {"AP": given, "AP_at": {f"{metres:g}": given for metres in THRESHOLDS_M}} for name in MAP_CLASSES
            },
            "share mAP": given,
        },
        "consistency": {
            "known motion": warp,
            "estimated flow": warp,
            "ego motion": dict.fromkeys(EGO, given),
            "identity": {"identity": given, "share identity": given},
        },
    }
    if whole:
        names = ("change", "painter's change", "beyond the painter's", "variety")
        tree["persistence"] = {kind: {"instances": Measure(8.0, True), **dict.fromkeys(names, given)} for kind in KINDS}
    return tree


def source(name: str, value: float, described: dict[str, Any]) -> dict[str, Any]:
    """A source's part of the report."""
    ends = ("drift ratio", "above floor, first window", "above floor, last window")
    drift = {**{f"town-KID {end}": Measure(value, True) for end in ends}, "town-FVD long over short": Measure(value, True)}
    curve = {window.name: measures(value + 0.01 * window.first, False) for window in curve_windows(FRAMES)}
    worst = [
        {"town": "b", "first": 41, "last": 80, "layout share": 0.5},
        {"town": "a", "first": 1, "last": 40, "layout share": 0.6},
    ]
    whole = measures(value, True)
    return {
        "name": name,
        "described": described,
        **measures_to_json({"measures": whole, "curve": curve, "drift": drift}),
        "official detection scores": {"tool": "nuscenes-devkit 1.2.0", "mAP": value, "NDS": value},
        "worst": worst,
    }


def make_report() -> dict[str, Any]:
    """The whole report, in JSON's types."""
    protocol = PROTOCOLS["stage-long"].to_json() | {"scenarios": ["a", "b", HOSTILE], "scenarios_of_the_source": 150}
    models = [source("model", 0.7, {"kind": "world model", "card": {"x": 1}}), source(HOSTILE, 0.5, {"kind": "recorded"})]
    less = {"measures": measures(-0.2, True), "drift": {"town-KID drift ratio": Measure(-0.2, True)}}
    return {
        "format": "everroad.evaluation.run",
        "format_version": 1,
        "protocol": {**protocol, "frames": FRAMES, "made_at_hz": 10.0, "noise_seeds": [1, 2, 3]},
        "judges": {"segmenter": {"name": "segmenter", "sha256": "5e6", "scores": {"mean": 0.816}}},
        "public_networks": None,
        "hardware": "a processor, 2 cores",
        "device": "cpu",
        "threads": 2,
        "versions": {"python": "3.11"},
        "git_commit": "c0ffee",
        "command": "everroad evaluate run model --out 'a & b'",
        "sources": [source("painter", 1.0, {"kind": "painter"}), *models],
        "differences": [{"name": f"{HOSTILE} less model", **measures_to_json(less)}],
        "scenarios plausible": measures_to_json(dict.fromkeys(PLAUSIBLE, Measure(0.25, True))),
        "seconds": {"paint": 1.5, "generate": 2.25},
    }


def make_film(sources: int = 3, towns: int = 3) -> Film:
    """A plain picture of its own for every frame, source and town."""
    film = Film(FRAMES)
    for frame in [1, *range(0, FRAMES, 10), FRAMES]:
        film.frames[frame] = [[jpeg(frame + 60 * of + 20 * town) for town in range(towns)] for of in range(sources)]
    return film


def jpeg(grey: int) -> bytes:
    """A small one."""
    return cv2.imencode(".jpg", np.full((8, 14, 3), grey % 256, np.uint8))[1].tobytes()


@pytest.fixture
def report() -> dict[str, Any]:
    return make_report()


@pytest.fixture
def film() -> Film:
    return make_film()


@pytest.fixture
def hostile() -> str:
    return HOSTILE


@pytest.fixture
def packed() -> Callable[[int], bytes]:
    return jpeg
