"""The gate of what a cell asks for: its language, and its length in characters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from toolkit.core import languages
from toolkit.core.gating import Context, Guard, Stateless
from toolkit.core.request import Cell, GeneratedRow

KNOWN = frozenset({*languages.WORDS, *languages.SCRIPTS})
RANGE = re.compile(r"(\d+) to (\d+) characters")


@dataclass(frozen=True, slots=True)
class AskedFor:
    """A row of a cell with a `language` (`de`) is in it; with a `length` (`40 to 80 characters`) its text is as long.

    `generate --fill` asks for such cells, and so may `vary`. What is measured is the text of a row, or its prompt.
    Other values of these attributes are words for the model and are not held against the row. Lengths may
    be a share `slack` off. Missed: languages that cannot be told from so few words pass.
    """

    id: ClassVar[str] = "asked-for"
    rank: ClassVar[int] = 12
    costly: ClassVar[bool] = False

    slack: float = 0.1

    def guard(self, context: Context) -> Guard:
        def judge(row: GeneratedRow, cell: Cell) -> str:
            told, text = dict(cell.attributes), _text(row)
            wanted, found = told.get("language", ""), languages.detect(text)
            if found and wanted in KNOWN and found != wanted:
                return f"its language is {found}, not {wanted}"
            bounds = RANGE.fullmatch(told.get("length", ""))
            low, high = (int(bounds[1]), int(bounds[2])) if bounds else (0, len(text))
            if not low * (1 - self.slack) <= len(text) <= high * (1 + self.slack):
                return f"it has {len(text):,} characters, not {low:,} to {high:,}"
            return ""

        return Stateless(self.id, judge)


def _text(row: GeneratedRow) -> str:
    """What the check `drift` measures: the text of a row that has a label, else its prompt."""
    messages = row.fields.get("messages")
    if isinstance(messages, list):
        asked = [each["content"] for each in messages if isinstance(each, Mapping) and each.get("role") == "user"]
        return str(asked[-1]) if asked else row.text
    return str(next((row.fields[name] for name in ("text", "prompt", "question") if name in row.fields), row.text))
