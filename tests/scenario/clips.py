"""Small videos whose frames say which they are: frame i is grey of level 4 + 4 i, its left half 60 levels brighter."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT = 96, 64


def clip_frame(index: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    image = np.full((height, width, 3), 4 + 4 * index, dtype=np.uint8)
    image[:, : width // 2] += 60
    return image


def index_of(image: np.ndarray) -> int:
    """Which frame a picture shows, by the right part of its right half."""
    return round((float(image[:, -image.shape[1] // 4 :].mean()) - 4) / 4)


def write_clip(
    path: Path, frames: int = 40, rate: int = 25, *, stamps=None, options=None, codec="libx264", noise=0, last_ms=None
) -> Path:
    """``stamps``: one a frame in 1/1000 s, instead of an even rate. ``noise``: levels of it, to make the file larger.
    ``last_ms``: how long the last frame is shown."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options={"crf": "8", "bf": "0", "g": "10"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = 4_000_000  # for codecs without a crf
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        packets = []
        for i in range(frames):
            image = clip_frame(i)
            if noise:
                image = (
                    (image + np.random.default_rng(i).integers(-noise, noise + 1, image.shape)).clip(0, 255).astype(np.uint8)
                )
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = round(i * 1000 / rate) if stamps is None else stamps[i]
            frame.time_base = Fraction(1, 1000)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        if last_ms is not None:
            packets[-1].duration = round(last_ms / 1000 / packets[-1].time_base)
        container.mux(packets)
    return path


def turn_clockwise(path: Path) -> Path:
    """Notes that players must turn the picture a quarter clockwise, as phones do."""
    return note_turn(path, 0, 1, -1, 0, HEIGHT)


def note_turn(path: Path, a: float, b: float, c: float, d: float, right: float = 0) -> Path:
    """Notes the matrix in an MP4's track header that players must turn the picture by: x to (a, b), y to (c, d)."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40  # version 0: the matrix begins 40 bytes into the box's content
    one = 1 << 16
    a, b, c, d, right = (round(number * one) for number in (a, b, c, d, right))
    data[matrix : matrix + 36] = struct.pack(">9i", a, b, 0, c, d, 0, right, 0, 1 << 30)
    path.write_bytes(data)
    return path


def cut(path: Path, share: float) -> Path:
    """Loses the file's tail."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path
