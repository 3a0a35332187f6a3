"""The frames of a video file with their times, decoded one by one. Pictures are RGB uint8 (h, w, 3)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream
from jaxtyping import UInt8
from numpy import ndarray

# A video that ends this much before its header says has lost its tail (ours; headers round, and last frames last variously).
LOST_TAIL_S = 0.5


@dataclass(frozen=True, eq=False)
class TimedFrame:
    """One decoded frame: seconds since the first one, and its picture, upright, converted when asked for."""

    time_s: float
    _frame: av.VideoFrame

    @property
    def stamp_s(self) -> float | None:
        """The stream's own time."""
        return self._frame.time

    @property
    def duration_s(self) -> float:
        """How long it is shown; 0 where the file does not say."""
        return float(self._frame.duration * self._frame.time_base) if self._frame.time_base is not None else 0.0

    @property
    def stored_size_px(self) -> tuple[int, int]:
        """Width and height before it is turned upright."""
        return self._frame.width, self._frame.height

    def rgb(self) -> UInt8[ndarray, "h w 3"]:
        """The picture, turned as the file says (phones film lying and note how they were held)."""
        quarter_turns = round(self._frame.rotation / 90) % 4  # counter-clockwise
        return np.ascontiguousarray(np.rot90(self._frame.to_ndarray(format="rgb24"), quarter_turns))


class VideoBreakError(ValueError):
    """A video that cannot be read further. ``until_s``: time of its last whole frame, ``None`` where there is not even one."""

    def __init__(self, message: str, until_s: float | None) -> None:
        super().__init__(message)
        self.until_s = until_s


@dataclass(frozen=True)
class VideoHeader:
    """What a video file says of itself: mean frame rate, and seconds from the first frame to the last one; ``None`` where it
    does not say."""

    frame_rate_hz: float | None
    last_frame_s: float | None


def read_video_header(path: Path) -> VideoHeader:
    """Raises ``ValueError`` for a file that is no video."""
    with _opened_video(path) as (container, stream):
        rate, ends_s = stream.average_rate, _declared_end_s(container, stream)
        if not rate or ends_s is None:
            return VideoHeader(float(rate) if rate else None, None)
        first_s = float((stream.start_time or 0) * (stream.time_base or 0))
        return VideoHeader(float(rate), max(ends_s - first_s - float(1 / rate), 0.0))


def read_typical_rate_hz(path: Path) -> float | None:
    """One over the median distance of two frames: unlike the mean rate, what a clip with gaps was filmed at.

    By the packets' stamps, without decoding, up to where the file can be read. ``None`` for fewer than two frames. Raises
    ``ValueError`` for a file that is no video.
    """
    stamps: list[int] = []
    with _opened_video(path) as (container, stream), contextlib.suppress(FFmpegError, OSError):
        stamps += (packet.pts for packet in container.demux(stream) if packet.pts is not None)
    if len(stamps) < 2 or stream.time_base is None:
        return None
    distance_s = float(np.median(np.diff(np.sort(stamps)))) * float(stream.time_base)
    return 1 / distance_s if distance_s > 0 else None


def read_timed_frames(path: Path) -> Iterator[TimedFrame]:
    """The frames of a video file with their times, one by one, as the stream's own stamps say (frame rates may vary).

    Raises ``ValueError`` for a file that is no video, pixels that are not square and pictures to be shown mirrored or turned by
    no multiple of 90 degrees; ``VideoBreakError`` where it stops being readable, frames are damaged,
    stamps do not increase, the picture's size changes, or the file ends before its header says.
    """
    first_s, last = 0.0, None
    with _opened_video(path) as (container, stream):
        # By default a decoder paints over damage and says nothing.
        stream.codec_context.options = {"err_detect": "explode"}
        ratio = stream.sample_aspect_ratio
        if ratio not in (None, 0, 1):
            raise ValueError(f"{path}: expected square pixels, got pixels of {ratio}; encode it again with square ones")
        try:
            for frame in container.decode(stream):
                time_s = frame.time
                reason = _unusable(frame, last)
                if time_s is None or reason is not None:
                    raise VideoBreakError(reason or "a frame without a time", last and last.time_s)
                if last is None:
                    _check_upright(path, frame)
                first_s = time_s if last is None else first_s
                last = TimedFrame(time_s - first_s, frame)
                yield last
        except (FFmpegError, OSError) as error:
            raise VideoBreakError(getattr(error, "strerror", None) or str(error), last and last.time_s) from None
        ends_s = _declared_end_s(container, stream)
        if last is not None and ends_s is not None and first_s + last.time_s + last.duration_s < ends_s - LOST_TAIL_S:
            raise VideoBreakError(f"nothing more, where its header says {ends_s:.6g} s", last.time_s)


def _unusable(frame: av.VideoFrame, last: TimedFrame | None) -> str | None:
    """What is wrong with a frame after the last one; ``None`` where nothing is."""
    if frame.is_corrupt:
        return "a damaged frame"
    if last is None:
        return None
    if frame.time is not None and last.stamp_s is not None and frame.time <= last.stamp_s:
        return f"a frame at {frame.time:.6g} s after one at {last.stamp_s:.6g} s"
    if (frame.width, frame.height) != last.stored_size_px:
        return f"a frame of {frame.width}x{frame.height} after ones of {last.stored_size_px[0]}x{last.stored_size_px[1]}"
    return None


def _check_upright(path: Path, frame: av.VideoFrame) -> None:
    """Refuses what ``TimedFrame.rgb`` cannot show as the file says."""
    sides: Any = frame.side_data  # whose declared type is wrong
    try:
        matrix = bytes(sides["DISPLAYMATRIX"])
    except KeyError:
        return
    turn = np.frombuffer(matrix, dtype=np.int32)[[0, 1, 3, 4]].reshape(2, 2) / 65536  # fixed-point, by ISO 14496-12
    right = np.rint(turn)
    if np.abs(turn - right).max() > 0.01 or not np.array_equal(right @ right.T, np.eye(2)) or np.linalg.det(right) < 0:
        wanted = "a video to be shown upright, or turned by 90, 180 or 270 degrees"
        got = f"one to be turned, mirrored or stretched by {turn.round(2).tolist()}"
        raise ValueError(f"{path}: expected {wanted}, got {got}; encode it again upright")


def _declared_end_s(container: InputContainer, stream: VideoStream) -> float | None:
    """When the last frame ends by the header. The file's own duration counts only without sound, which may be longer."""
    if stream.duration is not None and stream.time_base is not None:
        return float((stream.duration + (stream.start_time or 0)) * stream.time_base)
    if container.duration is not None and len(container.streams) == 1:
        return container.duration / av.time_base
    return None


@contextlib.contextmanager
def _opened_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise ValueError("a pipe or a device")
        container = av.open(str(path))
    except (FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ValueError(f"{path}: expected a readable video, got '{reason}'; check the file") from None
    with container:
        if not container.streams.video:
            raise ValueError(f"{path}: expected a readable video, got a file without pictures; check the file")
        yield container, container.streams.video[0]
