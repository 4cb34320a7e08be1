"""Music made by code, for the stand-in of a set of music. It says nothing and comes from nobody."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lib.data.music import RATE

if TYPE_CHECKING:
    import numpy as np

_CHORDS = (0, 5, 7, 0)  # semitones above the key, each for four beats
_HARMONICS = 6


@dataclass(frozen=True)
class _Style:
    tempo: float  # beats a minute
    tilt: float  # how fast the harmonics fall off
    ring: float  # seconds in which a chord fades to 1/e
    drum: float
    snare: float
    hiss: float
    drive: float = 0.0  # distortion


STYLES = {
    "classical": _Style(76, 1.8, 0.9, 0.0, 0.0, 0.0),
    "electronic": _Style(126, 1.0, 0.15, 1.2, 0.2, 0.5),
    "pop": _Style(104, 1.4, 0.35, 0.6, 0.5, 0.2),
    "rock": _Style(140, 0.9, 0.5, 0.5, 0.8, 0.2, drive=5.0),
}


def made_up_music(
    rng: "np.random.Generator", seconds: float, genre: str, arousal: float, valence: float
) -> "np.ndarray":
    """Chords and drums on a steady beat, (seconds · 22,050,) float32.

    The genre, a key of `STYLES`, sets the tempo, the spectrum and the drums. The higher `arousal` (−1 to 1), the
    quicker and louder; the higher `valence` (−1 to 1), the more likely it is in major. Everything else differs from
    call to call.
    """
    import numpy as np

    style = STYLES[genre]
    time = np.arange(round(seconds * RATE)) / RATE
    tempo = style.tempo * (1 + 0.2 * arousal) * np.exp(rng.normal(0, 0.04))
    beats = time * tempo / 60
    number = beats.astype(int)
    since, since_half = (beats - number) * 60 / tempo, (2 * beats % 1) * 30 / tempo  # seconds
    key = 45 + rng.integers(12) + np.asarray(_CHORDS)[number // 4 % len(_CHORDS)]  # as MIDI counts notes
    third = 4 if valence + rng.normal(0, 0.3) > 0 else 3
    tilt = style.tilt + rng.normal(0, 0.15)
    chord = np.zeros(len(time))
    for interval in (0, third, 7):
        turn, harmonic = np.exp(2j * np.pi * np.cumsum(440 * 2 ** ((key + interval - 69) / 12)) / RATE), 1.0
        for k in range(1, _HARMONICS + 1):
            harmonic = harmonic * turn  # exp(i k phase): far quicker than a sine for each harmonic
            chord += harmonic.imag / k**tilt
    sound = chord * np.exp(-since / style.ring)
    if style.drive:
        sound = 2 * np.tanh(style.drive * sound)
    noise = rng.normal(size=len(time))
    sound += 3 * style.drum * np.sin(2 * np.pi * 55 * since) * np.exp(-since / 0.1)
    sound += 2 * style.snare * noise * np.exp(-since / 0.08) * (number % 2)
    sound += style.hiss * np.diff(noise, prepend=0) * np.exp(-since_half / 0.03)
    loudness = 0.12 * np.exp(0.7 * arousal + rng.normal(0, 0.15))
    sound *= loudness / np.sqrt(np.mean(sound**2))
    return np.clip(sound + rng.normal(0, 0.001, len(time)), -1, 1).astype(np.float32)
