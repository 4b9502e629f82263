"""The readiness report as plain text of 100 columns: the verdict, why, the sums, and what to type next."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from toolkit.core.report import CheckLine, Heldout, Part, Reason, Report
from toolkit.renderers import page, training
from toolkit.renderers.sections import sections
from toolkit.renderers.words import beyond, count, fit, is_command, named, number, plural, points, share, shown

COLUMNS = 100
LEFT = 12
CLASSES = 10
NOTE = "note"


@dataclass(frozen=True, slots=True)
class TerminalReport:
    """The report for a terminal or a log: the same in a pipe, without colours and without evidence.

    Control characters of the rows are shown, never sent to the terminal.
    """

    id: ClassVar[str] = "terminal"
    suffix: ClassVar[str] = "txt"
    version: ClassVar[int] = 1

    def render(self, report: Report) -> str:
        parts = [verdict(report), records(report), split(report), training.lines(report), told(report), checks(report)]
        parts.append(not_looked(report))
        fitted = [[fit(line, COLUMNS).rstrip() for line in lines] for lines in parts]
        return "\n\n".join("\n".join(lines) for lines in [*fitted, commands(report)] if lines) + "\n"


def verdict(report: Report) -> list[str]:
    """The verdict and its reasons, heaviest first."""
    lines = [f"{shown(report.verdict, 40)}: {shown(report.name, 60)}", *_wrapped(page.SAYS.get(report.verdict, ""), 0)]
    found = page.reasons(report)
    shown_now = found[: page.CAPS["reasons"]]
    heavy = [reason for reason in shown_now if page.level_word(reason.level) != NOTE]
    for reason in heavy:
        lines += ["", *_reason(reason)]
    notes = shown_now[len(heavy) :]
    lines += ["", *(line for reason in notes for line in _note(reason))] if notes else []
    more = beyond(found, page.CAPS["reasons"])
    return [*lines, "", f"… and {plural(more, 'more reason')}"] if more else lines


def _note(reason: Reason) -> list[str]:
    """What changes no verdict, without its next step, which is in the other reports."""
    return _wrapped(f"{named(reason.title)} ({shown(reason.code, 20)})", 11, first=f"{fit(NOTE, 9)}  ")


def _reason(reason: Reason) -> Iterator[str]:
    level = page.level_word(reason.level)
    level = level.upper() if page.rank(reason.level) <= page.rank("error") else level
    said = f"{named(reason.title)} ({shown(reason.code, 20)} {shown(reason.check, 40)})"
    yield from _wrapped(said, 11, first=fit(level, 9) + "  ")
    yield from _wrapped(shown(reason.detail, 600), 11)
    if reason.remedy:
        yield from _wrapped(f"next: {shown(reason.remedy, 400)}", 11)


def told(report: Report) -> list[str]:
    """The sentences of the sections; their tables are in the other reports."""
    lines: list[str] = []
    for each in sections(report):
        lines += [
            each.title.lower() + ":",
            *(line for text in each.lines for line in _wrapped(shown(text, 600), 4, first="  ")),
        ]
    return lines


def records(report: Report) -> list[str]:
    """The sum of the records, then why the others left."""
    kept, out = count(report.kept), count(report.quarantined)
    lines = [f"{count(report.records)} records = {kept} kept + {out} quarantined"]
    flow = page.flow(report)
    if not flow.adds_up:
        lines.append("  THESE DO NOT ADD UP: a fault of the toolkit; do not rely on this report")
    lines += [f"{count(each.rows):>10}  {_reason_left(each)}" for each in flow.left[:LEFT]]
    more = beyond(flow.left, LEFT) + flow.more
    if more:
        lines.append(f"{'…':>10}  and {plural(more, 'more reason')}")
    if flow.left and not flow.disjoint:
        lines.append("            a record can leave for more than one reason")
    return lines


def _reason_left(each: page.Left) -> str:
    return f"{named(each.check, 40)}: {shown(each.kind, 40)}" if each.kind else named(each.check, 40)


def split(report: Report) -> list[str]:
    """The parts of the split, what the held-out rows can show, and the largest and smallest classes."""
    lines = [_part(part, report.kept) for part in report.parts[:20]]
    lines += (
        _heldout(report.heldout) if report.heldout else ["no held-out set: nobody can say whether a fine-tune helped"]
    )
    return [*lines, *_classes(report)]


def _part(part: Part, kept: int) -> str:
    return f"{fit(named(part.name, 20), 12)}{part.rows:>10,} rows {share(part.rows, kept):>8}  {shown(part.file, 58)}"


def _heldout(held: Heldout) -> list[str]:
    if held.smallest_gain is None:
        first = f"{plural(held.rows, 'held-out row')} can show no gain at all"
    else:
        first = (
            f"{plural(held.rows, 'held-out row')}: a gain under {points(held.smallest_gain)} cannot be told from chance"
        )
    said = f"{count(held.real)} of real use, worth {number(held.n_eff)} independent rows"
    by_class = (
        f"classes: {held.classes_reported} with a figure of their own, {held.classes_in_macro} in a macro average only"
    )
    lines = [first, f"  {said}; an accuracy near 80 % is known to ±{points(held.half_width)}"]
    if held.classes_reported + held.classes_in_macro + held.classes_not_measurable:
        lines.append(f"  {by_class}, {held.classes_not_measurable} not measurable")
    return lines + [line for note in held.notes[:8] for line in _wrapped(shown(note), 2)]


def _classes(report: Report) -> list[str]:
    found = page.classes(report)
    if not found:
        return []
    most = max(1, found[0].rows)
    lines = ["", f"{fit('class', 40)}{'kept':>8}{'held out':>10}"]
    for each in found[:CLASSES]:
        bar = "#" * max(1, round(36 * each.rows / most)) if each.rows else ""
        lines.append(f"{fit(named(each.name, 60), 40)}{each.rows:>8,}{each.heldout:>10,}  {bar}")
    more = found[CLASSES:]
    if more:
        lines.append(
            f"… and {plural(len(more), 'more class', 'more classes')}, the smallest of {plural(more[-1].rows, 'row')}"
        )
    return lines


def checks(report: Report) -> list[str]:
    """A line for each check that has something to tell: what it flagged in the input and among the rows that stay."""
    head = f"{'check':<28}{'looked at':>12}{'flagged':>10}{'kept':>9}{'out':>9}  result"
    twice = page.repeated(report)
    told = [line for line in report.checks if _tells(line)]
    lines = [_check(line, line.scope if line.check in twice else "") for line in told[: page.CAPS["checks"]]]
    more = beyond(told, page.CAPS["checks"])
    lines += [f"… and {plural(more, 'more check')}"] if more else []
    rest = [line for line in report.checks if not _tells(line)]
    clean = sum(line.status == "ran" for line in rest)
    last = f"{plural(clean, 'check')} more found nothing, {len(rest) - clean} had nothing to look at"
    return [head, *lines, *([last] if rest else [])]


def _tells(line: CheckLine) -> bool:
    """Whether a check found something, or could not look where it should have."""
    if line.status != "ran":
        return line.status != "not applicable"
    return bool(line.flagged or line.tested) or {line.level, line.level_input} != {"ok"}


def _check(line: CheckLine, scope: str) -> str:
    rows = f" ({shown(scope, 20)})" if scope else ""
    name = fit(f"{shown(line.code, 8)} {named(line.check, 40)}{rows}", 28)
    if line.status != "ran":
        return f"{name}{0:>12}{'-':>10}{'-':>9}{'-':>9}  {shown(line.status, 20)}"
    result = page.level_word(line.level)
    if line.level_input != line.level:
        result += f" (input: {page.level_word(line.level_input)})"
    result += f"; {shown(line.tested, 60)}" if line.tested else ""
    return f"{name}{line.seen:>12,}{line.flagged:>10,}{line.flagged_kept:>9,}{line.rejected:>9,}  {result}"


def not_looked(report: Report) -> list[str]:
    """What nobody looked at; that is not clean."""
    found = [
        f"{named(check, 40)} ({shown(status, 20)}): {shown(reason, 200)}"
        for check, status, reason in report.not_looked
        if status != "not applicable"
    ]
    lines = _listed("not looked at, which is not clean:", found)
    return lines + _listed("not in this version of the toolkit:", [named(each, 200) for each in report.missing])


def _listed(title: str, found: list[str]) -> list[str]:
    cap = page.CAPS["listed"]
    lines = [line for each in found[:cap] for line in _wrapped(each, 4, first="  ")]
    lines += [f"  … and {count(beyond(found, cap))} more"] if beyond(found, cap) else []
    return [title, *lines] if lines else []


def commands(report: Report) -> list[str]:
    """What to do next; a command stands on one line however long, so that it can be copied."""
    lines: list[str] = []
    for each in report.next[:12]:
        lines += [f"  {shown(each, 400)}"] if is_command(each) else _wrapped(shown(each, 400), 4, first="  ")
    return ["next:", *lines] if lines else []


def _wrapped(text: str, indent: int, *, first: str = "") -> list[str]:
    """Lines of at most COLUMNS; a word that is longer is cut over several."""
    blank = " " * indent
    text = re.sub(" +", " ", text)
    return textwrap.wrap(text, COLUMNS, initial_indent=first or blank, subsequent_indent=blank, break_on_hyphens=False)
