"""Findings as JUnit XML: one test case a check, for the test page of any CI."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import ClassVar

from toolkit.core.listing import Checked, Line, Listing
from toolkit.core.types import Level
from toolkit.renderers.words import plural, shown


@dataclass(frozen=True, slots=True)
class JUnit:
    """One test suite a run, one test case a check and scope.

    A check that reached an error or blocker is a failure with its counts and its first findings; one
    that raised is an error; one that could not look is skipped with its reason. Warnings pass, with
    their counts in `system-out`. What XML cannot hold, such as control characters, is written out.
    """

    id: ClassVar[str] = "junit"
    suffix: ClassVar[str] = "xml"
    of: ClassVar[str] = "findings"
    version: ClassVar[int] = 1

    def render(self, found: Listing) -> Iterator[str]:
        failures = sum(each.level >= Level.ERROR for each in found.checks)
        errors = sum(each.status == "failed" for each in found.checks)
        skipped = sum(each.status in ("skipped", "not applicable") for each in found.checks)
        counts = f'tests="{len(found.checks)}" failures="{failures}" errors="{errors}" skipped="{skipped}"'
        seconds = f'time="{sum(each.seconds for each in found.checks):.3f}"'
        yield f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="toolkit" {counts} {seconds}>\n'
        yield f" <testsuite name={_quoted(found.uri or found.name)} {counts} {seconds}>\n"
        yield from (_case(each, found.uri) for each in found.checks)
        yield " </testsuite>\n</testsuites>\n"


def _case(each: Checked, uri: str) -> str:
    name = _quoted(f"{each.code} {each.check}")
    head = f'  <testcase classname="toolkit.{each.scope}" name={name} file={_quoted(uri)} time="{each.seconds:.3f}"'
    inside = _inside(each)
    return f"{head}>\n   {inside}\n  </testcase>\n" if inside else f"{head}/>\n"


def _inside(each: Checked) -> str:
    if each.status == "failed":
        return f'<error type="failed" message={_quoted(each.reason)}/>'
    if each.status != "ran":
        return f"<skipped message={_quoted(f'{each.status}: {each.reason}')}/>"
    if not each.rows:
        return ""
    rows = f"{plural(each.flagged, 'row')} of {each.total:,}" if each.flagged else "the data set"
    kinds = ", ".join(f"{kind} {n:,}" for kind, n in each.rows.items())
    if each.level < Level.ERROR:
        return f"<system-out>{_text(f'{each.level.name.lower()}: {rows} ({kinds})')}</system-out>"
    lines = [*(_example(line) for line in each.examples), f"try: {each.remedy}"]
    body = "\n".join(map(_text, lines))
    level = each.level.name.lower()
    return f"<failure type={_quoted(level)} message={_quoted(f'{rows}: {kinds}')}>{body}</failure>"


def _example(line: Line) -> str:
    other = f" ({line.other})" if line.other else ""
    return f"{line.ref or 'data set'}{other}: {line.message}"


def _text(value: str) -> str:
    return escape(shown(value, 600), quote=False)


def _quoted(value: str) -> str:
    return f'"{escape(shown(value, 600))}"'
