"""White space around contents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.contents import WHOLE, contents_mapped

_BEFORE = re.compile(r"\A(?:[ \t]*\r?\n)*+(?: (?=\S))?")


@dataclass(frozen=True, slots=True)
class WhiteSpace:
    """White space after a content, blank lines before it and a single blank before its first word are taken away.

    Trained on, it moves the first and last token of an answer. Indentation of a first line stays, for
    it may be code; so does what surrounds `prompt` and `completion`, where it is part of the format,
    and a content that is nothing else, which is a matter of `empty-answer`.
    """

    id: ClassVar[str] = "white-space"
    on: ClassVar[str] = "row"
    order: ClassVar[int] = 70

    def mend(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        return contents_mapped(row, _trimmed, WHOLE)


def _trimmed(text: str) -> str | None:
    if not text or text.isspace():
        return None
    found = _BEFORE.sub("", text.rstrip(" \t\r\n"), count=1)
    return None if found == text else found
