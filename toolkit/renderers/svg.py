"""SVG elements as escaped markup. Places across are percentages, so a chart fits a phone without shrinking its text."""

from __future__ import annotations

from markupsafe import Markup


def tag(name: str, *inside: str, **attributes: object) -> Markup:
    """One element. Values and texts are escaped; `class_` is class, `text_anchor` is text-anchor; None is left out."""
    pairs = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), value)
        for key, value in attributes.items()
        if value is not None
    )
    return Markup("<{0}{1}>{2}</{0}>").format(name, pairs, Markup("").join(inside))


def figure(name: str, title: str, desc: str, height: float, *inside: str) -> Markup:
    """An SVG as wide as its place. name: unique on the page; title and desc are what a screen reader says."""
    return tag(
        "svg",
        tag("title", title, id=f"{name}-title"),
        tag("desc", desc, id=f"{name}-desc"),
        *inside,
        class_="chart",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        width="100%",
        height=f"{height:g}",
    )


def bar(x: float, y: float, size: float, height: float, kind: str, title: str = "") -> Markup:
    """A rectangle; x and size in percent of the width, y and height in pixels."""
    told = [tag("title", title)] if title else []
    return tag("rect", *told, class_=kind, x=pct(x), y=f"{y:g}", width=pct(max(size, 0.0)), height=f"{height:g}")


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """A line; x in percent, y in pixels."""
    return tag("line", class_=kind, x1=pct(x1), y1=f"{y1:g}", x2=pct(x2), y2=f"{y2:g}")


def words(x: float, y: float, text: str, kind: str = "", *, anchor: str = "start", dx: float = 0) -> Markup:
    """A text that starts, ends or is centred at x percent, moved by dx pixels."""
    return tag(
        "text",
        text,
        class_=kind or None,
        x=pct(x),
        y=f"{y:g}",
        dx=f"{dx:g}" if dx else None,
        text_anchor=None if anchor == "start" else anchor,
    )


def clipped(x: float, y: float, size: float, height: float, *inside: str) -> Markup:
    """A window of the chart: what is longer than it does not run into its neighbour."""
    return tag("svg", *inside, x=pct(x), y=f"{y:g}", width=pct(size), height=f"{height:g}", class_="clip")


def pct(value: float) -> str:
    """A percentage of the width."""
    return f"{value:.2f}".rstrip("0").rstrip(".") + "%"
