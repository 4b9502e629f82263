"""UTF-8 that was read in another encoding, where that can be taken back exactly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.contents import contents_mapped, texts

_SUSPECT = re.compile("[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u2122]")
_ABOUT = re.compile(r"(?i)encod|utf-?8|unicode|mojibake|charset|latin-?1|garbled|cp-?1252|ansi")
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")


@dataclass(frozen=True, slots=True)
class Mojibake:
    """UTF-8 that was read as Windows-1252 or Latin-1 is decoded again, where breaking it anew gives the same content.

    One letter of the content that is not broken makes the whole undecidable, and it stays; so do rows
    that speak of encodings.
    """

    id: ClassVar[str] = "mojibake"
    on: ClassVar[str] = "row"
    order: ClassVar[int] = 60

    def mend(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        mended = contents_mapped(row, _decoded)
        if mended is None or any(_ABOUT.search(text) for text in texts(row)):
            return None
        return mended


def _decoded(text: str) -> str | None:
    if not _SUSPECT.search(text):
        return None
    encoded = _bytes(text)
    if encoded is None:
        return None
    try:
        found = encoded.decode("utf-8")
    except UnicodeDecodeError:
        return None
    again = (_read_wrong(found), found.encode().decode("latin-1"))
    return None if _NOT_TEXT.search(found) or text not in again else found


def _bytes(text: str) -> bytes | None:
    """The text in Windows-1252, whose five unused bytes are read as Latin-1 reads them."""
    try:
        return b"".join(bytes([ord(c)]) if "\x80" <= c <= "\x9f" else c.encode("cp1252") for c in text)
    except UnicodeEncodeError:
        return None


def _read_wrong(text: str) -> str:
    """UTF-8 of the text read as Windows-1252, as it is read by those who break it."""
    raw = text.encode("utf-8")
    return "".join(chr(b) if b in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else bytes([b]).decode("cp1252") for b in raw)
