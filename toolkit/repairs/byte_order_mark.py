"""The byte-order mark before a line."""

from __future__ import annotations

from codecs import BOM_UTF8
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class ByteOrderMark:
    """A UTF-8 byte-order mark at the start of a line is taken away: JSON has none, and some readers stop at it."""

    id: ClassVar[str] = "byte-order-mark"
    on: ClassVar[str] = "line"
    order: ClassVar[int] = 10

    def mend(self, line: bytes) -> bytes | None:
        return line.removeprefix(BOM_UTF8) if line.startswith(BOM_UTF8) else None
