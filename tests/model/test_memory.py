"""The buffer is a first-in first-out queue of constant size, read by age and denoise step."""

from __future__ import annotations

import torch

from everroad.model.memory import Memory, read_memory, read_memory_of_each, site_shapes, write_memory, zero_memory
from tests.model.conftest import TINY, make_conditions, make_model


def filled(frames: int, steps: int = 2) -> Memory:
    """A memory in which every value of frame i at denoise step k is 10 i + k."""
    memory = zero_memory(TINY, 3, 1, steps, "raw", torch.float32)
    for i in range(1, frames + 1):
        entry = tuple(
            (10.0 * i + torch.arange(steps)).view(1, 1, steps, 1, 1, 1).expand(3, 1, steps, *shape).clone()
            for shape in site_shapes(TINY)
        )
        memory = write_memory(memory, entry)
    return memory


def test_ages_count_back_from_the_frame_being_denoised():
    memory = filled(frames=12)  # the next frame is 13: ages 1, 5, 10 are frames 12, 8, 3
    for k in (0, 1):
        for site in read_memory(memory, k, (1, 5, 10)).sites:
            assert site[0, 0, :, 0, 0, 0].tolist() == [120 + k, 80 + k, 30 + k]


def test_cold_start_is_zero_and_not_masked():
    memory = filled(frames=2)
    assert [float(x) for x in read_memory(memory, 0, (1, 5, 10)).sites[0][0, 0, :, 0, 0, 0]] == [20.0, 0.0, 0.0]


def test_size_does_not_grow():
    assert filled(0).size_bytes == filled(3).size_bytes == filled(25).size_bytes
    assert len(filled(25).entries) == TINY.htft.length


def test_writing_leaves_the_old_memory_alone():
    memory = filled(3)
    before = [site.clone() for entry in memory.entries for site in entry]
    write_memory(memory, tuple(torch.full_like(site, 7.0) for site in memory.entries[0]))
    assert all(torch.equal(a, b) for a, b in zip(before, [s for e in memory.entries for s in e], strict=True))


def test_each_stream_may_read_its_own_step():
    memory = filled(frames=12)
    row = read_memory_of_each(memory, torch.tensor([0, 1, 0]), (1, 5))
    assert row.sites[0][:, 0, :, 0, 0, 0].tolist() == [[120, 80], [121, 81], [120, 80]]


def test_site_shapes_are_those_of_the_network(tiny_model):
    conditions = make_conditions()
    z = torch.randn(2, 1, 8, 4, 6)
    context = tiny_model.prepare(conditions, z)
    previous = tiny_model.align(z, torch.zeros(2), context)
    _, features = tiny_model.denoise(z, torch.ones(2), previous, context, None)
    assert tuple(tuple(f.shape[2:]) for f in features) == site_shapes(TINY)


def test_the_two_forms_give_the_same_frame():
    model = make_model()
    conditions, draw = make_conditions(), torch.Generator().manual_seed(3)
    z = torch.randn(2, 1, 8, 4, 6, generator=draw)
    context = model.prepare(conditions, z)
    previous = model.align(z, torch.zeros(2), context)
    raw, projected = (zero_memory(TINY, 2, 1, 1, form, torch.float32) for form in ("raw", "projected"))
    for _ in range(11):
        features = tuple(torch.randn(2, 1, *shape, generator=draw) for shape in site_shapes(TINY))
        raw = write_memory(raw, tuple(f[:, :, None] for f in features))
        projected = write_memory(projected, tuple(f[:, :, None] for f in model.project_features(features)))
    ages = TINY.htft.ages
    a, _ = model.denoise(z, torch.ones(2), previous, context, read_memory(raw, 0, ages))
    b, _ = model.denoise(z, torch.ones(2), previous, context, read_memory(projected, 0, ages))
    c, _ = model.denoise(z, torch.ones(2), previous, context, None)
    torch.testing.assert_close(a, b)
    assert (a - c).abs().max() > 1e-3
