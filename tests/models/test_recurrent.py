import itertools
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lib.models import lstm_native, recurrent
from lib.models.lstm_backward import MOST_SPARE, _Buffers, lstm_manual
from lib.models.recurrent import LSTM, RNN, lstm_fused

WITHIN = {torch.float32: 1e-6, torch.float64: 1e-10}  # of the largest reference value
QUICK = ("fused", "manual", "native")


def pytorch_twin(lstm):
    """`nn.LSTM` with the same weights; its gates are in the order i, f, g, o."""
    twin = nn.LSTM(lstm.num_inputs, lstm.num_hiddens, batch_first=True).to(lstm.bias.dtype)
    with torch.no_grad():
        for ours, theirs in (
            (lstm.weight_input, twin.weight_ih_l0),
            (lstm.weight_hidden, twin.weight_hh_l0),
            (lstm.bias, twin.bias_ih_l0),
        ):
            theirs.copy_(reordered(ours))
        twin.bias_hh_l0.zero_()
    return twin


def reordered(gates):
    """From i, f, o, g to i, f, g, o."""
    i, f, o, g = gates.chunk(4)
    return torch.cat([i, f, g, o])


def assert_close(ours, theirs, within):
    """No entry differs by more than `within` of the largest entry of the reference."""
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= within * theirs.abs().max().clamp_min(1e-30)


def everything(run, inputs, state, parameters, final_only=False):
    """Outputs, final states and all gradients of a loss that weighs every number differently."""
    leaves = [t for t in (inputs, *(state or ())) if t.requires_grad]
    outputs, (h, c) = run(inputs, state)
    # Not `randn_like`: it fills in the order of the memory, which differs between the two.
    generator = torch.Generator().manual_seed(5)
    parts = (h, c) if final_only else (h, c, outputs)
    loss = sum((torch.randn(part.shape, generator=generator).to(part) * part).sum() for part in parts)
    return [outputs.detach(), h.detach(), c.detach()], torch.autograd.grad(loss, leaves + list(parameters))


def compare(lstm, inputs, state, final_only=False, reference=None):
    """Ours against `nn.LSTM`, run in the precision `reference`, by default that of the inputs."""
    within = WITHIN[inputs.dtype]
    ours, our_gradients = everything(
        lstm, inputs, state, (lstm.weight_input, lstm.weight_hidden, lstm.bias), final_only
    )
    our_gradients = [*our_gradients[:-3], *map(reordered, our_gradients[-3:])]

    twin = pytorch_twin(lstm).to(reference or inputs.dtype)

    def run_twin(inputs, state):
        outputs, (h, c) = twin(inputs, None if state is None else tuple(part[None] for part in state))
        return outputs, (h[0], c[0])

    def converted(tensor):
        return tensor.detach().to(reference or inputs.dtype).requires_grad_(tensor.requires_grad)

    theirs, their_gradients = everything(
        run_twin,
        converted(inputs),
        None if state is None else tuple(map(converted, state)),
        (twin.weight_ih_l0, twin.weight_hh_l0, twin.bias_ih_l0),
        final_only,
    )
    for a, b in zip(ours, theirs, strict=True):
        assert_close(a, b, within)
    for a, b in zip(our_gradients, their_gradients, strict=True):
        assert_close(a, b, within)


def problem(samples, steps, features, hiddens, *, dtype=torch.float32, state=True, needs_gradient=True, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, dtype=dtype, generator=generator).requires_grad_(needs_gradient)

    inputs = draw(samples, steps, features)
    return inputs, (draw(samples, hiddens), draw(samples, hiddens)) if state else None


