"""The readiness report as one HTML file: no script, nothing from elsewhere, safe to open whatever the rows hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from jinja2 import Environment
from markupsafe import Markup

from toolkit.core.report import Report
from toolkit.renderers import charts, curves, money_chart, page, svg, words

MOODS = {"READY": "ready", "READY WITH RISKS": "risks", "CANNOT TELL": "unknown", "NOT READY": "not"}
SIGNS = {
    "ready": "M7 12.5l3.4 3.4L17 9",
    "risks": "M12 6.5v7M12 17v.01",
    "unknown": "M9 9.2a3 3 0 1 1 4.4 2.7c-.9.5-1.4 1-1.4 2M12 17v.01",
    "not": "M8.2 8.2l7.6 7.6M15.8 8.2l-7.6 7.6",
}


@dataclass(frozen=True, slots=True)
class Html:
    """One self-contained page with charts, for light and dark, phone and paper.

    Every text is escaped by the template engine, acting characters are shown instead of obeyed, and
    a content security policy forbids all loading and all script. Long lists are cut and say so: a
    report of a million rows stays under 2 MB.
    """

    id: ClassVar[str] = "html"
    suffix: ClassVar[str] = "html"
    version: ClassVar[int] = 1

    def render(self, report: Report) -> str:
        template = _environment().get_template("readiness.html.j2")
        return template.render(report=report, charts=_charts(report), **page.view(report))


def _environment() -> Environment:
    env = page.environment(_inert, autoescape=True)
    env.filters.update(kinds=page.kinds, word=page.level_word, level=_level, mood=_mood, sign=_sign)
    env.filters.update({name: _unbroken(words.FILTERS[name]) for name in ("points", "share", "plural")})
    return env


def _inert(value: Any) -> Any:
    """What every expression of the template passes through before it is escaped."""
    return words.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _unbroken(write: Callable[..., str]) -> Callable[..., str]:
    """The same words with a blank at which no line ends."""
    return lambda *given: write(*given).replace(" ", "\u00a0")


def _level(name: str) -> str:
    """The style of a level; one that is not known looks like a note."""
    return name if name in page.LEVELS else "info"


def _mood(verdict: str) -> str:
    return MOODS.get(verdict, "unknown")


def _sign(verdict: str) -> Markup:
    """The verdict's sign, for readers who do not see its colour."""
    ring = svg.tag("circle", cx="12", cy="12", r="10.6")
    stroke = {"stroke": "currentColor", "stroke_width": "1.7", "stroke_linecap": "round", "stroke_linejoin": "round"}
    mark = svg.tag("path", d=SIGNS[_mood(verdict)])
    return svg.tag("svg", ring, mark, viewBox="0 0 24 24", fill="none", aria_hidden="true", **stroke)


def _charts(report: Report) -> dict[str, Markup]:
    """Each chart by name; those without a figure are left out."""
    found = {"flow": charts.flow_bar(report.kept, report.quarantined, page.flow(report))}
    if report.heldout:
        found["gain"] = charts.gain_curve(report.heldout)
    if report.classes:
        bars = page.CAPS["bars"]
        found["classes"] = charts.class_bars(page.classes(report)[:bars], more=max(0, len(report.classes) - bars))
    if page.lengths(report):
        found["lengths"] = charts.length_strips(page.lengths(report)[:10])
    if page.duplicates(report):
        found["duplicates"] = charts.duplicate_bars(page.duplicates(report)[: page.CAPS["kinds"]])
    told: Mapping[str, Any] = report.extra
    drawn = {"learning": curves.learning, "leaked": curves.leaked, "training": curves.tokens}
    drawn["made"] = curves.yielded
    found.update({name: draw(told[name]) for name, draw in drawn.items() if told.get(name)})
    if told.get("advice") and told["advice"]["break_even"]:
        found["advice"] = money_chart.recorded(told["advice"]["break_even"])
    return found
