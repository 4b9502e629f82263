"""The readiness report as GitHub-flavoured Markdown: for a pull request, a summary of a job, a notebook."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from jinja2 import Environment
from markupsafe import Markup

from toolkit.core.report import Report
from toolkit.decide import Decision, Outcome
from toolkit.renderers import page, words

_ACTS = re.compile(r"[\\`*\[\]|~$]|(?<!\w)_|_(?!\w)|[&<>]|://|www\.|[@#](?=\w)")
_INERT = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "://": "&#58;//",
    "www.": "www&#46;",
    "@": "@&#8203;",
    "#": "#&#8203;",
}
_STARTS = re.compile(r"^(?:[#+=>-]|\d{1,9}(?=[.)](?:\s|$)))")


@dataclass(frozen=True, slots=True)
class Markdown:
    """The report in one Markdown text, compact, with the same numbers as the HTML page but no charts.

    Every text is escaped: it makes no heading, table cell, link, mention, image or HTML of its own.
    """

    id: ClassVar[str] = "markdown"
    suffix: ClassVar[str] = "md"
    version: ClassVar[int] = 1

    def render(self, report: Report) -> str:
        text = _environment().get_template("readiness.md.j2").render(report=report, **page.view(report))
        return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"

    def outcomes(self, decision: Decision) -> str:
        """What each check of a decision came to, as a table."""
        return outcomes(decision)


def outcomes(decision: Decision) -> str:
    """A decision as one table: a row a check, and the sum of the records above it."""
    out = len(decision.rejected)
    sums = f"**{decision.records:,} records = {decision.kept:,} kept + {out:,} quarantined**"
    head = "| check | status | flagged | flagged and kept | sent out | found in the input |\n|---|---|--:|--:|--:|---|"
    return "\n".join([sums, "", head, *(_outcome(each) for each in decision.outcomes)])


def _outcome(each: Outcome) -> str:
    name = f"{escaped(each.code)} {escaped(each.check)}"
    if each.status != "ran":
        return f"| {name} | {each.status} | | | | {escaped(words.shown(each.reason))} |"
    level = page.level_word(each.level_input.name.lower())
    return f"| {name} | ran | {each.flagged:,} | {each.flagged_kept:,} | {each.rejected:,} | {level} |"


def escaped(text: str) -> str:
    """A text as one line of Markdown that shows it and does nothing else.

    Besides the letters of Markdown: HTML and entities, links that GitHub makes of bare addresses,
    mentions of people and issues, and what starts a block at the beginning of a line.
    """
    text = words.visible(text).strip().replace("\n", " ⏎ ")
    text = _ACTS.sub(lambda match: _INERT.get(match.group(), f"\\{match.group()}"), text)
    return _STARTS.sub(lambda match: _unstarted(match.group()), text)


def _unstarted(start: str) -> str:
    """A digit before a dot keeps its place; the dot is what must not follow it directly."""
    return f"{start}&#8203;" if start.isdigit() else f"\\{start}"


def code(value: object, cap: int = words.CAP) -> Markup:
    """A text as a code span, fenced by more backticks than it holds."""
    text = words.shown(value, cap) or " "
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    pad = " " if longest else ""
    return Markup("`" * (longest + 1) + pad + text + pad + "`" * (longest + 1))  # noqa: S704 - not HTML


def sentence(text: str) -> Markup:
    """A sentence with its commands as code."""
    pieces = words.pieces(words.shown(text, 600))
    parts = [str(code(piece.text)) if piece.code else _around(piece.text) for piece in pieces]
    return Markup("".join(parts))  # noqa: S704 - not HTML


def _around(text: str) -> str:
    """Escaped with the blanks at its ends kept, for they part it from the code beside it."""
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    return f"{before}{escaped(text)}{after}" if text.strip() else text


def _environment() -> Environment:
    env = page.environment(_inert, autoescape=False)
    env.filters.update(code=code, sentence=sentence, word=page.level_word, known=_known, line=words.shown)
    return env


def _inert(value: Any) -> Any:
    """What every expression of the template passes through; only `code` and `sentence` write Markdown themselves."""
    return escaped(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _known(value: int | None) -> str:
    return "not recorded" if value is None else words.count(value)
