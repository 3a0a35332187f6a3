"""What an export folder's own files must hold before anything is done with the names in them: whoever joins or replaces scenes
removes and renames folders by these names."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from everroad.export.options import ExportOptions
from everroad.scenario.files import describe

FORMAT, FORMAT_VERSION = "everroad.export", 1


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or ".." in parts or path.startswith("/"):
        raise ValueError("a path inside of the export")
    return path


def _scene_name(name: str) -> str:
    ExportOptions(scene_name=name)
    return name


Inside = Annotated[str, AfterValidator(_inside)]
SceneName = Annotated[str, AfterValidator(_scene_name)]


class Card(BaseModel):
    """The file that says that a folder is an export, and of what."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    format: Literal["everroad.export"]
    format_version: Literal[1]
    version: str
    location: str
    also: list[str]


class Shard(BaseModel):
    """One finished scene."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    name: SceneName
    asked: dict[str, Any]
    digest: str
    split: str
    bounds_m: Annotated[list[float], Field(min_length=4, max_length=4)]
    map_key: str
    files: list[Inside]
    coco: list[dict[str, Any]]
    kitti: list[Inside]
    tables: dict[str, list[dict[str, Any]]]


_Stored = TypeVar("_Stored", bound=BaseModel)


def checked(model: type[_Stored], value: dict[str, Any], path: Path) -> _Stored:
    """The value as the model has it, its names such as ``ExportOptions`` allows. Raises ``ValueError`` with file and field."""
    try:
        stored = model.model_validate(value)
        names = {name: getattr(stored, name) for name in ("version", "location", "split") if hasattr(stored, name)}
        ExportOptions(**names, also=tuple(getattr(stored, "also", ())))
    except ValidationError as error:
        raise ValueError(f"{path}: {describe(error)}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return stored
