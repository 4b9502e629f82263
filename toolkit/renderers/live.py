"""A block of lines on the terminal that says how far a generation run is."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from toolkit.renderers.trial import safe, state

if TYPE_CHECKING:
    from toolkit.generate.status import Status

EVERY_S = 0.2
BAR = 30


def board() -> Board | None:
    """A board where standard error is a terminal that can move its cursor; nothing in a pipe."""
    return Board() if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else None


class Board:
    """Rewrites its block on standard error, at most five times a second; `close` removes it."""

    def __init__(self) -> None:
        self._shown_at = 0.0
        self._height = 0

    def __call__(self, found: Callable[[], Status]) -> None:
        now = time.monotonic()
        if now - self._shown_at < EVERY_S:
            return
        self._shown_at = now
        self._write(lines(found(), *shutil.get_terminal_size()))

    def close(self) -> None:
        if self._height:
            self._write([])

    def _write(self, told: list[str]) -> None:
        back = f"\x1b[{self._height}F\x1b[J" if self._height else ""
        sys.stderr.write(back + "".join(f"{line}\n" for line in told))
        sys.stderr.flush()
        self._height = len(told)


def lines(found: Status, columns: int, rows: int) -> list[str]:
    """The state of a run as no more lines than the terminal has, none of them wider than it."""
    done = found.accepted / found.target if found.target else 1.0
    full = round(BAR * done)
    judged = found.accepted + sum(found.refused.values())
    told = f"[{'#' * full}{'.' * (BAR - full)}] {done:.0%}"
    if judged:
        told += f", {found.accepted / judged:.0%} of what was judged was accepted"
    whole = [told, *safe(state(found)).split("\n")]
    return [line[: max(columns - 1, 10)] for line in whole[: max(rows - 2, 1)]]
