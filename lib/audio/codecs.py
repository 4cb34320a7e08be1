"""Lossy coding: what is left of sound after MP3 or Opus, through soundfile in memory.

Each takes (B, samples) float32, a bit rate in kbit/s and the rate, as in `lib.audio.noises`. All is coded at 16 kHz,
whatever the rate, so that a bit rate means the same: at others an encoder refuses the low ones. So nothing above
8 kHz is left.
"""

import io
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import soundfile as sf
import torch
import torchaudio.functional as F
from torch import Generator, Tensor

from lib.audio.paces import small_ratio

CODED_AT = 16000  # samples a second
MP3_DELAY = 1105  # samples at 16 kHz: 576 of the encoder and 529 of the decoder
BEHIND = 2048  # zeros after the clip, so that all of it comes out again


def mp3(x: Tensor, strength: float, rate: int, generator: Generator | None, others: Tensor | None) -> Tensor:
    """MP3 (LAME) at the constant bit rate nearest to `strength` kbit/s: 8, 16, 24, …, 64, 80, … 160."""
    # libsndfile counts linearly from 160 kbit/s at 0 to 8 at 1, and refuses 1 itself.
    level = min((160 - strength) / (160 - 8), 0.999)
    return _coded(x, rate, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode="CONSTANT", compression_level=level)


def ogg(x: Tensor, strength: float, rate: int, generator: Generator | None, others: Tensor | None) -> Tensor:
    """Opus in an Ogg file at a variable bit rate of `strength` kbit/s; Ogg's pages take 1 to 2 kbit/s more."""
    # Linear from 256 kbit/s at 0 to 6 at 1.
    return _coded(x, rate, format="OGG", subtype="OPUS", compression_level=(256 - strength) / (256 - 6))


def _coded(x: Tensor, rate: int, **how: object) -> Tensor:
    """Each item written, read again, aligned and as long as before; softer meanwhile if it is beyond ±1: Opus clips."""
    up, down = small_ratio(CODED_AT / rate)
    loudness = x.abs().amax(1, keepdim=True).clamp(min=1)
    sent = F.resample(x / loudness, down, up).cpu()
    sent = torch.nn.functional.pad(sent, (0, BEHIND))
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:  # soundfile lets go of Python's lock
        back = torch.stack(list(pool.map(partial(_there_and_back, **how), sent)))[:, :-BEHIND]
    back = F.resample(back, up, down)[:, : x.shape[1]].to(x.device) * loudness
    return torch.where((x != 0).any(1, keepdim=True), back, x)  # Opus whispers where there was silence


def _there_and_back(wave: Tensor, **how: object) -> Tensor:
    file = io.BytesIO()
    sf.write(file, wave.numpy(), CODED_AT, **how)
    file.seek(0)
    read = torch.from_numpy(sf.read(file, dtype="float32")[0])
    # Below 48 kbit/s an MP3's frames are too small for the note of its delay, so that the decoder leaves it in.
    return read[MP3_DELAY:][: len(wave)] if len(read) > len(wave) else read
