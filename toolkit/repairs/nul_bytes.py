"""NUL bytes in a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from toolkit.core.jsontext import Value, parse


@dataclass(frozen=True, slots=True)
class NulBytes:
    """NUL bytes, which a broken copy pads files with, are taken away where the line is JSON without them."""

    id: ClassVar[str] = "nul-bytes"
    on: ClassVar[str] = "line"
    order: ClassVar[int] = 30

    def mend(self, line: bytes) -> bytes | None:
        if b"\x00" not in line:
            return None
        without = line.replace(b"\x00", b"")
        return without if isinstance(parse(without.strip()), Value) else None
