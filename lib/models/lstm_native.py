"""The loops of `lib.models.lstm_backward` in C, for a CPU whose PyTorch has MKL and a machine with a C compiler.

Two things that Python can't do here: all elementwise work of a step in one sweep, numbers in registers; and each
thread on its own share of the samples through *all* steps, so that threads meet twice a batch, not hundreds of
times. (That matters most where other programs want the cores.) The products are still MKL's, the ones PyTorch uses.

`cc` builds the 100 lines below in about a second, once a machine: the library stays in the user's cache folder.
"""

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp", "-shared", "-fPIC")

SOURCE = r"""
#include <math.h>
#include <string.h>

typedef void sgemm_t(const char *, const char *, const int *, const int *, const int *, const float *, const float *,
                     const int *, const float *, const int *, const float *, float *, const int *);

/* c (m, n) = a (m, k) b (k, n) + keep * c, all row by row; BLAS counts by columns, so it sees everything turned. */
static void multiply(sgemm_t *sgemm, int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                     char turn_b, float keep, float *c, int ldc) {
    const float one = 1;
    sgemm(turn_b ? "T" : "N", "N", &n, &m, &k, &one, b, &ldb, a, &lda, &keep, c, &ldc);
}

/* e^x - 1 = 2^n (e^r - 1) + (2^n - 1) with |r| <= log(2) / 2, where the series ends within float's rounding. */
static inline float expm1_(float x) {
    x = x > 80 ? 80 : x;
    x = x < -80 ? -80 : x;
    float n = rintf(x * 1.44269504f);
    float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.f / 5040;
    p = p * r + 1.f / 720;
    p = p * r + 1.f / 120;
    p = p * r + 1.f / 24;
    p = p * r + 1.f / 6;
    p = p * r + 0.5f;
    p = p * r * r + r;
    int bits = ((int)n + 127) << 23;
    float power;
    memcpy(&power, &bits, 4);
    return power * p + (power - 1);
}
static inline float sigmoid_(float x) { return 1 / (2 + expm1_(-x)); }
static inline float tanh_(float x) { float e = expm1_(2 * x); return e / (e + 2); }

/* The samples first..last of thread number `thread`, multiples of 16 where there are enough. */
static void share(int samples, int threads, int thread, int *first, int *last) {
    int width = (samples + threads - 1) / threads;
    if (samples >= 16 * threads) width = (width + 15) / 16 * 16;
    *first = thread * width < samples ? thread * width : samples;
    *last = *first + width < samples ? *first + width : samples;
}

void forward(sgemm_t *sgemm, int threads, int steps, int samples, int hiddens, int rows, int sigmoid_candidate,
             const float *weights, float *packed, float *gates, float *cells, float *tanh_cells) {
    const long block = (long)hiddens * samples;
    #pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int thread = 0; thread < threads; thread++) {
        int first, last;
        share(samples, threads, thread, &first, &last);
        if (first == last) continue;
        for (int t = 0; t < steps; t++) {
            float *gate = gates + 4 * t * block, *column = packed + (long)t * rows * samples;
            multiply(sgemm, 4 * hiddens, last - first, rows, weights, rows, column + first, samples, 0, 0,
                     gate + first, samples);
            for (int unit = 0; unit < hiddens; unit++) {
                const long at = (long)unit * samples;
                float *restrict i = gate + at, *restrict f = i + block;
                float *restrict o = f + block, *restrict g = o + block;
                const float *restrict before = cells + t * block + at;
                float *restrict c = cells + (t + 1) * block + at, *restrict tc = tanh_cells + t * block + at;
                float *restrict h = column + (long)rows * samples + at;
                #pragma omp simd
                for (int s = first; s < last; s++) {
                    i[s] = sigmoid_(i[s]);
                    f[s] = sigmoid_(f[s]);
                    o[s] = sigmoid_(o[s]);
                    g[s] = sigmoid_candidate ? sigmoid_(g[s]) : tanh_(g[s]);
                    c[s] = f[s] * before[s] + i[s] * g[s];
                    tc[s] = tanh_(c[s]);
                    h[s] = o[s] * tc[s];
                }
            }
        }
    }
}

/* d_packed, d_weights and d_inputs may be null; d_weights holds one matrix a thread. */
void backward(sgemm_t *sgemm, int threads, int steps, int samples, int hiddens, int rows, int sigmoid_candidate,
              int back_rows, const float *back, const float *packed, const float *d_packed, const float *gates,
              const float *cells, const float *tanh_cells, float *d_gates, float *dc_, float *d_column,
              float *d_weights, float *d_inputs) {
    const long block = (long)hiddens * samples;
    #pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int thread = 0; thread < threads; thread++) {
        int first, last;
        share(samples, threads, thread, &first, &last);
        if (first == last) continue;
        for (int t = steps - 1; t >= 0; t--) {
            for (int unit = 0; unit < hiddens; unit++) {
                const long at = (long)unit * samples;
                const float *restrict i = gates + 4 * t * block + at, *restrict f = i + block;
                const float *restrict o = f + block, *restrict g = o + block;
                const float *restrict before = cells + t * block + at, *restrict tc = tanh_cells + t * block + at;
                const float *restrict extra = d_packed ? d_packed + (t + 1L) * rows * samples + at : d_column + at;
                float *restrict di = d_gates + at, *restrict df = di + block, *restrict do_ = df + block;
                float *restrict dg = do_ + block, *restrict dc = dc_ + at;
                const float *restrict dh_ = d_column + at;
                const float use_extra = d_packed ? 1 : 0;
                #pragma omp simd
                for (int s = first; s < last; s++) {
                    float dh = dh_[s] + use_extra * extra[s];
                    float d = dc[s] + dh * o[s] * (1 - tc[s] * tc[s]);
                    do_[s] = dh * tc[s] * o[s] * (1 - o[s]);
                    di[s] = d * g[s] * i[s] * (1 - i[s]);
                    df[s] = d * before[s] * f[s] * (1 - f[s]);
                    dg[s] = d * i[s] * (sigmoid_candidate ? g[s] * (1 - g[s]) : 1 - g[s] * g[s]);
                    dc[s] = d * f[s];
                }
            }
            if (d_weights)
                multiply(sgemm, 4 * hiddens, rows, last - first, d_gates + first, samples,
                         packed + (long)t * rows * samples + first, samples, 1, 1,
                         d_weights + (long)thread * 4 * hiddens * rows, rows);
            multiply(sgemm, back_rows, last - first, 4 * hiddens, back, 4 * hiddens, d_gates + first, samples, 0, 0,
                     d_column + first, samples);
            if (d_inputs)
                for (int row = hiddens; row < back_rows; row++)
                    memcpy(d_inputs + ((long)t * (back_rows - hiddens) + row - hiddens) * samples + first,
                           d_column + (long)row * samples + first, (last - first) * sizeof(float));
        }
    }
}
"""


