"""What a given trainer will train on, for the terminal and for the reports: the figures, and rows with their loss."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from toolkit.core.report import Report
from toolkit.renderers.words import block, named, number, shown

BRIGHT, DIM, PLAIN = "\x1b[32m", "\x1b[2m", "\x1b[0m"
OPEN, CLOSE = "⟦", "⟧"
COLUMNS = 100


class Training(NamedTuple):
    """title, line: one sentence each. figures: (name, value). preview: rows as `chat.ledger.shown` gives them."""

    title: str
    line: str
    figures: list[tuple[str, str]]
    preview: list[dict[str, Any]]


def view(report: Report) -> Training | None:
    """The training section of a report; None where no trainer was named."""
    told: Any = report.extra.get("training")
    return of(told) if isinstance(told, dict) else None


def of(told: Mapping[str, Any]) -> Training:
    """The section from what a dry run told."""
    limit = f"{told['limit']} {told['max_length']:,}" if told["max_length"] else f"no {told['limit']}"
    options = {name: value for name, value in told["options"].items() if name != told["limit"]}
    more = "".join(f", {name} {value}" for name, value in sorted(options.items()))
    title = f"{told['models']} with the tokenizer of {told['model']}, {limit}{more}"
    return Training(title, told["line"], [_figure(each) for each in told["figures"]], told["preview"])


def _figure(each: Mapping[str, Any]) -> tuple[str, str]:
    name = f"{each['name']}: {each['group']}" if each["group"] else each["name"]
    return name, f"{number(each['value'])} {each['unit']}".rstrip()


def lines(report: Report) -> list[str]:
    """The section of the terminal report."""
    found = view(report)
    if found is None:
        return []
    said = textwrap.wrap(shown(found.line, 400), COLUMNS - 2, initial_indent="  ", subsequent_indent="  ")
    return [f"what will be trained on: {shown(found.title, 300)}", *said]


def text(told: Mapping[str, Any], *, colours: bool) -> str:
    """What a dry run found, and its first rows."""
    found = of(told)
    out = [shown(found.title, 300), shown(found.line, 400), ""]
    out += [f"{value:>20}  {shown(name, 200)}" for name, value in found.figures]
    for row in found.preview:
        out += ["", *preview(row, colours=colours)]
    return "\n".join(out)


def preview(row: Mapping[str, Any], *, colours: bool) -> Iterator[str]:
    """One row, its tokens that have a loss in colour, or in ⟦brackets⟧ where there are no colours."""
    cut = f" of {row['full']:,}" if row["full"] > row["tokens"] else ""
    how = "in green" if colours else f"in {OPEN}brackets{CLOSE}"
    if not row.get("kept", True):
        yield f"{named(row['ref'], 80)}: not trained on: {shown(row['reason'], 200)}"
        return
    yield f"{named(row['ref'], 80)}: {row['tokens']:,}{cut} tokens, the {row['trained']:,} with a loss {how}"
    yield "".join(_piece(text, has_loss, colours) for text, has_loss in row["pieces"]) + ("…" if row["more"] else "")


def _piece(text: str, has_loss: bool, colours: bool) -> str:
    inert = block(text, len(text))
    if colours:
        return f"{BRIGHT if has_loss else DIM}{inert}{PLAIN}"
    return f"{OPEN}{inert}{CLOSE}" if has_loss else inert
