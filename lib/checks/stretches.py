"""The check of beat-synchronous features: the median of each stretch between beats."""

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

from lib.checks.failure import CheckFailed, expect
from lib.checks.functions import expect_array, expect_function
from lib.checks.recognise import is_close, quietly, recognised
from lib.checks.task import Task

if TYPE_CHECKING:
    import numpy as np

NAME = "beat_medians"
FRAMES, BANDS = 41, 5
BEATS = (4, 11, 12, 20, 34)  # stretches of odd and even length, and one of a single frame
PER_SECOND = 22_050 / 512


def right(frames: "np.ndarray", beats: "np.ndarray") -> "np.ndarray":
    """The medians that are wanted."""
    import numpy as np

    edges = np.unique(np.clip([0, *beats, len(frames)], 0, len(frames)))
    return stretches(frames, [int(e) for e in edges])


def stretches(
    frames: "np.ndarray", edges: list[int], of: Callable | None = None, first: int = 0, last: int = 0
) -> "np.ndarray":
    """A row for each two neighbouring edges; `first` and `last` shift where a stretch begins and ends."""
    import numpy as np

    of = of or (lambda part: np.median(part, axis=0))
    rows = [of(frames[a + first : b + last]) for a, b in pairwise(edges) if len(frames[a + first : b + last])]
    return np.array(rows).reshape(len(rows), -1)


