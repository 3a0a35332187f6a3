"""Which way a measure is good, and its unit, by where it stands; nothing is said of what is not known."""

from __future__ import annotations

from everroad.evaluation.report.tree import Path

LOWER, HIGHER, ONE = "↓", "↑", "→ 1"
SAID = {LOWER: "lower is better", HIGHER: "higher is better", ONE: "1 is best"}
SCENARIOS = "scenarios plausible"
NO_INTERVAL, NOT_APART, NOT_APART_SIGN = "no interval: it cannot rank", "not told apart from the painter", "?"
LEGEND = "↓ lower is better, ↑ higher is better, → 1 the nearer to 1 the better. A share is over the painter's own score"

_LOWER = {
    "colour error", "warp error", "warp error to detail", "left by motion", "static flicker", "light flicker", "still frames",
    "speed error", "yaw rate error, deg/s", "change", "beyond the painter's", "LPIPS",
}  # fmt: skip
_HIGHER = {
    "psnr, dB", "mAP", "NDS", "official_mAP", "official_NDS", "AP", "readable frames", "speed correlation",
    "yaw rate correlation", "identity",
}  # fmt: skip
_ONE = {"contrast", "gradient energy", "variety"}
_DISTANCES = ("KID", "FID", "KVD", "FVD")
_UNITS = {
    "colour error": "ΔE*ab", "warp error": "ΔE*ab", "change": "ΔE*ab", "painter's change": "ΔE*ab",
    "beyond the painter's": "ΔE*ab", "static flicker": "L*", "light flicker": "L*", "psnr, dB": "dB",
    "yaw rate error, deg/s": "deg/s",
}  # fmt: skip
_ERROR_UNITS = {"translation": "m", "orientation": "rad", "velocity": "m/s"}
_SHARES = ("uncomfortable", "infeasible", "in collision", "standing overlap", "off the road", "time gap below")
KNOWN_GROUPS = ("realism", "pictures", "layout", "boxes", "map", "consistency", "persistence", "drift")


def better(path: Path) -> str | None:
    """One of ``SAID``, or ``None``. ``path`` begins with the group. A share is good the way of what it is a share of."""
    name = path[-1]
    if path[0] == SCENARIOS:
        return LOWER if _is_share_of_frames(name) or "acceleration, rms" in name or "jerk, rms" in name else None
    if path[0] not in KNOWN_GROUPS:
        return None
    if name.startswith("share "):
        return HIGHER if path[0] == "layout" else better((*path[:-1], name.removeprefix("share ")))
    if name in _ONE or name.endswith(("drift ratio", "long over short")):
        return ONE
    if is_floor(path):
        return None
    if name in _LOWER or "errors" in path[:-1] or "above floor" in name or name.endswith(_DISTANCES):
        return LOWER
    if name in _HIGHER or name.startswith(("iou ", "car AP")) or "AP_at" in path[:-1]:
        return HIGHER
    return None


def unit(path: Path) -> str | None:
    """What it is in; ``None`` for a ratio, a share or a distance of features, and for what is not known."""
    if path[0] == SCENARIOS:
        return "share of frames" if _is_share_of_frames(path[-1]) else None
    if path[0] not in KNOWN_GROUPS:
        return None
    return _ERROR_UNITS.get(path[-1]) if "errors" in path[:-1] else _UNITS.get(path[-1])


def is_floor(path: Path) -> bool:
    """Whether it is a distance's floor, which is the painter's whatever the source."""
    return path[-1].endswith(" floor") and not path[-1].endswith("above floor")


def _is_share_of_frames(name: str) -> bool:
    return any(word in name for word in _SHARES)
