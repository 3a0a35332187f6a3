"""Records of frames, which are dataclasses of sums, as one array: by town, then by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray


def stack_records(records: Sequence[Sequence[Any]]) -> Float[ndarray, "n f q"]:
    """``records`` by frame, then by town, as a run makes them."""
    return np.stack([np.array([astuple(record) for record in of_frame], np.float64) for of_frame in records], 1)
