"""The check of the mel filters that a student writes with numpy."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lib.checks.compare import Mistake, find_mistakes, told
from lib.checks.failure import CheckFailed, expect
from lib.checks.functions import called, expect_array, expect_function, expect_refused, gap_between
from lib.checks.task import Task

if TYPE_CHECKING:
    import numpy as np

TOLERANCE = 1e-6  # of values up to 1; float32 is enough
READY_MADE = ("librosa.filters", "melscale_fbanks", "mel_filter_bank", "MelScale", "MelSpectrogram")
RATE, FFT, BANDS, LOW, HIGH = 16_000, 512, 20, 50.0, 7000.0


@dataclass(frozen=True)
class MelRecipe:
    """How the filters are computed; the defaults are right."""

    scale: str = "htk"
    corners: str = "exact"
    spacing: str = "both ends"
    norm: str = ""
    highest_bin: float = 0.5  # of the rate
    sides: str = "hz"
    low: float | None = LOW
    high: float | None = HIGH


ROUNDED = "the corners are rounded to the frequencies of the transform; leave them where they are."
UNMATCHED = "the scale and its way back don't belong together: where one has log10, the other has a power of 10."
MEL_MISTAKES = [
    Mistake(
        "the scale is Slaney's (linear up to 1000 Hz), librosa's default; the task asks for HTK's, "
        "2595 · log10(1 + f / 700).",
        {"scale": "slaney"},
    ),
    Mistake("the corners are equally spaced in Hz; they should be so on the mel scale.", {"scale": "hz"}),
    Mistake(f"{UNMATCHED} Is there a natural logarithm (np.log)?", {"scale": "ln, 10"}),
    Mistake(f"{UNMATCHED} Is there an np.exp?", {"scale": "log10, e"}),
    Mistake("the corners are in mel, not back in Hz, when the triangles are drawn.", {"scale": "mel as Hz"}),
    Mistake("the corners are spaced by a logarithm of the frequency itself (np.geomspace).", {"scale": "octaves"}),
    Mistake(
        "each triangle is divided by its width (Slaney's normalisation, librosa's default); here the height is 1.",
        {"norm": "slaney"},
    ),
    Mistake("each triangle is divided by the sum of its weights; here the height is 1.", {"norm": "sum"}),
    Mistake(
        "each row is divided by its largest weight; the peak of a triangle may lie between two frequencies.",
        {"norm": "largest"},
    ),
    Mistake(ROUNDED, {"corners": "floor + 1"}),
    Mistake(ROUNDED, {"corners": "floor"}),
    Mistake(ROUNDED, {"corners": "round"}),
    Mistake("the corners stop before `high` (endpoint=False?); the last one is `high`.", {"spacing": "no end"}),
    Mistake("the first corner is not `low`; the first triangle rises from there.", {"spacing": "no beginning"}),
    Mistake("the triangles don't overlap by half: each peaks where the one before ends.", {"spacing": "apart"}),
    Mistake(
        "the frequencies of the transform go up to `rate`; a real signal's go up to half of it.", {"highest_bin": 1.0}
    ),
    Mistake(
        "the sides of the triangles are straight on the mel scale; they should be straight in Hz.", {"sides": "mel"}
    ),
    Mistake("`low` is ignored: the first triangle begins at 0 Hz.", {"low": 0.0}),
    Mistake("`high` is ignored: the last triangle ends at half the rate.", {"high": None}),
]


def to_mel(hertz: "np.ndarray") -> "np.ndarray":
    import numpy as np

    return 2595 * np.log10(1 + hertz / 700)


def corners_of(lowest: float, highest: float, bands: int, recipe: MelRecipe) -> "np.ndarray":
    """The bands + 2 corners in Hz."""
    import numpy as np

    ends = np.array([lowest, highest])
    number = 2 * bands + 1 if recipe.spacing == "apart" else bands + 2
    if recipe.scale == "octaves":
        return np.geomspace(max(lowest, 1e-3), highest, number)
    slaney = (200 / 3, np.log(6.4) / 27)  # Hz a mel up to 1000 Hz, and the logarithmic step above
    ways = {
        "htk": (to_mel, lambda m: 700 * (10 ** (m / 2595) - 1)),
        "hz": (lambda f: f, lambda m: m),
        "ln, 10": (lambda f: 2595 * np.log(1 + f / 700), lambda m: 700 * (10 ** (m / 2595) - 1)),
        "log10, e": (to_mel, lambda m: 700 * (np.exp(m / 2595) - 1)),
        "mel as Hz": (to_mel, lambda m: m),
        "slaney": (
            lambda f: np.where(f < 1000, f / slaney[0], 15 + np.log(np.maximum(f, 1) / 1000) / slaney[1]),
            lambda m: np.where(m < 15, m * slaney[0], 1000 * np.exp((m - 15) * slaney[1])),
        ),
    }
    there, back = ways[recipe.scale]
    first, last = there(ends)
    if recipe.spacing == "no end":
        return back(np.linspace(first, last, number, endpoint=False))
    if recipe.spacing == "no beginning":
        return back(np.linspace(first, last, number + 1)[1:])
    return back(np.linspace(first, last, number))


def mel_recipe(rate: int, window: int, bands: int, recipe: MelRecipe) -> "np.ndarray":
    """Filters (bands, 1 + window // 2) made by `recipe`."""
    import numpy as np

    corners = corners_of(recipe.low or 0.0, recipe.high or rate / 2, bands, recipe)
    frequency = np.linspace(0, recipe.highest_bin * rate, 1 + window // 2)
    bin_width = rate / window
    corners = {
        "exact": corners,
        "floor + 1": np.floor((window + 1) * corners / rate) * bin_width,
        "floor": np.floor(corners / bin_width) * bin_width,
        "round": np.round(corners / bin_width) * bin_width,
    }[recipe.corners]
    if recipe.sides == "mel":
        corners, frequency = to_mel(corners), to_mel(frequency)
    if recipe.spacing == "apart":
        left, peak, right = corners[:-2:2, None], corners[1::2, None], corners[2::2, None]
    else:
        left, peak, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        filters = np.minimum((frequency - left) / (peak - left), (right - frequency) / (right - peak))
        filters = np.nan_to_num(filters.clip(0, 1), nan=1.0)
        if recipe.norm:
            by = {"slaney": (right - left) / 2, "sum": filters.sum(1), "largest": filters.max(1)}[recipe.norm]
            filters = np.nan_to_num(filters / by.reshape(-1, 1))
    return filters


def expect_shape(got: tuple[int, ...], bands: int, window: int) -> None:
    wanted = (bands, 1 + window // 2)
    if got == wanted:
        return
    text = f"{bands} bands and window {window} give shape {got}; it should be {wanted}, (bands, 1 + window // 2)."
    if got == wanted[::-1]:
        text += " The axes are swapped."
    elif got[1:] == wanted[1:] and got[0] in (bands - 2, bands - 1, bands + 1, bands + 2):
        text += " Every filter needs three corners and neighbours share them: that makes bands + 2 corners."
    elif len(got) == 2 and got[1] == window // 2:
        text += " The last frequency, half the rate, is missing."
    elif len(got) == 2 and got[1] == window:
        text += " A real signal has 1 + window // 2 frequencies, from 0 to half the rate."
    raise CheckFailed(text)


def compare(answer: object, rate: int, window: int, bands: int, low: float, high: float | None) -> None:
    import numpy as np

    sizes = f"rate {rate}, window {window}, {bands} bands, low {low:g}, high {high if high is None else f'{high:g}'}"
    got = called(answer, rate, window, bands, low, high, doing=f"making filters for {sizes}")
    expect_array(got, "what mel_filters returns")
    expect_shape(got.shape, bands, window)
    expect(np.issubdtype(got.dtype, np.floating), f"the filters have dtype {got.dtype}; floats are wanted.")
    expect(not np.isnan(got).any(), f"there are NaN among the filters for {sizes}: is something divided by zero?")

    def matches(changes: dict) -> bool:
        recipe = MelRecipe(**{"low": low, "high": high, **changes})
        return gap_between(got, mel_recipe(rate, window, bands, recipe)) <= TOLERANCE

    if matches({}):
        return
    found = find_mistakes(MEL_MISTAKES, matches)
    expect(not found, told(found) if found else "")
    expect(float(got.min()) >= 0, "there are negative weights; outside its triangle a filter is 0.")
    raise CheckFailed(
        f"the shape is right, but for {sizes} the weights differ from the reference: its first filter peaks at "
        f"{np.argmax(got[0]) * rate / window:.0f} Hz, the last one at {np.argmax(got[-1]) * rate / window:.0f} Hz."
    )


def verify_mel_filters(answer: object) -> str:
    expect_function(answer, "mel_filters", READY_MADE)
    compare(answer, RATE, FFT, BANDS, LOW, HIGH)
    compare(answer, 8000, 300, 13, 0.0, 4000.0)
    compare(answer, RATE, 2048, 128, 1.0, None)
    expect_refused(
        answer, RATE, FFT, BANDS, LOW, 8192.0,
        when="high = 8192 Hz at a rate of 16000 Hz",
        otherwise="above half the rate there is nothing, and filters there stay empty without a word.",
    )  # fmt: skip
    return "triangles of height 1, corners equally spaced on HTK's mel scale; `high` above half the rate is refused."


TASKS = {
    "mel_filters": Task(
        verify_mel_filters,
        (
            "Neighbours share corners: how many corners have `bands` triangles together? Space these equally in mel, "
            "then bring them back to Hz.",
            "np.linspace from mel(low) to mel(high) with bands + 2 points, back by 700 · (10 ** (m / 2595) − 1). "
            "Filter k rises from corner k to k + 1 and falls to k + 2: the smaller of the two straight lines, never "
            "under 0, at the frequencies 0, rate / window, … up to rate / 2. Raise the ValueError first.",
        ),
    ),
}
