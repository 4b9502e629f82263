"""What the pages of a report have in common: order, sums, caps. It computes no figure of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from toolkit.core.report import CheckLine, ClassLine, Example, Heldout, Lengths, Number, Reason, Report
from toolkit.core.share import shipped
from toolkit.core.types import JSON
from toolkit.renderers import training, words
from toolkit.renderers.sections import KNOWN, sections
from toolkit.renderers.words import plural

LEVELS = ("blocker", "error", "doubt", "warning", "info", "ok")
LEVEL_WORDS = {"doubt": "unknown", "info": "note"}
SAYS = {
    "READY": "Nothing that the policy asks about speaks against training on these rows.",
    "READY WITH RISKS": "These rows can be trained on. The warnings say what the result may suffer from.",
    "CANNOT TELL": "Something that the answer depends on is not known, so neither yes nor no would be honest.",
    "NOT READY": "Do not train on these rows yet. The faults below come first.",
}
CAPS = {
    "reasons": 60,
    "bars": 30,
    "classes": 300,
    "checks": 200,
    "listed": 200,
    "left": 24,
    "sources": 30,
    "groups": 40,
    "kinds": 20,
}
SEGMENTS = 7
PER_CHECK = 8
GAINS = (10, 5, 3, 2, 1)  # points


class Source(NamedTuple):
    """One input. A count is None where the report does not have it."""

    name: str
    sha256: str
    records: int | None
    rows: int | None
    rejects: int | None
    notes: list[str]


class Left(NamedTuple):
    """Rows that left for one reason. slot: its colour, 1 to SEGMENTS, or 0 without one."""

    check: str
    kind: str
    rows: int
    slot: int


class Flow(NamedTuple):
    """Where the records went. disjoint: whether the reasons add up to the rows that left."""

    left: list[Left]
    more: int
    disjoint: bool
    adds_up: bool


class Evidence(NamedTuple):
    """Examples of one check, the first PER_CHECK; more: how many the report holds besides."""

    check: str
    examples: list[Example]
    more: int


class Duplicate(NamedTuple):
    """Rows that one check of duplicates flagged, by kind."""

    check: str
    kind: str
    flagged: int
    kept: int
    total: int


def rank(level: str) -> int:
    """0 for a blocker; a level that is not known stands before `info`."""
    return LEVELS.index(level) if level in LEVELS else LEVELS.index("info")


def level_word(level: str) -> str:
    """What a level is called before a reader; one that is not known is a note."""
    return LEVEL_WORDS.get(level, level if level in LEVELS else "note")


def reasons(report: Report) -> list[Reason]:
    """Heaviest first; within a level as the report has them."""
    return sorted(report.reasons, key=lambda reason: rank(reason.level))


def tally(report: Report) -> str:
    """`1 error, 2 warnings, 1 note`, or that there is none."""
    found = [level_word(reason.level) for reason in reasons(report)]
    words = [plural(found.count(word), word) for word in dict.fromkeys(found)]
    return ", ".join(words) or "no reason against it"


def flow(report: Report) -> Flow:
    """Where the records went, largest reason first."""
    listed = [(str(check), str(kind), _whole(rows)) for check, kind, rows in report.quarantine]
    left = [Left(*each, place + 1 if place < SEGMENTS else 0) for place, each in enumerate(listed[: CAPS["left"]])]
    total = sum(rows for _, _, rows in listed)
    adds_up = report.records == report.kept + report.quarantined
    return Flow(left, max(0, len(listed) - CAPS["left"]), total == report.quarantined, adds_up)


def _whole(value: JSON) -> int:
    return int(value) if isinstance(value, int | float) else 0


def classes(report: Report) -> list[ClassLine]:
    """Largest first, then by name."""
    return sorted(report.classes, key=lambda line: (-line.rows, line.name))


def sources(report: Report) -> list[Source]:
    """The inputs with empty fields filled; what a source lacks is None, never 0."""
    return [_source(each) for each in report.sources]


def _source(found: dict[str, JSON]) -> Source:
    notes = found.get("notes") or []
    listed = [str(note) for note in notes] if isinstance(notes, list) else [str(notes)]
    records, rows, rejects = (_known(found.get(name)) for name in ("records", "rows", "rejects"))
    return Source(str(found.get("name", "")), str(found.get("sha256") or ""), records, rows, rejects, listed)


def _known(value: JSON) -> int | None:
    return int(value) if isinstance(value, int | float) else None


def evidence(report: Report) -> list[Evidence]:
    """Examples by check, in the order of the report."""
    groups: dict[str, list[Example]] = {}
    for example in report.examples:
        groups.setdefault(example.check, []).append(example)
    return [Evidence(check, found[:PER_CHECK], max(0, len(found) - PER_CHECK)) for check, found in groups.items()]


def duplicates(report: Report) -> list[Duplicate]:
    """What the checks of duplicates (codes D..) flagged, by kind, largest first; what flagged nothing is left out."""
    return [
        Duplicate(line.check, kind, flagged, kept, line.total)
        for line in report.checks
        if line.code.startswith("D") and line.status == "ran"
        for kind, flagged, kept in kinds(line)
    ]


def repeated(report: Report) -> set[str]:
    """Checks with more than one line: they looked at different rows, so a page names those."""
    ids = [line.check for line in report.checks]
    return {each for each in ids if ids.count(each) > 1}


def looked_for_duplicates(report: Report) -> bool:
    """Whether any check of duplicates ran."""
    return any(line.code.startswith("D") and line.status == "ran" for line in report.checks)


def lengths(report: Report) -> list[Lengths]:
    """Those that have a percentile."""
    return [each for each in report.lengths if each.percentiles]


def numbers(report: Report) -> list[Number]:
    """Measured numbers that no other part of the page shows: those by class have their own."""
    shown = {"rows by class"} if report.classes else set()
    return [each for each in report.numbers if each.name not in shown]


def figures(found: dict[str, JSON]) -> list[tuple[str, str]]:
    """A dictionary as names and texts, sorted by name; what is nested becomes JSON."""
    return [(name.replace("_", " "), _figure(value)) for name, value in sorted(found.items())]


def _figure(value: JSON) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if value is None:
        return "none"
    if isinstance(value, list) and all(isinstance(each, str | int | float) for each in value):
        return ", ".join(_figure(each) for each in value)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def kinds(line: CheckLine) -> list[tuple[str, int, int]]:
    """Kinds of a check that flagged a row, as (kind, in the input, among the rows that stay), largest first."""
    found = [(kind, rows[0], rows[1]) for kind, rows in line.kinds.items() if kind and rows[0]]
    return sorted(found, key=lambda each: (-each[1], each[0]))


def rows_for_gains(heldout: Heldout | None) -> list[tuple[int, int]]:
    """(points of gain, held-out rows that show it), for the gains that the discordance allows."""
    from toolkit.stats.power import rows_needed

    if heldout is None:
        return []
    share = heldout.discordance
    return [(gain, rows_needed(gain / 100, discordance=share)) for gain in GAINS if gain / 100 <= share]


def measurable() -> dict[str, int]:
    """Held-out rows of a class for a figure of its own, and for a place in the macro average."""
    from toolkit.stats.effective import MACRO_ROWS, REPORT_ROWS

    return {"report": REPORT_ROWS, "macro": MACRO_ROWS}


def view(report: Report) -> dict[str, Any]:
    """What the templates read beside the report itself."""
    return {
        "cap": CAPS,
        "says": SAYS.get(report.verdict, ""),
        "tally": tally(report),
        "reasons": reasons(report),
        "flow": flow(report),
        "classes": classes(report),
        "has_other": any(line.rows > line.train + line.heldout for line in report.classes),
        "lengths": lengths(report),
        "duplicates": duplicates(report),
        "looked_for_duplicates": looked_for_duplicates(report),
        "least": measurable(),
        "needs": rows_for_gains(report.heldout),
        "unlooked": [each for each in report.not_looked if each[1] != "not applicable"],
        "inapplicable": [each for each in report.not_looked if each[1] == "not applicable"],
        "evidence": evidence(report),
        "repeated": repeated(report),
        "sources": sources(report),
        "origins": sorted(report.source_kinds.items(), key=lambda each: (-each[1], each[0])),
        "split": figures(report.split),
        "extra": figures({name: value for name, value in report.extra.items() if name not in (*KNOWN, "training")}),
        "sections": sections(report),
        "training": training.view(report),
        "numbers": numbers(report),
    }


def environment(finalize: Callable[[Any], Any], *, autoescape: bool) -> Environment:
    """The templates of `reports/`. finalize: what every expression passes through, so no template escapes by hand."""
    env = Environment(
        loader=FileSystemLoader(shipped("reports")),
        autoescape=autoescape,  # noqa: S701 - Markdown is escaped by its own `finalize`
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.tests["command"] = words.is_command
    env.filters.update(words.FILTERS)
    return env
