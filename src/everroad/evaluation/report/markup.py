"""Elements of HTML and SVG. Text is escaped wherever it comes from; only what is markup already stays as it is."""

from __future__ import annotations

import html
from collections.abc import Iterable

_VOID = {"br", "img", "meta"}


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def element(name: str, /, *children: str | Iterable[str], **attributes: object) -> Markup:
    """``<name ...>children</name>``. Children that are no ``Markup`` are escaped, and so are the values of attributes.

    Of an attribute's name an underscore at the end is dropped and others are hyphens; ``None`` leaves the attribute out.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{joined(children)}</{name}>")


def joined(children: Iterable[str | Iterable[str]]) -> Markup:
    """All of them one after the other, escaped where they are no ``Markup``."""
    parts: list[str] = []
    for child in children:
        if isinstance(child, str):
            parts.append(child if isinstance(child, Markup) else html.escape(child))
        else:
            parts.append(joined(child))
    return Markup("".join(parts))


def details(summary: str, *children: str | Iterable[str], shown: bool = False) -> Markup:
    """What is folded away under a line."""
    return element("details", element("summary", summary), *children, open="" if shown else None)
