"""The accelerator of a training: which device, how many processes, which precision."""

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from torch import nn


def accelerator_for(mixed_precision: str, device: str | None) -> Accelerator:
    """An `Accelerator` with these settings.

    On a CPU without instructions for bfloat16 (oneDNN has none below AVX-512) "bf16" becomes "no": emulated, a step
    takes ten times as long, and an LSTM fails.

    accelerate keeps one state a Python process and refuses to change it, which would make a second training with
    other settings impossible in a notebook; so that state is made anew.

    Raises
    ------
    ValueError
        For a device that is not there, or fp16 on a CPU.
    """
    wanted = None if device is None else torch.device(device)
    if wanted is not None and wanted.type == "cuda" and (wanted.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device={device!r}: PyTorch sees {torch.cuda.device_count()} CUDA devices on this machine")
    if AcceleratorState._shared_state:
        AcceleratorState._reset_state(reset_partial_state=PartialState().num_processes == 1)
    # First the device, and the process group where a launcher asks for one; the precision depends on them.
    found = Accelerator(mixed_precision="no", cpu=wanted is not None and wanted.type == "cpu")
    chosen = wanted if wanted is not None and found.num_processes == 1 else found.device
    if mixed_precision == "fp16" and chosen.type == "cpu":
        raise ValueError('mixed_precision="fp16" needs a GPU; on a CPU take "no" or "bf16"')
    if mixed_precision == "bf16" and chosen.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        mixed_precision = "no"
    if mixed_precision == "no" and chosen == found.device:
        return found
    AcceleratorState._reset_state()
    PartialState().device = chosen
    return Accelerator(mixed_precision=mixed_precision, cpu=chosen.type == "cpu")


def unwrap(accelerator: Accelerator, wrapped: nn.Module, model: nn.Module) -> None:
    """Take away all that `prepare_model` put around or into the model, so that it can be prepared again."""
    accelerator.unwrap_model(wrapped, keep_fp32_wrapper=False)
    own = vars(model)
    for name in ("_is_accelerate_prepared", "_original_forward"):
        own.pop(name, None)
    if "forward" in own and getattr(own["forward"], "__func__", None) is type(model).forward:
        del own["forward"]  # the class's method, put back as an attribute of the instance


def share_buffers(accelerator: Accelerator, model: nn.Module) -> None:
    """Give all processes the main one's buffers (running means of batch norm), so that all evaluate one model."""
    if accelerator.num_processes > 1:
        for buffer in model.buffers():
            torch.distributed.broadcast(buffer, 0)
