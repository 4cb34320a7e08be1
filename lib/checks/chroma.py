"""The check of folding a power spectrum to twelve pitch classes."""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lib.checks.compare import Mistake, find_mistakes, told
from lib.checks.failure import CheckFailed, expect
from lib.checks.functions import called, expect_array, expect_function
from lib.checks.recognise import CLOSE, is_close
from lib.checks.task import Task

if TYPE_CHECKING:
    import numpy as np

NAME = "fold_to_chroma"
READY_MADE = ("filters.chroma", "chroma_stft", "chroma_cqt", "chroma_cens", "feature.chroma")
CLASSES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
FRAMES, STEP, BINS = 9, 5.0, 420  # 0, 5, … 2095 Hz: among them 55 Hz itself
SILENT, QUIET = 4, 6  # frames


@dataclass(frozen=True)
class ChromaRecipe:
    """How the spectrum is folded; the defaults are right."""

    first: int = 0  # the pitch class of column 0
    rounding: str = "rint"
    value: str = "power"
    gathered: str = "sum"
    scale: str = "frame"
    low: float | None = 55.0
    equal_stays: bool = True
    tuning: float = 440.0
    silent: float = 0.0


CHROMA_MISTAKES = [
    Mistake("column 0 is A; C comes first: A is the tenth, MIDI note 69 % 12 = 9.", {"first": 9}),
    Mistake("the columns are a semitone off; C comes first, MIDI note 60 % 12 = 0.", {"first": 1}),
    Mistake("the columns are a semitone off; C comes first, MIDI note 60 % 12 = 0.", {"first": 11}),
    Mistake(
        "the semitone is rounded down (int, floor or //); the nearest one is wanted: np.round.", {"rounding": "floor"}
    ),
    Mistake("the semitone is cut towards zero (int, astype); the nearest is wanted: np.round.", {"rounding": "cut"}),
    Mistake("the semitone is rounded up; the nearest one is wanted: np.round.", {"rounding": "ceil"}),
    Mistake("the amplitudes are added (the root of the power); add the power as it is given.", {"value": "amplitude"}),
    Mistake("the power is squared; it is power already.", {"value": "squared"}),
    Mistake("decibels are added; add the power as it is given.", {"value": "decibels"}),
    Mistake("log(1 + power) is added; add the power as it is given.", {"value": "log"}),
    Mistake(
        "the mean of a pitch class's bins is taken; the sum is wanted, the energy of all of them.", {"gathered": "mean"}
    ),
    Mistake("only the strongest bin of a pitch class counts; add all of them.", {"gathered": "max"}),
    Mistake(
        "only the last bin of a pitch class counts: chroma[:, pitch] += … adds once for each column, however often "
        "it is named. Use np.add.at, or a sum over power[pitch == k].",
        {"gathered": "last"},
    ),
    Mistake("all frames are divided by the clip's largest value; each by its own.", {"scale": "clip"}),
    Mistake("each pitch class is divided by its largest value over time; each frame by its own.", {"scale": "class"}),
    Mistake("each frame is divided by its sum; divide by its largest value.", {"scale": "sum"}),
    Mistake("each frame is divided by its length (the root of the squares); by its largest value.", {"scale": "norm"}),
    Mistake("the frames are not normalised: divide each by its largest value.", {"scale": ""}),
    Mistake("the smallest value of a frame is taken away; only divide by the largest.", {"scale": "range"}),
    Mistake("the largest power of a frame's bins divides it; divide by its largest pitch class.", {"scale": "bin"}),
    Mistake("`low` is ignored: bins under it are added too.", {"low": None}),
    Mistake("the bin at exactly `low` is left out; >= low is wanted.", {"equal_stays": False}),
    Mistake("the tuning is not A4 = 440 Hz.", {"tuning": 432.0}),
    Mistake("a silent frame becomes ones; it stays zeros.", {"silent": 1.0}),
    Mistake("a silent frame becomes NaN, 0 divided by 0; it stays zeros.", {"silent": float("nan")}),
]  # fmt: skip


