"""The LSTM of `lib.models.recurrent` with its gradient written by hand: same numbers, fewer and larger steps.

What makes it quicker than the loop under autograd, on a CPU:

- Everything is kept *features first*, (features, samples): a gate is then one block of memory, which the
  vector units and the maths library run through several times faster than through a slice of each row.
- h, x and a 1 for the bias lie below each other in one buffer, so one product a step serves U h + W x + b, and
  one product a step all three weight gradients.
- The formulas work in place. Under autograd each small operation makes a new tensor, a node and, going back,
  further tensors.
- The large buffers are kept from batch to batch (`_Buffers`). Fresh memory costs a page fault each 4 KB.
- No gradient is computed for what needs none (the inputs, as a rule).
"""

from collections.abc import Callable
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from lib.models import lstm_native

Loops = Literal["python", "native", "triton"]

MOST_SPARE = 4  # sets of buffers kept; training alternates between two, validation has a shape of its own

_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input  # (d, y) -> d * y * (1 - y), written into grad_input
_tanh_backward = torch.ops.aten.tanh_backward.grad_input  # (d, y) -> d * (1 - y²)


def lstm_manual(
    inputs: Tensor,
    h: Tensor,
    c: Tensor,
    weight_input: Tensor,
    weight_hidden: Tensor,
    bias: Tensor,
    candidate: str,
    loops: Loops = "python",
) -> tuple[Tensor, Tensor, Tensor]:
    """What `lib.models.recurrent.lstm_fused` computes, with a hand-written gradient (and no second one).

    Under autocast it keeps to the weights' precision. `loops` other than those of
    Python are for float32 on a CPU ("native") or a GPU ("triton"); elsewhere those of Python run.
    """
    tensors = inputs, h, c, weight_input, weight_hidden, bias
    if torch.is_autocast_enabled(inputs.device.type):
        with torch.autocast(inputs.device.type, enabled=False):
            packed, h, c = _ManualLSTM.apply(*(t.to(weight_hidden.dtype) for t in tensors), candidate, loops)
    else:
        packed, h, c = _ManualLSTM.apply(*tensors, candidate, loops)
    return packed[1:, : h.shape[1]].permute(2, 0, 1), h, c


class _Buffers:
    """Buffers of one pass; they return to the spare ones when the graph that needs them is gone."""

    _spare: ClassVar[dict[int, tuple]] = {}  # oldest first; single dict operations are safe between threads

    def __init__(self, steps: int, hiddens: int, samples: int, like: Tensor) -> None:
        self._key = (steps, hiddens, samples, like.dtype)
        self._keep = like.device.type == "cpu"  # elsewhere PyTorch keeps freed memory itself
        self.tensors = self._take() if self._keep else None
        if self.tensors is None:
            shapes = (
                (steps, 4 * hiddens, samples),  # gates after their sigmoid or tanh
                (steps + 1, hiddens, samples),  # c, the initial one first
                (steps, hiddens, samples),  # tanh(c)
                (4 * hiddens, samples),  # gradient at the gates of one step
                (2, hiddens, samples),  # gradient of c, and room for a product
            )
            with torch.inference_mode(False):  # training could not write into tensors of inference mode
                self.tensors = tuple(torch.empty(shape, dtype=like.dtype, device=like.device) for shape in shapes)

    def _take(self) -> tuple[Tensor, ...] | None:
        for token, (key, _) in list(self._spare.items()):
            taken = self._spare.pop(token, None) if key == self._key else None
            if taken is not None:
                return taken[1]
        return None

    def __del__(self) -> None:
        if self._keep:
            self._spare[id(self.tensors)] = (self._key, self.tensors)
            for token in list(self._spare)[:-MOST_SPARE]:
                self._spare.pop(token, None)


