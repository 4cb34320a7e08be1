"""A three-phase motor with permanent magnets, in the coordinates that turn with its rotor.

The d axis points along the magnets' field, the q axis a quarter of an electrical turn ahead (Park 1929,
doi:10.1109/T-AIEE.1929.5055275). With currents i, voltages u, pole pairs p and electrical speed w = p · speed:

    u_d = R i_d + L_d di_d/dt − w L_q i_q
    u_q = R i_q + L_q di_q/dt + w (L_d i_d + flux)
    torque = 3/2 p (flux i_q + (L_d − L_q) i_d i_q)
    inertia dspeed/dt = torque − friction · speed − cogging − load

The factor 3/2 belongs to the amplitude-invariant transform of `lib.motor.transforms`. Saturation of the iron, its
losses and the dead time of the switches are left out. All units are SI, angles in radians.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import NamedTuple

from scipy.optimize import minimize_scalar


class State(NamedTuple):
    """What a motor remembers: currents in A, speed in rad/s and angle in rad of the shaft."""

    i_d: float = 0.0
    i_q: float = 0.0
    speed: float = 0.0
    angle: float = 0.0


@dataclass(frozen=True)
class Motor:
    """The numbers of a motor and of its supply.

    Parameters
    ----------
    pole_pairs : electrical turns in a turn of the shaft.
    resistance : of a phase, in Ω.
    inductance_d, inductance_q : in H; equal where the magnets lie on the surface of the rotor.
    flux : of the magnets through a phase, peak, in Wb; also the back-EMF in V at 1 rad/s, electrical.
    inertia : of the rotor and what is fixed to it, in kg m².
    friction : torque that grows with speed, in N m s.
    bus_voltage : between the rails of the inverter, in V.
    current_limit : the longest vector of currents that the control may ask for, in A.
    cogging : amplitude of the magnets' pull on the stator's teeth, in N m.
    cogging_periods : of that pull in a turn of the shaft.

    Raises
    ------
    ValueError
        A number is not finite, not positive where it has to be, or not whole where it counts something.
    """

    pole_pairs: int
    resistance: float
    inductance_d: float
    inductance_q: float
    flux: float
    inertia: float
    friction: float
    bus_voltage: float
    current_limit: float
    cogging: float = 0.0
    cogging_periods: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            may_be_zero = field.name in ("friction", "cogging", "cogging_periods")
            if not math.isfinite(value) or value < 0 or (value == 0 and not may_be_zero):
                wanted = "zero or more" if may_be_zero else "more than zero"
                raise ValueError(f"Motor: {field.name} is {wanted} and finite; got {value}")
            if field.name in ("pole_pairs", "cogging_periods") and value != int(value):
                raise ValueError(f"Motor: {field.name} is a whole number; got {value}")

    @property
    def torque_constant(self) -> float:
        """Torque for each ampere along q, without current along d, in N m/A."""
        return 1.5 * self.pole_pairs * self.flux

    def torque(self, i_d: float, i_q: float) -> float:
        """Torque of the currents in N m; takes numbers or arrays, in A."""
        return 1.5 * self.pole_pairs * (self.flux * i_q + (self.inductance_d - self.inductance_q) * i_d * i_q)


# Typical values for a small gimbal motor with 12 teeth and 14 poles, and for the wheel of a hoverboard.
GIMBAL = Motor(
    pole_pairs=7,
    resistance=5.0,
    inductance_d=2e-3,
    inductance_q=2e-3,
    flux=8e-3,
    inertia=2e-5,
    friction=2e-5,
    bus_voltage=12.0,
    current_limit=1.0,
    cogging=1e-3,
    cogging_periods=84,
)
HOVERBOARD = Motor(
    pole_pairs=15,
    resistance=0.2,
    inductance_d=4e-4,
    inductance_q=4e-4,
    flux=0.023,
    inertia=1e-2,
    friction=2e-3,
    bus_voltage=36.0,
    current_limit=20.0,
)

Step = Callable[[State, float, float, float], State]


def stepper(motor: Motor, step: float) -> Step:
    """A function that moves the motor on by `step` seconds, by one step of the Runge-Kutta method of order 4.

    The voltage stands still in the stator, as an inverter holds it for a period, while the rotor turns under it.

    Returns
    -------
    Function of (state, u_alpha, u_beta, load): voltages in V, and the torque in N m that brakes the shaft.
    """
    # Plain numbers in a closure: a tenth of the time that arrays of four would take.
    p, r, ld, lq, flux = motor.pole_pairs, motor.resistance, motor.inductance_d, motor.inductance_q, motor.flux
    j, friction, cogging, teeth = motor.inertia, motor.friction, motor.cogging, motor.cogging_periods
    k_magnet, k_reluctance = 1.5 * p * flux, 1.5 * p * (ld - lq)
    half, sixth = step / 2, step / 6
    cos, sin = math.cos, math.sin

    def rates(
        i_d: float, i_q: float, speed: float, angle: float, u_alpha: float, u_beta: float, load: float
    ) -> tuple[float, float, float]:
        c, s, w = cos(p * angle), sin(p * angle), p * speed
        torque = k_magnet * i_q + k_reluctance * i_d * i_q
        if cogging:
            torque -= cogging * sin(teeth * angle)
        return (
            (c * u_alpha + s * u_beta - r * i_d + w * lq * i_q) / ld,
            (c * u_beta - s * u_alpha - r * i_q - w * (ld * i_d + flux)) / lq,
            (torque - friction * speed - load) / j,
        )

    def advance(state: State, u_alpha: float, u_beta: float, load: float) -> State:
        i_d, i_q, w, a = state
        d1, q1, w1 = rates(i_d, i_q, w, a, u_alpha, u_beta, load)
        v2 = w + half * w1
        d2, q2, w2 = rates(i_d + half * d1, i_q + half * q1, v2, a + half * w, u_alpha, u_beta, load)
        v3 = w + half * w2
        d3, q3, w3 = rates(i_d + half * d2, i_q + half * q2, v3, a + half * v2, u_alpha, u_beta, load)
        v4 = w + step * w3
        d4, q4, w4 = rates(i_d + step * d3, i_q + step * q3, v4, a + step * v3, u_alpha, u_beta, load)
        return State(
            i_d + sixth * (d1 + 2 * (d2 + d3) + d4),
            i_q + sixth * (q1 + 2 * (q2 + q3) + q4),
            w + sixth * (w1 + 2 * (w2 + w3) + w4),
            a + sixth * (w + 2 * (v2 + v3) + v4),
        )

    return advance


def steady_currents(motor: Motor, speed: float, u_d: float, u_q: float) -> tuple[float, float]:
    """The currents (i_d, i_q) in A that stay when speed (rad/s) and voltages (V) along d and q do.

    They solve the two equations above with the derivatives left out.
    """
    r, w = motor.resistance, motor.pole_pairs * speed
    xd, xq = w * motor.inductance_d, w * motor.inductance_q
    emf = w * motor.flux
    size = r * r + xd * xq
    return (r * u_d + xq * (u_q - emf)) / size, (r * (u_q - emf) - xd * u_d) / size


def pull_out_torque(motor: Motor, voltage: float, speed: float) -> float:
    """The largest torque in N m with which a turning voltage takes the rotor along at a steady speed.

    Parameters
    ----------
    voltage : length of the voltage vector in V. speed : of the shaft in rad/s.
    """

    def braked(ahead: float) -> float:
        return -motor.torque(*steady_currents(motor, speed, voltage * math.cos(ahead), voltage * math.sin(ahead)))

    # Between half a turn behind and half a turn ahead there is one maximum near a quarter ahead.
    return -float(minimize_scalar(braked, bounds=(0, math.pi), method="bounded", options={"xatol": 1e-9}).fun)
