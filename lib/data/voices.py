"""Voice-like tones made by code, for the stand-ins of the speech sets. They say nothing and come from nobody."""

from typing import TYPE_CHECKING

from lib.data.speech import RATE

if TYPE_CHECKING:
    import numpy as np

PITCH = {"F": 210.0, "M": 120.0}  # Hz, of a voice at rest


def made_up_voice(rng: "np.random.Generator", seconds: float, sex: str, arousal: float, valence: float) -> "np.ndarray":
    """A harmonic tone in syllables, (seconds · 16,000,) int16.

    The higher `arousal` (−1 to 1), the higher, livelier, louder and brighter; `valence` (−1 to 1) bends the melody up
    or down. Everything else differs from call to call, so that the two are only likely from the sound, not certain.
    """
    import numpy as np

    time = np.arange(round(seconds * RATE)) / RATE
    syllables = rng.uniform(3.0, 4.5) * (1 + 0.2 * arousal)  # a second
    beat = 2 * np.pi * syllables * time + rng.uniform(0, 2 * np.pi)
    pitch = PITCH[sex] * (1 + 0.35 * arousal) * np.exp(rng.normal(0, 0.12))
    melody = 1 + (0.06 + 0.05 * arousal) * np.sin(beat) + 0.1 * valence * (time / time[-1] - 0.5)
    phase = 2 * np.pi * np.cumsum(pitch * melody) / RATE
    tilt = 1.6 - 0.5 * arousal + rng.normal(0, 0.15)  # how fast the harmonics fall off
    turn, harmonic, voice = np.exp(1j * phase), 1.0, np.zeros(len(time))
    for k in range(1, int(4000 / pitch)):
        harmonic = harmonic * turn  # exp(i k phase): far quicker than a sine for each harmonic
        voice += harmonic.imag / k**tilt
    loudness = 0.15 * np.exp(0.8 * arousal + rng.normal(0, 0.35))
    sound = loudness * np.clip(np.sin(beat), 0.05, 1) * voice / np.abs(voice).max()
    sound += rng.normal(0, 0.002, len(time))
    return np.round(32767 * np.clip(sound, -1, 1)).astype(np.int16)
