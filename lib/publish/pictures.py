"""The site's own pictures, drawn by code: the banner, the icon and the thumbnails of pages without a figure.

They are SVG in mid-tone colours that hold on a white and on a dark page.
"""

import math
from itertools import pairwise
from pathlib import Path

from lib.publish.drawing import GREY, ORANGE, TEAL, Point, bar, ecg_line, heartbeat, line, spectrum_bar, svg
from lib.publish.project import ROOT, write_atomically


def banner() -> str:
    trace = line(ecg_line(10, 420, 105, 80, 3), TEAL)
    bars = [bar(436 + 12 * k, 90, 70 * spectrum_bar(k / 27), 6, ORANGE) for k in range(28)]
    return svg(780, 180, "Heartbeats that turn into a sound spectrum", trace, *bars)


def icon() -> str:
    return svg(64, 64, "Engineering notes", line(ecg_line(4, 60, 44, 34, 1), TEAL, 5))


def checked_numbers() -> str:
    """Interval bars around a line, one of which is ticked: for the post on how numbers are kept honest."""
    shapes = [line([(400, 60), (400, 390)], GREY, 2)]
    for row, (middle, half) in enumerate(((330, 120), (430, 80), (500, 60), (470, 30))):
        y, colour = 100 + 80 * row, TEAL if row == 3 else GREY
        shapes += [
            line([(middle - half, y), (middle + half, y)], colour, 8),
            bar(middle - 9, y, 13, 18, colour),
        ]
    shapes.append(line([(560, 340), (585, 368), (640, 300)], ORANGE, 12))
    return svg(800, 450, "Four intervals, the narrowest one ticked", *shapes)


def two_shares() -> str:
    """Two bars of different height with an interval at the top of each: for the unit a newcomer starts with."""
    shapes = [line([(160, 400), (640, 400)], GREY, 3)]
    for left, height, half, colour in ((220, 110, 38, TEAL), (440, 270, 20, ORANGE)):
        shapes.append(
            f'<rect x="{left}" y="{400 - height}" width="140" height="{height}" fill="{colour}" opacity="0.55"/>'
        )
        x, top = left + 70, 400 - height
        shapes += [line([(x, top - half), (x, top + half)], GREY, 7)]
        shapes += [line([(x - 22, top + side), (x + 22, top + side)], GREY, 7) for side in (-half, half)]
    return svg(800, 450, "Two bars of different height, each with an interval", *shapes)


def two_rhythms() -> str:
    """A regular and an irregular ECG above a chain of linked cells: for the unit on the LSTM."""

    def trace(middle: float, colour: str, gaps: tuple[float, ...], p_wave: bool) -> str:
        points, left = [], 60.0
        for gap in gaps:
            for k in range(90):
                phase = k / 90
                drawn = heartbeat(phase) if p_wave or phase > 0.27 else 0.02 * math.sin(60 * phase)
                points.append((left + gap * phase, middle - 90 * drawn))
            left += gap
        return line(points, colour, 4)

    shapes = [trace(140, TEAL, (136,) * 5, True), trace(280, ORANGE, (105, 175, 90, 200, 110), False)]
    for cell in range(6):
        x = 90 + 112 * cell
        shapes.append(
            f'<rect x="{x}" y="345" width="60" height="60" rx="10" fill="none" stroke="{GREY}" stroke-width="4"/>'
        )
        if cell < 5:
            shapes.append(line([(x + 64, 375), (x + 108, 375)], GREY, 4))
    return svg(800, 450, "A regular and an irregular ECG above a chain of cells", *shapes)


def calm_and_excited() -> str:
    """A voice that grows from calm to excited above a row of dots: for the report on active emotions."""
    shapes = []
    for k in range(72):
        place = k / 71
        half = 8 + (16 + 110 * place**2) * abs(math.sin(0.55 * k) * math.cos(0.21 * k + 1))
        shapes.append(bar(46 + 10 * k, 180, half, 6, ORANGE if place > 0.6 else TEAL))
    for k in range(8):
        colour = ORANGE if k >= 4 else TEAL
        fill = colour if k >= 4 else "none"
        shapes.append(f'<circle cx="{134 + 76 * k}" cy="385" r="20" fill="{fill}" stroke="{colour}" stroke-width="5"/>')
    return svg(800, 450, "A calm waveform that grows into an excited one, above eight dots", *shapes)


