"""The check of a spoiling that a student invents: its behaviour, whatever it does to the sound."""

from itertools import pairwise
from typing import TYPE_CHECKING

from lib.checks.failure import CheckFailed, expect
from lib.checks.functions import expect_function, global_generators_untouched
from lib.checks.spoiling import spoiled
from lib.checks.task import Task

if TYPE_CHECKING:
    import torch

RATE = 16_000
CLIPS = 4
STRENGTHS = (0.0, 1 / 3, 2 / 3, 1.0)
NEARLY = 0.05  # of the sound's size: strength 0 may change this much, through rounding or a codec
HEARD = 1.0  # decibels by which strength 1 changes the spectrogram at least


def voices(clips: int, seconds: float) -> "torch.Tensor":
    """(clips, n) made by code: harmonics of a gliding tone, in syllables with pauses, and a little breath."""
    import torch

    generator = torch.Generator().manual_seed(21)
    t = torch.arange(round(seconds * RATE)) / RATE
    rows = []
    for k in range(clips):
        pitch = 110 + 35 * k + 12 * torch.sin(2 * torch.pi * 3 * t)
        phase = 2 * torch.pi * torch.cumsum(pitch, 0) / RATE
        tone = sum(torch.sin(h * phase) / h for h in range(1, 20))
        syllables = (0.6 + torch.sin(2 * torch.pi * 2.5 * t + k)).clamp(min=0)
        breath = 0.02 * torch.randn(len(t), generator=generator)
        rows.append((0.1 + 0.05 * k) * syllables * (tone + breath))
    return torch.stack(rows).float()


def run(answer: object, waves: "torch.Tensor", strength: float, seed: int, doing: str) -> "torch.Tensor":
    """The spoiled sound, by a new generator of that seed; shape, dtype, finite values and global generators checked."""
    import torch

    with global_generators_untouched(
        "it draws from or seeds a random generator that all share; give `generator=generator` to every draw, as in "
        "torch.rand(n, generator=generator)."
    ):
        return spoiled(answer, waves, strength, torch.Generator().manual_seed(seed), doing=doing, name="my_spoiling")


def decibels(x: "torch.Tensor") -> "torch.Tensor":
    """A spectrogram in dB, down to 60 under its loudest value."""
    import torch

    power = torch.stft(x, 512, 160, window=torch.hann_window(512), return_complex=True).abs().square()
    return 10 * (power.clamp(min=1e-12) / power.amax((1, 2), keepdim=True).clamp(min=1e-12)).clamp(min=1e-6).log10()


def in_wave(x: "torch.Tensor", y: "torch.Tensor") -> float:
    """The mean over clips of the error relative to the sound."""
    return float(((y - x).norm(dim=1) / x.norm(dim=1)).mean())


def in_spectrogram(x: "torch.Tensor", y: "torch.Tensor") -> float:
    """The root of the mean squared difference in dB; a change of loudness counts too."""
    louder = 10 * ((y.square().sum(1) + 1e-12) / x.square().sum(1)).log10()
    return float(((decibels(y) - decibels(x)).square().mean((1, 2)) + louder.square()).mean().sqrt())


