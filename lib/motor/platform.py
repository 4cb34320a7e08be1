"""A platform on a motor's shaft that is to stay level while what carries it rocks: one axis.

The motor stands on the carrier, so friction and cogging drag the platform along; weight beside the axis and pushes
from outside turn it directly. The torque loop of the motor is taken as done: what is asked for acts one reading later.
SI units, angles in rad against the horizon.
"""

import math
from dataclasses import dataclass

import numpy as np

from lib.motor.attitude import GRAVITY, Filter, Imu
from lib.motor.machine import GIMBAL, Motor


@dataclass(frozen=True)
class Platform:
    """What is kept level.

    Parameters
    ----------
    motor : between carrier and platform. inertia : of all that turns, in kg m².
    friction : of bearing and cables, in N m s. imbalance : weight · distance from the axis, in kg m.
    """

    motor: Motor = GIMBAL
    inertia: float = 1e-3
    friction: float = 2e-3
    imbalance: float = 2e-4

    def __post_init__(self) -> None:
        if not (0 < self.inertia < math.inf and 0 <= self.friction < math.inf and math.isfinite(self.imbalance)):
            raise ValueError(f"Platform: inertia is more than zero, friction zero or more, all finite; got {self}")

    @property
    def strongest(self) -> float:
        """Torque in N m at the motor's limit of current."""
        return self.motor.torque_constant * self.motor.current_limit


class Stabiliser:
    """Torque from the filtered angle and from the gyroscope: angle loop outside, rate loop inside.

    Parameters
    ----------
    bandwidth : of the rate loop in rad/s. Its integral and the angle loop take a quarter of that each.
    """

    def __init__(self, platform: Platform, bandwidth: float = 40.0) -> None:
        if not 0 < bandwidth < math.inf:
            raise ValueError(f"Stabiliser: bandwidth is more than zero and finite; got {bandwidth}")
        self.gain = platform.inertia * bandwidth
        self.to_rate = self.to_memory = bandwidth / 4
        self.strongest = platform.strongest
        self.memory = 0.0  # rad/s s, of the rate's error

    def torque(self, angle: float, rate: float, step: float) -> float:
        error = -self.to_rate * angle - rate
        wanted = self.gain * (error + self.to_memory * self.memory)
        given = min(max(wanted, -self.strongest), self.strongest)
        self.memory += step * (error + (given - wanted) / self.gain)
        return given

    def stiffness(self, s: complex) -> complex:
        """Torque against an angle, N m/rad, at the complex frequency `s` in rad/s."""
        return self.gain * (self.to_rate + s) * (1 + self.to_memory / s)


def rock(
    platform: Platform,
    carrier: np.ndarray,
    *,
    push: np.ndarray | None = None,
    blow: np.ndarray | None = None,
    imu: Imu = Imu(),  # noqa: B008  it can't change
    estimator: Filter | None = None,
    stabiliser: Stabiliser | None = None,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """The platform's angle while the carrier rocks.

    Parameters
    ----------
    carrier : (n,) its angle in rad, at the rate of the IMU. push : (n,) its horizontal acceleration in m/s².
    blow : (n,) torque on the platform from outside in N m.
    estimator : what the stabiliser knows the angle by; None lets it know the truth.
    stabiliser : None leaves the motor without current.
    rng : of the sensors' noise; None for sensors without a fault.

    Returns
    -------
    (n,) angle in rad.

    Raises
    ------
    ValueError
        Carrier, push and blow differ in length, or hold what is no number.
    """
    n, step = len(carrier), 1 / imu.rate
    push = np.zeros(n) if push is None else push
    blow = np.zeros(n) if blow is None else blow
    for name, values in {"carrier": carrier, "push": push, "blow": blow}.items():
        if np.shape(values) != (n,) or not np.isfinite(values).all():
            raise ValueError(f"rock: {name} is {n} finite numbers, one a reading as the carrier has")
    faults = (np.zeros(n), np.zeros((n, 2))) if rng is None else imu.errors(n, rng)
    swings = np.gradient(carrier, step).tolist()
    cogging, teeth = platform.motor.cogging, platform.motor.cogging_periods
    j, friction, weight = platform.inertia, platform.friction, platform.imbalance
    parts = 4  # steps of the mechanics in a reading
    fine = step / parts
    angle = rate = torque = asked = 0.0
    angles = []
    inputs = zip(carrier.tolist(), swings, push.tolist(), blow.tolist(), faults[0].tolist(), faults[1], strict=True)
    for base, swing, pushed, blown, drift, (noise_along, noise_across) in inputs:
        angles.append(angle)
        if stabiliser:
            torque = asked
            known, felt_rate = angle, rate
            if estimator:
                c, s = math.cos(angle), math.sin(angle)
                felt = math.atan2(GRAVITY * s - pushed * c + noise_along, GRAVITY * c + pushed * s + noise_across)
                known = estimator.update(rate + drift, felt)
                felt_rate = rate + drift - estimator.bias
            asked = stabiliser.torque(known, felt_rate, step)
        for part in range(parts):
            against = base + part * fine * swing
            force = torque + blown - friction * (rate - swing) - cogging * math.sin(teeth * (angle - against))
            # The weight's moment: of gravity as the platform leans, of pushes as it stands upright.
            force += weight * (GRAVITY * math.sin(angle) - pushed * math.cos(angle))
            rate += fine * force / j  # semi-implicit Euler: speeds first, so that no energy is made
            angle += fine * rate
    return np.array(angles)
