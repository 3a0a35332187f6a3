from __future__ import annotations

import errno
import os
import struct
import zlib

import av
import cv2
import numpy as np
import pytest

from everroad.media import VideoWriter, contact_sheet, panels, read_image, read_video_frames, refuse_broken_image, write_png
from everroad.scenario.storage import load_scenario


def _frame(index, height=64, width=96):
    """A smooth picture that moves with the index."""
    v, u = np.mgrid[:height, :width]
    return np.stack([127 + 120 * np.sin((u + 3 * index + c * 20) / 15) * np.cos(v / 20) for c in range(3)], -1).astype(np.uint8)


def _film(path, frames, error=None):
    """Writes the frames, then fails if told so."""
    with VideoWriter(path, 12.0) as video:
        for frame in frames:
            video.write(frame)
        if error is not None:
            raise error


def test_video_comes_back_with_its_frames_rate_and_name(tmp_path):
    path = tmp_path / "video.mp4"
    with VideoWriter(path, 12.0) as video:
        for index in range(30):
            video.write(_frame(index))
        assert not path.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["video.mp4"]
    frames = list(read_video_frames(path))
    assert len(frames) == 30
    errors = [np.abs(frame.astype(int) - _frame(index)).mean() for index, frame in enumerate(frames)]
    assert max(errors) < 4
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert float(stream.average_rate) == pytest.approx(12.0)
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")


def test_partial_file_can_be_watched_while_it_is_written(tmp_path):
    with VideoWriter(tmp_path / "video.mp4", 12.0) as video:
        for index in range(40):
            video.write(_frame(index))
        partial = list(read_video_frames(tmp_path / "video.partial.mp4"))
        assert 24 <= len(partial) <= 40
        assert np.abs(partial[20].astype(int) - _frame(20)).mean() < 4


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_error_and_interrupt_keep_the_whole_partial_file(tmp_path, error):
    with pytest.raises(error):
        _film(tmp_path / "video.mp4", map(_frame, range(20)), error)
    assert [p.name for p in tmp_path.iterdir()] == ["video.partial.mp4"]
    assert len(list(read_video_frames(tmp_path / "video.partial.mp4"))) == 20


def test_an_interrupt_before_the_first_frame_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), VideoWriter(tmp_path / "video.mp4", 12.0):
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="at least one frame"), VideoWriter(tmp_path / "video.mp4", 12.0):
        pass
    assert not list(tmp_path.iterdir())


def test_a_full_disk_says_so(tmp_path):
    (tmp_path / "video.partial.mp4").symlink_to("/dev/full")
    rng = np.random.default_rng(0)
    with pytest.raises(OSError) as caught:
        _film(tmp_path / "video.mp4", (rng.integers(0, 256, (64, 96, 3), dtype=np.uint8) for _ in range(100)))
    assert caught.value.errno == errno.ENOSPC
    assert not (tmp_path / "video.mp4").exists()


def test_a_disk_that_fills_at_the_end_gives_no_name_either(tmp_path, monkeypatch):
    video = VideoWriter(tmp_path / "video.mp4", 12.0)
    video.write(_frame(0))

    def full(data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(video, "_end", lambda: full(b""))
    with pytest.raises(OSError) as caught:
        video.close()
    assert caught.value.errno == errno.ENOSPC
    assert [p.name for p in tmp_path.iterdir()] == ["video.partial.mp4"]


def test_missing_folder_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        VideoWriter(tmp_path / "none" / "video.mp4", 12.0)


def test_odd_and_changing_sizes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="even"):
        _film(tmp_path / "odd.mp4", [_frame(0, 63, 96)])
    with pytest.raises(ValueError, match="expected 96x64 like the first, got 64x64"):
        _film(tmp_path / "changing.mp4", [_frame(0), _frame(0, 64, 64)])
    with pytest.raises(ValueError, match=r"at most 16384 pixels a side \(H\.264\), got 16386x2; show less"):
        _film(tmp_path / "wide.mp4", [_frame(0, 2, 16386)])


def test_png_round_trip_is_exact_and_atomic(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (20, 31, 3), dtype=np.uint8)
    write_png(tmp_path / "a.png", image)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), image)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_unreadable_pictures_and_videos_have_clear_messages(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").touch()
    for name in ("text.png", "empty.png", "missing.png", "."):
        with pytest.raises(ValueError, match="expected a") as caught:
            read_image(tmp_path / name)
        assert "\n" not in str(caught.value)
    for name in ("text.png", "missing.mp4"):
        with pytest.raises(ValueError, match="readable video"):
            list(read_video_frames(tmp_path / name))


def png(width, height, rows=b""):
    """A PNG file that claims this size and holds these rows."""
    parts = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    chunks = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(
    "content",
    [
        png(60_000, 60_000),
        png(0, 0),
        png(64, 64, bytes(500)),
        png(64, 64, bytes(64 * 193))[:-20],
        b"\xff\xd8\xff\xe0" + bytes(40),
    ],
    ids=["huge", "no size", "few rows", "truncated", "no jpeg"],
)
def test_broken_pictures_are_refused_without_a_word_of_the_libraries(content, tmp_path, capfd):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.png: expected a PNG or JPEG picture, got .*; check the file"):
        read_image(tmp_path / "a.png")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp"])
def test_a_picture_that_lacks_its_end_is_told_without_decoding_it(ending, tmp_path):
    path = tmp_path / f"a{ending}"
    whole = cv2.imencode(ending, np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8))[1].tobytes()
    path.write_bytes(whole)
    refuse_broken_image(path)
    for length in (0, 7, 30):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"expected a PNG or JPEG picture, got .* bytes that are none"):
            refuse_broken_image(path)
    path.unlink()
    with pytest.raises(ValueError, match="No such file"):
        refuse_broken_image(path)


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ValueError, match="expected a picture file, got 'a pipe or a device'; check the path"):
        read_image(tmp_path / "pipe.png")
    with pytest.raises(ValueError, match="expected a readable file, got 'a pipe or a device'; check the path"):
        load_scenario(tmp_path / "pipe.png")


def test_reading_a_picture_keeps_stderr(tmp_path, capfd):
    (tmp_path / "a.png").write_bytes(png(2, 2, bytes(14)))
    assert read_image(tmp_path / "a.png").shape == (2, 2, 3)
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"


def test_a_path_that_no_system_has_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected a picture file, got 'embedded null byte'; check the path"):
        read_image(tmp_path / "nul\0.png")


def test_sheet_has_every_frame_in_its_place():
    frames = [np.full((30, 51, 3), 40 + 20 * i, dtype=np.uint8) for i in range(5)]
    sheet = contact_sheet(frames, [str(i) for i in range(5)], 3)
    assert sheet.shape == (2 * (30 + 16), 3 * 51 + 1, 3)
    for i in range(5):
        assert sheet[(i // 3) * 46 + 40, (i % 3) * 51 + 25].tolist() == [40 + 20 * i] * 3
    assert sheet[:16, :51].max() > 150  # the label
    with pytest.raises(ValueError, match="label"):
        contact_sheet(frames, ["1"], 3)


def test_panels_stand_side_by_side_at_one_height():
    wide, tall = np.full((40, 80, 3), 90, dtype=np.uint8), np.full((80, 40, 3), 200, dtype=np.uint8)
    both = panels([wide, tall], ["a", "b"])
    assert both.shape == (56, 80 + 4 + 20, 3)
    assert both[30, 40].tolist() == [90] * 3
    assert both[30, 94].tolist() == [200] * 3
    assert not any(side % 2 for side in panels([wide[:39, :77]], [""]).shape[:2])
