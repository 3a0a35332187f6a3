"""Damage made to order: streams of pictures that are worse in one known way, so that every measure shows which way it moves.

Each is a function of a stream of pictures (frame 0 first) and answers the damaged stream, picture by picture; what is random is
a function of its address and the frame. ``MADE_DAMAGE`` names each at the strength that the table in the documentation uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from everroad.data.addressing import addressed_generator

Picture = UInt8[ndarray, "h w 3"]


def blurred(pictures: Iterable[Picture], sigma_px: float = 1.0) -> Iterator[Picture]:
    """Gaussian blur of a standard deviation in pixels."""
    for picture in pictures:
        yield np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px))


def noisy(pictures: Iterable[Picture], level: float = 0.04, *address: int | str) -> Iterator[Picture]:
    """Normal noise of a standard deviation in [0, 1], new in every frame."""
    for frame, picture in enumerate(pictures):
        noise = addressed_generator("made noise", *address, frame).standard_normal(picture.shape, dtype=np.float32)
        yield _bytes(picture + 255 * level * noise)


def colour_shifted(pictures: Iterable[Picture], shift: tuple[float, float, float] = (0.08, 0.0, -0.08)) -> Iterator[Picture]:
    """Red, green and blue, in [0, 1], moved by the same in every pixel and frame."""
    for picture in pictures:
        yield _bytes(picture + 255 * np.array(shift, np.float32))


def frozen(pictures: Iterable[Picture], first: int = 0) -> Iterator[Picture]:
    """From frame ``first`` on the same picture."""
    held = None
    for frame, picture in enumerate(pictures):
        held = picture if held is None or frame <= first else held
        yield held


def shuffled(pictures: Iterable[Picture], block: int = 8, *address: int | str) -> Iterator[Picture]:
    """Frames in another order within each ``block`` of them; frame 0, the start, stays. Holds one block in memory."""
    stream = iter(pictures)
    yield from islice(stream, 1)
    index = 0
    while taken := list(islice(stream, block)):
        order = addressed_generator("made shuffle", *address, index).permutation(len(taken))
        yield from (taken[i] for i in order.tolist())
        index += 1


def flickering(pictures: Iterable[Picture], level: float = 0.08, *address: int | str) -> Iterator[Picture]:
    """The brightness of every frame multiplied by 1 + up to ``level`` either way."""
    for frame, picture in enumerate(pictures):
        gain = 1 + level * addressed_generator("made flicker", *address, frame).uniform(-1, 1)
        yield _bytes(picture * np.float32(gain))


MADE_DAMAGE: dict[str, Callable[[Iterable[Picture]], Iterator[Picture]]] = {
    "blur": blurred,
    "noise": noisy,
    "colour shift": colour_shifted,
    "frozen": frozen,
    "shuffled": shuffled,
    "flicker": flickering,
}


def _bytes(values: ndarray) -> Picture:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
