"""The charts of the report: pure functions from figures to inline SVG that takes its colours from the page."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from typing import NamedTuple

from markupsafe import Markup

from toolkit.core.report import ClassLine, Heldout, Lengths
from toolkit.renderers import svg
from toolkit.renderers.page import Duplicate, Flow
from toolkit.renderers.words import count, named, plural, points, share, short, shown

NAMES = 32.0  # percent of the width for names at the left
BARS = 48.0  # percent of the width for the longest bar
STEP = 38.0  # pixels of height of a pair of bars
PLOT = 190.0  # pixels of height of the curve
CHARACTERS = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
ROWS = (10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000)


class Axis(NamedTuple):
    """A logarithmic axis from `low` to `high`, drawn from `start` over `size` percent of the width."""

    low: float
    high: float
    start: float
    size: float

    def at(self, value: float) -> float:
        """Where a value lies; what is off the axis lies at its end."""
        inside = min(max(value, self.low), self.high)
        return self.start + self.size * log10(inside / self.low) / log10(self.high / self.low)

    def ticks(self, known: Sequence[int]) -> list[int]:
        return [each for each in known if self.low <= each <= self.high]


def class_bars(lines: Sequence[ClassLine], *, more: int = 0) -> Markup:
    """One bar a class: its rows of train, of dev and held out end to end. more: classes that are not drawn."""
    step, most = 24, max((line.rows for line in lines), default=0)
    rows = [_class_row(line, place * step, most) for place, line in enumerate(lines)]
    desc = f"The largest class has {count(most)} rows, the smallest drawn {count(lines[-1].rows) if lines else 0}."
    if more:
        desc += f" {count(more)} more are not drawn."
    return svg.figure("classes", f"Rows of {plural(len(lines), 'class', 'classes')}", desc, step * len(lines), *rows)


def _class_row(line: ClassLine, y: float, most: int) -> Markup:
    scale, name = BARS / max(most, 1), named(line.name, 60)
    other = max(0, line.rows - line.train - line.heldout)
    at, bars = NAMES + 2, []
    for kind, rows in (("a", line.train), ("c", other), ("b", line.heldout)):
        bars.append(svg.bar(at, y + 4, rows * scale, 15, kind))
        at += rows * scale
    told = f"{name}: {count(line.rows)} rows, {count(line.train)} train, {count(line.heldout)} held out"
    label = svg.clipped(0, y, NAMES, 24, svg.words(0, 16, name, "name"))
    figures = svg.words(at, y + 16, f"{short(line.rows)} · {short(line.heldout)}", "figure", dx=7)
    return svg.tag("g", svg.tag("title", told), label, *bars, figures)


def flow_bar(kept: int, quarantined: int, flow: Flow) -> Markup:
    """All records as one bar: those that stay, then those that left, by reason where the reasons add up."""
    segments = [("kept", kept, "kept"), *_left(quarantined, flow)]
    segments = [each for each in segments if each[1] > 0]
    total = max(1, sum(rows for _, rows, _ in segments))
    at, bars = 0.0, []
    for (name, rows, kind), size in zip(segments, _widths([rows for _, rows, _ in segments]), strict=True):
        told = f"{shown(name, 80)}: {count(rows)} of {count(total)} ({share(rows, total)})"
        bars.append(svg.bar(at, 0, size, 28, kind, told))
        at += size
    said = f"{count(kept)} of {count(kept + quarantined)} records are kept, {count(quarantined)} are quarantined."
    return svg.figure("flow", "Where the records went", said, 28, *bars)


def _left(quarantined: int, flow: Flow) -> list[tuple[str, int, str]]:
    if not flow.disjoint:
        return [("quarantined", quarantined, "s1")]
    listed = [(f"{each.check} {each.kind}", each.rows, f"s{each.slot}") for each in flow.left if each.slot]
    return [*listed, ("other reasons", quarantined - sum(rows for _, rows, _ in listed), "s0")]


def _widths(rows: Sequence[int]) -> list[float]:
    """Percentages that add up to 100, where even the smallest can be seen."""
    wide = [max(0.4, 100.0 * each / sum(rows)) for each in rows]
    return [100.0 * each / sum(wide) for each in wide]


def duplicate_bars(found: Sequence[Duplicate]) -> Markup:
    """Two bars a kind: rows flagged in the input, and those of them that stay; all on one scale."""
    most = max((each.flagged for each in found), default=0)
    rows = [_duplicate_row(each, place * STEP, most) for place, each in enumerate(found)]
    said = "; ".join(
        f"{each.check} {each.kind}: {count(each.flagged)} in the input, {count(each.kept)} stay" for each in found[:20]
    )
    return svg.figure("duplicates", "Rows that repeat others", shown(said, 2000), STEP * len(found), *rows)


def _duplicate_row(each: Duplicate, y: float, most: int) -> Markup:
    scale = BARS / max(most, 1)
    name = [
        svg.words(0, 14, named(each.kind or each.check, 60), "name"),
        svg.words(0, 27, shown(each.check, 60), "figure"),
    ]
    label = svg.clipped(0, y, NAMES, STEP, *name)
    bars = [
        svg.bar(NAMES + 2, y + 4, each.flagged * scale, 10, "d"),
        svg.bar(NAMES + 2, y + 15, each.kept * scale, 10, "a"),
    ]
    figures = f"{short(each.flagged)} → {short(each.kept)}"
    return svg.tag("g", label, *bars, svg.words(NAMES + 2 + each.flagged * scale, y + 19, figures, "figure", dx=7))


def length_strips(found: Sequence[Lengths]) -> Markup:
    """A strip a text on a logarithmic axis: p5 to p95 as a line, p25 to p75 as a box, the median as a stroke."""
    most = max((value for each in found for _, value in each.percentiles), default=1.0)
    axis = Axis(1.0, max(10.0, 1.15 * most), 1, 97)
    step, bottom = 62, 62 * len(found) + 4
    drawn = [
        svg.line(axis.at(tick), place * step + 27, axis.at(tick), place * step + 51, "grid")
        for place in range(len(found))
        for tick in axis.ticks(CHARACTERS)
    ]
    drawn += [
        svg.words(axis.at(tick), bottom + 16, short(tick), "axis", anchor="start" if tick == 1 else "middle")
        for tick in axis.ticks(CHARACTERS)
    ]
    drawn += [mark for place, each in enumerate(found) for mark in _strip(each, place * step, axis)]
    said = "; ".join(_length_says(each) for each in found)
    return svg.figure("lengths", "Lengths in characters", said, bottom + 20, *drawn)


def _strip(each: Lengths, y: float, axis: Axis) -> list[Markup]:
    at = {percentile: axis.at(value) for percentile, value in each.percentiles}
    drawn = [svg.words(0, y + 16, _length_says(each), "name")]
    for low, high, kind in ((0, 100, "range"), (5, 95, "whisker")):
        if low in at and high in at:
            drawn.append(svg.line(at[low], y + 39, at[high], y + 39, kind))
    if 25 in at and 75 in at:
        drawn.append(svg.bar(at[25], y + 30, max(at[75] - at[25], 0.3), 18, "box"))
    if 50 in at:
        drawn.append(svg.line(at[50], y + 28, at[50], y + 50, "median"))
    return drawn


def _length_says(each: Lengths) -> str:
    at = dict(each.percentiles)
    told = [f"{word} {count(at[p])}" for p, word in ((50, "median"), (95, "p95"), (100, "longest")) if p in at]
    return f"{named(each.name, 40)}: {', '.join(told) or 'no percentile'}"


def gain_curve(heldout: Heldout) -> Markup:
    """The smallest gain that a paired test detects against the held-out rows, with the place of this set.

    Method: Connor (1987), as `stats.power.detectable_gain`; rows on a logarithmic axis.
    """
    from toolkit.stats.power import rows_needed

    first = rows_needed(heldout.discordance, discordance=heldout.discordance)
    axis = Axis(min(first, max(heldout.rows, 2)) * 0.8, max(10_000.0, heldout.rows * 2.0), 7, 91)
    top = 100.0 * heldout.discordance
    drawn = [*_gain_grid(axis, top), _gain_path(axis, first, heldout.discordance), *_gain_point(heldout, axis, top)]
    return svg.figure("gain", "Smallest gain that the held-out rows can show", _gain_says(heldout), PLOT + 62, *drawn)


def _gain_y(gain: float, top: float) -> float:
    return 24 + PLOT * (1 - min(gain, top) / top)


def _gain_grid(axis: Axis, top: float) -> list[Markup]:
    step = next((step for step in (1, 2, 5, 10) if top / step <= 5), 20)
    foot = _gain_y(0, top)
    drawn = [svg.words(0, 10, "points of accuracy", "axis")]
    for gain in range(0, int(top) + 1, step):
        y = _gain_y(gain, top)
        drawn += [svg.line(7, y, 98, y, "grid"), svg.words(7, y + 4, str(gain), "axis", anchor="end", dx=-8)]
    drawn += [svg.words(axis.at(n), foot + 18, short(n), "axis", anchor="middle") for n in axis.ticks(ROWS)]
    return [*drawn, svg.words(98, foot + 36, "held-out rows", "axis", anchor="end")]


def _gain_path(axis: Axis, first: int, discordance: float) -> Markup:
    """The curve in a window that stretches with the page; its stroke does not."""
    from toolkit.stats.power import detectable_gain

    reach = axis.high / first
    rows = [first] + [max(first + 1, round(first * reach ** (step / 60))) for step in range(1, 61)]
    gains = [(n, detectable_gain(n, discordance=discordance)) for n in rows]
    top = 100.0 * discordance
    at = [f"{axis.at(n):.2f} {_gain_y(100.0 * gain, top):.2f}" for n, gain in gains if gain is not None]
    path = svg.tag("path", d="M" + " L".join(at), class_="curve", vector_effect="non-scaling-stroke")
    box = {"viewBox": f"0 0 100 {PLOT + 62:g}", "preserveAspectRatio": "none"}
    return svg.tag("svg", path, x="0", y="0", width="100%", height=f"{PLOT + 62:g}", **box)


def _gain_point(heldout: Heldout, axis: Axis, top: float) -> list[Markup]:
    """This set on the curve; a line without a point where it can show no gain at all."""
    x, foot = axis.at(max(heldout.rows, 1)), _gain_y(0, top)
    side, dx = ("end", -10) if x > 60 else ("start", 10)
    if heldout.smallest_gain is None:
        told = svg.words(
            x, foot - 12, f"{count(heldout.rows)} rows: too few for any gain", "strong", anchor=side, dx=dx
        )
        return [svg.line(x, 24, x, foot, "here"), told]
    y = _gain_y(heldout.smallest_gain, top)
    said = f"{plural(heldout.rows, 'row')}: {points(heldout.smallest_gain)}"
    dot = svg.tag("circle", class_="dot", cx=svg.pct(x), cy=f"{y:g}", r="5.5")
    return [svg.line(x, y, x, foot, "here"), dot, svg.words(x, y - 9, said, "strong", anchor=side, dx=dx)]


def _gain_says(heldout: Heldout) -> str:
    if heldout.smallest_gain is None:
        return f"{plural(heldout.rows, 'held-out row')} can show no gain at all."
    return (
        f"With {plural(heldout.rows, 'held-out row')} the smallest gain that shows is {points(heldout.smallest_gain)}."
    )
