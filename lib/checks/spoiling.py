"""The checks of noise at a set ratio and of clipping a set share of the samples."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lib.checks.compare import Mistake, difference, expect_tensor, find_mistakes, told
from lib.checks.failure import CheckFailed, expect
from lib.checks.functions import called, expect_function
from lib.checks.task import Task

if TYPE_CHECKING:
    import torch

CLIPS, SAMPLES, SHORT, LONG = 3, 1000, 300, 2500
TOLERANCE = 1e-4  # of values in float32, relative to the largest


@dataclass(frozen=True)
class NoiseRecipe:
    """How the noise is scaled and added; the defaults are right."""

    fitted: str = "repeated"
    divisor: float = 20.0  # of the decibels, for a factor of the amplitude
    base: float = 10.0
    rooted: bool = True
    level: str = "rms"
    of_each: bool = True
    early: bool = False
    after: str = "added"


NOISE_MISTAKES = [
    Mistake(
        "the noise ends up twice as many decibels away as asked: a factor 10 ** (−snr / 10) belongs to power, the "
        "amplitude gets its root.",
        {"divisor": 10.0},
    ),
    Mistake(
        "the noise ends up half as many decibels away as asked: for a ratio of powers, snr is divided by 10, not 20.",
        {"divisor": 40.0},
    ),
    Mistake("the sign of snr is turned round: a higher snr means less noise.", {"divisor": -20.0}),
    Mistake("the decibels are taken with e in place of 10.", {"base": 2.718281828459045}),
    Mistake("the noise is multiplied by the ratio of powers; multiply the samples by its root.", {"rooted": False}),
    Mistake("all clips get one scale, from the power of the whole batch; each clip has its own.", {"of_each": False}),
    Mistake(
        "the scale comes from the peaks; it should come from the powers, the means of the squares.", {"level": "peak"}
    ),
    Mistake(
        "the power is taken after the mean is removed (std, var); it is the mean of the squares.", {"level": "std"}
    ),
    Mistake(
        "the scale comes from the means of the absolute values; power is the mean of the squares.", {"level": "abs"}
    ),
    Mistake("the power of the speech is left out: the noise has the same power for every clip.", {"level": "noise"}),
    Mistake("the power of the noise is left out: the noise that comes in may be loud or soft.", {"level": "speech"}),
    Mistake("the noise's power is measured before it is repeated or cut; only what is added counts.", {"early": True}),
    Mistake("noise that is too short is filled up with zeros; repeat it.", {"fitted": "zeros"}),
    Mistake("of noise that is too long, the end is taken; cut it to its beginning.", {"fitted": "end"}),
    Mistake("the result is clipped to −1 … 1; leave it, clipping is another spoiling.", {"after": "clipped"}),
    Mistake("the noise takes the place of the speech; add it to the speech.", {"after": "replaced"}),
    Mistake("the noise is taken away from the speech; add it.", {"after": "subtracted"}),
    Mistake("the result is divided by its peak; leave it as it is.", {"after": "normalised"}),
    Mistake("the result is brought back to the power of the speech; leave it as it is.", {"after": "same power"}),
]


def fit(noise: "torch.Tensor", n: int, how: str) -> "torch.Tensor":
    """The noise (n,), repeated or cut."""
    import torch

    if how == "zeros":
        return torch.nn.functional.pad(noise, (0, max(0, n - len(noise))))[:n]
    if how == "end":
        return noise.repeat(-(-n // len(noise)))[-n:]
    return noise.repeat(-(-n // len(noise)))[:n]


def level(x: "torch.Tensor", how: str) -> "torch.Tensor":
    """How loud each row is, (rows, 1)."""
    if how == "peak":
        return x.abs().amax(-1, keepdim=True)
    if how == "abs":
        return x.abs().mean(-1, keepdim=True)
    if how == "std":
        return x.std(-1, keepdim=True, correction=0)
    return x.square().mean(-1, keepdim=True).sqrt()


def noise_recipe(speech: "torch.Tensor", noise: "torch.Tensor", snr: float, recipe: NoiseRecipe) -> "torch.Tensor":
    """Speech with noise (clips, n) made by `recipe`."""
    fitted = fit(noise, speech.shape[1], recipe.fitted)[None]
    loud = level(speech if recipe.of_each else speech.reshape(1, -1), recipe.level)
    soft = level(noise[None] if recipe.early else fitted, recipe.level)
    if recipe.level == "noise":
        loud = loud * 0 + 1
    elif recipe.level == "speech":
        soft = soft * 0 + 1
    scale = loud / soft.clamp(min=1e-20) * recipe.base ** (-snr / recipe.divisor)
    added = (scale if recipe.rooted else scale**2) * fitted
    mixed = speech - added if recipe.after == "subtracted" else speech + added
    if recipe.after == "clipped":
        return mixed.clamp(-1, 1)
    if recipe.after == "normalised":
        return mixed / mixed.abs().amax(1, keepdim=True)
    if recipe.after == "same power":
        return mixed * level(speech, "rms") / level(mixed, "rms")
    return added if recipe.after == "replaced" else mixed


def sounds() -> tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]:
    """Clips of different loudness; noise that is short and noise that is long, with a mean and of uneven power."""
    import torch

    generator = torch.Generator().manual_seed(9)
    speech = torch.randn(CLIPS, SAMPLES, generator=generator) * torch.tensor([[0.1], [0.4], [1.2]])
    short = 0.3 + torch.randn(SHORT, generator=generator) * torch.linspace(2.0, 0.2, SHORT)
    long = 0.2 + torch.randn(LONG, generator=generator) * torch.linspace(0.2, 2.0, LONG)
    return speech, short, long


def spoiled(answer: object, waves: "torch.Tensor", *others: object, doing: str, name: str) -> "torch.Tensor":
    """What the student's function makes of the clips: a tensor of their shape and dtype, finite."""
    got = called(answer, waves, *others, doing=doing, what="the sound it is given")
    expect_tensor(got, f"what {name} returns")
    expect(
        got.shape == waves.shape,
        f"clips of shape {tuple(waves.shape)} give shape {tuple(got.shape)}; the shape should stay.",
    )
    expect(got.dtype == waves.dtype, f"{waves.dtype} clips give {got.dtype}; keep the dtype.")
    expect(bool(got.isfinite().all()), f"there are NaN or infinite values when {doing}: is something divided by zero?")
    return got.detach()


