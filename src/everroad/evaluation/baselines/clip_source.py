"""Picture sources of a clip model: one-shot clips, chunks and diagonal denoising, from the same weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import torch

from everroad.diffusion.sampler import schedule_of
from everroad.evaluation.baselines.clip_model import ClipModel
from everroad.evaluation.baselines.clip_stream import ClipStream
from everroad.evaluation.baselines.frames import last_frame, painted, to_images, to_pictures, told
from everroad.evaluation.baselines.schemes import Latents, Sampling, chunked, diagonal, one_shot
from everroad.evaluation.reference import EvaluationTown
from everroad.evaluation.sources.types import Picture
from everroad.model.checkpoint import model_hash
from everroad.model.inference import for_inference
from everroad.stream.hardware import usable_device
from everroad.stream.state import COMPUTE_DTYPES

Scheme = Literal["one-shot", "chunked", "diagonal", "diagonal-lookahead"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
OVERLAP = 3  # frames that a chunk is given of the one before (Vista)


def sampling_of(model: ClipModel, steps: int | None = None) -> Sampling:
    """The model's own sampler, with another number of denoise steps where given."""
    sampler = model.config.sampler
    return Sampling(tuple(float(sigma) for sigma in schedule_of(sampler, steps)), sampler.solver)


def run_scheme(scheme: Scheme, stream: ClipStream, last: int) -> Iterator[Latents]:
    """Latents of frames 1 to ``last`` of the streams."""
    model, first = stream.model, stream.anchor[:, 0]
    frames, sampling = model.clip.frames, sampling_of(model)
    if scheme == "one-shot":
        return one_shot(stream, first, last, frames, sampling)
    if scheme == "chunked":
        return chunked(stream, first, last, frames, OVERLAP, sampling)
    lookahead = scheme == "diagonal-lookahead"
    return diagonal(stream, first, last, frames, sampling_of(model, steps=frames), sampling, lookahead)


@dataclass(frozen=True)
class ClipSource:
    """One scheme of a clip model.

    A window is made as a whole. ``margin_frames`` beyond the last frame that is asked for make every window a whole one; where
    the towns end earlier the last window is shorter and its frames are others.
    """

    model: ClipModel
    scheme: Scheme
    dtype: str
    device: torch.device
    hashed: str

    @property
    def name(self) -> str:
        """The scheme's."""
        return self.scheme

    @property
    def margin_frames(self) -> int:
        """How many frames of conditions are read beyond a frame, at most."""
        return self.model.clip.frames - 1

    def described(self) -> Mapping[str, Any]:
        """The scheme, the weights' hash, the clip's length and the sampler."""
        steps = self.model.clip.frames if self.scheme.startswith("diagonal") else None
        sampling = sampling_of(self.model, steps)
        sampler = {"sigmas": list(sampling.sigmas), "solver": sampling.solver, "dtype": self.dtype}
        overlap = {"overlap": OVERLAP} if self.scheme == "chunked" else {}
        return {"kind": self.scheme, "model_hash": self.hashed, "clip_frames": self.model.clip.frames, **overlap, **sampler}

    def pictures(self, towns: Sequence[EvaluationTown]) -> Iterator[list[Picture]]:
        """Frames 1, 2, … of all towns as one batch."""
        last, first = last_frame(towns), painted(towns, 0)
        yield first
        if not last:
            return
        stream = ClipStream(
            self.model, to_images(first, self.device), lambda i: told(towns, i), [town.seed for town in towns],
            towns[0].source.camera.name, COMPUTE_DTYPES[self.dtype],
        )  # fmt: skip
        for frame_index, latents in enumerate(run_scheme(self.scheme, stream, last), start=1):
            yield to_pictures(stream.decode(latents, frame_index))


def clip_source(model: ClipModel, scheme: Scheme, *, dtype: str = "float32", device: str = "cpu") -> ClipSource:
    """The source of a clip model; ``dtype`` ("float32", "bfloat16") is the networks'.

    Raises ``ValueError`` for a dtype that is none and for clips too short for chunks.
    """
    if dtype not in COMPUTE_DTYPES:
        raise ValueError(f"dtype: expected {' or '.join(COMPUTE_DTYPES)}, got '{dtype}'; name one")
    if model.clip.frames <= OVERLAP:
        raise ValueError(f"clip model: expected clips of more than {OVERLAP} frames, got {model.clip.frames}; train another")
    chosen = usable_device(device)
    laid_out = cast(ClipModel, for_inference(model, chosen, COMPUTE_DTYPES[dtype]))
    return ClipSource(laid_out, scheme, dtype, chosen, model_hash(model))
