"""Records that name the one before and the one after: chains of samples, of annotations and of what a camera recorded.

Links are rows of the same table, -1 for none.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Int
from numpy import ndarray

Links = Int[ndarray, "n"]


def check_order(
    path: Path, prev: Links, following: Links, group: Int[ndarray, "n"], stamp_us: Int[ndarray, "n"], kin: str
) -> None:
    """Raises ``ValueError`` where ``prev`` or ``next`` is no earlier or later record of the same group, which ``kin`` words.

    Records of the same time pass: one camera that has two does not keep the other scenes from being read.
    """
    for field, row, sign, when in (("prev", prev, -1, "an earlier"), ("next", following, 1, "a later")):
        wrong = (row >= 0) & ((group[row] != group) | (sign * (stamp_us[row] - stamp_us) < 0) | (row == np.arange(len(row))))
        if wrong.any():
            record = int(np.argmax(wrong))
            where = f"{path}: record {record}, field '{field}'"
            raise ValueError(f"{where}: expected {when} {kin}, got record {row[record]}; mend the table")


def check_mutual(path: Path, prev: Links, following: Links) -> None:
    """Raises ``ValueError`` where ``next`` leads to a record whose ``prev`` does not lead back, or the other way round."""
    for field, row, back_field, back in (("next", following, "prev", prev), ("prev", prev, "next", following)):
        wrong = (row >= 0) & (back[row] != np.arange(len(row)))
        if wrong.any():
            record = int(np.argmax(wrong))
            other = int(row[record])
            got = f"record {back[other]}" if back[other] >= 0 else "none"
            wanted = f"record {record}, whose '{field}' leads here"
            raise ValueError(f"{path}: record {other}, field '{back_field}': expected {wanted}, got {got}; mend the table")