@cache
def library() -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    """The built library and the address of MKL's `sgemm` inside PyTorch. Raises `RuntimeError` where there is none."""
    try:
        sgemm = ctypes.cast(
            ctypes.CDLL(str(Path(torch.__file__).parent / "lib/libtorch_cpu.so")).sgemm_, ctypes.c_void_p
        )
    except (OSError, AttributeError):
        raise RuntimeError("this PyTorch offers no sgemm (it has none of MKL)") from None
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise RuntimeError("no C compiler was found (cc, gcc or clang)")
    return ctypes.CDLL(str(_build(compiler))), sgemm


def _build(compiler: str) -> Path:
    """Compile `SOURCE` unless this machine's cache has it; lands atomically."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "engineering-notes"
    # -march=native means another library on another processor.
    processor = Path("/proc/cpuinfo").read_text().partition("\n\n")[0] if Path("/proc/cpuinfo").exists() else ""
    flags = "\n".join(line for line in processor.splitlines() if line.startswith(("model", "flags")))
    name = hashlib.sha256("\n".join((SOURCE, compiler, *FLAGS, flags)).encode()).hexdigest()[:16]
    target = folder / f"lstm_{name}.so"
    if target.exists():
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as workplace:
            source, made = Path(workplace) / "lstm.c", Path(workplace) / "lstm.so"
            source.write_text(SOURCE)
            command = [compiler, *FLAGS, str(source), "-o", str(made), "-lm"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=120)
            if done.returncode:
                raise RuntimeError(f"the C compiler failed: {done.stderr.strip()[-500:]}")
            os.replace(made, target)
    except (OSError, subprocess.SubprocessError) as error:
        raise RuntimeError(f"the C loops could not be built: {error}") from error
    return target


def _address(tensor: Tensor | None) -> ctypes.c_void_p:
    if tensor is not None and (not tensor.is_contiguous() or tensor.dtype != torch.float32 or tensor.is_cuda):
        raise ValueError("the C loops take contiguous float32 tensors on the CPU")
    return ctypes.c_void_p(None if tensor is None else tensor.data_ptr())


def forward(weights: Tensor, packed: Tensor, buffers: tuple[Tensor, ...], candidate: str) -> None:
    """All steps; arguments as in `lstm_backward`."""
    c_library, sgemm = library()
    gates, cells, tanh_cells = buffers[:3]
    steps, hiddens, samples = tanh_cells.shape
    c_library.forward(
        sgemm, torch.get_num_threads(), steps, samples, hiddens, packed.shape[1], int(candidate == "sigmoid"),
        *map(_address, (weights, packed, gates, cells, tanh_cells)),
    )  # fmt: skip


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
    c_library, sgemm = library()
    gates, cells, tanh_cells, d_gates, (dc, _) = buffers
    steps, hiddens, samples = tanh_cells.shape
    threads = torch.get_num_threads()
    shares = None if d_weights is None else torch.zeros(threads, *d_weights.shape)
    d_packed = None if d_packed is None else d_packed.contiguous()
    c_library.backward(
        sgemm, threads, steps, samples, hiddens, packed.shape[1], int(candidate == "sigmoid"), len(back),
        *map(_address, (back, packed, d_packed, gates, cells, tanh_cells, d_gates, dc, d_column, shares, d_inputs)),
    )  # fmt: skip
    if d_weights is not None:
        d_weights += shares.sum(0)
