"""A check leaves the notebook as it found it, whatever the student's code does."""

import random
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from right_answers import LSTM, Base
from wrong_answers import GradientsLeftOff, HugeTensor, NeverEnds, PrintsWithoutEnd, Seeds

from lib.checks import CheckFailed, check, guard
from lib.publish.project import ROOT

STUB = "        # YOUR CODE HERE\n        raise NotImplementedError()"


def refused(answer: object) -> str:
    with pytest.raises(CheckFailed) as failure:
        check("lstm", answer)
    return str(failure.value)


def test_random_states_are_left_as_they_were():
    for answer in (LSTM, Seeds):
        states = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
        try:
            check("lstm", answer)
        except CheckFailed:
            assert answer is Seeds
        assert random.getstate() == states[0]
        assert (np.random.get_state()[1] == states[1]).all()
        assert torch.equal(torch.get_rng_state(), states[2])


def test_settings_of_pytorch_are_left_as_they_were():
    for answer in (GradientsLeftOff, Seeds):
        before = torch.get_default_dtype(), torch.get_num_threads()
        refused(answer)
        assert torch.is_grad_enabled()
        assert (torch.get_default_dtype(), torch.get_num_threads()) == before


def test_gradients_that_an_earlier_cell_left_off_do_not_spoil_a_right_answer(capsys):
    with torch.no_grad():
        check("lstm", LSTM)
        assert not torch.is_grad_enabled()
    assert "✓" in capsys.readouterr().out


def test_limits_and_alarms_are_left_as_they_were(monkeypatch):
    import resource

    monkeypatch.setattr(guard, "TIME_LIMIT", 0.3)
    mine = signal.signal(signal.SIGALRM, lambda number, frame: None)
    try:
        limits = resource.getrlimit(resource.RLIMIT_AS)
        for answer in (NeverEnds, HugeTensor):
            refused(answer)
            assert resource.getrlimit(resource.RLIMIT_AS) == limits
            assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
            assert signal.getsignal(signal.SIGALRM).__name__ == "<lambda>"
    finally:
        signal.signal(signal.SIGALRM, mine)


def test_a_keyboard_interrupt_gets_through():
    class Interrupted(Base):
        def forward(self, inputs):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("lstm", Interrupted)


def test_what_a_wrong_answer_printed_is_shown_in_part_and_nowhere_else(capsys):
    said = refused(PrintsWithoutEnd)
    assert "step 0" in said
    assert len(said) < 1000
    assert capsys.readouterr().out == ""


def test_a_check_in_another_thread_does_without_the_time_limit(capsys):
    thread = threading.Thread(target=check, args=("lstm", LSTM))
    thread.start()
    thread.join()
    assert "✓" in capsys.readouterr().out


def test_a_busy_machine_gets_more_patience():
    def wait() -> None:
        with guard.time_limit(0.2):
            while True:
                time.sleep(0.01)  # hardly works, as a process does that hardly gets the processor

    began = time.monotonic()
    with pytest.raises(guard.TimeUp):
        wait()
    assert time.monotonic() - began >= 0.2 * guard.PATIENCE


def test_a_fault_of_the_check_itself_is_a_sentence_too(monkeypatch):
    from lib.checks import lstm

    def broken(*args):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(lstm, "check_repeatable", broken)
    assert "did not foresee (ZeroDivisionError: oh)" in refused(LSTM)


def test_ipython_shows_the_message_without_a_traceback():
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell = InteractiveShell.instance()
    try:
        shell.run_cell("from lib.checks import check, hint")
        with capture_output() as shown:
            shell.run_cell(f"class LSTM:\n    def __init__(self, a, b):\n{STUB}")
            result = shell.run_cell('check("lstm", LSTM)')
        assert isinstance(result.error_in_exec, CheckFailed)
        assert shown.stdout.startswith("✗ lstm: ")
        assert "Traceback" not in shown.stdout
        assert "hint(1)" in shown.stdout
        with capture_output() as shown:
            shell.run_cell(f"from torch import nn\nclass LSTM(nn.Module):\n    def __init__(self, a, b):\n{STUB}")
            shell.run_cell('check("lstm", LSTM)')
        assert "nothing here yet: write LSTM first (line 5 of your cell" in shown.stdout
    finally:
        InteractiveShell.clear_instance()


@pytest.mark.slow
def test_a_kernel_survives_what_students_write(tmp_path):
    """In a real kernel, one after the other: endless, huge, exiting, printing without end; then the right answer."""
    import nbformat
    from nbclient import NotebookClient

    tests = Path(__file__).parent
    ready = f"import sys\nsys.path[:0] = [{str(ROOT)!r}, {str(tests)!r}]\nimport right_answers, wrong_answers\n"
    ready += "from lib.checks import check, guard\nguard.TIME_LIMIT = 0.5"
    names = ("NeverEndsAndSwallows", "GrowsWithoutEnd", "HugeList", "Exits", "PrintsWithoutEnd", "Recursive", "Seeds")
    cells = [ready, *(f'check("lstm", wrong_answers.{name})' for name in names), 'check("lstm", right_answers.LSTM)']
    cells.insert(-1, "guard.TIME_LIMIT = 4")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(book, allow_errors=True, kernel_name="python3", timeout=120).execute(cwd=str(tmp_path))
    outputs = [c.outputs for c in book.cells]
    assert outputs[0] == []
    for (shown,) in outputs[1:-2]:
        assert shown.ename == "CheckFailed", shown
        assert "\n".join(shown.traceback).startswith("✗ lstm: ")
    (passed,) = outputs[-1]
    assert passed.text.startswith("✓ lstm: ")
