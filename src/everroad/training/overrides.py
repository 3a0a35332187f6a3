"""Overrides ``a.b=c`` onto nested frozen dataclasses, as the command line takes them, and back."""

from __future__ import annotations

import difflib
import types
from collections.abc import Sequence
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

WORDS_OF_BOOL = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
NONE_WORD = "none"
# Metadata of a text field whose default "" nobody can mean by "key=": an unset variable of a shell would be taken for it.
NEVER_EMPTY = {"never_empty": True}


def apply_overrides(config: T, overrides: Sequence[str]) -> T:
    """A copy of the config with every override applied, all at once, so that ``__post_init__`` sees only the whole.

    Values are parsed by the field's type: int (``1_000`` and ``1e3`` too), float, bool, str, ``Path``, ``Literal``, tuples
    (``1,5,10``) and ``X | None`` (``none``). The last of several overrides of one key counts. Raises ``ValueError`` for an
    unknown key (with the nearest known ones), a value of another type, an empty one of a field marked ``NEVER_EMPTY``, and
    whatever ``__post_init__`` refuses.
    """
    changes: dict[str, Any] = {}
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key:
            raise ValueError(
                f"override '{override}': expected key=value, got another form; write it like optimiser.learning_rate=1e-4"
            )
        _enter(changes, config, key, text)
    return _rebuild(config, changes)


def overrides_between(default: T, config: T) -> list[str]:
    """The inverse: what leads from ``default`` to ``config``. Strings with commas inside tuples do not survive."""
    return [
        f"{key}={_format(value)}"
        for key, value in leaves(config).items()
        if leaves(default)[key] != value
    ]  # fmt: skip


def leaves(config: Any, prefix: str = "") -> dict[str, Any]:
    """Every plain field of nested dataclasses by dotted name."""
    out: dict[str, Any] = {}
    for field in fields(config):
        value = getattr(config, field.name)
        out |= leaves(value, f"{prefix}{field.name}.") if is_dataclass(value) else {f"{prefix}{field.name}": value}
    return out


def defaults(config: Any, prefix: str = "") -> dict[str, Any]:
    """What the classes of nested dataclasses give their plain fields, by dotted name; fields without a default are left out."""
    out: dict[str, Any] = {}
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            out |= defaults(value, f"{prefix}{field.name}.")
        elif field.default is not MISSING or field.default_factory is not MISSING:
            out[f"{prefix}{field.name}"] = field.default if field.default_factory is MISSING else field.default_factory()
    return out


def _enter(changes: dict[str, Any], config: Any, key: str, text: str) -> None:
    head, *rest = key.split(".")
    here, where = changes, config
    for depth, name in enumerate((head, *rest)):
        if not is_dataclass(where) or name not in {field.name for field in fields(where) if field.init}:
            raise ValueError(_unknown(config, key))
        value = getattr(where, name)
        if depth < len(rest):
            here, where = here.setdefault(name, {}), value
        elif is_dataclass(value):
            inner = ", ".join(f"{key}.{field.name}" for field in fields(value))
            raise ValueError(f"override '{key}={text}': expected one value, got a group; set one of {inner}")
        elif not text and next(field for field in fields(where) if field.name == name).metadata == NEVER_EMPTY:
            raise ValueError(f"override '{key}=': expected a value, got none; name one, or leave it out")
        else:
            here[name] = _parse(get_type_hints(type(where))[name], text, key)


def _unknown(config: Any, key: str) -> str:
    known = list(leaves(config))
    # A bare field name is a common slip for its full path.
    near = [name for name in known if name.split(".")[-1] == key] or difflib.get_close_matches(key, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
    return f"override '{key}': expected a field of {type(config).__name__}, got an unknown one; {hint}"


def _rebuild(config: Any, changes: dict[str, Any], prefix: str = "") -> Any:
    groups = {name for name in changes if is_dataclass(getattr(config, name))}
    whole = {
        name: _rebuild(getattr(config, name), to, f"{prefix}{name}.") if name in groups else to for name, to in changes.items()
    }
    try:
        return replace(config, **whole)
    except ValueError as error:  # a group names its own field; the user typed the whole path
        raise ValueError(f"{prefix}{error}{'' if ';' in str(error) else '; name another'}") from None


def _parse(kind: Any, text: str, key: str) -> Any:
    try:
        return _parsed(kind, text)
    except ValueError:
        raise ValueError(f"override '{key}={text}': expected {_name(kind)}, got '{text}'; write one such") from None


def _parsed(kind: Any, text: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _first_that_fits(arguments, text)
    if origin is Literal:
        matches = [value for value in arguments if str(value) == text]
        if not matches:
            raise ValueError(text)
        return matches[0]
    if origin is tuple:
        items = [item.strip() for item in text.strip().removeprefix("(").removesuffix(")").split(",") if item.strip()]
        kinds = (arguments[0],) * len(items) if arguments[1:] == (...,) else arguments
        return tuple(_parsed(item_kind, item) for item_kind, item in zip(kinds, items, strict=True))
    if kind is types.NoneType:
        if text.lower() != NONE_WORD:
            raise ValueError(text)
        return None
    if kind is bool:
        if text.lower() not in WORDS_OF_BOOL:
            raise ValueError(text)
        return WORDS_OF_BOOL[text.lower()]
    if kind is int:
        return _integer(text)
    if kind in (float, str, Path):
        return kind(text)
    raise ValueError(text)


def _first_that_fits(kinds: tuple[Any, ...], text: str) -> Any:
    # "none" means none even where a string would fit too.
    for kind in sorted(kinds, key=lambda kind: kind is not types.NoneType):
        try:
            return _parsed(kind, text)
        except ValueError:
            continue
    raise ValueError(text)


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        number = float(text)
        if not number.is_integer():
            raise
        return int(number)


def _name(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(_name(argument) for argument in arguments)
    if origin is Literal:
        return "one of " + ", ".join(str(argument) for argument in arguments)
    if origin is tuple:
        return "a tuple of " + ", ".join("…" if argument is ... else _name(argument) for argument in arguments)
    return NONE_WORD if kind is types.NoneType else kind.__name__


def _format(value: Any) -> str:
    if isinstance(value, tuple):
        return "(" + ",".join(_format(item) for item in value) + ")"
    return NONE_WORD if value is None else str(value)
