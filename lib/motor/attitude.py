"""Which way is up: a gyroscope and an accelerometer, and two ways to make one angle of both.

A gyroscope tells how fast an angle changes, with a bias that wanders, so that its integral drifts. An accelerometer
feels gravity and so the angle itself, but also each push of what it is mounted on. Both filters follow the gyroscope
for a while and the accelerometer in the long run. SI units, angles in rad; one axis.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

GRAVITY = 9.81  # m/s²
RATE = 500  # readings a second


@dataclass(frozen=True)
class Imu:
    """The faults of a gyroscope and an accelerometer; typical of cheap ones.

    Parameters
    ----------
    gyro_noise : density in rad/s/√Hz. bias : standard deviation of the gyroscope's bias at the start, in rad/s.
    bias_walk : how fast it wanders, in rad/s/√s. accelerometer_noise : density in m/s²/√Hz. rate : readings a second.
    """

    gyro_noise: float = 1e-4
    bias: float = 0.01
    bias_walk: float = 5e-4
    accelerometer_noise: float = 2e-3
    rate: int = RATE

    def __post_init__(self) -> None:
        if not 0 < self.rate < math.inf:
            raise ValueError(f"Imu: rate is more than zero and finite; got {self.rate}")
        for name in ("gyro_noise", "bias", "bias_walk", "accelerometer_noise"):
            if not 0 <= (value := getattr(self, name)) < math.inf:
                raise ValueError(f"Imu: {name} is zero or more and finite; got {value}")

    def errors(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """What is added to n readings: (n,) of the gyroscope in rad/s, (n, 2) of the accelerometer in m/s²."""
        walk = np.cumsum(rng.normal(size=n)) * self.bias_walk / math.sqrt(self.rate)
        bias = self.bias * rng.normal() + walk
        white = math.sqrt(self.rate)
        gyro = bias + self.gyro_noise * white * rng.normal(size=n)
        return gyro, self.accelerometer_noise * white * rng.normal(size=(n, 2))


def smooth_noise(n: int, rate: float, cutoff: float, rng: np.random.Generator) -> np.ndarray:
    """(n,) random numbers with standard deviation 1 that change with frequencies below about `cutoff` Hz.

    Raises `ValueError` unless 0 < cutoff < rate / 2, both in Hz.
    """
    if not 0 < cutoff < rate / 2 < math.inf:
        raise ValueError(f"smooth_noise: the cutoff lies between 0 and half the rate; got {cutoff} Hz at {rate} Hz")
    from scipy.signal import butter, sosfilt

    sections = butter(2, cutoff, fs=rate, output="sos")
    ahead = math.ceil(3 * rate / cutoff)  # until the filter has forgotten that it began at rest
    drawn = sosfilt(sections, rng.normal(size=n + ahead))[ahead:]
    # The standard deviation that the filter gives to white noise, from its response to a single 1.
    single = sosfilt(sections, np.r_[1.0, np.zeros(ahead)])
    return drawn / math.sqrt(float(single @ single))


def felt_angle(angle: np.ndarray, push: np.ndarray, error: np.ndarray) -> np.ndarray:
    """The angle in rad that an accelerometer takes for the truth: what it feels as up is gravity and push together.

    Parameters
    ----------
    angle : (n,) true angle. push : (n,) horizontal acceleration in m/s², towards the
        side of positive angles. error : (n, 2) along and across, in m/s².
    """
    along = GRAVITY * np.sin(angle) - push * np.cos(angle) + error[:, 0]
    across = GRAVITY * np.cos(angle) + push * np.sin(angle) + error[:, 1]
    return np.arctan2(along, across)


class Filter(Protocol):
    """Makes one angle of readings: `update(rate in rad/s, felt angle in rad)` gives the angle in rad."""

    angle: float
    bias: float

    def update(self, rate: float, felt: float) -> float: ...


class Complementary:
    """The gyroscope's high frequencies and the accelerometer's low ones, which add up to all of them.

    See Mahony et al. 2008, doi:10.1109/TAC.2008.923738, for three axes. A bias b of the gyroscope stays in the angle
    as b · `time_constant`.

    Parameters
    ----------
    step : time from one reading to the next in s. time_constant : in s; faster is the gyroscope's.
    """

    def __init__(self, step: float, time_constant: float) -> None:
        if not (0 < step < math.inf and 0 < time_constant < math.inf):  # NaN is not, either
            raise ValueError("step and time_constant are more than zero seconds, and finite")
        self.step, self.keep = step, time_constant / (time_constant + step)
        self.angle = 0.0
        self.bias = 0.0  # not known to this filter

    def update(self, rate: float, felt: float) -> float:
        self.angle = self.keep * (self.angle + self.step * rate) + (1 - self.keep) * felt
        return self.angle


class Kalman:
    """The best linear estimate of angle and bias of the gyroscope when noise is white (Kalman 1960).

    doi:10.1115/1.3662552. The states are (angle, bias): the angle grows by (rate − bias) · step, the bias wanders.
    After a while its gains stand still; it then is a complementary filter that integrates its error to find the bias.

    Parameters
    ----------
    step : in s. gyro_noise : density in rad/s/√Hz. bias_walk : in rad/s/√s.
    felt_noise : standard deviation of one felt angle in rad, pushes included.
    angle_spread, bias_spread : how little is known at the start, standard deviations in rad and rad/s.
    """

    def __init__(
        self,
        step: float,
        gyro_noise: float,
        bias_walk: float,
        felt_noise: float,
        angle_spread: float = 0.1,
        bias_spread: float = 0.02,
    ) -> None:
        if not all(0 < value < math.inf for value in (step, gyro_noise, bias_walk, felt_noise)):
            raise ValueError("step and the three noises are more than zero and finite")
        if not (0 <= angle_spread < math.inf and 0 <= bias_spread < math.inf):
            raise ValueError("the two spreads are zero or more than zero, and finite")
        self.step = step
        self.grow_angle, self.grow_bias = gyro_noise**2 * step, bias_walk**2 * step
        self.felt_variance = felt_noise**2
        self.angle = self.bias = 0.0
        self.p_aa, self.p_ab, self.p_bb = angle_spread**2, 0.0, bias_spread**2  # covariance of the errors
        self.gains = (0.0, 0.0)

    def update(self, rate: float, felt: float) -> float:
        step = self.step
        self.angle += step * (rate - self.bias)
        # P ← F P Fᵀ + Q with F = [[1, −step], [0, 1]], written out.
        self.p_aa += step * (step * self.p_bb - 2 * self.p_ab) + self.grow_angle
        self.p_ab -= step * self.p_bb
        self.p_bb += self.grow_bias
        total = self.p_aa + self.felt_variance
        to_angle, to_bias = self.gains = self.p_aa / total, self.p_ab / total
        surprise = felt - self.angle
        self.angle += to_angle * surprise
        self.bias += to_bias * surprise
        self.p_bb -= to_bias * self.p_ab
        self.p_ab *= 1 - to_angle
        self.p_aa *= 1 - to_angle
        return self.angle


def follow(estimator: Filter, rate: np.ndarray, felt: np.ndarray) -> np.ndarray:
    """(n,) angles that a filter makes of (n,) readings in rad/s and (n,) felt angles in rad."""
    return np.array([estimator.update(*reading) for reading in zip(rate.tolist(), felt.tolist(), strict=True)])
