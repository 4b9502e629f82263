"""Keys that stand twice with one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from toolkit.core.jsontext import Value, parse
from toolkit.core.splice import without_equal_keys


@dataclass(frozen=True, slots=True)
class DuplicateKeys:
    """A key that stands again in an object, with the same value, is taken away; with another value it stays.

    Which of two values counts is for a person to say: `toolkit findings RUN --check parse` lists them.
    """

    id: ClassVar[str] = "duplicate-keys"
    on: ClassVar[str] = "line"
    order: ClassVar[int] = 40

    def mend(self, line: bytes) -> bytes | None:
        read = parse(line.strip())
        if not isinstance(read, Value) or "duplicate-key" not in read.faults:
            return None
        mended = without_equal_keys(line.decode("utf-8"))
        return None if mended is None else mended.encode("utf-8")
