from __future__ import annotations

import json

import pytest

from everroad.stream.bench import bench_stream


def test_the_object_has_what_the_command_promises(fake):
    heard = []
    result = bench_stream(fake, {"sha256": "of the card"}, frames=4, warm_up=1, progress=lambda *a: heard.append(a))
    assert json.loads(json.dumps(result)) == result
    assert (result["width_px"], result["height_px"], result["steps"]) == (48, 32, 4)
    assert set(result["ms"]) >= {"conditions", "denoise", "htft", "decode", "video"}
    assert result["preset"] == "fake"
    assert result["model_sha256"] == "of the card"
    assert result["dtype"] == "float32"
    assert result["threads"] >= 1
    assert result["rss_mb"] > 10
    assert result["hardware"]
    # Everything but the encoder: a turn is at least the sum of what is timed inside it, up to medians of different frames.
    inside_ms = sum(result["ms"][stage] for stage in ("conditions", "denoise", "decode"))
    assert 1e3 / result["frames_per_second"] > 0.7 * inside_ms
    assert heard[-1] == (9, 9)


def test_state_bytes_are_the_formula(fake, kit):
    """Latents twice, ten thousandths aside: N entries of keys and values for every denoise step, and four numbers."""
    config = kit.config
    z, y, x = config.latent_channels, config.latent_rows, config.latent_columns
    memory = config.htft.length * 2 * 2 * config.unet.widths[0] * y * x * 4
    result = bench_stream(fake, {}, frames=2, warm_up=0, steps=2)
    assert result["steps"] == 2
    assert result["state_bytes"] == 2 * z * y * x * 4 + memory + 8 + 8 + 1


@pytest.mark.slow
def test_memory_growth_is_measured_when_asked(fake):
    result = bench_stream(fake, {}, frames=2, warm_up=0, rss_frames=110)
    assert result["rss_growth_mb"] < 20


def test_refuses_nonsense(fake):
    with pytest.raises(ValueError, match="at least 2 frames"):
        bench_stream(fake, {}, frames=1)
    with pytest.raises(ValueError, match="more than 100"):
        bench_stream(fake, {}, rss_frames=50)
    with pytest.raises(ValueError, match="at least 1 denoise step"):
        bench_stream(fake, {}, frames=2, steps=0)
    with pytest.raises(ValueError, match="at most 1000"):
        bench_stream(fake, {}, frames=2, steps=1001)
    for frames in (1_000_001, 10**30):
        with pytest.raises(ValueError, match="at most 1000000 frames"):
            bench_stream(fake, {}, frames=frames)
        with pytest.raises(ValueError, match="at most 1000000 memory_frames"):
            bench_stream(fake, {}, rss_frames=frames)