def mixed(answer: object, speech: "torch.Tensor", noise: "torch.Tensor", snr: float, doing: str) -> None:
    got = spoiled(answer, speech, noise, snr, doing=doing, name="add_noise")

    def matches(changes: dict) -> bool:
        return difference(noise_recipe(speech, noise, snr, NoiseRecipe(**changes)), got) <= TOLERANCE

    if matches({}):
        return
    found = find_mistakes(NOISE_MISTAKES, matches)
    expect(not found, told(found) if found else "")
    expect(difference(speech, got) > TOLERANCE, "the speech comes back unchanged: no noise is added.")
    added = got - speech
    ratios = 20 * (level(speech, "rms") / level(added, "rms").clamp(min=1e-9)).log10()
    expect(
        float((ratios - snr).abs().max()) > 0.05,
        f"{doing}: the ratio is right, but what is added is not the noise, repeated or cut from its first sample.",
    )
    raise CheckFailed(
        f"{doing}: the speech lies {', '.join(f'{r:.1f}' for r in ratios.flatten().tolist())} dB above what is "
        f"added; for each clip it should be {snr:.1f} dB."
    )


def verify_add_noise(answer: object) -> str:
    import torch

    expect_function(answer, "add_noise")
    speech, short, long = sounds()
    mixed(answer, speech, short, 6.0, f"adding noise of {SHORT} samples to clips of {SAMPLES} at 6 dB")
    mixed(answer, speech, long, -3.0, f"adding noise of {LONG} samples to clips of {SAMPLES} at −3 dB")
    partly = torch.cat([torch.zeros(1, SAMPLES), speech[:1]])
    quiet = spoiled(answer, partly, short, 6.0, doing="one of two clips is silent", name="add_noise")
    expect(
        bool((quiet[0] == 0).all()) or float(quiet[0].abs().max()) < 1e-3,
        "a silent clip gets noise; at any ratio to nothing it should stay silent.",
    )
    silent = spoiled(answer, speech, torch.zeros(SHORT), 6.0, doing="the noise is silent", name="add_noise")
    expect(difference(speech, silent) <= TOLERANCE, "silent noise changes the speech; it should come back as it was.")
    return "noise repeated or cut to the clips, at the set ratio of powers for each, silence left alone."


CLIP_MISTAKES = [
    Mistake("one level is used for the whole batch; each clip has its own.", {"of_each": False}),
    Mistake(
        "the level is quantile(share); what lies above the level is the share, so take 1 − share.", {"upper": False}
    ),
    Mistake(
        "the level is a quantile of the samples; take it of their absolute values, since both ends are clipped.",
        {"of": "samples"},
    ),
    Mistake(
        "the level is the peak times 1 − share; it should be where `share` of the samples lie above.", {"of": "peak"}
    ),
    Mistake("each half has the share, so it is twice as much in all: take both ends together.", {"twice": True}),
    Mistake("`share` is read as percent; it is a fraction, 0 … 1.", {"percent": True}),
    Mistake("only the positive half is clipped; clip at the level and at its negative.", {"after": "one side"}),
    Mistake("the clipped sound is scaled up to its old peak; leave it at the level.", {"after": "old peak"}),
    Mistake("the clipped sound is scaled up to 1; leave it at the level.", {"after": "to one"}),
    Mistake("samples above the level are set to zero; set them to the level.", {"after": "zeros"}),
    Mistake("the clipping is soft (tanh); hard clipping leaves what is under the level as it is.", {"after": "tanh"}),
]


