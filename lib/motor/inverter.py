"""An inverter with six switches: which voltages it can make, and how long each phase is tied to the upper rail.

Everything is averaged over a period of the pulse-width modulation; the ripple within a period is left out.
"""

import numpy as np

from lib.motor.transforms import ROOT3, clarke, inverse_clarke


def limited(u_alpha: float, u_beta: float, bus_voltage: float) -> tuple[float, float]:
    """The vector itself where the inverter can make it, else the longest one of the same direction, in V.

    Between two phases there can be no more than the bus voltage, so that the ends of all possible vectors fill a
    hexagon. Its corners lie at 2/3 of the bus voltage, the circle inside has a radius of 1/√3 of it.
    """
    a, b, c = inverse_clarke(u_alpha, u_beta)
    span = max(a, b, c) - min(a, b, c)
    if span <= bus_voltage:
        return u_alpha, u_beta
    return u_alpha * bus_voltage / span, u_beta * bus_voltage / span


def space_vector_duties(u_alpha: float, u_beta: float, bus_voltage: float) -> tuple[float, float, float]:
    """Shares of a period, 0 to 1, that the phases a, b and c spend at the upper rail.

    Space-vector modulation (van der Broeck et al. 1988, doi:10.1109/28.87265) shares the rest of a period evenly
    between its two zero vectors. That is to shift the three phases together until the highest and the lowest are
    as far from the rails. A vector that the inverter can't make is shortened first (`limited`).
    """
    phases = inverse_clarke(*limited(u_alpha, u_beta, bus_voltage))
    middle = (max(phases) + min(phases)) / 2
    a, b, c = (min(max(0.5 + (x - middle) / bus_voltage, 0.0), 1.0) for x in phases)
    return a, b, c


def average_voltage(a: float, b: float, c: float, bus_voltage: float) -> tuple[float, float]:
    """(alpha, beta) in V that duties make over a period."""
    return clarke(a * bus_voltage, b * bus_voltage, c * bus_voltage)


def corners(bus_voltage: float) -> np.ndarray:
    """(7, 2) alpha and beta of the six active vectors in V, the first one again at the end."""
    angle = np.arange(7) * np.pi / 3
    return 2 / 3 * bus_voltage * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def linear_limit(bus_voltage: float) -> float:
    """The longest voltage vector in V that the inverter can make in every direction."""
    return bus_voltage / ROOT3
