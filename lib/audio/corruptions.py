"""Ways to spoil sound, each with a strength in a physical unit.

>>> noisy = corrupt(waves, "white_noise", 10, torch.Generator().manual_seed(0))     # 10 dB SNR
>>> for name, kind in CORRUPTIONS.items():
...     print(name, kind.unit, kind.strengths)                                      # mildest first
>>> spoil = RandomCorruptions({"babble": (0, 20), "reverberation": (0.2, 1)})       # in training, on the fly
>>> batch = spoil(batch)

The benchmarks of robustness call such a thing a corruption and try each at five strengths (Hendrycks and Dietterich
2019, arXiv:1903.12261); so does `CORRUPTIONS`. What each does is in `lib.audio.noises`, `bands`, `levels`, `codecs`
and `paces`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from lib.audio import bands, codecs, levels, noises, paces
from lib.audio.signals import INT16_ONE

LOWEST_RATE = 8000  # samples a second
LOUDEST = 1000  # × full scale: beyond, the samples are whole numbers or a mistake


@dataclass(frozen=True)
class Corruption:
    """One way to spoil sound.

    `apply(waves, strength, rate, generator, others)` takes and returns (B, samples) float32. `limits` are the least
    and the greatest number it makes sense for, both included.
    """

    label: str
    unit: str
    strengths: tuple[float, ...]  # mildest first
    apply: Callable[..., torch.Tensor]
    limits: tuple[float, float]
    logarithmic: bool = False  # drawn between two strengths so that each ratio is as likely as any other


SNR = (-60.0, 120.0)
CORRUPTIONS: dict[str, Corruption] = {
    "white_noise": Corruption("white noise", "dB SNR", (30, 20, 10, 5, 0), noises.white_noise, SNR),
    "pink_noise": Corruption("pink noise", "dB SNR", (30, 20, 10, 5, 0), noises.pink_noise, SNR),
    "babble": Corruption("babble of other voices", "dB SNR", (20, 10, 5, 0, -5), noises.babble, SNR),
    "reverberation": Corruption(
        "reverberation", "s of RT60", (0.2, 0.4, 0.8, 1.5, 3), noises.reverberation, (0.01, 20), True
    ),
    "low_pass": Corruption("low-pass", "Hz", (6000, 4000, 2000, 1000, 500), bands.low_pass, (20, 24000), True),
    "high_pass": Corruption("high-pass", "Hz", (100, 200, 400, 800, 1600), bands.high_pass, (20, 24000), True),
    "telephone": Corruption(
        "telephone band", "Hz, upper edge", (3400, 2600, 2000, 1500, 1000), bands.telephone, (400, 24000), True
    ),
    "band_mask": Corruption("missing band", "Hz wide", (250, 500, 1000, 2000, 3000), bands.band_mask, (1, 4000)),
    "clipping": Corruption("clipping", "% of samples", (1, 5, 10, 25, 50), levels.clipping, (0, 95)),
    "gain": Corruption("gain", "dB louder or softer", (6, 12, 20, 30, 40), levels.gain, (0, 60)),
    "quantisation": Corruption("quantisation", "bits a sample", (8, 6, 4, 3, 2), levels.quantisation, (2, 16)),
    "time_mask": Corruption("missing piece", "s", (0.5, 1, 2, 3, 4), levels.time_mask, (0, 3600)),
    "packet_loss": Corruption("packet loss", "% of packets", (5, 10, 25, 50, 75), levels.packet_loss, (0, 100)),
    "mp3": Corruption("MP3 coding", "kbit/s", (64, 32, 24, 16, 8), codecs.mp3, (8, 160), True),
    "ogg": Corruption("Ogg Opus coding", "kbit/s", (32, 24, 16, 10, 6), codecs.ogg, (6, 256), True),
    "speed": Corruption("speed and pitch", "% faster or slower", (5, 10, 15, 20, 30), paces.speed, (0, 90)),
    "pitch": Corruption("pitch", "semitones up or down", (1, 2, 3, 4, 6), paces.pitch, (0, 24)),
    "tempo": Corruption("tempo", "% faster or slower", (10, 20, 30, 40, 50), paces.tempo, (0, 90)),
}


def corrupt(
    waves: torch.Tensor,
    name: str,
    strength: float,
    generator: torch.Generator | None = None,
    rate: int = 16000,
    others: torch.Tensor | None = None,
) -> torch.Tensor:
    """A spoiled copy of a batch; every item gets its own draw of whatever is random.

    Nothing clips silently: float samples beyond ±1 are left so, and an int16 item that would exceed full scale is
    made softer as a whole.

    Parameters
    ----------
    waves : (B, samples) float32 with full scale ±1, or int16.
    name, strength : one of `CORRUPTIONS` and a number in its unit.
    generator : what is drawn from, on the CPU or the waves' device; None: PyTorch's own.
    rate : samples a second.
    others : (N, samples') float32 or int16, the voices that babble is made of; None: the batch's other items.

    Returns
    -------
    (B, samples) of `waves`' dtype, on its device, finite.

    Raises
    ------
    ValueError
        An unknown name; a strength out of the kind's limits or beyond half the rate; a rate below 8,000; waves that
        aren't (B, samples), are empty, are neither float32 nor int16, or hold NaN or samples far beyond full scale;
        babble of a single item without `others`.
    """
    _check_strength(name, strength, rate)
    x = _as_float(waves, "waves")
    voices = None if others is None else _as_float(others, "others").to(x.device)
    return _as_given(CORRUPTIONS[name].apply(x, float(strength), rate, generator, voices), waves)


class RandomCorruptions:
    """Spoils training batches on the fly, differently each time.

    A batch is cut into groups, whose items share kinds and strengths; noise, places and directions are each item's own.

    Parameters
    ----------
    kinds : the two ends of the strength of each kind: {"white_noise": (0, 30)}. Strengths are drawn between them,
        evenly or evenly in the logarithm as `Corruption.logarithmic` says.
    chance : the probability that a group is spoiled.
    at_most : a spoiled group is spoiled by 1 to so many different kinds, one after the other.
    group : items of a group; larger groups are faster and less varied.
    rate : samples a second.

    Raises
    ------
    ValueError
        No kinds, or one of them or its ends is not what `corrupt` takes; numbers that make no sense.
    """

    def __init__(
        self,
        kinds: Mapping[str, tuple[float, float]],
        chance: float = 0.8,
        at_most: int = 2,
        group: int = 8,
        rate: int = 16000,
    ) -> None:
        if not kinds:
            raise ValueError("name at least one kind: {'white_noise': (0, 30)}")
        for name, ends in kinds.items():
            if len(ends) != 2:
                raise ValueError(f"{name} needs the two ends of its strength, got {ends}")
            for strength in ends:
                _check_strength(name, strength, rate)
        if not (0 <= chance <= 1 and at_most >= 1 and group >= 1):
            raise ValueError(f"chance must lie in 0 … 1, at_most and group be ≥ 1: got {chance}, {at_most}, {group}")
        self.kinds, self.chance, self.group, self.rate = dict(kinds), chance, group, rate
        self.at_most = min(at_most, len(kinds))

    def __call__(self, waves: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """A spoiled copy of (B, samples), as `corrupt` takes and returns it. Babble is made of the whole batch."""
        x = _as_float(waves, "waves")
        done = [self._spoil(x, slice(i, i + self.group), generator) for i in range(0, len(x), self.group)]
        return _as_given(torch.cat(done), waves)

    def _spoil(self, x: torch.Tensor, rows: slice, generator: torch.Generator | None) -> torch.Tensor:
        """The items `rows` of the batch, spoiled together."""
        group = x[rows]
        device = generator.device if generator is not None else "cpu"
        whether, how_many = torch.rand(2, generator=generator, device=device).tolist()
        if whether >= self.chance:
            return group
        order = torch.randperm(len(self.kinds), generator=generator, device=device).tolist()
        chosen = [list(self.kinds)[i] for i in order[: 1 + int(how_many * self.at_most)]]
        places = torch.rand(len(chosen), generator=generator, device=device).tolist()
        for name, where in zip(chosen, places, strict=True):
            low, high = self.kinds[name]
            if CORRUPTIONS[name].logarithmic:
                strength = math.exp(math.log(low) + where * (math.log(high) - math.log(low)))
            else:
                strength = low + where * (high - low)
            rest = name == "babble" and len(x) > len(group)
            others = torch.cat([x[: rows.start], x[rows.stop :]]) if rest else None
            group = CORRUPTIONS[name].apply(group, strength, self.rate, generator, others)
        return group


def _check_strength(name: str, strength: float, rate: int) -> None:
    if name not in CORRUPTIONS:
        raise ValueError(f"there is no corruption {name!r}; there are {', '.join(CORRUPTIONS)}")
    kind = CORRUPTIONS[name]
    low, high = kind.limits
    if not low <= strength <= high:
        raise ValueError(f"the strength of {name} lies between {low:g} and {high:g} {kind.unit}, got {strength}")
    if rate < LOWEST_RATE:
        raise ValueError(f"{rate} samples a second are too few, {LOWEST_RATE} are the least: resample first")
    if kind.unit.startswith("Hz") and strength >= rate / 2:
        raise ValueError(f"{name} at {strength:g} Hz needs a rate above {2 * strength:g}, this one is {rate}")


def _as_float(waves: torch.Tensor, what: str) -> torch.Tensor:
    """`waves` as float32 with full scale ±1; float32 itself is not copied."""
    if waves.ndim != 2:
        raise ValueError(
            f"{what} must be (B, samples), one channel an item; got {tuple(waves.shape)}: "
            "average stereo or choose a channel, and give a single recording as wave[None]"
        )
    if waves.numel() == 0:
        raise ValueError(f"{what} are empty: {tuple(waves.shape)}")
    if waves.dtype == torch.int16:
        return waves.float() / INT16_ONE
    if waves.dtype != torch.float32:
        raise ValueError(f"{what} must be float32 with full scale ±1 or int16, not {waves.dtype}: convert them first")
    if not waves.abs().max() <= LOUDEST:  # NaN compares as false
        raise ValueError(
            f"{what} hold NaN or infinity, or samples beyond ±{LOUDEST} where full scale is ±1: "
            f"mend them, and divide what was 16-bit by {INT16_ONE}"
        )
    return waves


def _as_given(x: torch.Tensor, waves: torch.Tensor) -> torch.Tensor:
    """`x`, float32, in the dtype of `waves`; what exceeds int16 is made softer, each item as a whole."""
    if waves.dtype != torch.int16:
        return x
    top = (INT16_ONE - 1) / INT16_ONE
    too_loud = (x.abs().amax(1, keepdim=True) / top).clamp(min=1)
    return (x / too_loud * INT16_ONE).round().to(torch.int16)
