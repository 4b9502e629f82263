"""The break-even drawn: dollars won month by month, as SVG for a page and in blocks for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor, log10
from typing import Any

from markupsafe import Markup

from toolkit.advise.break_even import BreakEven, Case, net_after
from toolkit.renderers import svg
from toolkit.renderers.words import short

PLOT = 220.0
LEFT, WIDE = 9.0, 88.0
STEPS = 48
COLUMNS, LINES = 60, 9
BLOCKS = " ▁▂▃▄▅▆▇█"


def dollars(value: float) -> str:
    """`-$1.2k`: dollars in few characters; cents only below ten dollars."""
    sign = "-" if value < 0 else ""
    size = abs(value)
    if 0 < size < 10:
        return f"{sign}${size:.2f}"
    return f"{sign}${short(size)}"


def curve(found: BreakEven) -> Markup:
    """Dollars won over the months: the likely case as a line in the band of the others, marked where it crosses 0."""
    months = max(case.months for case in found.cases)
    low, high = _ends(found, months)
    drawn = [*_grid(low, high, months), _paths(found, months, low, high), *_mark(found.likely, months, low, high)]
    return svg.figure("break-even", "Dollars won over the months", says(found), PLOT + 52, *drawn)


def recorded(told: Mapping[str, Any]) -> Markup:
    """The same from the values of advice.json."""
    best, likely, worst = (
        Case(**{field: told["cases"][name][field] for field in Case._fields}) for name in ("best", "likely", "worst")
    )
    return curve(BreakEven(best, likely, worst, moves=(), left_out=()))


def when(month: float | None) -> str:
    """When it is paid back, in words."""
    if month is None:
        return "never"
    return "in the first month" if month <= 1 else f"in month {month:,.1f}"


def says(found: BreakEven) -> str:
    """The chart in words."""
    told = [
        f"{each.name} case {dollars(each.net)} after {each.months:g} months, paid back {when(each.month)}"
        for each in found.cases
    ]
    return "; ".join(told)


def blocks(found: BreakEven) -> tuple[str, ...]:
    """The likely case in blocks: a column a stretch of months, above the line what is won, below what is missing."""
    months = max(case.months for case in found.cases)
    values = [net_after(found.likely, months * at / (COLUMNS - 1)) for at in range(COLUMNS)]
    top, bottom = max(0.0, *values), min(0.0, *values)
    size = (top - bottom) / LINES or 1.0
    above, below = ceil(top / size - 1e-9), ceil(-bottom / size - 1e-9)
    lines = []
    for line in range(above - 1, -1, -1):
        row = "".join(BLOCKS[_eighths(value / size - line)] for value in values)
        lines.append(f"{dollars((line + 1) * size):>10} │{row.rstrip()}")
    lines.append(f"{'$0':>10} ┼{'─' * COLUMNS}")
    for line in range(below):
        row = "".join(
            "█" if -value / size > line + 0.5 else "▀" if -value / size > line + 0.05 else " " for value in values
        )
        lines.append(f"{dollars(-(line + 1) * size):>10} │{row.rstrip()}")
    lines.append(f"{'month':>10}  0{f'{months:g}':>{COLUMNS - 1}}")
    return tuple(lines)


def _eighths(filled: float) -> int:
    return max(0, min(8, floor(filled * 8 + 1e-9)))


def _ends(found: BreakEven, months: float) -> tuple[float, float]:
    values = [net_after(case, month) for case in found.cases for month in (0.0, months)]
    low, high = min(0.0, *values), max(0.0, *values)
    return low, high if high > low else low + 1.0


def _x(month: float, months: float) -> float:
    return LEFT + WIDE * month / months


def _y(value: float, low: float, high: float) -> float:
    return 12 + PLOT * (high - value) / (high - low)


def _grid(low: float, high: float, months: float) -> list[Markup]:
    drawn = []
    for value in _ticks(low, high):
        y = _y(value, low, high)
        drawn += [svg.line(LEFT, y, LEFT + WIDE, y, "grid zero" if value == 0 else "grid")]
        drawn += [svg.words(LEFT, y + 4, dollars(value), "axis", anchor="end", dx=-8)]
    for month in _ticks(0.0, months):
        drawn.append(svg.words(_x(month, months), PLOT + 30, f"{month:g}", "axis", anchor="middle"))
    return [*drawn, svg.words(LEFT + WIDE, PLOT + 48, "months in production", "axis", anchor="end")]


def _ticks(low: float, high: float) -> list[float]:
    raw = (high - low) / 5
    size = 10.0 ** floor(log10(raw))
    step = next(size * each for each in (1, 2, 5, 10) if size * each >= raw * 0.999)
    return [step * at for at in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def _paths(found: BreakEven, months: float, low: float, high: float) -> Markup:
    """The band and the line in a window that stretches with the page; the line's stroke does not."""

    def points(case: Case) -> list[str]:
        at = [months * step / STEPS for step in range(STEPS + 1)]
        return [f"{_x(month, months):.2f} {_y(net_after(case, month), low, high):.2f}" for month in at]

    band = svg.tag(
        "path",
        d="M" + " L".join([*points(found.best), *points(found.worst)[::-1]]) + "Z",
        class_="c band",
        opacity="0.35",
    )
    line = {"class_": "curve", "vector_effect": "non-scaling-stroke"}
    likely = svg.tag("path", d="M" + " L".join(points(found.likely)), **line)
    box = {"viewBox": f"0 0 100 {PLOT + 52:g}", "preserveAspectRatio": "none"}
    return svg.tag("svg", band, likely, x="0", y="0", width="100%", height=f"{PLOT + 52:g}", **box)


def _mark(likely: Case, months: float, low: float, high: float) -> list[Markup]:
    if likely.month is None or likely.month > months:
        return []
    x, y = _x(likely.month, months), _y(0.0, low, high)
    side, dx = ("end", -10) if x > 60 else ("start", 10)
    dot = svg.tag("circle", class_="dot", cx=svg.pct(x), cy=f"{y:g}", r="5.5")
    told = svg.words(x, 22, f"paid back {when(likely.month)}", "strong", anchor=side, dx=dx)
    return [svg.line(x, 12, x, y, "here"), dot, told]
