"""What an export may be asked for, and the names that its folder uses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

ImageFormat = Literal["jpg", "png"]
Also = Literal["coco", "kitti", "depth", "instances"]

# The devkit's NuScenesMap takes these map names and no others, and tools such as MapTR load all four.
OFFICIAL_LOCATIONS = ("singapore-onenorth", "singapore-hollandvillage", "singapore-queenstown", "boston-seaport")
# For these the devkit takes the scene names of the original data set, whatever ``splits.json`` says.
OFFICIAL_SPLITS = ("train", "val", "test", "mini_train", "mini_val", "train_detect", "train_track")
EVERY_SCENE = "all"  # the split of all scenes, always there
NO_MAP = "no-map"  # location of the scenes without a map: there is no expansion of that name
DEFAULT_VERSION, DEFAULT_SPLIT = "v1.0-everroad", "everroad"
ALSO: tuple[str, ...] = get_args(Also)
_FIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class ExportOptions:
    """How a scene is exported.

    Attributes:
        version: name of the folder with the tables, what ``NuScenes(version=...)`` is given.
        location: map name of the logs; one of ``OFFICIAL_LOCATIONS`` for the devkit's ``NuScenesMap``.
        split: the split in ``splits.json`` that this scene joins; not one of ``OFFICIAL_SPLITS``.
        scene_name: name of the scene in the tables; the scenario's own if not given.
        image_format: "jpg" (quality 95) or "png" for pictures that are encoded here.
        also: what else is written: "coco", "kitti", "depth", "instances". All scenes of a folder have the same.
        overwrite: replace a scene of that name which has other content.

    Raises ``ValueError`` for names that are no folder names, a split that the devkit reserves, an unknown ``also``.
    """

    version: str = DEFAULT_VERSION
    location: str = OFFICIAL_LOCATIONS[0]
    split: str = DEFAULT_SPLIT
    scene_name: str | None = None
    image_format: ImageFormat = "jpg"
    also: tuple[str, ...] = ()
    overwrite: bool = False

    def __post_init__(self) -> None:
        for what in ("version", "location", "split", "scene_name"):
            value = getattr(self, what)
            if value is not None and not _FIT.fullmatch(value):
                raise ValueError(
                    f"{what}: expected up to 100 letters, digits, '.', '_' and '-', the first a letter or digit, "
                    f"got '{value}'; name another"
                )
        if self.split in (*OFFICIAL_SPLITS, EVERY_SCENE):
            taken = ", ".join((*OFFICIAL_SPLITS, EVERY_SCENE))
            raise ValueError(f"split: expected none of the taken names {taken}, got '{self.split}'; use everroad_{self.split}")
        if self.location == NO_MAP:
            raise ValueError(f"location: expected another name than that of scenes without a map, got '{NO_MAP}'; rename it")
        if self.version in ("samples", "sweeps", "maps", "everroad", "coco", "kitti", "depth", "instances"):
            raise ValueError(
                f"version: expected a name that no other folder of the export has, got '{self.version}'; rename it"
            )
        for name in self.also:
            if name not in ALSO:
                raise ValueError(f"also: expected some of {', '.join(ALSO)}, got '{name}'; name one of them")
        if self.image_format not in get_args(ImageFormat):
            raise ValueError(f"image_format: expected jpg or png, got '{self.image_format}'; name one of them")


def folder_name(name: str) -> str:
    """A name as tables, files and folders bear it: letters, digits, ".", "_" and "-"; all else becomes "-"."""
    fit = re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip("._-")[:100]
    return fit or "scene"