def scaled(x: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
    """`x` with the loudness, for each clip, that comes nearest to `y`."""
    return x * (x * y).sum(1, keepdim=True) / x.square().sum(1, keepdim=True)


def is_clipped(x: "torch.Tensor", y: "torch.Tensor") -> bool:
    """Whether each clip is only cut off at a level, loudness aside."""
    top = y.abs().amax(1, keepdim=True)
    flat = y.abs() >= 0.999 * top
    inside = scaled(x * ~flat, y * ~flat)
    close = ((y - inside) * ~flat).abs().amax(1) <= 1e-3 * top[:, 0]
    return bool((close & (flat.sum(1) >= 5)).all())


def is_white_noise(x: "torch.Tensor", y: "torch.Tensor") -> bool:
    """Whether what is added is steady, without colour or clicks, and goes on where the voice pauses."""
    import torch

    added = y - scaled(x, y)
    size = added.square().mean(1)
    if float(size.min()) < 1e-12:
        return False
    spectrum = torch.stft(added, 256, 256, window=torch.hann_window(256), return_complex=True).abs().square()
    spectrum = spectrum.mean(2)[:, 4:-4]
    flatness = spectrum.log().mean(1).exp() / spectrum.mean(1)
    pause = x == 0
    in_pauses = (added.square() * pause).sum(1) / pause.sum(1)
    outliers = added.pow(4).mean(1) / size.square()
    return bool(((flatness > 0.9) & (in_pauses > 0.7 * size) & (in_pauses < 1.4 * size) & (outliers < 5)).all())


def check_growth(x: "torch.Tensor", results: list["torch.Tensor"]) -> None:
    """Strength 0 leaves the sound, and each more changes it more, as a wave or in the spectrogram."""
    wave = [in_wave(x, y) for y in results]
    spectrogram = [in_spectrogram(x, y) for y in results]
    expect(
        max(spectrogram) >= HEARD or max(wave) > NEARLY,
        "even strength 1 changes nothing: what comes back is the sound that went in.",
    )
    expect(
        wave[0] <= NEARLY,
        f"strength 0 changes the sound by {wave[0]:.0%} of its size; it should leave it (nearly) as it is.",
    )
    expect(
        float(results[-1].abs().amax(1).max()) > 1e-3 * float(x.abs().max()),
        "with strength 1 nothing is left of the sound; a person should still hear that somebody speaks.",
    )
    expect(
        spectrogram[-1] >= HEARD,
        f"strength 1 changes the spectrogram by {spectrogram[-1]:.1f} dB only, so a network would hardly notice (a "
        "turned sign or a shift by some samples is not heard).",
    )
    if not any(all(b > a for a, b in pairwise(s)) for s in (wave, spectrogram)):
        changes = ", ".join(f"{e:.2f}" for e in wave)
        raise CheckFailed(
            f"a larger strength should change the sound more, but strengths 0, 1/3, 2/3 and 1 change it by {changes} "
            "of its size." + (" Is `strength` used at all?" if max(wave[1:]) - min(wave[1:]) < 0.01 * max(wave) else "")
        )


def check_draws(answer: object, x: "torch.Tensor") -> None:
    """What is drawn is repeated by its seed, and is each clip's own."""
    doing = "spoiling four clips with strength 1"
    first = run(answer, x, 1.0, 5, doing)
    again = run(answer, x, 1.0, 5, doing)
    expect(
        bool((first == again).all()),
        "a generator of the same seed gives other sound the second time: is something drawn without `generator`?",
    )
    same = x[:1].repeat(CLIPS, 1)
    runs = [run(answer, same, 1.0, seed, "spoiling four equal clips") for seed in range(4)]
    drawn = any(not bool((y == runs[0]).all()) for y in runs[1:])
    expect(
        not drawn or any(not bool((y == y[:1]).all()) for y in runs),
        "equal clips of a batch are spoiled in the same way, so there is one draw for all; draw one for each clip.",
    )


def verify_my_spoiling(answer: object) -> str:
    import torch

    expect_function(answer, "my_spoiling")
    x = voices(CLIPS, 1.0)
    results = [run(answer, x, s, 3, f"spoiling clips of 1 s with strength {s:.2g}") for s in STRENGTHS]
    check_growth(x, results)
    expect(
        not is_white_noise(x, results[-1]), "it adds white noise, as add_noise did already; find another way to spoil."
    )
    expect(not is_clipped(x, results[-1]), "it clips, as clip_share did already; find another way to spoil.")
    check_draws(answer, x)
    run(answer, torch.zeros(2, RATE), 1.0, 3, "spoiling silence")
    run(answer, voices(1, 6.0), 1.0, 3, "spoiling one clip of 6 s")
    return "it keeps shape and dtype, grows with its strength, repeats with its seed, and bears silence and any length."


TASKS = {
    "my_spoiling": Task(
        verify_my_spoiling,
        (
            "What happens to a voice between a mouth and a recording? Think of rooms, telephones, tapes, wind, bad "
            "contacts, old radios. Which of these has a knob?",
            "A simple frame is (1 − strength) · waves + strength · changed, where `changed` is, for example: the sound "
            "through a narrow filter, its echo, the sound times a fast tone, or with short gaps. Draw what varies with "
            "torch.rand(len(waves), 1, generator=generator), one number a clip.",
        ),
    ),
}
