"""Video and picture files: MP4 while it is made, PNG, contact sheets and panels. Pictures are RGB uint8 (h, w, 3)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream
from jaxtyping import UInt8
from numpy import ndarray

CAPTION_HEIGHT_PX = 16
MOST_VIDEO_PX = 16384
_FONT_SCALE = 0.4
_BACKGROUND, _INK = 24, 230
# A fragment a second can be played as soon as it is written; a plain MP4 is unreadable until its index comes, at the end.
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}


class VideoWriter:
    """H.264 video (yuv420p), played by any browser, that can be watched while it is written.

    Frames go to ``<name>.partial.mp4`` beside ``path``, which gets its own name at ``close``. Used as a context manager, an
    error or an interrupt inside of the block keeps the partial file, ended properly, and nothing gets the name. ``OSError`` (a
    full disk, no right to write) propagates with its ``errno``; ``ValueError`` for frames of odd or changing size.
    """

    def __init__(self, path: Path, frame_rate_hz: float, quality: int = 20) -> None:
        """``quality`` is x264's constant rate factor: 0 loses nothing, 20 is visually clean, 51 is the worst."""
        self.path = path
        self.partial_path = path.with_name(f"{path.stem}.partial{path.suffix}")
        self.frames_written = 0
        self._rate = Fraction(frame_rate_hz).limit_denominator(1001)
        self._quality = quality
        # Our own unbuffered file: its OSErrors reach the caller with their errno, FFmpeg's own files would flatten them.
        self._file = self.partial_path.open("wb", buffering=0)
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None

    def write(self, frame: UInt8[ndarray, "h w 3"]) -> None:
        """Appends one frame."""
        stream = self._open_stream(frame) if self._stream is None else self._stream
        if (stream.width, stream.height) != (frame.shape[1], frame.shape[0]):
            size = f"{frame.shape[1]}x{frame.shape[0]}"
            raise ValueError(f"frame: expected {stream.width}x{stream.height} like the first, got {size}")
        self._mux(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24"))
        self.frames_written += 1

    def close(self) -> None:
        """Ends the file and gives it its name. Raises ``ValueError`` when no frame was written."""
        if self._file.closed:
            return
        try:
            self._end()
        finally:
            self._file.close()
        if self.frames_written == 0:
            self.partial_path.unlink()
            raise ValueError(f"{self.path}: expected at least one frame, got none")
        self.partial_path.replace(self.path)

    def abandon(self) -> None:
        """Ends the partial file as well as can be and leaves it under its partial name; removes it when it holds no frame."""
        if self._file.closed:
            return
        with contextlib.suppress(OSError, FFmpegError):
            self._end()
        self._file.close()
        if self.frames_written == 0:
            self.partial_path.unlink(missing_ok=True)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def _open_stream(self, frame: UInt8[ndarray, "h w 3"]) -> VideoStream:
        height, width = frame.shape[:2]
        if height % 2 or width % 2:
            raise ValueError(f"frame: expected an even width and height (yuv420p), got {width}x{height}; pad or crop a pixel")
        if max(height, width) > MOST_VIDEO_PX:
            raise ValueError(f"frame: expected at most {MOST_VIDEO_PX} pixels a side (H.264), got {width}x{height}; show less")
        self._container = av.open(self._file, "w", format="mp4", options=_FRAGMENTS)
        # One thread and no look-ahead: the encoder must not take the cores that generate, nor hold frames back.
        options = {"crf": str(self._quality), "preset": "veryfast", "tune": "zerolatency", "threads": "1"}
        stream = self._container.add_stream("libx264", rate=self._rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = max(1, round(self._rate))
        self._stream = stream
        return stream

    def _mux(self, frame: av.VideoFrame | None) -> None:
        assert self._container is not None
        assert self._stream is not None
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def _end(self) -> None:
        if self._container is not None:
            try:
                self._mux(None)
            finally:
                self._container.close()


def read_video_frames(path: Path) -> Iterator[UInt8[ndarray, "h w 3"]]:
    """The frames of a video file, one by one. Raises ``ValueError`` for a file that is no readable video."""
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                yield frame.to_ndarray(format="rgb24")
    except (FFmpegError, OSError, IndexError) as error:
        got = getattr(error, "strerror", None) or str(error)
        raise ValueError(f"{path}: expected a readable video, got '{got}'; check the file") from error


def read_image(path: Path) -> UInt8[ndarray, "h w 3"]:
    """A picture file (PNG, JPEG, WebP ...), of 16 bits a channel the upper 8.

    Raises ``ValueError`` for a file that is no readable picture.
    """
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise ValueError("a pipe or a device")
        data = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ValueError(f"{path}: expected a picture file, got '{reason}'; check the path") from error
    image = _decoded(data) if len(data) else None
    if image is None or image.size == 0:
        raise ValueError(f"{path}: expected a PNG or JPEG picture, got {len(data)} bytes that are none; check the file")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def refuse_broken_image(path: Path) -> None:
    """Raises ``ValueError`` for a file that is no picture or lacks its end, from its first and last bytes alone; other formats
    than PNG and JPEG are decoded for it."""
    head, tail = b"", b""
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(8)
            file.seek(max(0, path.stat().st_size - 4096))
            tail = file.read()
    end = b"IEND" if head == b"\x89PNG\r\n\x1a\n" else b"\xff\xd9" if head.startswith(b"\xff\xd8") else None
    if end is None or end not in tail:
        read_image(path)


def _decoded(data: UInt8[ndarray, "n"]) -> UInt8[ndarray, "h w 3"] | None:
    """A picture's content, BGR, or ``None``; what OpenCV and its libraries print about broken ones is not shown."""
    with _silent_stderr():
        try:
            return cv2.imdecode(data, cv2.IMREAD_COLOR)
        except cv2.error:
            return None


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Native libraries write to the file descriptor, past ``sys.stderr``."""
    try:
        kept = os.dup(2)
    except OSError:  # closed
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def write_png(path: Path, image: UInt8[ndarray, "h w 3"]) -> None:
    """Writes a PNG under its name only when it is complete. ``OSError`` (a full disk) propagates."""
    _, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        beside.write_bytes(data.tobytes())
        beside.replace(path)
    except OSError as error:
        error.filename = str(path)  # writing, unlike opening, does not say of what
        raise
    finally:
        beside.unlink(missing_ok=True)


def contact_sheet(
    frames: Sequence[UInt8[ndarray, "h w 3"]], labels: Sequence[str], columns: int
) -> UInt8[ndarray, "sheet_h sheet_w 3"]:
    """Frames of one size in rows of ``columns``, each under its label. Sides are even. Raises ``ValueError`` without frames."""
    if not frames or len(frames) != len(labels) or columns < 1:
        raise ValueError(f"sheet: expected frames with a label each, got {len(frames)} and {len(labels)} in {columns} columns")
    tiles = [_captioned(frame, label) for frame, label in zip(frames, labels, strict=True)]
    blank = np.full_like(tiles[0], _BACKGROUND)
    tiles += [blank] * (-len(tiles) % columns)
    rows = [np.concatenate(tiles[i : i + columns], axis=1) for i in range(0, len(tiles), columns)]
    return _even(np.concatenate(rows, axis=0))


def panels(
    images: Sequence[UInt8[ndarray, "_h _w 3"]], captions: Sequence[str], gap_px: int = 4
) -> UInt8[ndarray, "panel_h panel_w 3"]:
    """Pictures side by side, scaled to the height of the first, each under its caption. Sides are even, so it can be filmed."""
    height = images[0].shape[0]
    tiles = []
    for image, caption in zip(images, captions, strict=True):
        width = round(image.shape[1] * height / image.shape[0])
        same = image if image.shape[0] == height else cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        tile = _captioned(same, caption)
        tiles += [tile, np.full((tile.shape[0], gap_px, 3), _BACKGROUND, dtype=np.uint8)]
    return _even(np.concatenate(tiles[:-1], axis=1))


def _captioned(image: UInt8[ndarray, "h w 3"], caption: str) -> UInt8[ndarray, "tall w 3"]:
    strip = np.full((CAPTION_HEIGHT_PX, image.shape[1], 3), _BACKGROUND, dtype=np.uint8)
    place = (3, CAPTION_HEIGHT_PX - 5)
    cv2.putText(strip, caption, place, cv2.FONT_HERSHEY_SIMPLEX, _FONT_SCALE, (_INK, _INK, _INK), 1, cv2.LINE_AA)
    return np.concatenate([strip, image], axis=0)


def _even(image: UInt8[ndarray, "h w 3"]) -> UInt8[ndarray, "_h _w 3"]:
    """Padded by a row or a column where a side is odd."""
    padding = ((0, image.shape[0] % 2), (0, image.shape[1] % 2), (0, 0))
    return np.pad(image, padding, constant_values=_BACKGROUND)
