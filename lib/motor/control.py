"""Controllers: a voltage that turns whatever the rotor does, and field-oriented control with its three loops.

A controller is called once a period with (time in s, angle read in rad, i_alpha, i_beta in A) and answers with the
voltage (alpha, beta) in V for the *next* period: a microcontroller needs the present one to compute.
"""

import math
from collections.abc import Callable

from lib.motor.inverter import limited, linear_limit
from lib.motor.machine import Motor

TURN = 2 * math.pi
PERIOD = 50e-6  # s; 20 kHz, above what people hear
Reference = Callable[[float], float]


class PI:
    """A controller with proportional gain and integral, which stops integrating what can't be carried out.

    Parameters
    ----------
    proportional : output for each unit of error. integral : the same, for each second. period : in s.
    anti_windup : subtract from the error what was wanted but not applied, divided by the proportional gain
        (back-calculation; Hanus et al. 1987, doi:10.1016/0005-1098(87)90029-X, show why that gain).

    Raises
    ------
    ValueError
        A gain or the period is not more than zero (the integral may be zero).
    """

    def __init__(self, proportional: float, integral: float, period: float, anti_windup: bool = True) -> None:
        if not (0 < proportional < math.inf and 0 <= integral < math.inf and 0 < period < math.inf):
            raise ValueError(
                "PI: proportional gain and period are more than zero, the integral zero or more, all finite; "
                f"got {(proportional, integral, period)}"
            )
        self.proportional = proportional
        self.gain = integral * period
        self.share = 1 / proportional if anti_windup else 0.0
        self.memory = 0.0

    def __call__(self, error: float) -> float:
        return self.proportional * error + self.memory

    def remember(self, error: float, wanted: float, applied: float) -> None:
        """Integrate, once it is known what became of the output."""
        self.memory += self.gain * (error + self.share * (applied - wanted))


class Observer:
    """Angle over many turns and speed, from an angle that is read in steps: a loop that follows the reading.

    Parameters
    ----------
    bandwidth : in rad/s; both poles lie there. Lower is smoother and later. period : in s.

    Raises
    ------
    ValueError
        Bandwidth or period is not more than zero.
    """

    def __init__(self, bandwidth: float, period: float) -> None:
        if not (0 < bandwidth < math.inf and 0 < period < math.inf):
            raise ValueError(f"Observer: bandwidth and period are more than zero and finite; got {(bandwidth, period)}")
        self.to_angle, self.to_speed, self.period = 2 * bandwidth * period, bandwidth**2 * period, period
        self.angle: float | None = None
        self.speed = 0.0

    def follow(self, reading: float) -> None:
        """Take in a reading in rad, of which whole turns don't count."""
        if self.angle is None:
            self.angle = reading
        self.angle += self.period * self.speed
        error = math.remainder(reading - self.angle, TURN)
        self.angle += self.to_angle * error
        self.speed += self.to_speed * error


class TurningVoltage:
    """A voltage of fixed length that turns at a speed of its own: no encoder, no knowledge of the rotor.

    Parameters
    ----------
    voltage : in V. speed : function of time (s), the shaft's speed in rad/s that is hoped for.

    Attributes
    ----------
    angle : of the voltage, in electrical rad.
    """

    def __init__(self, motor: Motor, voltage: float, speed: Reference, period: float = PERIOD) -> None:
        self.voltage, self.speed, self.period, self.step = voltage, speed, period, motor.pole_pairs * period
        self.angle = 0.0

    def __call__(self, time: float, reading: float, i_alpha: float, i_beta: float) -> tuple[float, float]:
        self.angle += self.step * self.speed(time)
        return self.voltage * math.cos(self.angle), self.voltage * math.sin(self.angle)


