"""A line on the terminal that says what is being done."""

from __future__ import annotations

import sys
import time


class Line:
    """Rewrites one line of standard error, at most ten times a second; `close` removes it."""

    def __init__(self) -> None:
        self._shown_at = 0.0
        self._width = 0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._shown_at < 0.1 and done:
            return
        self._shown_at = now
        counted = f" {done:,} of {total:,}" if total else (f" {done:,}" if done else "")
        text = f"{what}{counted}"[:78]
        sys.stderr.write("\r" + text.ljust(self._width))
        sys.stderr.flush()
        self._width = len(text)

    def close(self) -> None:
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()
            self._width = 0
