"""Bytes in and out of files, and what went wrong said in one line: shared by the readers and writers of this folder."""

from __future__ import annotations

import contextlib
import errno
import gzip
import io
import json
import os
import re
import zlib
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from pydantic import BaseModel, ValidationError

_Model = TypeVar("_Model", bound=BaseModel)

# What the user can mend by naming another path; a full disk or a failing one is no bad input and stays an OSError.
_BAD_PATH = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP}
# What a packed file may unpack to: so many bytes, or so many times its own size. Towns pack to a sixteenth, whatever their
# length (an hour at 12 Hz is 1.3 GB of JSON); a bomb to a thousandth.
_FREE_BYTES, _MOST_TIMES = 2**28, 100
_PIECE_BYTES = 2**22
_AFTER_KEY = re.compile(rb'"\s*:')


def read_bytes(path: Path) -> bytes:
    """A file's content, unpacked where the name ends in ``.gz``. Raises ``ValueError`` when it cannot be read."""
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise ValueError("a pipe or a device")
        packed = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ValueError(f"{path}: expected a readable file, got '{reason}'; check the path") from None
    if path.suffix != ".gz":
        return packed
    try:
        unpacked = _unpacked(packed, max(_FREE_BYTES, _MOST_TIMES * len(packed)))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: expected a whole gzip file, got '{error}'; make or copy the file again") from None
    if unpacked is None:
        wanted = f"at most {_FREE_BYTES:,} bytes, or {_MOST_TIMES} times its own size, inside the packed file"
        raise ValueError(f"{path}: expected {wanted}, got more, which is no scenario; unpack and check it")
    return unpacked


def _unpacked(packed: bytes, most: int) -> bytes | None:
    """The content, or ``None`` where it is longer; no more than ``most`` of it is ever held."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
        while piece := file.read(_PIECE_BYTES):
            if out.tell() + len(piece) > most:
                return None
            out.write(piece)
    return out.getvalue()


def write_atomically(path: Path, content: bytes) -> None:
    """Writes beside the path and renames, so that nobody ever sees half a file; packed where the name ends in ``.gz``.

    Raises ``ValueError`` for a path that cannot be written, ``OSError`` for a disk that is full or fails.
    """
    # No time stamp inside: the same scenario gives the same bytes. Level 3 takes half the time of 5 for 6 % larger files.
    data = gzip.compress(content, compresslevel=1, mtime=0) if path.suffix == ".gz" else content
    beside = path.with_name(f".{path.name}.{uuid4().hex[:8]}.tmp")
    try:
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        if error.errno in _BAD_PATH:
            raise ValueError(f"{path}: expected a path that can be written, got '{error.strerror}'; name another") from None
        error.filename = str(path)  # writing, unlike opening, does not say of what
        raise
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def parse_json(model: type[_Model], content: bytes, path: Path) -> _Model:
    """The content as one checked model. Raises ``ValueError`` with the file, the first bad field and what it holds, or a field
    that comes twice, of which parsers take the last."""
    try:
        parsed = model.model_validate_json(content)
    except ValidationError as error:
        raise ValueError(f"{path}: {describe(error)}") from None
    # Looking at every pair takes far longer than parsing did, and only a file with other colons than its keys' needs it.
    if len(_AFTER_KEY.findall(content)) != _count_keys(parsed):
        try:
            json.loads(content, object_pairs_hook=_refuse_twice)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    return parsed


def finite_json(text: str) -> Any:
    """Parsed JSON. Raises ``ValueError`` for what is none, NaN and infinities among it, which Python's own parser takes."""
    return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"expected finite numbers, got {name}")


def _count_keys(part: object) -> int:
    """How many keys the JSON of a model has if none comes twice."""
    if isinstance(part, BaseModel):
        return len(part.model_fields_set) + sum(_count_keys(getattr(part, name)) for name in part.model_fields_set)
    if isinstance(part, list) and part and isinstance(part[0], BaseModel):
        return sum(map(_count_keys, part))
    return len(part) if isinstance(part, dict) else 0


def _refuse_twice(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise ValueError(f"{name[:60]}: expected this field once, got it more than once in one object; drop one")
        seen.add(name)


def describe(error: ValidationError) -> str:
    """The first problem of a failed validation in one line; an unknown ``format_version`` comes before any other."""
    problems = error.errors(include_url=False, include_context=False)
    first = next((p for p in problems if p["loc"] == ("format_version",)), problems[0])
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    match first["type"]:
        case "json_invalid":
            return f"expected JSON, got {first['msg']}; mend or make the file again"
        case "missing":
            return f"{where}: expected this field, got nothing; add it"
        case "extra_forbidden":
            return f"{where}: expected only the fields of the schema, got one that it does not name; remove it"
    got, wanted = repr(first["input"]), first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    mend = "read it with the version that wrote it" if where == "format_version" else "mend the file"
    return f"{where or 'file'}: expected {wanted}, got {got if len(got) <= 60 else got[:57] + '...'}; {mend}"
