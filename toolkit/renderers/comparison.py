"""A comparison laid out: the verdict, both models, the gain with its interval, classes, forgetting, shape, cost."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from toolkit.compare import Comparison
from toolkit.compare.paired import ClassLine, Paired, Side, measured_classes
from toolkit.compare.verdict import Bars, interval, p_value, points
from toolkit.renderers import svg
from toolkit.renderers.document import Document, Section, Table
from toolkit.renderers.words import count, named, plural

MOODS = {"ship": "ready", "keep": "risks", "cannot tell": "unknown", "roll back": "not"}
TITLES = {"keep": "keep what you have"}
CLASSES = 30
STEP = 30
NAMES, LEFT, WIDE = 26.0, 30.0, 66.0


def document(found: Comparison) -> Document:
    """The whole comparison."""
    main = found.main
    verdict = found.decision.verdict
    return Document(
        kind=f"Comparison · {main.before.name} → {main.after.name} on {plural(main.gain.n, 'held-out row')}",
        title=TITLES.get(verdict, verdict),
        mood=MOODS[verdict],
        lead=found.decision.why,
        sections=(
            Section("Next", items=_next(found)),
            _section("Held-out rows", main, found.bars, chart=_forest(found)),
            *([_section("Regression set", found.regression, found.bars)] if found.regression else []),
            *([_shape(found)] if found.shape else []),
            *([_classes(found)] if found.classes else []),
            Section("Rows that became worse", items=(", ".join(main.flipped),) if main.flipped else ()),
            Section("How it was decided", items=_how(found)),
        ),
    )


def as_json(found: Comparison) -> dict[str, Any]:
    """The same as plain values."""
    regression = found.regression
    return {
        "verdict": found.decision.verdict,
        "why": list(found.decision.why),
        "bars": found.bars._asdict(),
        "heldout": _paired(found.main),
        "regression": _paired(regression) if regression else None,
        "shape": {**found.shape._asdict(), "rise": found.shape.rise} if found.shape else None,
        "classes": [each._asdict() for each in found.classes],
        "rows_to_tell": found.more_rows,
    }


def _paired(found: Paired) -> dict[str, Any]:
    nested = {name: value._asdict() for name in ("before", "after", "gain") if (value := getattr(found, name))}
    change = {name: value._asdict() if (value := getattr(found, name)) else None for name in ("cost", "latency")}
    return {**found._asdict(), **nested, **change, "flipped": list(found.flipped)}


def _next(found: Comparison) -> tuple[str, ...]:
    verdict, after = found.decision.verdict, found.main.after.name
    if verdict == "ship":
        return (f"ship the model of {after}; keep this held-out set, and compare again after each tuning",)
    if verdict == "cannot tell":
        more = f"about {found.more_rows:,} held-out rows would tell" if found.more_rows else "hold out more rows"
        return (f"{more}: toolkit split DATA --heldout 0.3, then both models again",)
    if verdict == "keep":
        return ("stay with the model you have; look at the classes below for where rows are missing",)
    return ("roll back; read the rows that became worse, and mix general data in if it forgets",)


def _section(title: str, found: Paired, bars: Bars, chart: Markup | None = None) -> Section:
    gain = f"{points(found.gain.gain, bars)} ({interval(found.gain, bars)}), {found.test}"
    lines = [f"Gain: {gain}.", f"{count(found.gained)} rows became better, {count(found.lost)} worse."]
    if found.exact is not None:
        lines[-1] = f"{lines[-1][:-1]}; McNemar's exact p is {p_value(found.exact)}."
    if found.cost is not None:
        lines.append(f"Cost: {1000 * found.cost.gain:+,.2f} dollars for 1,000 calls, p {p_value(found.cost.p)}.")
    notes = [_draws(found), _smallest(found), _checked(found)]
    return Section(
        title,
        tuple(lines),
        table=_models(found),
        chart=chart,
        notes=tuple(filter(None, notes)),
    )


def _models(found: Paired) -> Table:
    """Both models; what no file tells has no column."""
    head = ("model", "mean" if found.judged == "score" else "right", "95 % interval", "$ per 1,000", "seconds", "p95")
    rows = [_side(each, found.judged) for each in (found.before, found.after)]
    told = [at for at in range(len(head)) if any(row[at] for row in rows)]
    cut = [tuple(row[at] for at in told) for row in (head, *rows)]
    return Table(cut[0], tuple(cut[1:]), right=frozenset(range(1, len(told))))


def _side(side: Side, judged: str) -> tuple[str, ...]:
    graded = judged == "score"
    cost = "" if side.cost_usd is None else f"{1000 * side.cost_usd:,.2f}"
    seconds = ["" if each is None else f"{each:.2f}" for each in (side.latency_s, side.latency_p95_s)]
    ends = f"{side.low:.4g} to {side.high:.4g}" if graded else f"{side.low:.1%} to {side.high:.1%}"
    return side.name, f"{side.rate:.4g}" if graded else f"{side.rate:.1%}", ends, cost, *seconds


def _draws(found: Paired) -> str:
    if found.gain.clusters == found.gain.n:
        return ""
    return f"{count(found.gain.n)} rows count as {count(found.gain.clusters)} draws: rows that are alike are one."


def _smallest(found: Paired) -> str:
    if found.smallest is None:
        return ""
    return f"The smallest gain that these rows show with probability .8 is {100 * found.smallest:.1f} points."


def _checked(found: Paired) -> str:
    told = {
        "content": "Ids and contents of all rows were checked.",
        "id": "Only ids were checked: the files hold no content.",
    }
    return f"{told[found.checked]} A row was judged by {found.judged}."


def _shape(found: Comparison) -> Section:
    shape = found.shape
    assert shape is not None  # noqa: S101 - the caller has looked
    line = f"Off the shape ({shape.shape}): {shape.before:,} of {shape.rows:,} before, {shape.after:,} after"
    return Section("Format", (f"{line}; p of no difference {p_value(shape.p)}.",))


def _classes(found: Comparison) -> Section:
    head = ("class", "rows", "before", "after", "better", "worse", "p", "Holm", "false discovery")
    rows = tuple(_class(each) for each in found.classes[:CLASSES])
    untested = sum(each.p is None for each in found.classes)
    notes = [
        f"p by class are adjusted for {len(found.classes) - untested} tests: Holm keeps any false alarm, and Benjamini "
        "and Hochberg the share of false ones, at its level.",
        f"{measured_classes(found.classes)} of {len(found.classes)} classes have rows enough for their own figure.",
    ]
    if len(found.classes) > CLASSES:
        notes.append(f"{len(found.classes) - CLASSES} more classes are in the JSON.")
    return Section("By class", table=Table(head, rows, right=frozenset(range(1, 9))), notes=tuple(notes))


def _class(line: ClassLine) -> tuple[str, ...]:
    p = ["" if each is None else p_value(each) for each in (line.p, line.holm, line.discovery)]
    rates = (f"{line.before:.0%}", f"{line.after:.0%}")
    return named(line.name, 60), count(line.rows), *rates, count(line.gained), count(line.lost), *p


def _how(found: Comparison) -> tuple[str, ...]:
    bars = found.bars
    aims = {"better": "to ship, the model must be better", "no-worse": "to ship, the model must be no worse"}
    return (
        aims[bars.aim],
        f"a gain under {points(bars.worth, bars)} is not worth it; a loss over {points(bars.margin, bars)} is too much",
        f"shown means a two-sided p of at most {bars.alpha:g}, and an interval that leaves 0 out",
        f"held-out rows: {found.main.name}, sha256 {found.main.sha256[:16]}",
    )


def _forest(found: Comparison) -> Markup | None:
    """Gains with their intervals on one scale: the held-out rows, and the regression set below them."""
    if not found.bars.unit:
        return None
    lines = [("held-out rows", found.main.gain)]
    lines += [("regression set", found.regression.gain)] if found.regression else []
    reach = max(found.bars.margin, *(abs(end) for _, gain in lines for end in (gain.low, gain.high))) * 1.1
    foot = STEP * len(lines) + 6

    def at(value: float) -> float:
        return LEFT + WIDE * (value + reach) / (2 * reach)

    drawn = [
        svg.line(at(0), 0, at(0), foot, "zero"),
        svg.line(at(-found.bars.margin), 0, at(-found.bars.margin), foot, "here"),
    ]
    for place, (name, gain) in enumerate(lines):
        y = STEP * place + 18
        kind = "span" if gain.low > 0 else "span worse" if gain.high < 0 else "span open"
        drawn += [svg.clipped(0, y - 14, NAMES, STEP, svg.words(0, 18, name, "name"))]
        drawn += [svg.line(at(gain.low), y, at(gain.high), y, kind)]
        drawn += [svg.tag("circle", class_="mean", cx=svg.pct(at(gain.gain)), cy=f"{y:g}", r="5")]
    for value in (-reach / 1.1, 0.0, reach / 1.1):
        drawn.append(svg.words(at(value), foot + 16, f"{100 * value:+.1f}" if value else "0", "axis", anchor="middle"))
    said = "; ".join(
        f"{name} {100 * gain.gain:+.1f} points, {100 * gain.low:+.1f} to {100 * gain.high:+.1f}" for name, gain in lines
    )
    return svg.figure(
        "gain", "Gain in points, with 95 % intervals; the broken line is the margin", said, foot + 24, *drawn
    )
