"""Tokens: 32 hexadecimal digits that say what a record is. The same record has the same token in every export."""

from __future__ import annotations

import hashlib
import json


def token(table: str, *names: str | int) -> str:
    """The token of the record of ``table`` that ``names`` (its scene, its time, ...) tell apart from all others."""
    return hashlib.sha256(json.dumps([table, *names]).encode()).hexdigest()[:32]
