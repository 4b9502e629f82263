"""Line ends of Windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class LineEnd:
    """CR LF at the end of a line becomes LF, which is what JSON Lines asks for."""

    id: ClassVar[str] = "line-end"
    on: ClassVar[str] = "line"
    order: ClassVar[int] = 20

    def mend(self, line: bytes) -> bytes | None:
        return line[:-2] + b"\n" if line.endswith(b"\r\n") else None
