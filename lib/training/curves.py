"""Learning curves as an inline SVG: drawn in a millisecond, so they can be live, and in the page's own colours."""

import math
from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 320, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 26, 34
# Readable on white and on black; the lines differ by their dashes too.
COLOURS = ("#1f87d1", "#d9742b")
DASHES = ("", "5 3")


def chart(title: str, lines: dict[str, Sequence[float]], best: int | None = None) -> str:
    """A line chart of values by epoch, NaN left out; empty text when there is nothing to draw.

    Parameters
    ----------
    lines : name → one value an epoch; at most two.
    best : epoch (from 1) marked by a vertical line.
    """
    lines = {k: list(v) for k, v in lines.items() if any(math.isfinite(x) for x in v)}
    if not lines:
        return ""
    finite = [x for values in lines.values() for x in values if math.isfinite(x)]
    epochs = max(len(v) for v in lines.values())
    low, high = min(finite), max(finite)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5

    def place(epoch: int, value: float) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - RIGHT) * ((epoch - 1) / (epochs - 1) if epochs > 1 else 0.5)
        return x, TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    parts = []
    for value in (low, (low + high) / 2, high):
        y = place(1, value)[1]
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="currentColor" stroke-opacity=".2"/>')
        parts.append(_text(LEFT - 5, y + 4, f"{value:.3g}".replace("-", "−"), "end"))
    for epoch in sorted({1, epochs}):
        parts.append(_text(place(epoch, low)[0], HEIGHT - BOTTOM + 14, str(epoch)))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 5, "epoch"))
    if best is not None:
        x = place(best, low)[0]
        parts.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="currentColor" stroke-dasharray="1 3"/>')
    for number, (name, values) in enumerate(lines.items()):
        points = [place(e, v) for e, v in enumerate(values, start=1) if math.isfinite(v)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        style = f'stroke="{COLOURS[number]}" stroke-width="2" stroke-dasharray="{DASHES[number]}" fill="none"'
        parts.append(f'<polyline points="{path}" {style}/>')
        if len(points) == 1:
            parts.append(f'<circle cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="3" fill="{COLOURS[number]}"/>')
        x = LEFT + 80 + 95 * number
        parts.append(f'<path d="M{x} 12h20" {style}/>' + _text(x + 25, 16, name, "start"))
    parts.append(_text(2, 16, title, "start"))
    last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in lines.items())
    label = escape(f"{title} by epoch; after {epochs}: {last}", quote=True)
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'style="max-width:100%" font-size="11" font-family="sans-serif">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor">{escape(text)}</text>'
