"""Training steps of the assignment's LSTM network, rung by rung of the ladder, against `torch.nn.LSTM`.

`python tests/benchmarks/lstm.py` measures on two threads of the CPU and, where there is one, on the GPU.
`--threads 1` for one thread, `--steps manual native` for some steps, `--json FILE` to keep the numbers.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch

from lib.models.speed import REFERENCE, STEPS, measure


def show(found: dict) -> None:
    """One table: median, quartiles, ratio, first call, difference."""
    sizes = found["sizes"]
    where = f"CPU, {found['threads']} threads" if found["device"] == "cpu" else found["device"]
    print(
        f"\n{where}: batches of {sizes['samples']} × {sizes['length']} × {sizes['features']}, {sizes['hiddens']} units"
    )
    head = f"{'':12}{'examples/s':>11}{'quartiles':>18}{'× nn.LSTM':>11}{'quartiles':>14}"
    print(f"{head}{'first call':>12}{'difference':>12}")
    for name, step in found["steps"].items():
        speed, low, high = step["examples_per_second"]
        ratio, least, most = step["ratio"]
        print(
            f"{name:12}{speed:11,.0f}{f'{low:,.0f}–{high:,.0f}':>18}{ratio:11.2f}{f'{least:.2f}–{most:.2f}':>14}"
            f"{step['first_call']:10.1f} s{step['difference']:12.0e}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--steps", nargs="+", choices=sorted({*STEPS["cpu"], *STEPS["cuda"]}), metavar="STEP")
    parser.add_argument("--device", choices=["cpu", "cuda"], action="append", help="both where there is a GPU")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    devices = options.device or ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    found = []
    for device in devices:
        steps = options.steps
        found.append(
            measure(steps, device=device, threads=options.threads, rounds=options.rounds, batches=options.batches)
        )
        show(found[-1])
        if options.json:
            options.json.write_text(json.dumps({"torch": torch.__version__, "measured": found}, indent=2) + "\n")
    if "cuda" not in devices:
        print(f"\nNo GPU here: nothing is said about one. Ratios are to {REFERENCE} in the same round.")


if __name__ == "__main__":
    main()
