"""A short document, laid out once and written three ways: for the terminal, as Markdown, as one HTML page."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any, NamedTuple

from markupsafe import Markup

from toolkit.renderers import markdown, page, svg, words

COLUMNS = 100
SIGNS = {
    "ready": "M7 12.5l3.4 3.4L17 9",
    "risks": "M12 6.5v7M12 17v.01",
    "unknown": "M9 9.2a3 3 0 1 1 4.4 2.7c-.9.5-1.4 1-1.4 2M12 17v.01",
    "not": "M8.2 8.2l7.6 7.6M15.8 8.2l-7.6 7.6",
}


class Table(NamedTuple):
    """Rows of texts. right: columns of numbers. marked: rows that are the reader's own."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[int] = frozenset()
    marked: frozenset[int] = frozenset()


class Section(NamedTuple):
    """A heading with what stands under it, in this order. chart: for HTML; blocks: the same for a terminal."""

    title: str
    lines: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    table: Table | None = None
    chart: Markup | None = None
    blocks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Document(NamedTuple):
    """mood: ready, risks, unknown or not. sections: those without anything under them are left out."""

    kind: str
    title: str
    mood: str
    lead: tuple[str, ...]
    sections: tuple[Section, ...]


def text(document: Document) -> str:
    """For a terminal: the same in a pipe."""
    lines = [words.shown(document.title, 120), *(_wrapped(each, "") for each in document.lead)]
    for section in _filled(document):
        lines += ["", words.shown(section.title, 120)]
        lines += [_wrapped(each, "  ") for each in section.lines]
        lines += [_wrapped(each, "    ", "  - ") for each in section.items]
        lines += [*(_table(section.table) if section.table else []), *section.blocks]
        lines += [_wrapped(each, "  ") for each in section.notes]
    return "\n".join(lines)


def md(document: Document) -> str:
    """As Markdown; no text makes a heading, link or HTML of its own."""
    parts = [f"# {markdown.escaped(words.shown(document.title, 120))}", *map(_sentence, document.lead)]
    for section in _filled(document):
        parts += [f"## {markdown.escaped(words.shown(section.title, 120))}", *map(_sentence, section.lines)]
        parts += ["\n".join(f"- {_sentence(each)}" for each in section.items)] if section.items else []
        parts += ["\n".join(_md_table(section.table))] if section.table else []
        parts += ["```\n" + "\n".join(section.blocks) + "\n```"] if section.blocks else []
        parts += [*map(_sentence, section.notes)]
    return "\n\n".join(parts) + "\n"


def html(document: Document) -> str:
    """As one page: no script, nothing from elsewhere, every text escaped."""
    env = page.environment(_inert, autoescape=True)
    template = env.get_template("document.html.j2")
    return template.render(document=document, sections=list(_filled(document)), sign=_sign(document.mood))


def _filled(document: Document) -> Iterator[Section]:
    return (each for each in document.sections if any(each[1:]))


def _wrapped(line: str, indent: str, first: str = "") -> str:
    return textwrap.fill(words.shown(line, 600), COLUMNS, initial_indent=first or indent, subsequent_indent=indent)


def _table(table: Table) -> list[str]:
    rows = [tuple(words.shown(cell, 80) for cell in row) for row in (table.head, *table.rows)]
    sizes = [max(words.width(row[at]) for row in rows) for at in range(len(table.head))]
    found = []
    for place, row in enumerate(rows):
        cells = [_cell(cell, sizes[at], at in table.right) for at, cell in enumerate(row)]
        mark = "> " if place - 1 in table.marked else "  "
        found.append((mark + "  ".join(cells)).rstrip())
    return found


def _cell(cell: str, size: int, right: bool) -> str:
    blank = " " * (size - words.width(cell))
    return blank + cell if right else cell + blank


def _md_table(table: Table) -> list[str]:
    rule = "|".join("--:" if at in table.right else "---" for at in range(len(table.head)))
    lines = ["| " + " | ".join(map(_md_cell, table.head)) + " |", f"|{rule}|"]
    for place, row in enumerate(table.rows):
        bold = "**" if place in table.marked else ""
        lines.append("| " + " | ".join(f"{bold}{_md_cell(cell)}{bold}" if cell else "" for cell in row) + " |")
    return lines


def _md_cell(cell: str) -> str:
    return markdown.escaped(words.shown(cell, 200))


def _sentence(line: str) -> str:
    return str(markdown.sentence(line))


def _inert(value: Any) -> Any:
    return words.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _sign(mood: str) -> Markup:
    stroke = {"stroke": "currentColor", "stroke_width": "1.7", "stroke_linecap": "round", "stroke_linejoin": "round"}
    ring, mark = svg.tag("circle", cx="12", cy="12", r="10.6"), svg.tag("path", d=SIGNS.get(mood, SIGNS["unknown"]))
    return svg.tag("svg", ring, mark, viewBox="0 0 24 24", fill="none", aria_hidden="true", **stroke)
