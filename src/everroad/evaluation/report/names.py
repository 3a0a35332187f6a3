"""How a measure and the part of the tree that it stands in are called, in words."""

from __future__ import annotations

from everroad.evaluation.report.glossary import unit
from everroad.evaluation.report.tree import Path

_SHOWN = {
    "psnr, dB": "PSNR, dB", "iou mean": "IoU, mean of the classes", "iou told": "IoU, mean of what is told",
    "official_mAP": "mAP as nuScenes counts", "official_NDS": "NDS as nuScenes counts",
}  # fmt: skip
# Keys that their rows say again.
_SAID_BELOW = ("classes", "AP_at")


def shown_name(path: Path) -> str:
    """Of a measure, with its unit where it has one."""
    name = path[-1]
    if name.startswith("share "):
        whole = name.removeprefix("share ")
        whole = f"iou {whole}" if path[0] == "layout" else whole
        return f"share of {shown_name((*path[:-1], whole)).split(', ΔE')[0].removesuffix(', L*')}"
    if "AP_at" in path[:-1]:
        return f"AP at {name} m"
    shown = _SHOWN.get(name) or (f"IoU of {name.removeprefix('iou ')}" if name.startswith("iou ") else name)
    shown = f"{shown} error" if "errors" in path[:-1] else shown
    in_unit = unit(path)
    return _words(shown if in_unit is None or shown.endswith(in_unit) else f"{shown}, {in_unit}")


def shown_part(part: Path) -> str:
    """Of a part of a group; nothing for the group itself."""
    names = [name for name in part[1:] if name not in _SAID_BELOW]
    return _words(" / ".join(name for name in names if name != "errors" or len(names) == 1))


def shown_path(path: Path) -> str:
    """All of it, where no heading says the rest."""
    return " / ".join(name for name in (path[0], shown_part(path[:-1]), shown_name(path)) if name)


def _words(name: str) -> str:
    return name.replace("_", " ")
