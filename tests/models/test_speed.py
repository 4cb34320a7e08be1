import pytest
import torch
from torch import nn

from lib.models import speed
from lib.models.recurrent import LSTM
from lib.models.speed import STEPS, make_lstm, measure

SMALL = {"samples": 6, "length": 3, "features": 2, "hiddens": 4, "rounds": 2, "batches": 1}
QUICK = [step for step in STEPS["cpu"] if step != "compiled"]


@pytest.mark.parametrize("step", QUICK)
def test_every_step_of_the_ladder_starts_from_the_same_weights(step):
    like = LSTM(2, 4, init="uniform")
    inputs = torch.randn(3, 5, 2)
    outputs, (h, c) = make_lstm(step, like)(inputs)
    expected, (like_h, like_c) = like(inputs)
    for ours, theirs in ((outputs, expected), (h.reshape(3, 4), like_h), (c.reshape(3, 4), like_c)):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_measurement_holds_speed_ratio_first_call_and_difference_of_each_step():
    found = measure(QUICK, threads=1, **SMALL)
    assert list(found["steps"]) == QUICK
    assert found["device"] == "cpu"
    assert found["threads"] == 1
    for name, step in found["steps"].items():
        for median, low, high in (step["examples_per_second"], step["ratio"]):
            assert 0 < low <= median <= high
        assert step["first_call"] > 0
        assert step["difference"] < 1e-5
        assert (name == "nn.LSTM") == (step["ratio"] == [1, 1, 1])


def test_measuring_leaves_threads_and_random_numbers_as_they_were():
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    measure(["fused"], threads=threads + 1, **SMALL)
    assert torch.get_num_threads() == threads
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    measure(["fused"], **SMALL)
    assert torch.equal(torch.rand(3), expected)
    torch.set_rng_state(state)


def test_a_step_with_other_numbers_is_not_timed(monkeypatch):
    class Wrong(nn.Module):
        def __init__(self):
            super().__init__()
            self.right = LSTM(2, 4)
            self.weight_input, self.weight_hidden, self.bias = self.right.parameters()

        def forward(self, inputs):
            outputs, (h, c) = self.right(inputs)
            return outputs, (h * 1.001, c)

    make = speed.make_lstm
    monkeypatch.setattr(speed, "make_lstm", lambda step, like: Wrong() if step == "fused" else make(step, like))
    with pytest.raises(ValueError, match=r"fused differs from nn.LSTM by"):
        measure(["fused"], **SMALL)
