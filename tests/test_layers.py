"""Nothing imports upward. Every import counts, those inside functions and under ``TYPE_CHECKING`` too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "everroad"
# Low to high; the parts of one layer do not import each other either.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("geometry", "media", "interrupt"),
    ("scenario",),
    ("render", "conditions"),
    ("export", "data"),
    ("diffusion",),
    ("model",),
    ("stream",),
    ("training",),
    ("foresight",),
    ("sim",),
    ("evaluation",),
    ("viewer",),
    ("console",),
    ("commands",),
    ("cli",),
    ("__main__",),
)
LAYER_OF = {part: level for level, parts in enumerate(LAYERS) for part in parts}
# Importing torch takes a second; these parts must stay usable without it.
WITHOUT_TORCH = ("geometry", "media", "scenario", "render")


def imported_modules(source: str, module: str, is_package: bool) -> Iterator[tuple[int, str]]:
    """(line, absolute module name) of every import in ``source``, the text of ``module``."""
    parents = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = parents[: len(parents) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value


def violations(source: str, module: str, is_package: bool = False) -> list[str]:
    """One line for each import that a layer below ``module``'s own does not offer."""
    part = module.split(".")[1]
    if part not in LAYER_OF:
        return [f"{module}: '{part}' has no layer; give it one in LAYERS"]
    found = []
    for line, name in imported_modules(source, module, is_package):
        names = name.split(".")
        if names[0] == "torch" and part in WITHOUT_TORCH:
            found.append(f"{module}:{line} imports torch, which {', '.join(WITHOUT_TORCH)} do without")
        if names[0] != "everroad" or len(names) < 2 or names[1] in ("__version__", part):
            continue
        if names[1] not in LAYER_OF:
            found.append(f"{module}:{line} imports {name}: '{names[1]}' has no layer; give it one in LAYERS")
        elif LAYER_OF[names[1]] >= LAYER_OF[part]:
            found.append(f"{module}:{line} imports {name}, which is not below {part}")
    return found


def source_files() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def test_there_are_files_to_check() -> None:
    assert PACKAGE / "geometry.py" in source_files()
    assert PACKAGE / "cli.py" in source_files()


@pytest.mark.parametrize("path", source_files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_imports_upward(path: Path) -> None:
    relative = path.relative_to(PACKAGE.parent).with_suffix("")
    is_package = path.name == "__init__.py"
    module = ".".join(relative.parts[:-1] if is_package else relative.parts)
    assert violations(path.read_text(encoding="utf-8"), module, is_package) == []


def test_the_package_itself_imports_nothing_of_its_own() -> None:
    names = [name for _, name in imported_modules((PACKAGE / "__init__.py").read_text(encoding="utf-8"), "everroad", True)]
    assert not [name for name in names if name.split(".")[0] in ("everroad", "torch", "numpy")]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("everroad.scenario.town", "from everroad.render import painter"),
        ("everroad.scenario.town", "def later():\n    from everroad.stream.state import start"),
        ("everroad.scenario.town", "from ..stream import state"),
        ("everroad.scenario.town", "from .. import stream"),
        ("everroad.geometry", "import everroad.scenario.types as types"),
        ("everroad.model.unet", "if TYPE_CHECKING:\n    from everroad.training import engine"),
        ("everroad.model.unet", "import importlib\nimportlib.import_module('everroad.training.engine')"),
        ("everroad.render.painter", "from everroad.conditions.types import Conditions"),
        ("everroad.render.painter", "def later():\n    import torch.nn"),
        ("everroad.data.clips", "from everroad import cli"),
        ("everroad.data.clips", "from everroad.helpers import anything"),
        ("everroad.helpers", "import json"),
    ],
)
def test_the_checker_finds_a_violation(module: str, source: str) -> None:
    assert len(violations(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("everroad.render.painter", "from everroad.scenario.types import SceneFrame\nfrom everroad import geometry"),
        ("everroad.stream.state", "from .generate import next_frame\nfrom ..model import memory\nimport torch"),
        ("everroad.cli", "def demo():\n    from everroad.evaluation.quick import evaluate_quick"),
    ],
)
def test_the_checker_lets_downward_imports_pass(module: str, source: str) -> None:
    assert violations(source, module) == []


def test_relative_imports_of_a_package_start_at_the_package() -> None:
    assert violations("from . import types", "everroad.scenario", is_package=True) == []
    assert len(violations("from ..render import painter", "everroad.scenario", is_package=True)) == 1
