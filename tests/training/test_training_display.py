"""How a training shows itself in a terminal and in a notebook."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import small

from lib.training import Callback, Training
from lib.training.curves import chart

ROOT = Path(__file__).resolve().parents[2]


def test_a_terminal_gets_one_plain_line_an_epoch_and_nothing_else(capfd):
    Training(small.config(show="auto")).run()
    printed = capfd.readouterr()
    lines = printed.out.splitlines()
    assert [line.split()[:2] for line in lines] == [["epoch", f"{n}/4"] for n in range(1, 5)]
    assert all("val_auroc 0." in line and "examples/s" in line for line in lines)
    assert "\x1b" not in printed.out
    assert printed.err == ""


def test_off_is_silent(capfd):
    Training(small.config(show="off")).run()
    assert capfd.readouterr() == ("", "")


def test_what_a_callback_adds_is_shown_and_what_is_empty_is_not(capfd):
    class Adds(Callback):
        def after_epoch(self, training):
            training.row["mine"] = 0.25

    Training(small.config(show="lines", validation=None, callbacks=[Adds()], epochs=1)).run()
    line = capfd.readouterr().out
    assert "mine 0.2500" in line
    assert "val_" not in line


def test_a_chart_says_in_words_what_it_shows():
    drawn = chart("loss", {"training": [1.0, 0.5], "validation": [float("nan"), 0.7]}, best=2)
    assert drawn.startswith('<svg role="img" aria-label="loss by epoch; after 2: training 0.5, validation 0.7"')
    assert chart("loss", {"training": [float("nan")]}) == ""


CELL = """
import sys
sys.path[:0] = [{tests!r}, {root!r}]
import small
from lib.training import Training
run = Training(small.config(show="auto", epochs=20, head="5", head_epochs=2)).run()
"""


@pytest.mark.slow
def test_a_stored_notebook_holds_the_last_picture_only():
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    cell = CELL.format(tests=str(Path(__file__).parent), root=str(ROOT))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    html = output["data"]["text/html"]
    assert output["output_type"] == "display_data"
    assert html.count("<svg role=") == 2
    assert html.count("<table") == 1
    assert ">22<" in html
    assert "(best)" in html
    assert "<progress" not in html
    assert "epoch 22/22" in output["data"]["text/plain"]


@pytest.mark.slow
def test_importing_the_package_loads_neither_pandas_nor_matplotlib_nor_ipython():
    code = (
        "import sys, lib.training; "
        "print([m for m in ('pandas', 'matplotlib', 'IPython', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
