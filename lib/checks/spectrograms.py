"""The check of the short-time Fourier transform that a student writes with numpy."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lib.checks.compare import Mistake, find_mistakes, told
from lib.checks.failure import CheckFailed, expect
from lib.checks.functions import called, expect_array, expect_function, gap_between
from lib.checks.task import Task

if TYPE_CHECKING:
    import numpy as np

TOLERANCE = 1e-10  # of float64 values, relative to the largest
SINGLE = 1e-4  # what agrees this far was computed in float32
READY_MADE = ("stft", "spectrogram", "Spectrogram", "ShortTimeFFT")
SAMPLES, WINDOW, HOP = 1000, 64, 20  # the hop divides the samples, and is not a quarter of the window


@dataclass(frozen=True)
class StftRecipe:
    """How the transform is computed; the defaults are right."""

    taper: str = "hann"
    padding: str = "reflect"
    part: str = "complex"
    conjugate: bool = False
    scale: str = ""
    mean_kept: bool = True


NOT_CENTRED = (
    "the frames are not centred: put window // 2 samples in front and behind, so that frame k is centred on sample "
    "k · hop."
)
STFT_MISTAKES = [
    Mistake(
        "the window is the symmetric Hann window (as np.hanning has it), which ends on a second zero; a spectrum "
        "wants the periodic one, whose period is `window` samples, not `window − 1`.",
        {"taper": "hann symmetric"},
    ),
    Mistake("no window is applied: multiply each frame by a Hann window before the transform.", {"taper": "none"}),
    Mistake("the window is a Hamming window; the task asks for a Hann window.", {"taper": "hamming"}),
    Mistake("the window is a Hamming window; the task asks for a Hann window.", {"taper": "hamming periodic"}),
    Mistake("the window is a Blackman window; the task asks for a Hann window.", {"taper": "blackman"}),
    Mistake("the Hann window is applied twice.", {"taper": "hann twice"}),
    Mistake("the window is half a sine, the root of the Hann window; square it.", {"taper": "root"}),
    Mistake("both ends are padded with zeros; the task asks for reflection.", {"padding": "constant"}),
    Mistake("both ends are padded with the outermost sample; the task asks for reflection.", {"padding": "edge"}),
    Mistake(
        "the reflection repeats the outermost sample; that one should stand once: reflect, not symmetric.",
        {"padding": "symmetric"},
    ),
    Mistake("the padding comes from the other end of the signal (wrap); reflect it at each end.", {"padding": "wrap"}),
    Mistake(NOT_CENTRED, {"padding": "end"}),
    Mistake("it returns the magnitude; return the complex values, without abs.", {"part": "magnitude"}),
    Mistake("it returns the power; return the complex values, without abs and square.", {"part": "power"}),
    Mistake("it returns the real part alone; return the complex values.", {"part": "real"}),
    Mistake("it returns decibels; return the complex values.", {"part": "decibel"}),
    Mistake(
        "the imaginary part has the wrong sign: the exponent of the transform is −2πi·k·t / window, and .T "
        "transposes without conjugating (.conj().T does both).",
        {"conjugate": True},
    ),
    Mistake("the values are divided by the window's sum; leave them unscaled.", {"scale": "sum"}),
    Mistake("the values are divided by `window`; leave them unscaled.", {"scale": "window"}),
    Mistake("the values are divided by the root of `window`; leave them unscaled.", {"scale": "root"}),
    Mistake("each frame's mean is taken away before the transform; leave it in.", {"mean_kept": False}),
]


def taper(window: int, kind: str) -> "np.ndarray":
    import numpy as np

    period = window - 1 if kind in ("hann symmetric", "hamming", "blackman") else window
    turn = np.cos(2 * np.pi * np.arange(window) / period)
    hann = 0.5 - 0.5 * turn
    others = {
        "none": np.ones(window),
        "hamming": 0.54 - 0.46 * turn,
        "hamming periodic": 0.54 - 0.46 * turn,
        "blackman": np.blackman(window),
        "hann twice": hann**2,
        "root": np.sqrt(hann),
    }
    return others.get(kind, hann)


def stft_recipe(signal: "np.ndarray", window: int, hop: int, recipe: StftRecipe) -> "np.ndarray":
    """The transform (1 + window // 2, frames) made by `recipe`."""
    import numpy as np

    if recipe.padding == "end":
        padded = np.pad(signal, (0, window))
    else:
        padded = np.pad(signal, window // 2, mode=recipe.padding)
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop][: len(signal) // hop + 1]
    if not recipe.mean_kept:
        frames = frames - frames.mean(1, keepdims=True)
    shape = taper(window, recipe.taper)
    scale = {"": 1, "sum": shape.sum(), "window": window, "root": window**0.5}[recipe.scale]
    values = np.fft.rfft(frames * shape).T / scale
    values = values.conj() if recipe.conjugate else values
    if recipe.part == "complex":
        return values
    magnitude = np.abs(values)
    decibel = 20 * np.log10(np.maximum(magnitude, 1e-5))
    return {"magnitude": magnitude, "power": magnitude**2, "real": values.real, "decibel": decibel}[recipe.part]


def expect_shape(got: tuple[int, ...], samples: int, window: int, hop: int) -> None:
    """The transform has a row for each frequency and a column for each frame."""
    bins, frames = 1 + window // 2, samples // hop + 1
    if got == (bins, frames):
        return
    rows = {
        2048 // 2 + 1: "the window is 2048 samples long whatever `window` says.",
        window // 2: "the last frequency is missing: there are 1 + window // 2 of them.",
        window: "it keeps the negative frequencies, which mirror the others for a real signal: use np.fft.rfft.",
        bins: "",
    }
    columns = {
        samples // 512 + 1: "the hop is 512 samples whatever `hop` says.",
        samples // max(1, window // 4) + 1: "the hop is a quarter of the window whatever `hop` says.",
        frames + 1: "there is one frame too many: there are n // hop + 1.",
        frames - 1: "the last frame is lost: there are n // hop + 1, the last one centred near the signal's end.",
        1 + (samples - window) // hop: NOT_CENTRED,
        1 + (samples - window // 2) // hop: "it is padded on one side only; put window // 2 samples on both.",
        frames: "",
    }
    text = f"a signal of {samples} samples, window {window} and hop {hop} give shape {got}; it should be "
    text += f"{(bins, frames)}, (1 + window // 2, frames)."
    for shape, swapped in ((got, ""), (got[::-1], "the axes are swapped: frequencies go first.")):
        if len(got) == 2 and shape[0] in rows and shape[1] in columns:
            says = [s for s in (rows[shape[0]], columns[shape[1]], swapped) if s]
            text += " " + " ".join(s[0].upper() + s[1:] for s in says)
            break
    raise CheckFailed(text)


def compare(answer: object, signal: "np.ndarray", window: int, hop: int) -> None:
    """One signal, one window, one hop: shape, dtype, values."""
    import numpy as np

    doing = f"transforming {len(signal)} samples with window {window} and hop {hop}"
    given = (signal,) if (window, hop) == (2048, 512) else (signal, window, hop)
    got = called(answer, *given, doing=doing, what="the signal")
    expect_array(got, "what stft returns")
    expect_shape(got.shape, len(signal), window, hop)
    expect(np.issubdtype(got.dtype, np.number), f"its dtype is {got.dtype}; complex128 is wanted.")
    expect(not np.isnan(got).any(), "there are NaN among the values.")
    gap = gap_between(got, stft_recipe(signal, window, hop, StftRecipe()))
    if gap <= TOLERANCE and np.iscomplexobj(got):
        return
    found = find_mistakes(
        STFT_MISTAKES,
        lambda changes: gap_between(got, stft_recipe(signal, window, hop, StftRecipe(**changes))) <= SINGLE,
    )
    expect(
        gap > SINGLE or not np.iscomplexobj(got),
        "the values agree to six digits only: something is computed in single precision (float32 or complex64).",
    )
    expect(not found, told(found) if found else "")
    expect(np.iscomplexobj(got), f"the values are {got.dtype}; they should be complex: magnitude and phase.")
    differs = np.abs(got - stft_recipe(signal, window, hop, StftRecipe())).max(0) > SINGLE * np.abs(got).max()
    reach = -(-window // 2 // hop)
    where = " all frames differ." if differs[reach:-reach].all() else ""
    if not differs[reach:-reach].any():
        where = " only frames that reach over an end differ: look at the padding."
    raise CheckFailed(
        f"the shape is right, but the values differ from the reference (by {gap:.2g} of the largest);{where}"
    )


def verify_stft(answer: object) -> str:
    import numpy as np

    expect_function(answer, "stft", READY_MADE)
    rng = np.random.default_rng(3)
    compare(answer, rng.standard_normal(SAMPLES) + 0.3, WINDOW, HOP)
    compare(answer, rng.standard_normal(1013), 32, 7)
    compare(answer, rng.standard_normal(6000), 2048, 512)
    return "periodic Hann window, frames centred by reflection, complex values equal to librosa's in double precision."


TASKS = {
    "stft": Task(
        verify_stft,
        (
            "Three steps: pad the signal, cut it into frames that overlap, transform each frame times a window. Which "
            "sample stands in the middle of the first frame?",
            'np.pad with mode="reflect" and window // 2 on both sides; then frame k begins at k · hop of the padded '
            "signal, for n // hop + 1 frames. The periodic Hann window is 0.5 − 0.5·cos(2π·t / window). np.fft.rfft "
            "gives the frequencies along the last axis; they belong on the first.",
        ),
    ),
}