class FieldOriented:
    """Field-oriented control: currents in the rotor's axes, and around them speed and position.

    Current loops: zero of the PI on the motor's pole, the two axes decoupled. Speed loop: both poles at half its
    bandwidth as long as the inner loops are much faster. Position loop: proportional.

    A torque is asked for as current along q alone. Where L_d and L_q differ, current against the magnets makes torque
    as well, so that with `weakening` the torque is off by that part; speed and position loop make up for it.

    Parameters
    ----------
    torque, speed, position : one of them, a function of time in s; in N m, rad/s or rad of the shaft.
    zero : what the encoder reads where the rotor's d axis lies on phase a, in rad.
    current_bandwidth, observer_bandwidth, speed_bandwidth, position_bandwidth : in rad/s.
    weakening : the most current in A that may be set against the magnets to go beyond the speed at which their
        voltage uses up the supply's (Jahns 1987, doi:10.1109/TIA.1987.4504966, for another kind of motor).
    anti_windup : False shows what it is for.

    Raises
    ------
    ValueError
        Not exactly one reference; more current for weakening than the motor may take; or a period or bandwidth that is
        not more than zero.
    """

    def __init__(
        self,
        motor: Motor,
        *,
        torque: Reference | None = None,
        speed: Reference | None = None,
        position: Reference | None = None,
        period: float = PERIOD,
        zero: float = 0.0,
        current_bandwidth: float = TURN * 500,
        observer_bandwidth: float = TURN * 300,
        speed_bandwidth: float = TURN * 20,
        position_bandwidth: float = TURN * 5,
        weakening: float = 0.0,
        anti_windup: bool = True,
    ) -> None:
        if sum(reference is not None for reference in (torque, speed, position)) != 1:
            raise ValueError("give one of torque, speed and position")
        if not 0 <= weakening <= motor.current_limit:
            raise ValueError(f"weakening lies between 0 and {motor.current_limit} A, the motor's limit")
        fast = (period, current_bandwidth, observer_bandwidth, speed_bandwidth, position_bandwidth)
        if not all(0 < value < math.inf for value in fast):
            raise ValueError(f"FieldOriented: period and bandwidths are more than zero and finite; got {fast}")
        self.motor, self.period, self.zero, self.weakening = motor, period, zero, weakening
        self.torque, self.speed, self.position = torque, speed, position
        a, b = current_bandwidth, speed_bandwidth
        self.along_d = PI(a * motor.inductance_d, a * motor.resistance, period, anti_windup)
        self.along_q = PI(a * motor.inductance_q, a * motor.resistance, period, anti_windup)
        gain = motor.inertia * b / motor.torque_constant
        self.for_speed = PI(gain, gain * b / 4, period, anti_windup)
        self.observer = Observer(observer_bandwidth, period)
        self.for_position = position_bandwidth
        self.longest = linear_limit(motor.bus_voltage)
        self.fastest = 0.8 * self.longest / (motor.pole_pairs * motor.flux)
        self.against_magnets = 0.0  # A along d, never positive
        # How fast the weakening follows: 20 Hz at the speed where it sets in.
        self.weaken = period * TURN * 20 * motor.flux / (motor.inductance_d * self.longest)

    def wanted_current(self, time: float, limit: float) -> float:
        """Current along q in A that the outer loops ask for."""
        if self.torque:
            wanted = self.torque(time) / self.motor.torque_constant
            return min(max(wanted, -limit), limit)
        if self.speed:
            aim = self.speed(time)
        else:
            aim = self.for_position * (self.position(time) - self.observer.angle)
            aim = min(max(aim, -self.fastest), self.fastest)
        error = aim - self.observer.speed
        wanted = self.for_speed(error)
        applied = min(max(wanted, -limit), limit)
        self.for_speed.remember(error, wanted, applied)
        return applied

    def __call__(self, time: float, reading: float, i_alpha: float, i_beta: float) -> tuple[float, float]:
        motor, observer = self.motor, self.observer
        reading -= self.zero
        observer.follow(reading)
        angle, w = motor.pole_pairs * reading, motor.pole_pairs * observer.speed
        c, s = math.cos(angle), math.sin(angle)
        i_d, i_q = c * i_alpha + s * i_beta, c * i_beta - s * i_alpha

        aim_d = self.against_magnets
        error_d = aim_d - i_d
        error_q = self.wanted_current(time, math.sqrt(motor.current_limit**2 - aim_d**2)) - i_q
        u_d = self.along_d(error_d) - w * motor.inductance_q * i_q
        u_q = self.along_q(error_q) + w * (motor.inductance_d * i_d + motor.flux)

        # The answer acts from one period to two periods after the reading; by its middle the rotor has moved on.
        angle += 1.5 * self.period * w
        c, s = math.cos(angle), math.sin(angle)
        alpha, beta = c * u_d - s * u_q, s * u_d + c * u_q
        given = limited(alpha, beta, motor.bus_voltage)
        applied_d, applied_q = c * given[0] + s * given[1], c * given[1] - s * given[0]
        self.along_d.remember(error_d, u_d, applied_d)
        self.along_q.remember(error_q, u_q, applied_q)
        if self.weakening:
            room = 0.95 * self.longest - math.hypot(u_d, u_q)
            self.against_magnets = min(max(self.against_magnets + self.weaken * room, -self.weakening), 0.0)
        return given
