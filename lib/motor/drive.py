"""A controller at work on a motor: encoder, delay, inverter, and everything that happens written down."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lib.motor.control import PERIOD, TURN
from lib.motor.inverter import limited
from lib.motor.machine import Motor, State, stepper

Controller = Callable[[float, float, float, float], tuple[float, float]]


@dataclass(frozen=True)
class Encoder:
    """A sensor of the shaft's angle with `bits` bits a turn, mounted `offset` rad away from the rotor's d axis."""

    bits: int = 14
    offset: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 30:
            raise ValueError(f"Encoder: bits lie between 1 and 30; got {self.bits}")

    def read(self, angle: float) -> float:
        """The middle of the step that the shaft's angle (rad) lies on, in rad from 0 to 2π."""
        steps = 1 << self.bits
        return (math.floor((angle + self.offset) / TURN * steps) % steps + 0.5) * TURN / steps


@dataclass(frozen=True)
class Trace:
    """What happened, (n,) arrays, a value a period: SI units, angles in rad.

    time, i_d, i_q, speed, angle (of the shaft, over many turns), u_alpha, u_beta (as applied), load, torque.
    """

    time: np.ndarray
    i_d: np.ndarray
    i_q: np.ndarray
    speed: np.ndarray
    angle: np.ndarray
    u_alpha: np.ndarray
    u_beta: np.ndarray
    load: np.ndarray
    torque: np.ndarray

    def after(self, start: float) -> "Trace":
        """The part from `start` seconds on."""
        keep = self.time >= start
        return Trace(**{name: values[keep] for name, values in vars(self).items()})

    def copper_loss(self, motor: Motor) -> np.ndarray:
        """(n,) heat in the windings in W."""
        return 1.5 * motor.resistance * (self.i_d**2 + self.i_q**2)


def simulate(
    motor: Motor,
    controller: Controller,
    seconds: float,
    *,
    load: Callable[[float], float] = lambda time: 0.0,
    encoder: Encoder = Encoder(),
    start: State = State(),  # noqa: B008
    period: float = PERIOD,
) -> Trace:
    """Let a controller drive a motor.

    Parameters
    ----------
    load : function of time in s: the torque in N m that brakes the shaft.
    start : where the motor begins. period : of controller and inverter, in s, as the controller was given it.

    Raises
    ------
    ValueError
        Less than a period is asked for, or the controller was made for another one.
    FloatingPointError
        The currents are no numbers any more (a reference, voltage or load was none), or the period is too long for
        the motor. An unstable loop is not reported: the inverter bounds its voltage, so that its currents swing.
    """
    if not 0 < period <= seconds < math.inf:
        raise ValueError(f"simulate: seconds are finite and at least one period; got {seconds} and {period}")
    if (own := getattr(controller, "period", period)) != period:
        raise ValueError(f"simulate: the controller was made for a period of {own} s; got {period}")
    advance, p = stepper(motor, period), motor.pole_pairs
    state, u_alpha, u_beta = start, 0.0, 0.0
    rows = []
    for k in range(round(seconds / period)):
        time = k * period
        braking = load(time)
        i_d, i_q, _, angle = state
        rows.append((time, *state, u_alpha, u_beta, braking))
        c, s = math.cos(p * angle), math.sin(p * angle)
        wanted = controller(time, encoder.read(angle), c * i_d - s * i_q, s * i_d + c * i_q)
        state = advance(state, u_alpha, u_beta, braking)
        if not (size := abs(state.i_d) + abs(state.i_q)) < 1e6:
            what = "are no numbers" if math.isnan(size) else "grew beyond all bounds"
            raise FloatingPointError(f"the currents {what} after {time:.4f} s")
        u_alpha, u_beta = limited(*wanted, motor.bus_voltage)
    columns = np.array(rows).T
    return Trace(*columns, torque=motor.torque(columns[1], columns[2]))


def find_zero(motor: Motor, encoder: Encoder, voltage: float, start: State = State()) -> float:  # noqa: B008
    """What the encoder reads with the d axis on phase a, in rad: hold the field there, wait, and read.

    The field first stands a quarter of an electrical turn off: it does not turn a rotor that looks just the other way.
    The rotor goes to one of as many such places as there are pole pairs; all serve.
    """

    def hold(time: float, *_: float) -> tuple[float, float]:
        return (0.0, voltage) if time < 0.5 else (voltage, 0.0)

    trace = simulate(motor, hold, 1.0, encoder=encoder, start=start)
    return encoder.read(float(trace.angle[-1]))


def lost_turns(field: float, angle: float, pole_pairs: int) -> int:
    """How many electrical turns the rotor has fallen behind a field that turned to `field`, in electrical rad."""
    return round((field - pole_pairs * angle) / TURN)
