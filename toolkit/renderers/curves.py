"""Charts of the report's sections: learning curve, leak curve, tokens against the trainer's limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from toolkit.renderers import svg
from toolkit.renderers.charts import BARS, CHARACTERS, NAMES, PLOT, ROWS, Axis
from toolkit.renderers.words import count, short, shown

FOOT = 62
STEPS = 4


def learning(told: Mapping[str, Any]) -> Markup:
    """Score of the probe against rows: what was measured as dots, the curve through them, its 90 % band."""
    points, expected = told["points"], told["expected"]
    if len(points) < 2 or len(expected) < 2:
        return Markup()
    axis = Axis(min(points[0][0], expected[0][0]) * 0.8, max(points[-1][0], expected[-1][0]) * 1.2, 7, 91)
    scores = [each[1] for each in points] + [value for each in expected for value in each[1:4] if value is not None]
    low, high = max(0.0, min(scores) - 0.02), min(1.0, max(scores) + 0.02)
    drawn = [*_grid(axis, low, high), _band(expected, axis, (low, high))]
    drawn += [
        svg.tag("circle", class_="dot", cx=svg.pct(axis.at(each[0])), cy=f"{_y(each[1], low, high):g}", r="4.5")
        for each in points
    ]
    return svg.figure("learning", "Score against rows to learn from", shown(told["line"], 400), PLOT + FOOT, *drawn)


def _y(score: float, low: float, high: float) -> float:
    return 24 + PLOT * (1 - (score - low) / (high - low))


def _grid(axis: Axis, low: float, high: float) -> list[Markup]:
    drawn = [svg.words(0, 10, "% of labels named right", "axis")]
    for step in range(STEPS + 1):
        score = low + (high - low) * step / STEPS
        y = _y(score, low, high)
        drawn += [svg.line(7, y, 98, y, "grid"), svg.words(7, y + 4, f"{100 * score:.0f}", "axis", anchor="end", dx=-8)]
    foot = _y(low, low, high)
    drawn += [svg.words(axis.at(n), foot + 18, short(n), "axis", anchor="middle") for n in axis.ticks(ROWS)]
    return [*drawn, svg.words(98, foot + 36, "rows to learn from", "axis", anchor="end")]


def _band(expected: Sequence[Any], axis: Axis, ends: tuple[float, float]) -> Markup:
    """The curve and the band around it in a window that stretches with the page."""
    upper = [f"{axis.at(each[0]):.2f} {_y(each[3], *ends):.2f}" for each in expected]
    lower = [f"{axis.at(each[0]):.2f} {_y(each[2], *ends):.2f}" for each in reversed(expected)]
    middle = [f"{axis.at(each[0]):.2f} {_y(each[1], *ends):.2f}" for each in expected]
    area = svg.tag("path", d=f"M{' L'.join([*upper, *lower])}Z", class_="c", opacity="0.35")
    curve = svg.tag("path", d=f"M{' L'.join(middle)}", class_="curve", vector_effect="non-scaling-stroke")
    box = {"viewBox": f"0 0 100 {PLOT + FOOT:g}", "preserveAspectRatio": "none"}
    return svg.tag("svg", area, curve, x="0", y="0", width="100%", height=f"{PLOT + FOOT:g}", **box)


def leaked(told: Mapping[str, Any]) -> Markup:
    """One bar for each range of nearness to train: the share named right, with the rows that it is of."""
    found = [each for each in told["curve"] if each[1]]
    rows = [_nearness(each, place * 26) for place, each in enumerate(found)]
    said = "; ".join(
        f"cosine {shown(each[0], 20)}: {100 * each[2]:.1f} % of {count(each[1])} rows" for each in found[:20]
    )
    return svg.figure("leaked", "Score by nearness to train", said, 26 * len(found), *rows)


def _nearness(each: Sequence[Any], y: float) -> Markup:
    group, rows, share = each[:3]
    label = svg.words(0, y + 17, f"cosine {shown(group, 20)}", "name")
    bar = svg.bar(NAMES + 2, y + 4, BARS * share, 17, "a")
    figures = svg.words(NAMES + 2 + BARS * share, y + 17, f"{100 * share:.1f} % of {short(rows)} rows", "figure", dx=7)
    return svg.tag("g", label, bar, figures)


def yielded(told: Mapping[str, Any]) -> Markup:
    """One bar for each gate of a generation: what it let through, and what it refused, of all candidates."""
    found, most = told["waterfall"][:20], max(told["candidates"], 1)
    rows = [_gate(each, place * 26, most) for place, each in enumerate(found)]
    said = "; ".join(f"{shown(each['gate'], 60)} refused {count(each['refused'])}" for each in found)
    return svg.figure("made", "What each gate let through", said, 26 * len(found), *rows)


def _gate(each: Mapping[str, Any], y: float, most: int) -> Markup:
    scale = BARS / most
    passed, refused = each["reached"] - each["refused"], each["refused"]
    ends = NAMES + 2 + each["reached"] * scale
    bars = [
        svg.bar(NAMES + 2, y + 4, passed * scale, 17, "a"),
        svg.bar(NAMES + 2 + passed * scale, y + 4, refused * scale, 17, "d"),
    ]
    figures = svg.words(ends, y + 17, f"{short(passed)} of {short(each['reached'])}", "figure", dx=7)
    return svg.tag("g", svg.words(0, y + 17, shown(each["gate"], 40), "name"), *bars, figures)


def tokens(told: Mapping[str, Any]) -> Markup:
    """Tokens of a row before the cut as a strip, with the trainer's limit as a line; empty where there is none."""
    found = {each["group"]: each["value"] for each in told["figures"] if each["name"] == "tokens a row before the cut"}
    limit = told["max_length"]
    if not found or not limit:
        return Markup()
    axis = Axis(1.0, 1.2 * max(*found.values(), limit, 10), 1, 97)
    at = {name: axis.at(value) for name, value in found.items()}
    drawn = [
        svg.words(0, 16, ", ".join(f"{shown(name, 20)} {count(value)}" for name, value in found.items()), "name"),
        svg.line(at["p50"], 40, at["p100"], 40, "range"),
        svg.bar(at["p50"], 31, max(at["p90"] - at["p50"], 0.3), 18, "box"),
        svg.line(at["p50"], 29, at["p50"], 51, "median"),
        svg.line(at["p99"], 31, at["p99"], 49, "whisker"),
        svg.line(axis.at(limit), 22, axis.at(limit), 58, "here"),
        svg.words(
            axis.at(limit), 72, f"limit {count(limit)}", "strong", anchor="end" if axis.at(limit) > 60 else "start"
        ),
    ]
    drawn += [svg.words(axis.at(tick), 90, short(tick), "axis", anchor="middle") for tick in axis.ticks(CHARACTERS)[1:]]
    said = f"Half of the rows are under {count(found['p50'])} tokens, the longest has {count(found['p100'])}."
    return svg.figure("tokens", "Tokens of a row against the limit", said, 96, *drawn)
