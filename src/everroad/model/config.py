"""What a world model is made of. Every difference between the papers is a field, so an ablation is a config, not a fork."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, Literal, TypeVar

from everroad.diffusion.sampler import SamplerConfig


@dataclass(frozen=True)
class UNetConfig:
    """Level widths from fine to coarse, residual blocks a level, levels with self- and cross-attention, embedding widths."""

    widths: tuple[int, ...] = (64, 128, 192)
    blocks: int = 2
    attention_levels: tuple[int, ...] = (1, 2)
    heads: int = 4
    embed_width: int = 256
    token_width: int = 128
    condition_width: int = 64

    def __post_init__(self) -> None:
        if not self.widths or any(w % 32 for w in self.widths):
            raise ValueError(f"unet.widths: expected multiples of 32 (group normalisation has 32 groups), got {self.widths}")


@dataclass(frozen=True)
class HTFTConfig:
    """HTFT and its buffer. STAGE: N = 10 frames kept, ages 1, 5 and 10 read; 8 heads, dropout 0.25 (pre-release).

    ``sites``: every skip connection ("all", the pre-release) or the last one of each level ("last", the paper's figure).
    ``enabled`` False is stage 1, which has no memory.
    """

    enabled: bool = True
    ages: tuple[int, ...] = (1, 5, 10)
    length: int = 10
    heads: int = 8
    dropout: float = 0.25
    sites: Literal["last", "all"] = "last"
    zero_init: bool = True

    def __post_init__(self) -> None:
        if not self.ages or min(self.ages) < 1 or max(self.ages) > self.length:
            raise ValueError(f"htft.ages: expected ages from 1 to length {self.length}, got {self.ages}")


@dataclass(frozen=True)
class AutoencoderConfig:
    """The patch code (closed form) and the widths of the learned part of its decoder."""

    patch_px: int = 8
    channels: int = 48
    decoder_width: int = 128
    decoder_blocks: int = 2
    fine_width: int = 24


@dataclass(frozen=True)
class SketchConfig:
    """Widths of the network that adds detail to the closed-form sketch, from fine to coarse; none for no such network."""

    widths: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if any(w % 32 for w in self.widths):
            raise ValueError(f"sketch.widths: expected multiples of 32 (group normalisation has 32 groups), got {self.widths}")


@dataclass(frozen=True)
class BeliefConfig:
    """How the predicted errors of the sources (``WorldModel``) are read when frames follow one another; training on single
    frames reads them as they are.

    ``retention`` (nats) favours the two views of the previous frame: an error made once stays in all frames after it, which
    single frames do not show. Where neither map nor boxes say anything the previous frame is all there is, so its shapes and
    colours are favoured by ``retention_untold`` more. There the two views are not averaged, which blurs where they differ:
    ``choice`` multiplies the difference of their scores. Where map or boxes speak, the sketch is favoured by ``sketched``: its
    squared error is that of a sharp picture, which is larger than that of a blurred one.
    """

    retention: float = 0.0
    retention_untold: float = 0.0
    choice: float = 1.0
    sketched: float = 0.0

    def __post_init__(self) -> None:
        if not self.choice > 0:
            raise ValueError(f"belief.choice: expected more than 0, got {self.choice}")
        for name in ("retention", "retention_untold", "sketched"):
            if not -50 <= getattr(self, name) <= 50:
                raise ValueError(f"belief.{name}: expected -50 to 50 nats, got {getattr(self, name)}")


@dataclass(frozen=True)
class ModelConfig:
    """One world model: frame size, rate and its parts."""

    name: str
    height_px: int
    width_px: int
    frame_rate_hz: float = 12.0
    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    unet: UNetConfig = field(default_factory=UNetConfig)
    htft: HTFTConfig = field(default_factory=HTFTConfig)
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    belief: BeliefConfig = field(default_factory=BeliefConfig)
    sketch: SketchConfig = field(default_factory=SketchConfig)

    def __post_init__(self) -> None:
        multiple = self.autoencoder.patch_px * 2
        if self.height_px % multiple or self.width_px % multiple or min(self.height_px, self.width_px) <= 0:
            raise ValueError(f"frame size: expected multiples of {multiple} pixels, got {self.height_px}x{self.width_px}")

    @property
    def latent_channels(self) -> int:
        return self.autoencoder.channels

    @property
    def latent_rows(self) -> int:
        return self.height_px // self.autoencoder.patch_px

    @property
    def latent_columns(self) -> int:
        return self.width_px // self.autoencoder.patch_px


C = TypeVar("C")


def config_to_json(config: Any) -> dict[str, Any]:
    """A config as plain JSON values."""
    return asdict(config)


def config_from_json(cls: type[C], values: dict[str, Any]) -> C:
    """The config of ``config_to_json``'s output. Raises ``ValueError`` naming an unknown or missing field."""
    known = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(
            f"{cls.__name__}: expected fields {', '.join(known)}, got unknown '{unknown[0]}'; another version wrote this file"
        )
    out = {}
    for name, value in values.items():
        default = known[name].default_factory if callable(known[name].default_factory) else None
        if isinstance(value, dict) and default is not None and is_dataclass(default):
            value = config_from_json(default, value)  # type: ignore[arg-type]
        out[name] = tuple(value) if isinstance(value, list) else value
    try:
        return cls(**out)
    except TypeError as error:
        raise ValueError(f"{cls.__name__}: {error}") from None
