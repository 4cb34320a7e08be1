"""The check of the function that cuts a chunk at random from each recording."""

from typing import TYPE_CHECKING

from lib.checks.compare import describe, expect_tensor, students_code
from lib.checks.failure import expect
from lib.checks.task import Task

if TYPE_CHECKING:
    import torch

CHUNK, FEATURES = 5, 17
EXTRA = 3  # steps more than a chunk that a sample has: offsets 0 … 3 are possible
SAMPLES, CALLS = 25, 20  # 500 offsets: one of four stays out by chance with probability below 1e-60


def numbered(lengths: list[int]) -> list["torch.Tensor"]:
    """Samples whose every value tells its sample, step and feature; no value is zero."""
    import torch

    step = torch.arange(1, max(lengths) + 1)[:, None] * 32
    values = step + torch.arange(FEATURES)[None, :]
    return [(values[:n] + s * 2**16).float() for s, n in enumerate(lengths)]


def cut(function: object, samples: list["torch.Tensor"], size: int, doing: str) -> "torch.Tensor":
    """The student's chunks, with shape and dtype checked."""
    before = [s.clone() for s in samples]
    with students_code(doing, {"samples": len(samples), "steps of a chunk": size, "features": FEATURES}):
        chunks = function(samples, size)
    expect_tensor(chunks, "what random_chunk returns")
    wanted, got = (len(samples), size, FEATURES), tuple(chunks.shape)
    text = f"{len(samples)} samples and chunk_size {size} give shape {got}; it should be {wanted}."
    if got == (size, len(samples), FEATURES):
        text += " The chunks are stacked on the wrong axis."
    elif got[:1] == wanted[:1] and got[1:2] != wanted[1:2]:
        text += " The chunks have the wrong length."
    expect(got == wanted, text)
    expect(chunks.dtype == samples[0].dtype, f"float32 samples give {chunks.dtype} chunks; keep the dtype.")
    expect(
        len(samples) == len(before)
        and all(s.shape == b.shape and bool((s == b).all()) for s, b in zip(samples, before)),  # noqa: B905
        "it changes the samples it was given; leave them as they are.",
    )
    return chunks


def offsets(chunks: "torch.Tensor") -> "torch.Tensor":
    """The offset of each chunk (samples,), once it is clear that each is a piece of its own sample."""
    import torch

    expect(
        not bool((chunks == 0).any()),
        "a chunk holds zeros that no sample has: it runs past the end of its sample, into padding.",
    )
    values = chunks.round().long()
    sample, step, feature = values >> 16, ((values & 0xFFFF) >> 5) - 1, values & 31
    expect(
        bool((sample == torch.arange(len(chunks))[:, None, None]).all()),
        "chunks hold values of another sample; chunk k is cut from sample k.",
    )
    expect(
        bool((feature == torch.arange(FEATURES)).all() and (step == step[:, :, :1]).all()),
        "the features of a step are mixed up; cut along the first axis only.",
    )
    gaps = step[:, 1:, 0] - step[:, :-1, 0]
    expect(
        not bool(((gaps < 0) & (step[:, 1:, 0] == 0)).any()),
        "a chunk wraps: it goes on at the beginning of its sample after the end. Draw smaller offsets.",
    )
    expect(bool((gaps == 1).all()), "the steps of a chunk are not consecutive; take chunk_size steps in a row.")
    return step[:, 0, 0]


def verify_random_chunk(answer: object) -> str:
    """Shape, contents, then the offsets: all of them, each sample its own, new ones in every call."""
    import torch

    expect(
        callable(answer) and not isinstance(answer, type),
        f'give the function itself, check("random_chunk", random_chunk); this is {describe(answer)}.',
    )
    longer = numbered([CHUNK + EXTRA + s % 7 for s in range(SAMPLES)])
    offsets(cut(answer, longer, CHUNK, "cutting chunks from samples of different lengths"))
    equal = numbered([CHUNK + EXTRA] * SAMPLES)
    torch.manual_seed(11)
    drawn = torch.stack(
        [offsets(cut(answer, equal, CHUNK, "cutting chunks of 5 from samples of 8")) for _ in range(CALLS)]
    )
    expect(
        bool((drawn != drawn[0, 0]).any()),
        f"every chunk begins at step {int(drawn[0, 0])}; the offset should be random.",
    )
    expect(
        bool((drawn != drawn[:, :1]).any()),
        "all samples of a call get the same offset; draw one for each sample.",
    )
    expect(
        bool((drawn != drawn[:1]).any()),
        "every call draws the same offsets: is the random generator seeded inside the function?",
    )
    counts = torch.bincount(drawn.flatten(), minlength=EXTRA + 1)
    expect(
        counts[EXTRA] > 0,
        f"the last offset is never drawn: a sample of {CHUNK + EXTRA} steps has chunks of {CHUNK} at offsets 0 to "
        f"{EXTRA}, and {EXTRA} never came in {drawn.numel()} draws. An upper end that is left out?",
    )
    never = ", ".join(str(k) for k in range(EXTRA) if counts[k] == 0)
    expect(not never, f"the offset {never} is never drawn, although a chunk fits there.")
    expect(
        2 * counts.min() > drawn.numel() / (EXTRA + 1) and counts.max() < 2 * drawn.numel() / (EXTRA + 1),
        f"the offsets 0 to {EXTRA} come {counts.tolist()} times; each should be equally likely.",
    )
    exact = numbered([CHUNK] * 3)
    expect(
        bool(
            (cut(answer, exact, CHUNK, "cutting from samples exactly as long as a chunk") == torch.stack(exact)).all()
        ),
        "a sample exactly as long as a chunk should come back whole.",
    )
    return "chunks of the right length, each at an offset of its own, every offset possible, the last one too."


TASKS = {
    "random_chunk": Task(
        verify_random_chunk,
        (
            "How many places are there for a chunk of 40 in a recording of 100 steps? Draw one of these for each "
            "recording.",
            "The first offset is 0, the last one is steps − chunk_size, and both are allowed; torch.randint leaves its "
            "upper end out, so add one. Slice each sample from its own offset, and stack the slices.",
        ),
    )
}
