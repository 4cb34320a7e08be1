"""From three phases to two still axes (Clarke) and on to the two axes of the rotor (Park), and back.

The transform keeps amplitudes: phase currents with a peak of 1 A become a vector 1 A long. Powers and torques then
carry a factor 3/2 (Park 1929, doi:10.1109/T-AIEE.1929.5055275). Each function takes numbers or arrays of one shape.
"""

import math

import numpy as np

ROOT3 = math.sqrt(3)


def clarke(a: float, b: float, c: float) -> tuple[float, float]:
    """(alpha, beta) of three phases; what they have in common drops out. Alpha points along phase a."""
    return (2 * a - b - c) / 3, (b - c) / ROOT3


def inverse_clarke(alpha: float, beta: float) -> tuple[float, float, float]:
    """The three phases, which sum to zero."""
    return alpha, (ROOT3 * beta - alpha) / 2, (-ROOT3 * beta - alpha) / 2


def park(alpha: float, beta: float, angle: float) -> tuple[float, float]:
    """(d, q): the same vector, seen from axes turned by the electrical `angle` in rad."""
    c, s = np.cos(angle), np.sin(angle)
    return c * alpha + s * beta, c * beta - s * alpha


def inverse_park(d: float, q: float, angle: float) -> tuple[float, float]:
    """(alpha, beta) of a vector given along the turned axes."""
    c, s = np.cos(angle), np.sin(angle)
    return c * d - s * q, s * d + c * q
