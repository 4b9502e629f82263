"""Rows that stand in the file already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Copies:
    """A row whose JSON value, every column of it, stood in the file before is taken away; the first one stays.

    Rows that are equal but for case, spaces or their id stay: they are a matter of `exact-duplicate`.
    """

    id: ClassVar[str] = "copies"
    on: ClassVar[str] = "copy"
    order: ClassVar[int] = 110

    def mend(self, line: bytes) -> bytes | None:
        return b"" if line else None