def gradient_accumulation() -> str:
    """Three small stacks of bars that add up to one tall bar: for the post on gradient accumulation."""
    shapes = [line([(90, 390), (710, 390)], GREY, 3)]
    colours, heights = (TEAL, ORANGE, GREY), (70, 130, 95)
    base = 390.0
    for number, (colour, height) in enumerate(zip(colours, heights, strict=True)):
        left = 120 + 115 * number
        for x, y, width in ((left, 390.0, 80), (560.0, base, 110)):
            box = f'x="{x:.0f}" y="{y - height:.0f}" width="{width}" height="{height - 4}" rx="8"'
            shapes.append(f'<rect {box} fill="{colour}" opacity="0.75"/>')
        base -= height
    shapes += [line([(478, 240), (522, 240)], GREY, 8), line([(478, 262), (522, 262)], GREY, 8)]
    for x in (217.5, 332.5):
        shapes += [line([(x - 11, 360), (x + 11, 360)], GREY, 6), line([(x, 349), (x, 371)], GREY, 6)]
    return svg(800, 450, "Three small bars that add up to one tall bar", *shapes)


def clear_and_spoiled() -> str:
    """Three harmonics of a voice, clear on the left and drowned by noise on the right: for the unit on speaker sex."""
    shapes = []
    for middle, height, ripples in ((110, 34, 9), (225, 46, 6), (340, 58, 3)):
        clear, spoiled = [], []
        for k in range(341):
            x = 60 + 2 * k
            wave = height * math.sin(2 * math.pi * ripples * k / 340)
            # Sines of unrelated periods look like noise, and are the same every time.
            noise = sum(math.sin(k * step + middle) for step in (2.1, 3.7, 5.3)) * 17
            grown = max(0.0, k - 170) / 170
            (clear if k <= 170 else spoiled).append((x, middle - wave * (1 - 0.6 * grown) - noise * grown))
        shapes += [line([clear[-1], *spoiled], ORANGE, 4), line(clear, TEAL, 5)]
    return svg(800, 450, "Three waves, clear on the left and more and more covered by noise on the right", *shapes)


def variable_length() -> str:
    """Bars of three lengths, each kind in a frame of its own: for the post on variable-length data."""
    shapes = []
    for top, lengths, colour in (
        (62, (236, 250, 244), TEAL),
        (182, (596, 610, 588), ORANGE),
        (302, (402, 388, 410), TEAL),
    ):
        shapes.append(
            f'<rect x="80" y="{top - 14}" width="{max(lengths) + 28}" height="100" rx="10" fill="none" '
            f'stroke="{GREY}" stroke-width="4"/>'
        )
        for row, length in enumerate(lengths):
            box = f'x="94" y="{top + 27 * row}" width="{length}" height="18"'
            shapes.append(f'<rect {box} rx="9" fill="{colour}"/>')
    return svg(800, 450, "Bars of different length in three frames, each with bars of nearly one length", *shapes)


def vision_to_audio() -> str:
    """A square grid of tiles and the wide, flat one it is resampled to: for the post on vision models and audio."""

    def grid(left: float, top: float, rows: int, columns: int, size: float, wide: float, mark: Point) -> list[str]:
        tiles = []
        for r in range(rows):
            for c in range(columns):
                place = math.hypot((r + 0.5) / rows - mark[1], (c + 0.5) / columns - mark[0])
                colour = ORANGE if place < 0.16 else TEAL
                box = (
                    f'x="{left + c * wide:.1f}" y="{top + r * size:.1f}" width="{wide - 5:.1f}" height="{size - 5:.1f}"'
                )
                tiles.append(f'<rect {box} rx="4" fill="{colour}" opacity="{max(0.15, 1 - 1.5 * place):.2f}"/>')
        return tiles

    shapes = grid(60, 105, 6, 6, 40, 40, (0.6, 0.4)) + grid(400, 145, 4, 8, 40, 44, (0.6, 0.4))
    shapes += [line([(318, 225), (372, 225)], GREY, 7), line([(352, 205), (374, 225), (352, 245)], GREY, 7)]
    return svg(800, 450, "A square grid of tiles, resampled to a wide and flat one", *shapes)


def beats() -> str:
    """Twelve rows of cells, one a pitch class, cut at the beats: for the unit on music."""
    edges = (60, 144, 236, 316, 408, 498, 578, 668, 740)
    chords = ((0, 4, 7), (0, 4, 7), (5, 9, 0), (5, 9, 0), (7, 11, 2), (7, 11, 2), (0, 4, 7), (0, 4, 7))
    shapes = []
    for left, right, chord in zip(edges, edges[1:], chords, strict=False):
        for pitch in range(12):
            struck = pitch in chord
            box = f'x="{left + 3}" y="{370 - 28 * pitch}" width="{right - left - 8}" height="23"'
            colour, opacity = (ORANGE if pitch == chord[0] else TEAL, 1) if struck else (GREY, 0.22)
            shapes.append(f'<rect {box} rx="5" fill="{colour}" opacity="{opacity}"/>')
    shapes += [line([(x, 44), (x, 410)], GREY, 4) for x in edges]
    return svg(800, 450, "Twelve rows of coloured cells, cut by vertical lines at the beats", *shapes)


