"""What is new against an older run, on a terminal."""

from __future__ import annotations

import json

from toolkit.core.listing import Checked, Listing
from toolkit.core.types import Level
from toolkit.renderers.words import plural, shown


def summary(found: Listing, older: str) -> str:
    """One line: how many findings are new, as before, gone, and not looked at."""
    change = found.change
    if change is None:
        return ""
    told = f"against {older}: {change.new:,} new, {change.same:,} as before, {change.fixed:,} fixed"
    return f"{told}, {change.unseen:,} of checks that did not look" if change.unseen else told


def as_json(found: Listing, older: str) -> str:
    """The same as JSON: counts, and new findings by check and kind."""
    change = found.change
    told = {
        "run": found.name,
        "baseline": older,
        "level": found.level.name.lower(),
        **({} if change is None else change._asdict()),
        "checks": {each.check: dict(each.rows) for each in found.checks if each.rows},
    }
    return json.dumps(told, indent=1, ensure_ascii=False)


def news(found: Listing, older: str) -> str:
    """The checks with new findings, the first of them, and the sum."""
    lines = [line for each in found.checks if each.rows for line in _check(each)]
    return "\n".join([*lines, summary(found, older)])


def _check(each: Checked) -> list[str]:
    level = each.level.name if each.level >= Level.ERROR else each.level.name.lower()
    counted = plural(each.flagged, "row") if each.flagged else "the data set"
    head = f"{each.code} {each.check}: {counted}, {level}"
    shown_lines = [f"      {line.ref or ''}  {line.kind}: {shown(line.message, 120)}" for line in each.examples]
    rest = each.flagged - len({line.ref for line in each.examples})
    return [head, *shown_lines, *([f"      and {rest:,} more"] if rest > 0 else [])]
