"""The parts of the readiness report that draw several facts together: what it takes, what it costs, what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from toolkit.core.report import Reason
from toolkit.core.types import JSON, Level
from toolkit.decide import Decision, Kind, Outcome
from toolkit.judge import verdict

FIXES = 3
SOURCES = {
    "guide": "two practitioners' articles of early 2026, a rule of thumb without error bars",
    "lima": "LIMA (Zhou et al. 2023): 1,000 curated rows aligned a 65B model",
    "openai": "OpenAI's guide",
    "bedrock": "Bedrock's limits of Claude 3 Haiku",
    "vertex": "Vertex's and Nova's advice",
    "mcnemar": "a paired test that shows 5 points (Connor 1987; two-sided 5 %, power 80 %)",
    "class": "a class with a figure of its own, held out",
}
MINIMUMS = (
    ("rows that stay", 10, "what OpenAI accepts at all", "openai"),
    ("rows that stay", 32, "what Bedrock accepts at all", "bedrock"),
    ("rows that stay", 100, "what Vertex and Nova advise", "vertex"),
    ("rows that stay", 200, "a fine-tune; below, put the best rows into the prompt", "guide"),
    ("rows that stay", 500, "a fine-tune that is worth it", "guide"),
    ("rows that stay", 1000, "what carefully chosen rows have been enough for", "lima"),
    ("held-out rows", 469, "a gain of five points that is no chance", "mcnemar"),
    ("rows of the smallest class held out", 30, "a figure for every class", "class"),
)


class Row(NamedTuple):
    """One fact of the ledger, as `report.Facts.rows` has it."""

    name: str
    value: float
    unit: str
    group: str
    low: float | None
    high: float | None


def build(
    decision: Decision, why: Sequence[Reason], facts: Sequence[Mapping[str, Any]], target: str
) -> dict[str, JSON]:
    """The sections that the ledger can fill, by name. target: the run as a command names it."""
    by_check: dict[str, list[Row]] = {}
    for each in facts:
        by_check.setdefault(each["check"], []).append(Row(*(each[name] for name in Row._fields)))
    found: dict[str, JSON] = {
        "fixes": fixes(why, decision, target),
        "minimums": _minimums(decision, by_check.get("heldout-size", [])),
        "learning": _learning(by_check.get("learning-curve", []), decision.outcome("learning-curve")),
        "leaked": _leaked(by_check.get("leaked-score", []), decision.outcome("leaked-score")),
        "cost": _cost(by_check.get("token-budget", []), decision.outcome("token-budget")),
        "confused": _confused(decision),
        "personal": _personal(decision),
    }
    return {name: value for name, value in found.items() if value}


def fixes(why: Sequence[Reason], decision: Decision, target: str) -> list[JSON]:
    """At most three things to do, by what the verdict would be without their reason, then by rows.

    Each with `try` (it holds a command), `reason`, `effect`: the verdict without it, and `together`: without all three.
    """
    rows = {each.check: each.flagged_kept for each in decision.outcomes}
    heavy = [each for each in why if Level[each.level.upper()] >= Level.WARNING and each.remedy]
    best = sorted(heavy, key=lambda each: (-Level[each.level.upper()], -rows.get(each.check, 0), each.code, each.title))
    together = verdict(other for other in why if other not in best[:FIXES]).words
    found: list[JSON] = []
    for each in best[:FIXES]:
        effect = f"without it: {verdict(other for other in why if other is not each).words}"
        told = {"reason": each.title, "try": _command(each, target), "effect": effect, "check": each.check}
        found.append({**told, "together": together})
    return found


def _command(reason: Reason, target: str) -> str:
    """The remedy; one that names no command is led by the one that shows the rows."""
    if "toolkit " in reason.remedy:
        return reason.remedy
    return f"toolkit findings {target} --check {reason.check}, then: {reason.remedy}"


def _minimums(decision: Decision, heldout: Sequence[Row]) -> list[JSON]:
    known: dict[str, float | None] = {"rows that stay": float(decision.kept)}
    known["held-out rows"] = next((each.value for each in heldout if each.name == "held-out rows"), None)
    classes = [each.value for each in heldout if each.name == "held-out rows by class"]
    known["rows of the smallest class held out"] = min(classes, default=None)
    return [
        {"what": what, "least": least, "for": reached, "source": SOURCES[source], "have": have, "met": have >= least}
        for what, least, reached, source in MINIMUMS
        if (have := known[what]) is not None
    ]


def _learning(rows: Sequence[Row], outcome: Outcome | None) -> JSON:
    gain = next((each for each in rows if each.name.startswith("gain from twice")), None)
    if gain is None or outcome is None:
        return None
    return {
        "line": _line(outcome),
        "points": _sized(rows, "probe accuracy with rows"),
        "expected": _sized(rows, "expected accuracy with rows, 90 %"),
        "gain": [gain.value, gain.low, gain.high],
    }


def _sized(rows: Sequence[Row], name: str) -> list[JSON]:
    """[rows, share, low, high] of the facts of one name, by rows."""
    found = [(int(each.group), each.value, each.low, each.high) for each in rows if each.name == name]
    return [list(each) for each in sorted(found)]


def _leaked(rows: Sequence[Row], outcome: Outcome | None) -> JSON:
    if outcome is None or outcome.status != "ran":
        return None
    name = "probe accuracy of held-out rows"
    curve = "probe accuracy by nearest train row"
    counts = {(each.name, each.group): int(each.value) for each in rows if each.name.startswith("rows: ")}
    told = {
        at: [
            [each.group, counts[f"rows: {of}", each.group], each.value, each.low, each.high]
            for each in rows
            if each.name == of
        ]
        for at, of in (("parts", name), ("curve", curve))
    }
    return {"line": _line(outcome), **told}


def _cost(rows: Sequence[Row], outcome: Outcome | None) -> JSON:
    if outcome is None or not rows:
        return None
    return {"line": _line(outcome), "facts": [each._asdict() for each in rows]}


def _line(outcome: Outcome) -> str:
    """The sentence of a check that finds one thing of the data set; empty where it found none."""
    return next((kind.message for kind in outcome.kinds), "")


def _confused(decision: Decision) -> list[JSON]:
    """[given -> likelier, rows] of the classes most often confused, by the last run that looked for them."""
    found = [each for each in decision.outcomes if each.confused]
    return [[pair, rows] for pair, rows in found[-1].confused] if found else []


def _personal(decision: Decision) -> list[JSON]:
    """Kinds of secrets and personal data, how many rows of the input hold one, and how many of those that stay."""
    kinds: list[tuple[str, Kind]] = [
        (check, kind)
        for check in ("secret", "pii")
        if (outcome := decision.outcome(check)) is not None
        for kind in outcome.kinds
        if kind.flagged
    ]
    return [[check, kind.kind, kind.flagged, kind.flagged_kept] for check, kind in kinds]


def since(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, JSON]:
    """What is different from an earlier report, both as plain values.

    verdict, counts and held-out gain before and now; reasons that are gone, that are new, and whose detail changed.
    """
    before, now = (
        {(each["check"], each["title"].split(" ", 1)[-1]): each for each in side["reasons"]} for side in (old, new)
    )
    pairs = [("verdict", old["verdict"], new["verdict"])]
    pairs += [(name, old[name], new[name]) for name in ("records", "kept", "quarantined")]
    pairs += [(f"rows of {name}", was, now_) for name, was, now_ in _by_part(old, new)]
    pairs.append(("smallest gain that shows, points", _gain(old), _gain(new)))
    return {
        "report": f"{old['name']} of {old['created']}",
        "changed": [list(each) for each in pairs if each[1] != each[2]],
        "gone": [before[key]["title"] for key in sorted(before.keys() - now.keys())],
        "new": [now[key]["title"] for key in sorted(now.keys() - before.keys())],
        "checks": _changed_checks(old, new),
    }


def _by_part(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, int | None, int | None]]:
    was, now = ({each["name"]: each["rows"] for each in side["parts"]} for side in (old, new))
    return [(name, was.get(name), now.get(name)) for name in dict.fromkeys([*was, *now])]


def _gain(report: Mapping[str, Any]) -> float | None:
    found = (report["heldout"] or {}).get("smallest_gain")
    return None if found is None else round(found, 1)


def _changed_checks(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[JSON]:
    """[check, before, now] of those whose status or rows that stay with a finding differ."""
    was, now = ({(each["check"], each["scope"]): each for each in side["checks"]} for side in (old, new))
    found = [(key, _state(was.get(key)), _state(now.get(key))) for key in dict.fromkeys([*was, *now])]
    return [[f"{key[0]} ({key[1]})", before, after] for key, before, after in found if before != after]


def _state(line: Mapping[str, Any] | None) -> str:
    if line is None:
        return "was not there"
    return f"{line['flagged_kept']:,} rows" if line["status"] == "ran" else str(line["status"])