def swelling(place: float) -> float:
    """How loud a drawn breath is at `place` (0 to 1): in, then more softly out."""
    first, second = math.sin(math.pi * min(place / 0.45, 1)), math.sin(math.pi * (place - 0.45) / 0.55)
    return max(0.0, first) + 0.6 * max(0.0, second)


def breath() -> str:
    """A breath with three clicks above its spectrum with a level line: for the unit on respiratory sounds."""
    shapes = []
    for k in range(114):
        place = k / 113
        swell = swelling(place)
        click = 70 if k in (22, 30, 37) else 0
        shapes.append(
            bar(60 + 6 * k, 130, 4 + 44 * swell * abs(math.sin(1.7 * k)) + click, 4, ORANGE if click else TEAL)
        )
    for column in range(34):
        swell = swelling(column / 33)
        for row in range(7):
            tone = row == 4 and 19 <= column <= 29
            opacity = 1 if tone else max(0.06, swell * (0.8 - 0.12 * row))
            box = f'x="{60 + 20 * column}" y="{390 - 22 * row}" width="17" height="19" rx="4"'
            shapes.append(f'<rect {box} fill="{ORANGE if tone else TEAL}" opacity="{opacity:.2f}"/>')
    return svg(800, 450, "A breath with three clicks, above its spectrum with a level line", *shapes)


def turning() -> str:
    """Three axes that swing, lie still after a turn, and swing again, above what was done: for inertial signals."""
    edges = (60, 260, 330, 500, 570, 740)
    shapes = []
    for row, (middle, colour) in enumerate(((90, TEAL), (180, ORANGE), (270, GREY))):
        points, level = [], 0.0
        for k in range(341):
            x = 60 + 2 * k
            stretch = sum(x >= edge for edge in edges[1:-1])
            turn = (x - edges[stretch]) / (edges[stretch + 1] - edges[stretch])
            if stretch % 2:  # a turn, there and back
                smooth = (1 - math.cos(math.pi * turn)) / 2
                level = (26 - 24 * row) * (smooth if stretch == 1 else 1 - smooth)
            swing = 0 if stretch in (1, 2, 3) else (26 - 5 * row) * math.sin(x / (7 + 3 * row) + row)
            points.append((x, middle - level - swing))
        shapes.append(line(points, colour, 4))
    for number, (left, right) in enumerate(pairwise(edges)):
        colour, opacity = (ORANGE, 0.9) if number % 2 else (TEAL, (0.8, 0, 0.35, 0, 0.8)[number])
        box = f'x="{left + 3}" y="350" width="{right - left - 6}" height="44"'
        shapes.append(f'<rect {box} rx="8" fill="{colour}" opacity="{opacity}"/>')
    return svg(800, 450, "Three curves that swing, lie still and swing again, above a band of stretches", *shapes)


def field_and_rotor() -> str:
    """Six coils around a magnet with the arrow of their field across it, beside three currents: for a motor."""
    shapes = [f'<circle cx="235" cy="225" r="165" fill="none" stroke="{GREY}" stroke-width="6"/>']
    for k in range(6):
        a = math.pi * k / 3
        x, y, colour = 235 + 165 * math.cos(a), 225 + 165 * math.sin(a), (TEAL, ORANGE, GREY)[k % 3]
        shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="32" fill="{colour}"/>')
    shapes.append(
        f'<g transform="rotate(-28 235 225)"><rect x="130" y="195" width="210" height="60" rx="16" fill="{TEAL}"/>'
    )
    shapes.append(f'<path d="M228 225V130H210L235 92L260 130H242V225z" fill="{ORANGE}"/></g>')
    for k, colour in enumerate((TEAL, ORANGE, GREY)):
        wave = ((x, 225 - 120 * math.cos((x - 450) / 46 - 2 * math.pi * k / 3)) for x in range(450, 741, 6))
        shapes.append(line(wave, colour, 6))
    return svg(
        800, 450, "A ring of six coils with a rotor and its field in it, beside three currents as waves", *shapes
    )


