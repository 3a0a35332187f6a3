"""What a Fréchet or kernel distance asks of a network: pictures or clips in, features out.

Axis letters: ``b`` samples, ``f`` frames of a clip, ``h w`` pixels, ``d`` features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from jaxtyping import Float, UInt8
from torch import Tensor

Kind = Literal["picture", "clip"]
Batch = UInt8[Tensor, "b 3 h w"] | UInt8[Tensor, "b f 3 h w"]


class FeatureNetwork(Protocol):
    """A picture network takes ``b 3 h w``, a clip network ``b f 3 h w``, RGB in uint8."""

    @property
    def name(self) -> str:
        """Names the network and how its input is prepared."""
        ...

    @property
    def kind(self) -> Kind:
        """What one sample is."""
        ...

    @property
    def width(self) -> int:
        """How many features a sample has."""
        ...

    def features(self, samples: Batch) -> Float[Tensor, "b d"]:
        """float32, on the CPU. Raises ``ValueError`` for samples of another shape or kind of number than it takes."""
        ...

    def described(self) -> Mapping[str, Any]:
        """For the report, in JSON's types: ``name``, ``kind``, ``width``, ``measures`` (what a Fréchet and a kernel distance
        over it may be called), ``weights`` (a list: file, sha256, whether it is the published file), ``verified_against``
        (other implementations, or "unverified") and ``preparation`` (what happens to a sample first).
        """
        ...
