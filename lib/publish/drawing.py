"""What the site's pictures are drawn with: colours, lines, bars, and the waves of a heartbeat and of a voice."""

import math
from collections.abc import Iterable

TEAL, ORANGE, GREY = "#1a936f", "#d1640f", "#7d8590"
Point = tuple[float, float]

# The waves of one heartbeat: place in the beat (0 to 1), height, width.
WAVES = (
    (0.18, 0.12, 0.025),
    (0.33, -0.12, 0.010),
    (0.36, 1.0, 0.011),
    (0.39, -0.25, 0.011),
    (0.60, 0.24, 0.040),
)


def heartbeat(phase: float) -> float:
    """The height of a drawn electrocardiogram at `phase` (0 to 1) of a beat: P, Q, R, S and T wave."""
    return sum(height * math.exp(-0.5 * ((phase - at) / width) ** 2) for at, height, width in WAVES)


def spectrum_bar(position: float) -> float:
    """The height of a drawn voice spectrum at `position` (0 to 1): harmonics under three formants."""
    formants = sum(
        h * math.exp(-0.5 * ((position - at) / 0.09) ** 2) for at, h in ((0.18, 1), (0.45, 0.7), (0.75, 0.45))
    )
    return (0.12 + formants) * (0.62 + 0.38 * math.cos(position * 90))


def line(points: Iterable[Point], colour: str, width: float = 3) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    style = f'fill="none" stroke="{colour}" stroke-width="{width}" stroke-linejoin="round" stroke-linecap="round"'
    return f'<polyline points="{path}" {style}/>'


def bar(x: float, middle: float, half: float, width: float, colour: str) -> str:
    box = f'x="{x:.1f}" y="{middle - half:.1f}" width="{width:.1f}" height="{2 * half:.1f}"'
    return f'<rect {box} rx="{width / 2:.1f}" fill="{colour}"/>'


def svg(width: int, height: int, title: str, *shapes: str) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{title}">'
    return "\n".join([head, f"<title>{title}</title>", *shapes, "</svg>"]) + "\n"


def ecg_line(left: float, right: float, middle: float, height: float, beats: int) -> list[Point]:
    steps = 90 * beats
    xs = [left + (right - left) * k / steps for k in range(steps + 1)]
    return [(x, middle - height * heartbeat(k / 90 % 1)) for k, x in enumerate(xs)]