@pytest.mark.parametrize("backend", QUICK)
@given(
    samples=st.integers(1, 9),
    steps=st.integers(1, 7),
    features=st.integers(1, 6),
    hiddens=st.integers(1, 9),
    state=st.booleans(),
    needs_gradient=st.booleans(),
    final_only=st.booleans(),
    init=st.sampled_from(["normal", "uniform", "orthogonal"]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_the_lstm_equals_pytorchs_in_outputs_states_and_all_gradients(
    backend, samples, steps, features, hiddens, state, needs_gradient, final_only, init, seed
):
    torch.manual_seed(seed)
    lstm = LSTM(features, hiddens, init=init, backend=backend).double()
    inputs, start = problem(
        samples, steps, features, hiddens, dtype=torch.float64, state=state, needs_gradient=needs_gradient, seed=seed
    )
    compare(lstm, inputs, start, final_only)


@pytest.mark.parametrize("dtype", WITHIN, ids=str)
@pytest.mark.parametrize("backend", QUICK)
@pytest.mark.parametrize("init", ["normal", "uniform"])
@pytest.mark.parametrize(
    ("samples", "steps", "features", "hiddens"),
    [(192, 40, 17, 128), (1, 40, 17, 128), (192, 1, 17, 128), (50, 9, 1, 1), (33, 5, 2, 7)],
    ids=["the assignment", "one sample", "one step", "one unit", "odd sizes"],
)
def test_the_lstm_equals_pytorchs_to_a_millionth_in_single_precision_and_more_in_double(
    samples, steps, features, hiddens, init, backend, dtype
):
    torch.manual_seed(0)
    lstm = LSTM(features, hiddens, init=init, backend=backend).to(dtype)
    # The reference in float64: in float32 PyTorch's own bias gradient is 2e-6 off, ours 2e-7.
    compare(lstm, *problem(samples, steps, features, hiddens, dtype=dtype), reference=torch.float64)


@pytest.mark.parametrize("backend", QUICK)
def test_inputs_need_not_be_contiguous(backend):
    lstm = LSTM(3, 4, backend=backend)
    inputs, state = problem(5, 6, 3, 4)
    strided = inputs.detach().permute(2, 0, 1).contiguous().permute(1, 2, 0).requires_grad_()
    assert not strided.is_contiguous()
    turned = tuple(part.detach().t().contiguous().t().requires_grad_() for part in state)
    compare(lstm, strided, turned)


@pytest.mark.slow
def test_the_compiled_backend_equals_pytorchs():
    torch.manual_seed(0)
    lstm = LSTM(3, 4, backend="compiled")
    compare(lstm, *problem(5, 2, 3, 4))


@pytest.mark.parametrize("candidate", ["tanh", "sigmoid"])
def test_the_hand_written_gradient_is_that_of_its_own_function(candidate):
    torch.manual_seed(0)
    inputs, (h, c) = problem(3, 4, 2, 5, dtype=torch.float64)
    weights = [torch.randn(20, *rest, dtype=torch.float64).requires_grad_() for rest in ((2,), (5,), ())]
    assert torch.autograd.gradcheck(lambda *tensors: lstm_manual(*tensors, candidate), (inputs, h, c, *weights))


@pytest.mark.parametrize("candidate", ["tanh", "sigmoid"])
def test_each_subset_of_tensors_may_ask_for_a_gradient(candidate):
    torch.manual_seed(0)
    inputs, (h, c) = problem(3, 4, 2, 5, dtype=torch.float64, needs_gradient=False)
    weights = [torch.randn(20, *rest, dtype=torch.float64) for rest in ((2,), (5,), ())]
    tensors = [inputs, h, c, *weights]
    for wanted in itertools.product([False, True], repeat=6):
        if not any(wanted):
            continue
        gradients = []
        for steps in (lstm_fused, lstm_manual):
            leaves = [t.clone().requires_grad_(w) for t, w in zip(tensors, wanted, strict=True)]
            outputs, last_h, last_c = steps(*leaves, candidate)
            (outputs.square().sum() + last_h.sum() + last_c.sum()).backward()
            gradients.append([leaf.grad for leaf in leaves])
        for fused, manual, want in zip(*gradients, wanted, strict=True):
            assert (manual is None) == (fused is None) == (not want)
            if want:
                assert_close(manual, fused, 1e-10)


def test_the_sigmoid_candidate_is_the_document_s_mistake_and_nothing_else():
    lstm = LSTM(2, 3, candidate="sigmoid")
    inputs, (h, c) = problem(4, 1, 2, 3)
    i, f, o, g = torch.sigmoid(inputs[:, 0] @ lstm.weight_input.t() + h @ lstm.weight_hidden.t() + lstm.bias).chunk(
        4, dim=1
    )
    after = f * c + i * g
    _, (our_h, our_c) = lstm(inputs, (h, c))
    assert_close(our_c, after, 1e-6)
    assert_close(our_h, o * torch.tanh(after), 1e-6)
    right = LSTM(2, 3)
    right.load_state_dict(lstm.state_dict())
    assert not torch.allclose(right(inputs, (h, c))[1][1], our_c, atol=0.05)


@pytest.mark.parametrize("backend", QUICK)
def test_a_sequence_cut_in_two_ends_where_the_whole_ends(backend):
    lstm = LSTM(2, 5, init="uniform", backend=backend)
    inputs, state = problem(3, 8, 2, 5, needs_gradient=False)
    whole, (h, c) = lstm(inputs, state)
    first, middle = lstm(inputs[:, :3], state)
    second, (cut_h, cut_c) = lstm(inputs[:, 3:], middle)
    assert_close(torch.cat([first, second], dim=1), whole, 1e-6)
    assert_close(cut_h, h, 1e-6)
    assert_close(cut_c, c, 1e-6)


# The manual backend uses its buffers again.


def test_several_passes_may_wait_for_their_backward():
    lstm = LSTM(2, 4, init="uniform", backend="manual")
    batches = [problem(3, 5, 2, 4, state=False, seed=seed)[0] for seed in range(4)]
    alone = []
    for batch in batches:
        alone += torch.autograd.grad(lstm(batch)[0].square().sum(), batch)
    losses = [lstm(batch)[0].square().sum() for batch in batches]
    for batch, loss, expected in reversed(list(zip(batches, losses, alone, strict=True))):
        (gradient,) = torch.autograd.grad(loss, batch)
        assert torch.equal(gradient, expected)


def test_a_kept_graph_gives_the_same_gradient_twice():
    lstm = LSTM(2, 4, init="uniform", backend="manual")
    inputs, _ = problem(3, 5, 2, 4, state=False)
    loss = lstm(inputs)[0].square().sum()
    (first,) = torch.autograd.grad(loss, inputs, retain_graph=True)
    lstm(torch.randn(3, 5, 2))  # would take the buffers if they were free
    (second,) = torch.autograd.grad(loss, inputs)
    assert torch.equal(first, second)


def test_outputs_and_gradients_stay_as_they_were_when_later_batches_run():
    lstm = LSTM(2, 4, init="uniform", backend="manual")
    inputs, state = problem(3, 5, 2, 4)
    outputs, (h, c) = lstm(inputs, state)
    results = [outputs, h, c, *torch.autograd.grad(outputs.sum() + c.sum(), [inputs, *state, *lstm.parameters()])]
    copies = [result.detach().clone() for result in results]
    del outputs, h, c
    for seed in range(3):
        later, start = problem(3, 5, 2, 4, seed=seed + 1)
        lstm(later, start)[0].sum().backward()
    for result, copy in zip(results, copies, strict=True):
        assert torch.equal(result, copy)


def test_few_buffers_are_kept_however_many_shapes_pass_by():
    lstm = LSTM(2, 4, backend="manual")
    for steps in range(1, 12):
        lstm(torch.randn(3, steps, 2))[0].sum().backward()
    assert 0 < len(_Buffers._spare) <= MOST_SPARE


def test_training_follows_an_evaluation_in_inference_mode():
    lstm = LSTM(2, 4, init="uniform", backend="manual")
    inputs, _ = problem(3, 5, 2, 4, state=False)
    with torch.inference_mode():
        evaluated = lstm(inputs)[0].clone()
    outputs, _ = lstm(inputs)
    outputs.sum().backward()
    assert torch.equal(outputs.detach(), evaluated)
    assert inputs.grad.abs().sum() > 0


def test_changing_the_outputs_in_place_is_refused_rather_than_wrong():
    lstm = LSTM(2, 4, backend="manual")
    outputs, _ = lstm(torch.randn(3, 5, 2))
    outputs.mul_(2)
    with pytest.raises(RuntimeError, match="inplace"):
        outputs.sum().backward()


def test_the_manual_backend_keeps_the_weights_precision_under_autocast():
    lstm = LSTM(2, 4, init="uniform", backend="manual")
    inputs, _ = problem(3, 5, 2, 4, state=False)
    expected = lstm(inputs)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs, _ = lstm(inputs)
        from_half, _ = lstm(inputs.bfloat16())
    assert torch.equal(outputs, expected)
    assert_close(from_half, expected, 0.02)
    outputs.sum().backward()
    assert lstm.weight_input.grad.dtype == torch.float32


@pytest.mark.parametrize("make", [LSTM, RNN])
def test_no_samples_give_no_outputs(make):
    outputs, _ = make(2, 4)(torch.randn(0, 5, 2))
    assert outputs.shape == (0, 5, 4)


# The loops in C.


@pytest.fixture
def fresh_native(monkeypatch, tmp_path):
    """No library loaded or cached yet, and none after."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for kept in (lstm_native.library, recurrent._usable):
        kept.cache_clear()
    yield tmp_path
    for kept in (lstm_native.library, recurrent._usable):
        kept.cache_clear()


def has_compiler():
    return any(shutil.which(name) for name in ("cc", "gcc", "clang"))


def test_the_c_loops_are_built_once_and_found_again(fresh_native):
    if not has_compiler():
        pytest.skip("no C compiler")
    lstm_native.library()
    (built,) = fresh_native.glob("engineering-notes/*")
    made = built.stat().st_mtime_ns
    lstm_native.library.cache_clear()
    lstm_native.library()
    assert [path.stat().st_mtime_ns for path in fresh_native.glob("engineering-notes/*")] == [made]


@pytest.mark.parametrize("compiler", ["absent", "broken", "nowhere to write"])
def test_without_the_c_loops_the_lstm_says_why_once_and_gives_the_same_numbers(fresh_native, monkeypatch, compiler):
    if compiler == "nowhere to write":
        if not has_compiler():
            pytest.skip("no C compiler")
        (fresh_native / "file").touch()
        monkeypatch.setenv("XDG_CACHE_HOME", str(fresh_native / "file"))
    else:
        found = None if compiler == "absent" else "/bin/false"
        monkeypatch.setattr(lstm_native.shutil, "which", lambda name: found)
    lstm = LSTM(2, 4, init="uniform", backend="native")
    inputs = torch.randn(3, 5, 2)
    with pytest.warns(UserWarning, match="'manual' instead of 'native'.*C"):
        outputs, _ = lstm(inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lstm(inputs)
    lstm.backend = "manual"
    assert torch.equal(outputs, lstm(inputs)[0])
    assert not list(fresh_native.glob("engineering-notes/*"))


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("samples", [1, 2, 17, 50])
def test_the_c_loops_give_the_same_numbers_on_any_number_of_threads(samples, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        torch.manual_seed(0)
        compare(LSTM(3, 6, init="uniform", backend="native"), *problem(samples, 4, 3, 6), reference=torch.float64)
    finally:
        torch.set_num_threads(before)


def test_the_c_loops_squash_large_and_small_numbers_as_pytorch_does():
    values = torch.cat([torch.linspace(-100, 100, 4001), torch.logspace(-30, 0, 301), torch.tensor([0.0, 1e30, -1e30])])
    lstm = LSTM(1, 1, init="uniform", forget_bias=0.0, backend="native")
    with torch.no_grad():
        lstm.weight_input.fill_(1)
        c = lstm(values[:, None, None])[1][1][:, 0]
        wide = values.double()
        offsets = lstm.bias.double()
        expected = torch.sigmoid(wide + offsets[0]) * torch.tanh(wide + offsets[3])
    torch.testing.assert_close(c.double(), expected, rtol=1e-6, atol=1e-12)


def test_the_c_loops_hide_no_nan():
    inputs = torch.randn(20, 3, 2)
    inputs[7, 1, 0] = torch.nan
    outputs, _ = LSTM(2, 4, backend="native")(inputs)
    missing = outputs.isnan().all(dim=2)
    assert missing[7].tolist() == [False, True, True]
    assert missing.sum() == 2


# The kernels for a GPU.

IN_TRITON_S_INTERPRETER = """
import torch
from lib.models import lstm_backward, lstm_triton

lstm_triton.check(torch.device("cpu"))
torch.manual_seed(0)
steps, hiddens, samples, features = 3, 5, 70, 2

def agree(ours, theirs):
    assert (ours - theirs).abs().max() <= 1e-6 * theirs.abs().max(), (ours, theirs)

for candidate in ("tanh", "sigmoid"):
    weights, packed = torch.randn(20, 8), torch.randn(4, 8, samples)
    shapes = (steps, 20), (steps + 1, hiddens), (steps, hiddens), (20,), (2, hiddens)
    buffers = [torch.randn(*shape, samples) for shape in shapes]
    made = packed.clone(), [buffer.clone() for buffer in buffers]
    lstm_backward._forward(weights, packed, buffers, candidate)
    lstm_triton.forward(weights, made[0], made[1], candidate)
    for ours, theirs in zip((made[0], *made[1][:3]), (packed, *buffers[:3])):
        agree(ours, theirs)
    for d_packed in (None, torch.randn_like(packed)):
        results = []
        for loops in (lstm_triton.backward, lstm_backward._backward):
            d_column, d_weights = torch.ones(hiddens + features, samples), torch.zeros_like(weights)
            d_inputs = torch.empty(steps, features, samples)
            buffers[4][0] = 0.5
            back = weights[:, : hiddens + features].t().contiguous()
            loops(back, packed, d_packed, buffers, candidate, d_column, d_weights, d_inputs)
            results.append([d_column, d_weights, d_inputs, buffers[4][0].clone()])
        for ours, theirs in zip(*results):
            agree(ours, theirs)
print("agreed")
"""


def test_the_triton_kernels_compute_what_the_plain_loops_do():
    pytest.importorskip("triton")
    done = subprocess.run(
        [sys.executable, "-c", IN_TRITON_S_INTERPRETER],
        env={**os.environ, "TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": ""},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.stdout == "agreed\n", done.stderr


def test_a_gpu_backend_runs_on_the_cpu_too():
    lstm = LSTM(2, 4, backend="triton")
    inputs = torch.randn(3, 5, 2)
    outputs, _ = lstm(inputs)
    lstm.backend = "manual"
    assert torch.equal(outputs, lstm(inputs)[0])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("backend", ["fused", "manual", "triton"])
def test_on_a_gpu_the_lstm_equals_that_on_the_cpu(backend):
    torch.manual_seed(0)
    lstm = LSTM(17, 128, init="uniform", backend=backend)
    leaves = problem(20, 40, 17, 128)
    parameters = lstm.weight_input, lstm.weight_hidden, lstm.bias
    expected = [part for parts in everything(lstm, *leaves, parameters) for part in parts]
    lstm = lstm.cuda()
    inputs, state = leaves
    moved = inputs.detach().cuda().requires_grad_(), tuple(p.detach().cuda().requires_grad_() for p in state)
    parameters = lstm.weight_input, lstm.weight_hidden, lstm.bias
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no falling back
        found = [part.cpu() for parts in everything(lstm, *moved, parameters) for part in parts]
    for ours, theirs in zip(found, expected, strict=True):
        assert_close(ours, theirs, 2e-6)  # two machines' rounding


# Initial weights.


def test_the_forget_gate_alone_starts_open():
    for init in ("normal", "orthogonal"):
        i, f, o, g = LSTM(2, 3, init=init).bias.chunk(4)
        assert f.tolist() == [1.0, 1.0, 1.0]
        assert not torch.cat([i, o, g]).any()
    assert not LSTM(2, 3, forget_bias=0.0).bias.any()


@pytest.mark.parametrize("make", [LSTM, RNN])
def test_normal_weights_are_those_of_the_document(make):
    torch.manual_seed(0)
    layer = make(40, 100, init="normal")
    for weight in (layer.weight_input, layer.weight_hidden):
        assert weight.std().item() == pytest.approx(0.01, rel=0.05)
        assert abs(weight.mean().item()) < 0.001


@pytest.mark.parametrize("make", [LSTM, RNN])
def test_orthogonal_recurrent_blocks_keep_lengths(make):
    for block in make(3, 16, init="orthogonal").weight_hidden.split(16):
        torch.testing.assert_close(block @ block.t(), torch.eye(16), atol=1e-5, rtol=0)


@pytest.mark.parametrize("make", [LSTM, RNN])
def test_uniform_weights_fill_pytorchs_range(make):
    torch.manual_seed(0)
    layer = make(40, 64, init="uniform")
    for weight in (layer.weight_input, layer.weight_hidden):
        assert 0.12 < weight.abs().max().item() <= 0.125


# The plain RNN.


@given(
    samples=st.integers(1, 5),
    steps=st.integers(1, 6),
    features=st.integers(1, 4),
    hiddens=st.integers(1, 6),
    state=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_the_rnn_equals_pytorchs(samples, steps, features, hiddens, state):
    torch.manual_seed(0)
    rnn = RNN(features, hiddens, init="orthogonal").double()
    twin = nn.RNN(features, hiddens, batch_first=True).double()
    with torch.no_grad():
        twin.weight_ih_l0.copy_(rnn.weight_input)
        twin.weight_hh_l0.copy_(rnn.weight_hidden)
        twin.bias_ih_l0.copy_(rnn.bias)
        twin.bias_hh_l0.zero_()
    inputs, start = problem(samples, steps, features, hiddens, dtype=torch.float64)
    start = start[0] if state else None
    outputs, h = rnn(inputs, start)
    their_outputs, their_h = twin(inputs, None if start is None else start[None])
    assert_close(outputs.detach(), their_outputs.detach(), 1e-10)
    assert_close(h.detach(), their_h[0].detach(), 1e-10)
    ours = torch.autograd.grad(
        outputs.square().sum() + h.sum(), [inputs, rnn.weight_input, rnn.weight_hidden, rnn.bias]
    )
    theirs = torch.autograd.grad(
        their_outputs.square().sum() + their_h.sum(), [inputs, twin.weight_ih_l0, twin.weight_hh_l0, twin.bias_ih_l0]
    )
    for a, b in zip(ours, theirs, strict=True):
        assert_close(a, b, 1e-10)


def test_gradients_reach_the_first_step_with_orthogonal_weights_and_vanish_with_the_documents():
    reached = {}
    for init in ("normal", "orthogonal"):
        torch.manual_seed(0)
        inputs = torch.randn(8, 40, 17, requires_grad=True)
        _, h = RNN(17, 128, init=init)(inputs)
        (gradient,) = torch.autograd.grad(h.sum(), inputs)
        reached[init] = (gradient[:, 0].norm() / gradient[:, -1].norm()).item()
    assert reached["normal"] < 1e-20
    assert reached["orthogonal"] > 1e-6


# What is refused.


@pytest.mark.parametrize("make", [LSTM, RNN])
@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((5, 3), r"3 dimensions \(samples, steps, 3 features\), got 2: \(5, 3\)"),
        ((5, 6, 2), r"need 3 features .* got \(5, 6, 2\)"),
        ((5, 0, 3), "at least one step"),
    ],
)
def test_wrong_inputs_are_refused_with_the_shape_that_was_expected(make, shape, says):
    with pytest.raises(ValueError, match=says):
        make(3, 4)(torch.randn(*shape))


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (
            (torch.zeros(5, 3), torch.zeros(5, 4)),
            r"initial H needs shape \(samples, hiddens\) = \(5, 4\), got \(5, 3\)",
        ),
        ((torch.zeros(5, 4), torch.zeros(1, 5, 4)), r"initial C needs shape .* got \(1, 5, 4\)"),
        (torch.zeros(5, 4), r"pair \(H, C\)"),
        ((torch.zeros(5, 4),), r"pair \(H, C\)"),
    ],
)
def test_wrong_states_are_refused_with_the_shape_that_was_expected(state, says):
    with pytest.raises(ValueError, match=says):
        LSTM(3, 4)(torch.randn(5, 6, 3), state)
    if not isinstance(state, tuple):
        with pytest.raises(ValueError, match=r"\(5, 4\), got \(4, 5\)"):
            RNN(3, 4)(torch.randn(5, 6, 3), state.t())


@pytest.mark.parametrize("make", [LSTM, RNN])
def test_another_precision_is_refused(make):
    with pytest.raises(ValueError, match="float64"):
        make(3, 4)(torch.randn(5, 6, 3, dtype=torch.float64))


@pytest.mark.parametrize("wrong", [{"candidate": "relu"}, {"init": "zeros"}, {"backend": "cudnn"}])
def test_unknown_choices_are_refused_with_the_known_ones(wrong):
    with pytest.raises(ValueError, match="is one of"):
        LSTM(3, 4, **wrong)
