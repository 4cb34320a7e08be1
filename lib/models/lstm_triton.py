"""The loops of `lib.models.lstm_backward` for a GPU: the elementwise work of a step is one Triton kernel.

On a GPU a step is so small that starting its kernels costs more than running them. Here a step forward starts two
(product, kernel) instead of seven, a step backward two instead of twelve, and the weight gradients are one product
of all steps at the end. `torch.cuda.make_graphed_callables` records them and removes what starting costs.
(Triton: Tillet, Kung & Cox 2019, doi:10.1145/3315508.3329973.)
"""

# ruff: noqa: ANN001, ANN202 (kernels take Triton's own types)

from functools import cache

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 256  # numbers a program works on


@triton.jit
def _sigmoid(x):
    return 1 / (1 + tl.exp(-x))


@triton.jit
def _tanh(x):
    # 1 - 2 / (e^2x + 1) loses digits near 0, where the series x - x³/3 + 2x⁵/15 - 17x⁷/315 is exact to rounding.
    y = x * x
    near = x * (1 + y * (-1 / 3 + y * (2 / 15 - y * (17 / 315))))
    return tl.where(tl.abs(x) < 0.1, near, 1 - 2 / (tl.exp(2 * x) + 1))


@triton.jit
def _step(gate, before, after, tanh_after, h, size, SIGMOID: tl.constexpr, WIDTH: tl.constexpr):
    """Gates (in place), c, tanh(c) and h of one step; each block of `size` numbers is contiguous."""
    at = tl.program_id(0) * WIDTH + tl.arange(0, WIDTH)
    inside = at < size
    i = _sigmoid(tl.load(gate + at, inside))
    f = _sigmoid(tl.load(gate + size + at, inside))
    o = _sigmoid(tl.load(gate + 2 * size + at, inside))
    g = tl.load(gate + 3 * size + at, inside)
    g = _sigmoid(g) if SIGMOID else _tanh(g)
    c = f * tl.load(before + at, inside) + i * g
    tanh_c = _tanh(c)
    tl.store(gate + at, i, inside)
    tl.store(gate + size + at, f, inside)
    tl.store(gate + 2 * size + at, o, inside)
    tl.store(gate + 3 * size + at, g, inside)
    tl.store(after + at, c, inside)
    tl.store(tanh_after + at, tanh_c, inside)
    tl.store(h + at, o * tanh_c, inside)


@triton.jit
def _step_back(
    gate,
    before,
    tanh_after,
    dh,
    extra,
    d_cell,
    d_gate,
    size,
    EXTRA: tl.constexpr,
    SIGMOID: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """Gradient at the gates of one step, and that of c one step earlier (in place)."""
    at = tl.program_id(0) * WIDTH + tl.arange(0, WIDTH)
    inside = at < size
    i, f = tl.load(gate + at, inside), tl.load(gate + size + at, inside)
    o, g = tl.load(gate + 2 * size + at, inside), tl.load(gate + 3 * size + at, inside)
    tanh_c = tl.load(tanh_after + at, inside)
    d_h = tl.load(dh + at, inside)
    if EXTRA:
        d_h += tl.load(extra + at, inside)
    d_c = tl.load(d_cell + at, inside) + d_h * o * (1 - tanh_c * tanh_c)
    tl.store(d_gate + at, d_c * g * i * (1 - i), inside)
    tl.store(d_gate + size + at, d_c * tl.load(before + at, inside) * f * (1 - f), inside)
    tl.store(d_gate + 2 * size + at, d_h * tanh_c * o * (1 - o), inside)
    tl.store(d_gate + 3 * size + at, d_c * i * (g * (1 - g) if SIGMOID else 1 - g * g), inside)
    tl.store(d_cell + at, d_c * f, inside)


def forward(weights: Tensor, packed: Tensor, buffers: tuple[Tensor, ...], candidate: str) -> None:
    """All steps; arguments as in `lstm_backward`."""
    gates, cells, tanh_cells = buffers[:3]
    size = cells[0].numel()
    grid = (triton.cdiv(size, BLOCK),)
    column, cell = packed.unbind(), cells.unbind()
    hidden = packed[:, : cells.shape[1]].unbind()
    for t, (gate, tanh_cell) in enumerate(zip(gates.unbind(), tanh_cells.unbind(), strict=True)):
        torch.mm(weights, column[t], out=gate)
        _step[grid](gate, cell[t], cell[t + 1], tanh_cell, hidden[t + 1], size, candidate == "sigmoid", BLOCK)


def backward(
    back: Tensor,
    packed: Tensor,
    d_packed: Tensor | None,
    buffers: tuple[Tensor, ...],
    candidate: str,
    d_column: Tensor,
    d_weights: Tensor | None,
    d_inputs: Tensor | None,
) -> None:
    """All steps, last first; arguments as in `lstm_backward`."""
    gates, cells, tanh_cells, _, (dc, _) = buffers
    hiddens, size = cells.shape[1], cells[0].numel()
    grid = (triton.cdiv(size, BLOCK),)
    d_gates = torch.empty_like(gates)  # of all steps, for the product at the end
    extra = None if d_packed is None else d_packed.contiguous()[1:].unbind()
    gate, cell, tanh_cell, d_gate = gates.unbind(), cells.unbind(), tanh_cells.unbind(), d_gates.unbind()
    for t in reversed(range(len(gates))):
        more = d_column if extra is None else extra[t]
        _step_back[grid](
            gate[t], cell[t], tanh_cell[t], d_column, more, dc, d_gate[t], size,
            extra is not None, candidate == "sigmoid", BLOCK,
        )  # fmt: skip
        torch.mm(back, d_gate[t], out=d_column)
        if d_inputs is not None:
            d_inputs[t] = d_column[hiddens:]
    if d_weights is not None:
        d_weights += torch.bmm(d_gates, packed[:-1].mT).sum(0)


@cache
def check(device: torch.device) -> None:
    """Run a small problem on a device and compare with PyTorch's own operations. Raises `RuntimeError`."""
    generator = torch.Generator().manual_seed(0)
    gates = torch.randn(1, 12, 5, generator=generator).to(device)
    packed, cells = torch.zeros(2, 4, 5, device=device), torch.randn(2, 3, 5, generator=generator).to(device)
    packed[0, :3] = torch.randn(3, 5, generator=generator).to(device)
    tanh_cells, weights = torch.empty(1, 3, 5, device=device), torch.randn(12, 4, generator=generator).to(device)
    i, f, o, g = (weights @ packed[0]).chunk(4)
    expected = torch.sigmoid(f) * cells[0] + torch.sigmoid(i) * torch.tanh(g)
    try:
        forward(weights, packed, (gates, cells, tanh_cells), "tanh")
        wrong = (packed[1, :3] - torch.sigmoid(o) * torch.tanh(expected)).abs().max().item()
    except Exception as error:  # Triton's compiler and driver have no base class of their own
        raise RuntimeError(f"Triton failed: {error}") from error
    if not wrong < 1e-5:
        raise RuntimeError(f"Triton's kernel is off by {wrong:.1e}")
