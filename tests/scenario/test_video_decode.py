from __future__ import annotations

import av
import numpy as np
import pytest

from everroad.scenario.video_decode import VideoBreakError, read_timed_frames, read_typical_rate_hz, read_video_header

from .clips import HEIGHT, WIDTH, clip_frame, cut, index_of, note_turn, turn_clockwise, write_clip


def decoded(path):
    """(time, frame index) of every frame, and the error at the end."""
    got = []
    try:
        for frame in read_timed_frames(path):
            got.append((frame.time_s, index_of(frame.rgb())))
    except VideoBreakError as error:
        return got, error
    return got, None


@pytest.mark.parametrize(
    ("ending", "codec"), [(".mp4", "libx264"), (".mov", "libx264"), (".mkv", "libx264"), (".avi", "mpeg4")]
)
def test_frames_come_with_their_times(ending, codec, tmp_path):
    got, error = decoded(write_clip(tmp_path / f"a{ending}", 30, codec=codec))
    assert error is None
    assert [index for _, index in got] == list(range(30))
    np.testing.assert_allclose([time_s for time_s, _ in got], np.arange(30) / 25, atol=1e-3)


def test_a_variable_rate_keeps_its_own_stamps_from_zero(tmp_path):
    stamps = [400, 440, 520, 1000, 1010, 1700]
    got, error = decoded(write_clip(tmp_path / "a.mp4", 6, stamps=stamps))
    assert error is None
    np.testing.assert_allclose([time_s for time_s, _ in got], (np.array(stamps) - 400) / 1000, atol=1e-3)


def test_the_header(tmp_path):
    header = read_video_header(write_clip(tmp_path / "a.mp4", 50))
    assert header.frame_rate_hz == pytest.approx(25, rel=0.02)
    assert header.last_frame_s == pytest.approx(49 / 25, abs=0.05)


def test_a_last_frame_that_is_shown_for_long_is_no_lost_tail(tmp_path):
    """Its duration is what the header's end and the last stamp differ by."""
    path = write_clip(tmp_path / "a.mp4", 4, stamps=[0, 40, 80, 120], last_ms=3000)
    got, error = decoded(path)
    assert (len(got), error) == (4, None)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.duration is not None
        assert float(stream.duration * stream.time_base) > 3.0


def test_a_picture_is_turned_as_the_file_says(tmp_path):
    (frame, *_) = read_timed_frames(turn_clockwise(write_clip(tmp_path / "a.mp4", 3)))
    image = frame.rgb()
    assert image.shape == (WIDTH, HEIGHT, 3)
    # The brighter left half of the stored picture is the upper one after a quarter turn clockwise.
    np.testing.assert_allclose(image, np.rot90(clip_frame(0), -1), atol=6)


@pytest.mark.parametrize("matrix", [(-1, 0, 0, 1), (0, 1, 1, 0), (0.7071, 0.7071, -0.7071, 0.7071), (0, 0, 0, 0)])
def test_a_picture_to_be_mirrored_or_turned_otherwise_is_refused(matrix, tmp_path):
    path = note_turn(write_clip(tmp_path / "a.mp4", 3), *matrix)
    with pytest.raises(ValueError, match="upright, or turned by 90, 180 or 270 degrees, got one to be") as caught:
        next(read_timed_frames(path))
    assert not isinstance(caught.value, VideoBreakError)


def test_the_typical_rate_is_that_of_most_frames(tmp_path):
    path = write_clip(tmp_path / "a.mp4", 12, stamps=[*range(0, 440, 40), 60_000])
    assert read_typical_rate_hz(path) == pytest.approx(25)
    assert read_typical_rate_hz(write_clip(tmp_path / "b.mp4", 1)) is None


def test_a_tail_that_is_lost_ends_in_an_error_with_the_last_whole_time(tmp_path):
    path = cut(write_clip(tmp_path / "a.mp4", 60, options={"movflags": "faststart"}, noise=4), 0.6)
    got, error = decoded(path)
    assert 10 < len(got) < 50
    assert error is not None
    assert error.until_s == got[-1][0]


def test_damage_in_the_middle_is_not_painted_over(tmp_path):
    path = write_clip(tmp_path / "a.mp4", 60, options={"movflags": "faststart"}, noise=4)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    path.write_bytes(data)
    got, error = decoded(path)
    assert error is not None
    assert [index for _, index in got] == [round(time_s * 25) for time_s, _ in got]
    assert len(got) < 40


def test_a_file_that_only_ends_early_is_noticed_by_its_header(tmp_path):
    got, error = decoded(cut(write_clip(tmp_path / "a.mkv", 60, noise=4), 0.5))
    assert error is not None
    assert "where its header says 2.4 s" in str(error)
    assert error.until_s == got[-1][0]


@pytest.mark.parametrize("content", [b"", b"no video at all" * 100])
def test_what_is_no_video(content, tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    for read in (lambda: next(read_timed_frames(path)), lambda: read_video_header(path)):
        with pytest.raises(ValueError, match=r"a\.mp4: expected a readable video, got '.+'; check the file"):
            read()


def test_a_file_of_sound_alone(tmp_path):
    import wave

    with wave.open(str(tmp_path / "a.avi"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))
    with pytest.raises(ValueError, match="got a file without pictures"):
        read_video_header(tmp_path / "a.avi")