def mistakes(frames: "np.ndarray", beats: list[int]) -> list[tuple[str, "np.ndarray"]]:
    """What to say of each mistaken outcome, for beats that lie apart inside the clip."""
    import numpy as np

    n = len(frames)
    edges = [0, *beats, n]
    whole = right(frames, [])
    off = "the frame of a beat belongs to the stretch that begins there, frames[start:stop] without the stop."
    seconds = (
        "one row comes back, the median of the whole clip: are the beats ignored, or taken as seconds? They are "
        "numbers of frames."
    )
    mixed = "one median is taken of all bands of a stretch; keep the bands apart: axis=0."
    return [
        ("the means of the stretches come back; medians are wanted.", stretches(frames, edges, lambda p: p.mean(0))),
        ("the sums of the stretches come back; medians are wanted.", stretches(frames, edges, lambda p: p.sum(0))),
        ("the largest of each stretch comes back; medians are wanted.", stretches(frames, edges, lambda p: p.max(0))),
        (
            "of an even number of frames it takes one of the middle two (as torch.median does); the median is their "
            "mean: np.median.",
            stretches(frames, edges, lambda p: np.sort(p, 0)[(len(p) - 1) // 2]),
        ),
        (
            "of an even number of frames it takes one of the middle two; the median is their mean: np.median.",
            stretches(frames, edges, lambda p: np.sort(p, 0)[len(p) // 2]),
        ),
        ("the stretch before the first beat is missing.", stretches(frames, edges[1:])),
        ("the stretch after the last beat is missing.", stretches(frames, edges[:-1])),
        (
            "the stretches before the first and after the last beat are missing; begin at 0 and end with the clip.",
            stretches(frames, edges[1:-1]),
        ),
        (
            "the clip's last frame is missing: slices end before their stop, which is n.",
            stretches(frames, [*edges[:-1], n - 1]),
        ),
        (f"a beat's frame is in two stretches: {off}", stretches(frames, edges, last=1)),
        (f"it is off by one frame: {off}", stretches(frames, [0, *[b + 1 for b in beats], n])),
        (f"it is off by one frame: {off}", stretches(frames, [0, *[b - 1 for b in beats], n])),
        (f"a beat's frame is lost: {off}", stretches(frames, edges, first=1)),
        (f"a beat's frame is lost: {off}", stretches(frames, [-1, *edges[1:]], first=1)),
        (f"a frame is lost before each beat: {off}", stretches(frames, edges, last=-1)),
        (seconds, whole),
        (seconds, whole[0]),
        (
            "the beats are converted as if they were not yet frames: they are numbers of frames, not seconds.",
            right(frames, [int(b / PER_SECOND) for b in beats]),
        ),
        (
            "the median runs over the bands, so that each frame keeps one number; take it along axis 0, over frames.",
            np.median(frames, axis=1),
        ),
        (mixed, stretches(frames, edges, np.median)),
        (mixed, stretches(frames, edges, np.median)[:, 0]),
    ]


def medians(answer: object, frames: "np.ndarray", beats: list[int], doing: str) -> "np.ndarray":
    """What the student's function returns, once it is an array without NaN."""
    import numpy as np

    got = quietly(answer, frames, np.array(beats, dtype=int), doing=doing, what="the frames or the beats")
    expect_array(got, f"what {NAME} returns")
    expect(got.dtype.kind == "f", f"the medians have dtype {got.dtype}; floats are wanted.")
    expect(
        not np.isnan(got).any(),
        f"{doing}, there are NaN: a stretch without frames has no median; leave it out, it gives no row.",
    )
    return got


def compare(answer: object, frames: "np.ndarray", beats: list[int]) -> None:
    """Beats that lie apart inside the clip: shape and values."""
    doing = f"with {len(frames)} frames and beats at {', '.join(map(str, beats))}"
    got = medians(answer, frames, beats, doing)
    wanted = right(frames, beats)
    if is_close(got, wanted):
        return
    known = mistakes(frames, beats)
    says = recognised(got, known)
    expect(says is None, says or "")
    says = recognised(got.T, [("", wanted), *known])
    expect(says is None, "the result is transposed: a row is a stretch, a column a band. " + (says or ""))
    expect(
        got.shape == wanted.shape,
        f"{doing}, the shape is {got.shape}; it should be {wanted.shape}: a row for each stretch from 0 to the first "
        "beat, between beats, and from the last beat to the end.",
    )
    rows = [k for k in range(len(wanted)) if not is_close(got[k], wanted[k])]
    raise CheckFailed(f"{doing}, the rows {rows} are not the medians of their stretches.")


def expect_empty_left_out(answer: object, frames: "np.ndarray", beats: list[int], which: str) -> None:
    """Stretches without a frame give no row."""
    doing = f"with {which}"
    got, wanted = medians(answer, frames, beats, doing), right(frames, beats)
    expect(
        len(got) <= len(wanted),
        f"{doing}, {len(got)} rows come back in place of {len(wanted)}: a stretch without frames gives no row.",
    )
    expect(
        is_close(got, wanted),
        f"{doing}, shape {got.shape} comes back and {wanted.shape} is wanted, or the values differ: only the empty "
        "stretch should be left out, the others stay as they are.",
    )


def verify_beat_medians(answer: object) -> str:
    import numpy as np

    expect_function(answer, NAME, ("sync", "subsegment"))
    rng = np.random.default_rng(5)
    frames = rng.gamma(1.0, size=(FRAMES, BANDS)) - 0.7
    compare(answer, frames, list(BEATS))
    compare(answer, frames[:7].astype(np.float32), [3])
    none = medians(answer, frames, [], "for a clip without beats")
    expect(none.shape != (0, BANDS) and none.size > 0, "a clip without beats gives no row; it should give one.")
    expect(
        is_close(none, right(frames, [])),
        f"for a clip without beats shape {none.shape} comes back, or not its median; it should be one row of "
        f"{BANDS} bands, the median of all frames.",
    )
    expect_empty_left_out(answer, frames, [0, 9, 20], "a beat at frame 0")
    expect_empty_left_out(answer, frames, [9, 20, 20, 30], "a beat that is there twice")
    expect_empty_left_out(answer, frames, [9, 20, FRAMES], f"a beat at frame {FRAMES} of {FRAMES}, behind the last one")
    expect_empty_left_out(answer, frames, [9, 20, FRAMES + 6], f"a beat at frame {FRAMES + 6} of {FRAMES}")
    return "a row for each stretch, the first and the last included, medians of each band, no row without frames."


TASKS = {
    NAME: Task(
        verify_beat_medians,
        (
            "Where does the first stretch begin, where does the last one end? Write all edges down as one sorted row "
            "of frame numbers. What do two equal edges mean?",
            "np.unique of 0, the beats and n, with everything above n brought down to n (np.clip), are the edges: each "
            "once, sorted. Then np.median(frames[start:stop], axis=0) for each two neighbours "
            "(zip(edges[:-1], edges[1:])), stacked.",
        ),
    ),
}
