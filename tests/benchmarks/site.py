"""What a build and an import cost: `make site` on an unchanged tree, `import lib`, side by side with bare Python.

Run with `make benchmark`, or `python tests/benchmarks/site.py`.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def fastest(command: list[str], times: int, **environment: str) -> float:
    """The shortest of several runs of a command, in seconds."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True)
        taken.append(time.perf_counter() - began)
    return min(taken)


KEY = """
from pathlib import Path
from lib.publish.key import page_cells, reach
from lib.publish.project import read_notebook
print(reach(page_cells(read_notebook(Path("notebooks/ecg_lstm/ecg_lstm.ipynb")))).key)
"""


def main() -> None:
    rows = {
        "python, doing nothing": fastest([sys.executable, "-c", "pass"], 7),
        "import lib": fastest([sys.executable, "-c", "import lib"], 7),
        "import lib.data": fastest([sys.executable, "-c", "import lib.data"], 7),
        "import lib.evaluation (with numpy)": fastest([sys.executable, "-c", "import lib.evaluation"], 5),
        "the key of a page": fastest([sys.executable, "-c", KEY], 5),
        "python -m lib status": fastest([sys.executable, "-m", "lib", "status"], 3),
        "make site, nothing changed": fastest(["make", "site", f"VENV={sys.prefix}"], 3, NOTES_RENDERER="smalldocs"),
    }
    base = rows["python, doing nothing"]
    print(f"{'':38}{'seconds':>9}{'× bare Python':>15}")
    for name, seconds in rows.items():
        print(f"{name:38}{seconds:9.3f}{seconds / base:15.1f}")


if __name__ == "__main__":
    main()
