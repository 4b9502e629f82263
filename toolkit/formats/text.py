"""Plain text, trained on as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core import turns
from toolkit.core.types import Parsed, Turn


@dataclass(frozen=True, slots=True)
class Text:
    """`{"text": ...}`: a document; every token of it is trained on. Its one turn has the role `text`."""

    id: ClassVar[str] = "text"
    text: str = "text"

    def claims(self, row: Mapping[str, Any]) -> int:
        return 3 if self.text in row else 0

    def parse(self, row: Mapping[str, Any]) -> Parsed:
        if self.text not in row:
            return Parsed([Turn("text", None, "missing")])
        return Parsed([turns.plain("text", row[self.text])])

    def write(self, parsed: Parsed) -> dict[str, Any]:
        return {self.text: "\n".join(turn.content or "" for turn in parsed.turns)}
