"""What a world model is made of. Every difference between the papers is a field, so an ablation is a config, not a fork."""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from everroad.diffusion.sampler import SamplerConfig

MOST_CHANNELS, MOST_PX, MOST_LEVELS = 2048, 4096, 8


def _refuse_outside(config: Any, least: int, most: int, group: str, *names: str) -> None:
    """Raises ``ValueError`` that names the first of the fields that is not within the range."""
    for name in names:
        if not least <= getattr(config, name) <= most:
            raise ValueError(f"{group}{name}: expected {least} to {most}, got {getattr(config, name)}")


def _refuse_odd_widths(group: str, widths: tuple[int, ...]) -> None:
    """Raises ``ValueError`` unless they are few and group normalisation can part them."""
    if len(widths) > MOST_LEVELS:
        raise ValueError(f"{group}widths: expected at most {MOST_LEVELS} levels, got {len(widths)}")
    if any(w % 32 or not 0 < w <= MOST_CHANNELS for w in widths):
        raise ValueError(f"{group}widths: expected multiples of 32 (group normalisation has 32 groups), got {widths}")


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
        if not self.widths:
            raise ValueError("unet.widths: expected one or more, got none")
        _refuse_odd_widths("unet.", self.widths)
        _refuse_outside(self, 1, 32, "unet.", "blocks")
        _refuse_outside(self, 1, MOST_CHANNELS, "unet.", "heads", "embed_width", "condition_width")
        _refuse_outside(self, 2, MOST_CHANNELS, "unet.", "token_width")
        levels = set(self.attention_levels)
        if len(levels) < len(self.attention_levels) or not levels <= set(range(len(self.widths))):
            got = self.attention_levels[:20]
            raise ValueError(f"unet.attention_levels: expected 0 to {len(self.widths) - 1}, each once, got {got}")
        for level in (*self.attention_levels, -1):  # the middle attends too
            if self.widths[level] % self.heads:
                raise ValueError(f"unet.heads: expected a divisor of {self.widths[level]} channels, got {self.heads}")


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
        if len(set(self.ages)) < len(self.ages):
            raise ValueError(f"htft.ages: expected each age once, got {self.ages[:20]}")
        _refuse_outside(self, 1, 1000, "htft.", "length", "heads")
        _refuse_outside(self, 0, 1, "htft.", "dropout")


@dataclass(frozen=True)
class AutoencoderConfig:
    """The patch code (closed form) and the widths of the learned part of its decoder."""

    patch_px: int = 8
    channels: int = 48
    decoder_width: int = 128
    decoder_blocks: int = 2
    fine_width: int = 24

    def __post_init__(self) -> None:
        if not 2 <= self.patch_px <= 64 or self.patch_px % 2:
            raise ValueError(f"autoencoder.patch_px: expected an even number from 2 to 64, got {self.patch_px}")
        _refuse_outside(self, 1, 3 * self.patch_px**2, "autoencoder.", "channels")
        _refuse_outside(self, 1, MOST_CHANNELS, "autoencoder.", "decoder_width", "fine_width")
        _refuse_outside(self, 0, 64, "autoencoder.", "decoder_blocks")


@dataclass(frozen=True)
class SketchConfig:
    """Widths of the network that adds detail to the closed-form sketch, from fine to coarse; none for no such network."""

    widths: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _refuse_odd_widths("sketch.", self.widths)


@dataclass(frozen=True)
class FinishConfig:
    """Widths of the network that adds detail, as the conditions tell it, to the picture of a frame's latents, from fine to
    coarse; none for no such network: then the decoder's learned part does what can be done without conditions.

    ``feedback`` is the share of that detail which goes back into the stream with the frame; each cell's mean colour does not. A
    frame that is moved and averaged at every step loses detail, and this makes up for it. What stands still in the picture
    loses none: with ``moving_px`` the share grows to ``feedback`` as a pixel has moved so far since the last frame; 0 is the
    same share everywhere.
    """

    widths: tuple[int, ...] = ()
    feedback: float = 0.0
    moving_px: float = 0.0

    def __post_init__(self) -> None:
        _refuse_odd_widths("finish.", self.widths)
        _refuse_outside(self, 0, 1, "finish.", "feedback")
        _refuse_outside(self, 0, 64, "finish.", "moving_px")
        if self.feedback and not self.widths:
            raise ValueError(f"finish.feedback: expected 0 without a network that finishes frames, got {self.feedback}")


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
    finish: FinishConfig = field(default_factory=FinishConfig)

    def __post_init__(self) -> None:
        multiple = self.autoencoder.patch_px * 2
        if self.height_px % multiple or self.width_px % multiple or min(self.height_px, self.width_px) <= 0:
            raise ValueError(f"frame size: expected multiples of {multiple} pixels, got {self.height_px}x{self.width_px}")
        _refuse_outside(self, 1, MOST_PX, "", "height_px", "width_px")
        _refuse_outside(self, 1, 1000, "", "frame_rate_hz")

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


def config_from_json(cls: type[C], values: Any, where: str = "") -> C:
    """The config of ``config_to_json``'s output, read from JSON; ``where`` is the dotted path of a group, "" for the whole.

    Raises ``ValueError`` naming a field that is unknown or missing, or whose value is of another type than its annotation.
    """
    title = where or cls.__name__
    if not isinstance(values, dict):
        raise ValueError(f"{title}: expected a group of fields, got {_shown(values)}")
    known = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(
            f"{title}: expected fields {', '.join(known)}, got unknown '{unknown[0]}'; another version wrote this file"
        )
    for name, f in known.items():
        if name not in values and f.default is MISSING and f.default_factory is MISSING:
            raise ValueError(f"{title}: expected the field '{name}', got none")
    kinds = get_type_hints(cls)
    dot = f"{where}." if where else ""
    return cls(**{name: _typed(kinds[name], value, f"{dot}{name}") for name, value in values.items()})


def _typed(kind: Any, value: Any, where: str) -> Any:
    """The JSON value as the annotation ``kind`` has it; an integer may stand for a float."""
    if is_dataclass(kind):
        return config_from_json(kind, value, where)  # type: ignore[arg-type]
    if get_origin(kind) is tuple:
        return _typed_tuple(get_args(kind), value, where)
    if get_origin(kind) is Literal:
        expected, fits = " or ".join(map(str, get_args(kind))), value in get_args(kind)
    elif kind is float:
        expected = "a finite number"
        fits = isinstance(value, int | float) and not isinstance(value, bool) and -1e300 < value < 1e300
        value = float(value) if fits else value
    elif kind is int:
        expected, fits = "a whole number", type(value) is int and -(2**63) <= value < 2**63
    else:
        expected, fits = {bool: "true or false", str: "a text"}[kind], type(value) is kind
    if not fits:
        raise ValueError(f"{where}: expected {expected}, got {_shown(value)}")
    return value


def _typed_tuple(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    any_length = kinds[1:] == (...,)
    if not isinstance(value, list) or not (any_length or len(value) == len(kinds)):
        raise ValueError(f"{where}: expected a list{'' if any_length else f' of {len(kinds)}'}, got {_shown(value)}")
    each = kinds[:1] * len(value) if any_length else kinds
    return tuple(_typed(item_kind, item, f"{where}[{i}]") for i, (item_kind, item) in enumerate(zip(each, value, strict=True)))


def _shown(value: Any) -> str:
    return json.dumps(value)[:60]