@dataclass(frozen=True)
class ClipRecipe:
    """How the sound is clipped; the defaults are right."""

    of_each: bool = True
    upper: bool = True
    of: str = "absolute"
    twice: bool = False
    percent: bool = False
    after: str = "clipped"


def clip_recipe(waves: "torch.Tensor", share: float, recipe: ClipRecipe) -> "torch.Tensor":
    """Clipped sound (clips, n) made by `recipe`."""
    import torch

    share = share / 100 if recipe.percent else min(1.0, 2 * share) if recipe.twice else share
    x = waves if recipe.of == "samples" else waves.abs()
    x = x if recipe.of_each else x.reshape(1, -1)
    if recipe.of == "peak":
        top = x.amax(1, keepdim=True) * (1 - share)
    else:
        top = x.quantile(1 - share if recipe.upper else share, dim=1, keepdim=True)
    top = top.clamp(min=1e-9)
    clipped = torch.minimum(waves, top) if recipe.after == "one side" else waves.clamp(-top, top)
    if recipe.after == "zeros":
        return waves * (waves.abs() <= top)
    if recipe.after == "tanh":
        return top * torch.tanh(waves / top)
    scale = {"old peak": waves.abs().amax(1, keepdim=True) / top, "to one": 1 / top}
    return clipped * scale.get(recipe.after, 1)


def verify_clip_share(answer: object) -> str:
    import torch

    expect_function(answer, "clip_share")
    n, share = 2000, 0.2
    x = torch.randn(CLIPS, n, generator=torch.Generator().manual_seed(12))
    waves = (x + 0.15 * x.square()) * torch.tensor([[0.05], [0.2], [0.6]])  # its two sides differ
    doing = f"clipping a share of {share:g}"
    got = spoiled(answer, waves, share, doing=doing, name="clip_share")
    top = got.abs().amax(1, keepdim=True)
    at_top = (got.abs() >= top * (1 - 1e-5)).sum(1)
    is_clipped = difference(waves.clamp(-top, top), got) <= 1e-6
    if not (is_clipped and bool(((at_top - share * n).abs() <= 2).all())):
        found = find_mistakes(
            CLIP_MISTAKES,
            lambda changes: difference(clip_recipe(waves, share, ClipRecipe(**changes)) / top, got / top) < 0.01,
        )
        expect(not found, told(found) if found else "")
        shares = ", ".join(f"{k / n:.1%}" for k in at_top.tolist())
        text = f"of the three clips {shares} of the samples lie at the level; it should be {share:.0%} of each."
        expect(is_clipped, f"below the level the sound should stay as it is, and stop at the level above; {text}")
        raise CheckFailed(text)
    whole = spoiled(answer, waves, 0.0, doing="clipping a share of 0", name="clip_share")
    expect(difference(waves, whole) <= 1e-6, "a share of 0 changes the sound; nothing should be clipped.")
    square = spoiled(answer, waves, 1.0, doing="clipping a share of 1", name="clip_share").abs()
    expect(
        float((square.amax(1) - square.amin(1)).max()) <= 1e-6,
        "with a share of 1 all samples should lie at the level, the smallest absolute value.",
    )
    spoiled(answer, torch.zeros(2, n), share, doing="clipping silence", name="clip_share")
    return "each clip cut off at its own level, with the set share of its samples there, the rest as it was."


TASKS = {
    "add_noise": Task(
        verify_add_noise,
        (
            "First make the noise as long as the clips. Then: what is the power of a clip, and by which factor must "
            "the noise be multiplied to have the power that snr asks for?",
            "Power is the mean of the squares, for each clip with dim=1 and keepdim=True. The noise wanted has the "
            "power speech / 10 ** (snr / 10), so its samples are multiplied by the root of (wanted power / present "
            "power). Keep the present power above a tiny number, so that silent noise gives no NaN.",
        ),
    ),
    "clip_share": Task(
        verify_clip_share,
        (
            "If a fifth of the samples lie above a level, which quantile is the level? Of what?",
            "torch.quantile of the absolute values, at 1 − share, along dim=1 with keepdim=True, is one level a clip; "
            "clamp takes tensors as its two ends.",
        ),
    ),
}
