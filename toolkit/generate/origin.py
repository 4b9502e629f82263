"""One generated row explained: what was asked, what came back, what each gate said, where the row is now."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from toolkit.core.errors import InputError
from toolkit.core.types import JSON
from toolkit.generate.result import REJECTED, ROWS
from toolkit.store.journal import NAME, events

EXCERPT = 2000


@dataclass(frozen=True, slots=True)
class Origin:
    """place: accepted or rejected; gate and reason of a rejected one. prompt: the messages of its request, empty
    where the provider read none. reply: as it came, capped. siblings: other rows of the same reply."""

    run: str
    ref: str
    place: str
    gate: str
    reason: str
    row: Mapping[str, JSON]
    lineage: Mapping[str, JSON]
    prompt: Sequence[Mapping[str, str]]
    reply: str
    usd: float
    siblings: int

    def as_json(self) -> dict[str, JSON]:
        return {
            "run": self.run,
            "ref": self.ref,
            "place": self.place,
            "gate": self.gate or None,
            "reason": self.reason or None,
            "row": dict(self.row),
            "lineage": dict(self.lineage),
            "prompt": [dict(each) for each in self.prompt],
            "reply": self.reply,
            "cost_usd_of_reply": round(self.usd, 6),
            "rows_of_the_same_reply": self.siblings,
        }


def origin(name: str, folder: Path) -> Origin:
    """The origin of a row of a generation run.

    name: N or `line-N` of rows.jsonl, or `rejected-N` for line N of rejected.jsonl. Raises InputError for another
    name, and where the run has no such line.
    """
    found = re.fullmatch(r"(?:(line|row|rejected)-)?(\d+)", name)
    if found is None:
        raise InputError(f"'{name}' names no row of {folder}", "line-N of rows.jsonl, or rejected-N of rejected.jsonl")
    file = REJECTED if found[1] == "rejected" else ROWS
    told = _line(folder / file, int(found[2]))
    refused = file == REJECTED
    row = told.get("row", {}) if refused else {key: value for key, value in told.items() if key != "lineage"}
    lineage = told.get("lineage", {})
    asked = _asked(folder, str(lineage.get("request", "")))
    return Origin(
        run=str(folder),
        ref=name,
        place="rejected" if refused else "accepted",
        gate=told.get("gate", "") if refused else "",
        reason=told.get("reason", "") if refused else "",
        row=row,
        lineage=lineage,
        prompt=asked.get("messages", ()),
        reply=str(asked.get("text", told.get("raw", "")))[:EXCERPT],
        usd=float(asked.get("usd", 0.0)),
        siblings=max(0, int(asked.get("rows", 1)) - 1),
    )


def _line(path: Path, number: int) -> dict[str, Any]:
    count = 0
    if path.is_file():
        with path.open("rb") as file:
            for count, line in enumerate(file, 1):
                if count == number:
                    return dict(orjson.loads(line))
    raise InputError(f"{path} has no line {number:,}; it has {count:,}", "name a line that is there")


def _asked(folder: Path, key: str) -> dict[str, Any]:
    """The request that a lineage names, by the first digits of its key, with its reply."""
    found: dict[str, Any] = {}
    for event in events(folder / NAME) if key else ():
        if event.get("key", "").startswith(key):
            if event["e"] == "planned":
                found |= {"messages": event["messages"], "rows": event["rows"]}
            elif event["e"] == "reply":
                found |= {"text": event["text"], "usd": event.get("usd", 0.0)}
    return found