def spectrum() -> tuple["np.ndarray", "np.ndarray"]:
    """Power (bins, frames) and the bins' frequencies: much at 0 Hz and under 55 Hz, a silent and a quiet frame."""
    import numpy as np

    rng = np.random.default_rng(8)
    frequencies = STEP * np.arange(BINS)
    power = rng.gamma(0.4, size=(BINS, FRAMES)) * rng.uniform(200, 3000, FRAMES)
    power[:11] += 40_000 * rng.random((11, FRAMES))
    power[11] += 15_000
    power[:, SILENT] = 0
    power[:, QUIET] *= 1e-14
    return power, frequencies


def chroma_recipe(power: "np.ndarray", frequencies: "np.ndarray", low: float, recipe: ChromaRecipe) -> "np.ndarray":
    """Chroma (frames, 12) made by `recipe`."""
    import numpy as np

    power = np.asarray(power, float)
    low = STEP / 2 if recipe.low is None else low
    kept = frequencies >= low if recipe.equal_stays else frequencies > low
    power, frequencies = power[kept], frequencies[kept]
    rounding = {"rint": np.rint, "floor": np.floor, "ceil": np.ceil, "cut": np.trunc}[recipe.rounding]
    from_a4 = 12 * np.log2(frequencies / recipe.tuning)
    note = rounding(from_a4) + 69 if recipe.rounding == "cut" else rounding(69 + from_a4)
    pitch = ((note - recipe.first) % 12).astype(int)
    value = {
        "power": power,
        "amplitude": np.sqrt(power),
        "squared": power**2,
        "decibels": 10 * np.log10(np.maximum(power, 1e-10)),
        "log": np.log1p(power),
    }[recipe.value]
    gather = {"sum": np.sum, "mean": np.mean, "max": np.max, "last": lambda v, _: v[-1]}[recipe.gathered]
    nothing = np.zeros(power.shape[1])
    chroma = np.stack([gather(value[pitch == k], 0) if k in pitch else nothing for k in range(12)], axis=1)
    if recipe.scale == "range":
        chroma = chroma - chroma.min(1, keepdims=True)
    scale = {
        "frame": chroma.max(1, keepdims=True),
        "range": chroma.max(1, keepdims=True),
        "clip": chroma.max(),
        "class": chroma.max(0),
        "sum": chroma.sum(1, keepdims=True),
        "norm": np.sqrt((chroma**2).sum(1, keepdims=True)),
        "bin": value.max(0)[:, None],
        "": np.ones(1),
    }[recipe.scale]
    empty = (chroma == 0).all(1, keepdims=True)
    return np.where(empty, recipe.silent, chroma / np.where(scale == 0, 1, scale))