class _ManualLSTM(torch.autograd.Function):
    """(packed, last h, last c) of inputs, h, c, weights and candidate; packed[t] holds h before step t, x and 1."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        inputs: Tensor,
        h: Tensor,
        c: Tensor,
        w: Tensor,
        u: Tensor,
        b: Tensor,
        candidate: str,
        loops: Loops,
    ) -> tuple[Tensor, Tensor, Tensor]:
        samples, steps, features = inputs.shape
        hiddens = h.shape[1]
        weights = torch.cat([u, w, b[:, None]], dim=1)
        packed = inputs.new_empty(steps + 1, hiddens + features + 1, samples)
        packed[0, :hiddens] = h.t()
        packed[:steps, hiddens:-1] = inputs.permute(1, 2, 0)
        packed[steps, hiddens:-1] = 0  # the last row holds h alone
        packed[:, -1] = 1
        buffers = _Buffers(steps, hiddens, samples, inputs)
        cells = buffers.tensors[1]
        cells[0] = c.t()

        run, ctx.back = _loops(loops, packed)
        run(weights, packed, buffers.tensors, candidate)

        ctx.save_for_backward(packed, weights)
        ctx.set_materialize_grads(False)  # outputs that the loss does not use bring no gradient of zeros
        ctx.buffers, ctx.candidate = buffers, candidate
        return packed, packed[steps, :hiddens].t().clone(), cells[steps].t().clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, d_packed: Tensor | None, d_h: Tensor | None, d_c: Tensor | None) -> tuple:
        packed, weights = ctx.saved_tensors
        buffers = ctx.buffers.tensors
        steps, hiddens, samples = buffers[2].shape
        features = packed.shape[1] - hiddens - 1
        wants_inputs, wants_h, wants_c, *wants_weights = ctx.needs_input_grad[:6]

        # Back through the product come the gradient of h and, where it is wanted, that of x below it.
        back = weights[:, : hiddens + features if wants_inputs else hiddens].t().contiguous()
        d_column = packed.new_zeros(len(back), samples)
        if d_h is not None:
            d_column[:hiddens] = d_h.t()
        dc = buffers[4][0]
        dc.zero_() if d_c is None else dc.copy_(d_c.t())
        d_weights = torch.zeros_like(weights) if any(wants_weights) else None
        d_inputs = packed.new_empty(steps, features, samples) if wants_inputs else None

        ctx.back(back, packed, d_packed, buffers, ctx.candidate, d_column, d_weights, d_inputs)

        return (
            d_inputs.permute(2, 0, 1) if wants_inputs else None,
            d_column[:hiddens].t() if wants_h else None,
            dc.t().clone() if wants_c else None,  # dc's memory is used again
            d_weights[:, hiddens:-1] if wants_weights[0] else None,
            d_weights[:, :hiddens] if wants_weights[1] else None,
            d_weights[:, -1] if wants_weights[2] else None,
            None,
            None,
        )


def _loops(name: Loops, like: Tensor) -> tuple[Callable, Callable]:
    """Forward and backward for tensors such as `like`."""
    if like.dtype == torch.float32:
        if name == "native" and like.device.type == "cpu":
            return lstm_native.forward, lstm_native.backward
        if name == "triton" and like.is_cuda:
            from lib.models import lstm_triton  # Triton is not everywhere

            return lstm_triton.forward, lstm_triton.backward
    return _forward, _backward


def _forward(weights: Tensor, packed: Tensor, buffers: tuple[Tensor, ...], candidate: str) -> None:
    """All steps. Fills gates, cells, tanh of cells, and the rows of `packed` that hold h."""
    gates, cells, tanh_cells = buffers[:3]
    hiddens = cells.shape[1]
    smooth = 3 * hiddens if candidate == "tanh" else 4 * hiddens
    i, f, o, g = (block.unbind() for block in gates.split(hiddens, dim=1))
    column, hidden, cell = packed.unbind(), packed[:, :hiddens].unbind(), cells.unbind()
    for t, (gate, tanh_cell) in enumerate(zip(gates.unbind(), tanh_cells.unbind(), strict=True)):
        torch.mm(weights, column[t], out=gate)
        gate[:smooth].sigmoid_()
        if candidate == "tanh":
            g[t].tanh_()
        torch.mul(f[t], cell[t], out=cell[t + 1]).addcmul_(i[t], g[t])
        torch.tanh(cell[t + 1], out=tanh_cell)
        torch.mul(o[t], tanh_cell, out=hidden[t + 1])


def _backward(
    back: Tensor,
    packed: Tensor,
    d_packed: Tensor | None,
    buffers: tuple[Tensor, ...],
    candidate: str,
    d_column: Tensor,
    d_weights: Tensor | None,
    d_inputs: Tensor | None,
) -> None:
    """All steps, last first.

    `d_column` starts with the gradient of the last h and ends with that of the initial one; so does the gradient
    of c among the buffers. Adds to `d_weights`, fills `d_inputs` (steps, features, samples), where they are given.
    """
    gates, cells, tanh_cells, d_gates, (dc, room) = buffers
    hiddens = cells.shape[1]
    dh = d_column[:hiddens]
    smooth = 3 * hiddens if candidate == "tanh" else 4 * hiddens
    i, f, o, g = (block.unbind() for block in gates.split(hiddens, dim=1))
    di, df, do, dg = d_gates.split(hiddens)
    cell, tanh_cell, rows = cells.unbind(), tanh_cells.unbind(), packed.mT.unbind()
    for t in reversed(range(len(gates))):
        if d_packed is not None:
            dh += d_packed[t + 1, :hiddens]
        torch.mul(dh, tanh_cell[t], out=do)
        torch.mul(dh, o[t], out=room)
        dc += _tanh_backward(room, tanh_cell[t], grad_input=room)
        torch.mul(dc, g[t], out=di)
        torch.mul(dc, cell[t], out=df)
        torch.mul(dc, i[t], out=dg)
        dc *= f[t]
        _sigmoid_backward(d_gates[:smooth], gates[t, :smooth], grad_input=d_gates[:smooth])
        if candidate == "tanh":
            _tanh_backward(dg, g[t], grad_input=dg)
        if d_weights is not None:  # now, while the step is in the cache
            d_weights.addmm_(d_gates, rows[t])
        torch.mm(back, d_gates, out=d_column)
        if d_inputs is not None:
            d_inputs[t] = d_column[hiddens:]
