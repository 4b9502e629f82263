"""Fenced code blocks of Markdown: what stands between ``` or ~~~, in which language, and whether the fence closes."""

from __future__ import annotations

import re
from typing import NamedTuple

OPEN = re.compile(r"^[ \t>]*(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[\w+#.-]*)(?P<rest>[^\n]*)$")


class Fence(NamedTuple):
    """One block. language: lower case, empty where none is named. closed: whether its fence ends."""

    language: str
    code: str
    closed: bool


def fences(text: str) -> list[Fence]:
    """The fenced blocks of a text, in order. A fence closes with as many of its signs, alone on a line."""
    found: list[Fence] = []
    fence, language = "", ""
    lines: list[str] = []
    for line in text.split("\n"):
        match = OPEN.match(line)
        if not fence:
            if match and match["fence"][0] not in match["rest"]:
                fence, language, lines = match["fence"], match["language"].lower(), []
        elif match and match["fence"].startswith(fence) and not match["language"] and not match["rest"].strip():
            found.append(Fence(language, "\n".join(lines), True))
            fence = ""
        else:
            lines.append(line)
    return [*found, Fence(language, "\n".join(lines), False)] if fence else found