def spark_rdd() -> str:
    """Eight boxes whose lines meet in five dots, and the dots in one box: for the post on Spark's RDDs."""
    shapes, dots = [], [(430, 105 + 60 * k) for k in range(5)]
    places = [60 + 47 * k for k in range(8)]
    for row, y in enumerate(places):
        colour = TEAL if row % 2 else ORANGE
        shapes += [line([(190, y), dot], colour, 1.5) for dot in dots]
        shapes.append(f'<rect x="90" y="{y - 16}" width="100" height="32" rx="6" fill="{colour}" opacity="0.8"/>')
    for dot in dots:
        shapes.append(line([dot, (620, 225)], GREY, 4))
        shapes.append(f'<circle cx="{dot[0]}" cy="{dot[1]}" r="14" fill="{TEAL}"/>')
    shapes.append(f'<rect x="600" y="180" width="110" height="90" rx="10" fill="{GREY}"/>')
    return svg(800, 450, "Eight boxes whose lines meet in five dots, and the dots in one box", *shapes)


def heart_and_curve() -> str:
    """A heartbeat beside the curve of a classifier within its band, above chance: for the report on heart disease."""

    def curve(power: float) -> list[Point]:
        return [(440 + 300 * (k / 60) ** 2, 385 - 300 * (k / 60) ** (2 * power)) for k in range(61)]

    band = " ".join(f"{x:.1f},{y:.1f}" for x, y in curve(0.14) + curve(0.34)[::-1])
    return svg(
        800,
        450,
        "Heartbeats beside a curve with a band around it, above a dotted diagonal",
        line(ecg_line(50, 400, 330, 170, 3), ORANGE, 5),
        f'<polygon points="{band}" fill="{TEAL}" opacity="0.3"/>',
        f'<path d="M440 385L740 85" stroke="{GREY}" stroke-width="4" stroke-dasharray="4 12" stroke-linecap="round"/>',
        line([(440, 65), (440, 385), (760, 385)], GREY, 4),
        line(curve(0.22), TEAL, 8),
    )


def leaf_and_blocks() -> str:
    """A leaf with brown spots beside a chain of blocks with their ways past: for the report on rice and ResNet."""
    blade = "M66 398C62 270 150 100 300 36C318 168 210 340 66 398z"
    shapes = [f'<path d="{blade}" fill="{TEAL}" opacity="0.8"/>', line([(40, 426), (300, 36)], GREY, 5)]
    for x, y, size in ((134, 226, 15), (208, 132, 18), (238, 206, 12), (112, 312, 12), (186, 274, 17), (270, 96, 10)):
        for radius, opacity in ((1.7 * size, 0.4), (size, 1)):
            shapes.append(f'<circle cx="{x}" cy="{y}" r="{radius:.0f}" fill="{ORANGE}" opacity="{opacity}"/>')
    shapes.append(line([(340, 250), (762, 250)], GREY, 6))
    for number in range(3):
        left, half = 388 + 126 * number, 38 + 14 * number
        arc = f"M{left - 24} 250C{left - 24} 70 {left + 100} 70 {left + 100} 250"
        shapes.append(f'<path d="{arc}" fill="none" stroke="{ORANGE}" stroke-width="7"/>')
        shapes.append(f'<rect x="{left}" y="{250 - half}" width="76" height="{2 * half}" rx="12" fill="{TEAL}"/>')
    title = (
        "A rice leaf with brown spots, and beside it a row of blocks joined by a straight line and by arcs over them"
    )
    return svg(800, 450, title, *shapes)


PICTURES = {
    "images/banner.svg": banner,
    "images/favicon.svg": icon,
    "blog/images/checked_numbers.svg": checked_numbers,
    "blog/images/variable_length.svg": variable_length,
    "blog/images/vision_to_audio.svg": vision_to_audio,
    "blog/images/gradient_accumulation.svg": gradient_accumulation,
    "blog/images/spark_rdd.svg": spark_rdd,
    "notebooks/ecg_lstm/two_rhythms.svg": two_rhythms,
    "notebooks/inertial_signals/turning.svg": turning,
    "notebooks/music_genre_affect/beats.svg": beats,
    "notebooks/respiratory_sounds/breath.svg": breath,
    "notebooks/speaker_sex/clear_and_spoiled.svg": clear_and_spoiled,
    "notebooks/start_here/two_shares.svg": two_shares,
    "projects/images/emotional_speech_detection.svg": calm_and_excited,
    "projects/images/heart_disease.svg": heart_and_curve,
    "projects/images/motor_control.svg": field_and_rotor,
    "projects/images/resnet_from_scratch.svg": leaf_and_blocks,
}


def draw_all(root: Path = ROOT) -> list[Path]:
    """Write every picture; the paths."""
    for name, draw in PICTURES.items():
        write_atomically(root / name, draw())
    return [root / name for name in PICTURES]
