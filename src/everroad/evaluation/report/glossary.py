"""Which way a measure is good, and its unit, by where it stands; nothing is said of what is not known."""

from __future__ import annotations

from everroad.evaluation.report.tree import Path

LOWER, HIGHER, ONE = "↓", "↑", "→ 1"
SAID = {LOWER: "lower is better", HIGHER: "higher is better", ONE: "1 is best"}
LEGEND = "↓ lower is better, ↑ higher is better, → 1 the nearer to 1 the better (1 is the painter's)"

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
KNOWN_GROUPS = ("realism", "pictures", "layout", "boxes", "map", "consistency", "persistence", "drift")


def better(path: Path) -> str | None:
    """One of ``SAID``, or ``None``. ``path`` begins with the group."""
    if path[0] not in KNOWN_GROUPS:
        return None
    name = path[-1]
    if name in _ONE or name.startswith("share ") or name.endswith(("drift ratio", "long over short")):
        return ONE
    if name.endswith(" floor") and not name.endswith("above floor"):
        return None
    if name in _LOWER or "errors" in path[:-1] or "above floor" in name or name.endswith(_DISTANCES):
        return LOWER
    if name in _HIGHER or name.startswith(("iou ", "car AP")) or "AP_at" in path[:-1]:
        return HIGHER
    return None


def unit(path: Path) -> str | None:
    """What it is in; ``None`` for a ratio, a share or a distance of features, and for what is not known."""
    return _UNITS.get(path[-1]) if path[0] in KNOWN_GROUPS else None