def folded(answer: object, *given: object, doing: str) -> "np.ndarray":
    """What the student's function returns, once it is (frames, 12) without a warning about 0 Hz."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        got = called(answer, *given, doing=doing, what="the power or the frequencies")
    expect_array(got, f"what {NAME} returns")
    bins, frames = given[0].shape
    expect(got.shape != (12, frames), "the axes are swapped: a row is a frame, a column a pitch class; transpose it.")
    expect(
        got.shape != (bins, 12) or bins == frames, "it sums over the frames: a row is a frame, the sum goes over bins."
    )
    expect(got.shape == (frames, 12), f"{doing}, the shape is {got.shape}; {(frames, 12)} is wanted, (frames, 12).")
    expect(got.dtype.kind == "f", f"the chroma has dtype {got.dtype}; floats are wanted.")
    at_zero = ("divide by zero encountered in log", "invalid value encountered in cast")
    zero = any(text in str(w.message) for w in warned for text in at_zero)
    expect(
        not zero,
        "it takes the logarithm of 0 Hz, the first bin, which is −∞ and warns; leave out the bins under `low` before.",
    )
    return got


def compare(answer: object, power: "np.ndarray", frequencies: "np.ndarray", *low: float) -> None:
    """One spectrum and one lowest frequency."""
    import numpy as np

    doing = f"folding {power.shape[1]} frames of {len(power)} bins" + (f" with low={low[0]:g}" if low else "")
    got = folded(answer, power, frequencies, *low, doing=doing)
    lowest = low[0] if low else 55.0

    def matches(changes: dict) -> bool:
        of = power.max(0) > (1 if changes.get("value") == "decibels" else -1)  # near 0 each has another floor
        return is_close(got[of], chroma_recipe(power, frequencies, lowest, ChromaRecipe(**changes))[of])

    if matches({}):
        return
    with np.errstate(all="ignore"):
        found = find_mistakes(CHROMA_MISTAKES, matches)
    expect(not found, told(found) if found else "")
    fixed = bool(low) and is_close(got, chroma_recipe(power, frequencies, 55.0, ChromaRecipe()))
    expect(not fixed, f"`low` is ignored: with low={lowest:g} the bins from 55 Hz on are added.")
    empty = np.isnan(got[(power == 0).all(0)]).any()
    single = f" of {power.dtype}: is the power squared? That overflows" if power.dtype != float else ""
    expect(
        not np.isnan(got).any(),
        f"{doing}{single}, there are NaN{' in the silent frame, which stays zeros' if empty else ''}.",
    )
    expect_no_floor(got, chroma_recipe(power, frequencies, lowest, ChromaRecipe()), power)
    sounding = got[power.max(0) > 0]
    expect(
        float(got.min()) >= 0 and np.allclose(sounding.max(1), 1),
        f"{doing}, a frame that sounds should reach from 0 or more to 1. Are decibels added, which may be negative?",
    )
    pure_tones(answer)
    wanted = chroma_recipe(power, frequencies, lowest, ChromaRecipe())
    wrong = [CLASSES[k] for k in range(12) if not is_close(got[:, k], wanted[:, k])]
    raise CheckFailed(
        f"the shape is right, but {doing} the values differ from the reference in the columns {', '.join(wrong)}."
    )


def expect_no_floor(got: "np.ndarray", wanted: "np.ndarray", power: "np.ndarray") -> None:
    """The frames are not right but for a factor that only quiet ones have."""
    import numpy as np

    loudness = power.max(0)
    order = np.argsort(loudness)[(loudness == 0).sum() :]
    got, wanted = got[order], wanted[order]
    largest = got.max(1, keepdims=True)
    proportional = bool((np.abs(got - largest * wanted) <= CLOSE * largest).all())
    floor = proportional and largest[0] < 1 - CLOSE and 0.5 < largest[-1] <= 1 + CLOSE
    expect(
        not floor,
        f"the largest value of a quiet frame is {largest[0, 0]:.2g}, not 1. Has the divisor a floor (np.maximum), is "
        "something added to it, or is a quiet frame taken for a silent one? Divide by the largest value itself, and "
        "leave out only frames where it is 0: np.divide with where= and out=.",
    )


def pure_tones(answer: object) -> None:
    """Where a C, an E and an A land."""
    import numpy as np

    frequencies = np.array([0.0, 261.63, 329.63, 440.0, 880.0])
    got = folded(answer, np.eye(5), frequencies, doing="folding single tones")
    for row, (name, column) in enumerate((("C4, 261.63 Hz", 0), ("E4, 329.63 Hz", 4), ("A4, 440 Hz", 9)), start=1):
        expect(
            np.nan_to_num(got[row]).argmax() == column,
            f"{name} lands in column {int(np.nan_to_num(got[row]).argmax())}; it belongs into column {column}.",
        )


def verify_fold_to_chroma(answer: object) -> str:
    import numpy as np

    expect_function(answer, NAME, READY_MADE)
    power, frequencies = spectrum()
    compare(answer, power, frequencies)
    compare(answer, power, frequencies, 200.0)
    compare(answer, power, frequencies, 30.0)
    wide = np.abs(np.random.default_rng(2).standard_normal((60, 4))).astype(np.float32) * np.float32(1e24)
    wide[:, 1] *= np.float32(1e-40)
    compare(answer, wide, 37.0 * np.arange(60))
    folded(answer, np.zeros((60, 3)), 37.0 * np.arange(60), doing="folding a clip that is silent throughout")
    return (
        "energy of all bins from `low` on summed by nearest semitone, C first, each frame's largest value 1, silence 0."
    )


TASKS = {
    NAME: Task(
        verify_fold_to_chroma,
        (
            "How many semitones above A4 is a frequency f? Which pitch class is the nearest one, when C is 0 and A is "
            "9? Then add up, class by class.",
            "Keep the bins with frequencies >= low first, so that no logarithm of 0 is taken. The nearest MIDI note is "
            "np.round(69 + 12 * np.log2(f / 440)), its pitch class that note % 12. Column k is "
            "power[pitch == k].sum(axis=0). Divide each frame by its largest value, but only where that is above 0 "
            "(np.divide has where= and out=).",
        ),
    ),
}
