from __future__ import annotations

import json
import multiprocessing
import os
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_recordings import make_recording

from everroad.data.latent_cache import LatentSource, _checksums, ensure_latents, read_latents
from everroad.data.recorded_clips import RecordedSpec, read_recorded
from everroad.data.recordings import find_stretches
from everroad.media import write_png

FRAMES = 40  # more than a batch


def encode(images):
    """Something with a shape of latents: 2 channels at half the size."""
    return torch.nn.functional.avg_pool2d(images.float() / 255, 2)[:, :2]


def refuse(images):
    raise AssertionError("made again")


@pytest.fixture
def source(tmp_path):
    make_recording(tmp_path / "recordings", frames=FRAMES, without=(0,))
    (stretch,) = find_stretches(tmp_path / "recordings", 2)
    return LatentSource(stretch, height_px=12, width_px=16, encoder="one")


@pytest.fixture
def folder(tmp_path, source):
    ensure_latents(tmp_path / "latents", source, encode)
    return tmp_path / "latents"


def direct(source):
    """The latents of the pictures as training would read them."""
    spec = RecordedSpec(source.stretch.path, source.stretch.camera, source.stretch.first_frame, source.stretch.frames)
    return encode(read_recorded([spec], source.height_px, source.width_px)[0].images)


def test_cached_latents_are_those_of_encoding_what_training_reads(folder, source):
    assert torch.equal(read_latents(folder, source, 0, FRAMES - 1), direct(source))
    assert torch.equal(read_latents(folder, source, 30, 3), direct(source)[30:33])
    assert ensure_latents(folder, source, refuse).parent == folder
    assert [path.suffix for path in folder.iterdir()] == [".safetensors"]


def test_the_encoders_own_precision_is_kept(tmp_path, source):
    ensure_latents(tmp_path, source, lambda images: encode(images).half())
    assert read_latents(tmp_path, source, 5, 2).dtype == torch.float16


@pytest.mark.parametrize("change", ["encoder", "size", "crop", "picture", "scenario"])
def test_what_was_made_of_anything_else_is_noticed_and_made_again(tmp_path, folder, source, change):
    recordings = tmp_path / "recordings"
    if change == "encoder":
        now = replace(source, encoder="two")
    elif change == "size":
        now = replace(source, height_px=6, width_px=8)
    elif change == "crop":
        now = replace(source, vertical_anchor=1.0)
    else:
        if change == "picture":
            write_png(recordings / "drive/CAM-007.png", np.full((12, 16, 3), 200, dtype=np.uint8))
        else:
            make_recording(recordings, frames=FRAMES - 1, without=(0,))
        now = replace(source, stretch=find_stretches(recordings, 2)[0])
    with pytest.raises(ValueError, match=r"expected latents of .* got .*; delete the file"):
        read_latents(folder, now, 0, 1)
    ensure_latents(folder, now, encode)
    assert torch.equal(read_latents(folder, now, 0, now.stretch.frames), direct(now))
    assert len(list(folder.iterdir())) == 1, "it lies where the stale one lay"


def test_another_stretch_or_recording_lies_elsewhere(tmp_path, source):
    others = [replace(source.stretch, first_frame=30), replace(source.stretch, camera="B")]
    others.append(replace(source.stretch, path=str(tmp_path / "elsewhere" / Path(source.stretch.path).name)))
    assert len({replace(source, stretch=stretch).path(tmp_path) for stretch in (source.stretch, *others)}) == 4


def test_a_changed_byte_is_noticed_where_it_is_and_only_there(folder, source):
    (path,) = folder.iterdir()
    whole = bytearray(path.read_bytes())
    size = direct(source)[0].numel() * 4
    start = int.from_bytes(whole[:8], "little") + 8
    latents_start = start + whole[start:].find(direct(source)[:2].numpy().tobytes())
    whole[latents_start + 30 * size + 5] ^= 1
    path.write_bytes(whole)
    assert torch.equal(read_latents(folder, source, 0, 30), direct(source)[:30])
    assert torch.equal(read_latents(folder, source, 31, 8), direct(source)[31:39])
    with pytest.raises(ValueError, match="expected latents of their checksums"):
        read_latents(folder, source, 25, 10)


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.999])
def test_a_file_cut_short_is_made_again(folder, source, keep):
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(ValueError, match="expected a whole file of latents"):
        read_latents(folder, source, 0, 1)
    ensure_latents(folder, source, encode)
    assert path.read_bytes() == whole


def test_only_what_is_asked_for_is_read(folder, source):
    """Two real frames at the end of a file of nearly four gigabytes, the rest of which is a hole."""
    (path,) = folder.iterdir()
    whole, wanted = path.read_bytes(), direct(source)[:2]
    frames, size = 10_000_000, wanted[0].numel() * 4
    big = replace(source, stretch=replace(source.stretch, frames=frames))
    head = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])
    head["__metadata__"]["everroad"] = json.dumps(big._facts())
    head["latents"] |= {"shape": [frames, *wanted.shape[1:]], "data_offsets": [0, frames * size]}
    head["crc32"] |= {"shape": [frames], "data_offsets": [frames * size, frames * (size + 8)]}
    packed = json.dumps(head).encode()
    with path.open("wb") as file:
        file.write(len(packed).to_bytes(8, "little") + packed)
        file.seek((frames - 2) * size, os.SEEK_CUR)
        file.write(wanted.numpy().tobytes())
        file.seek((frames - 2) * 8, os.SEEK_CUR)
        file.write(_checksums(wanted).numpy().tobytes())
    assert path.stat().st_size > 3.9e9
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert torch.equal(read_latents(folder, big, frames - 2, 2), wanted)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1e5  # kB
    with pytest.raises(ValueError, match="checksums"):
        read_latents(folder, big, frames - 4, 2)


def test_frames_outside_of_the_stretch_are_refused(folder, source):
    for first, count in ((-1, 2), (0, FRAMES), (FRAMES - 1, 1), (0, 0)):
        with pytest.raises(IndexError, match=f"expected frames 0 to {FRAMES - 2}"):
            read_latents(folder, source, first, count)


def test_an_encoder_that_loses_pictures_is_refused_and_leaves_nothing(tmp_path, source):
    with pytest.raises(ValueError, match="expected 32 latents, one a picture, got 31"):
        ensure_latents(tmp_path / "latents", source, lambda images: encode(images)[1:])
    with pytest.raises(OSError, match="disk"):
        ensure_latents(tmp_path / "latents", source, _full_disk)
    assert not (tmp_path / "latents").exists()


def _full_disk(images):
    raise OSError(28, "no room on the disk")


def _write(folder, source, barrier):
    torch.set_num_threads(1)

    def wait_and_encode(images):
        if int(images[0].amax()) < 3:  # the first batch
            barrier.wait(60)
        return encode(images)

    ensure_latents(folder, source, wait_and_encode)


def test_two_writers_at_once_leave_one_whole_file(tmp_path, source):
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(2)
    writers = [context.Process(target=_write, args=(tmp_path / "latents", source, barrier)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert len(list((tmp_path / "latents").iterdir())) == 1
    assert torch.equal(read_latents(tmp_path / "latents", source, 0, FRAMES - 1), direct(source))
