"""One row explained, on a terminal: plain text, the same in a pipe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from toolkit.renderers.words import escaped_json, shown
from toolkit.why import Told, Why


def as_json(found: Why) -> str:
    """Every value, safe to print."""
    return escaped_json(json.dumps(asdict(found), indent=1, ensure_ascii=False))


def text(found: Why) -> str:
    """Where the row is, then what was found in it, then who found nothing and who did not look."""
    return "\n".join(_lines(found))


def _lines(found: Why) -> Iterator[str]:
    where = f"{shown(found.source)}, line {found.line}" if found.line is not None else shown(found.source)
    place = f"{found.place}, {found.part}" if found.part else found.place
    yield f"{shown(found.ref)}  {place}  ({where}; {found.format}; id {found.row})"
    if found.label is not None:
        yield f"  label  {shown(found.label)}"
    yield f"  text   {shown(found.excerpt, 400)}"
    if found.lineage:
        yield f"  made   {_lineage(found)}"
    yield ""
    for told in found.found:
        yield from _told(told)
    if not found.found:
        yield "no check found anything in it"
    yield ""
    yield f"looked and found nothing: {', '.join(found.silent) or 'none'}"
    for check, status, reason in found.blind:
        yield f"did not look: {check} ({status}: {shown(reason)})"


def _lineage(found: Why) -> str:
    told = [f"{name} {shown(json.dumps(value, ensure_ascii=False), 120)}" for name, value in found.lineage.items()]
    return ", ".join(told)


def _told(told: Told) -> Iterator[str]:
    verdict = "rejects it" if told.rejects else told.level if told.counts else "below the bar"
    yield f"{told.code} {told.check} / {shown(told.kind)}: {shown(told.message)}"
    yield f"  score {told.score:g}, {verdict}; {told.rule}"
    if told.other is not None:
        names = "the other row" if told.about == "row" else "found of"
        place = f" ({told.other.place})" if told.other.place else ""
        excerpt = f": {shown(told.other.excerpt)}" if told.other.excerpt else ""
        yield f"  {names} {shown(told.other.ref)}{place}{excerpt}"
    if told.evidence:
        yield f"  evidence {shown(json.dumps(told.evidence, ensure_ascii=False))}"
    if told.counts and told.remedy:
        yield f"  try: {told.remedy}"
