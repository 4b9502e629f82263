"""One pass over the rows for every check that looks at a row at a time, on both cores where there are many rows.

Such a check is shown rows and nothing else: no encoder and no reference, so that it can be run anywhere.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from toolkit.core.errors import NotApplicable, Skip, ToolkitError, interrupted
from toolkit.core.types import Finding, Result, Status
from toolkit.runners.processes import mapped
from toolkit.store.dataset import Group
from toolkit.store.view import View

LARGE = 60_000
"""Rows from which a second process pays: it takes about a second of CPU to start."""
PIECES = 32


@dataclass
class Look:
    """What one check saw: its state, the reason for any but `ran`, its results and its CPU seconds."""

    status: Status = "ran"
    reason: str = ""
    results: list[Result] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, more: Look) -> None:
        """Take in what the check saw in later rows; what it says of the whole data set it says once."""
        self.seconds += more.seconds
        if self.status == "ran":
            self.status, self.reason = more.status, more.reason
            told = [each for each in self.results if isinstance(each, Finding) and each.row is None]
            self.results += [each for each in more.results if each not in told] if told else more.results


class Piece(NamedTuple):
    """Some row groups of a data set, what all checks read of it, and the checks."""

    view: View
    checks: tuple[Any, ...]
    groups: tuple[Group, ...]


class Looked(NamedTuple):
    """What the checks saw in one piece, by their ids, and how many rows it had."""

    n_rows: int
    looks: dict[str, Look]


def look(checks: Sequence[Any], view: View, done: Callable[[int], None]) -> dict[str, Look]:
    """What each check sees, by id. view: the rows, and the columns that any of the checks reads.

    done: hears how many rows were looked at so far.
    """
    looks = {each.id: Look() for each in checks}
    seen = 0
    for found in mapped(_look_at, _pieces(checks, view), spread=view.n_rows >= LARGE):
        for name, more in found.looks.items():
            looks[name].add(more)
        seen += found.n_rows
        done(seen)
    return looks


def collect(run: Callable[[], list[Result]]) -> Look:
    """What a check found, or why it did not look. A check that raises costs itself alone."""
    started = time.process_time()
    found = _tried(run)
    if found.status in ("ran", "failed"):  # to say why it did not look costs nothing worth telling
        found.seconds = time.process_time() - started
    return found


def _tried(run: Callable[[], list[Result]]) -> Look:
    try:
        return Look(results=run())
    except Skip as reason:
        return Look("skipped", str(reason))
    except NotApplicable as reason:
        return Look("not applicable", str(reason))
    except (ToolkitError, KeyboardInterrupt, MemoryError):
        raise
    except (Exception, SystemExit) as failure:  # a check of a user's own may call sys.exit
        if interrupted(failure):
            raise KeyboardInterrupt from failure
        return Look("failed", f"{type(failure).__name__}: {str(failure)[:300]}")


def _pieces(checks: Sequence[Any], view: View) -> Iterator[Piece]:
    groups = view.data.groups()
    some = max(1, len(groups) // PIECES)
    bare = View(view.data, view.reads, view.keep)
    for begin in range(0, len(groups), some):
        yield Piece(bare, tuple(checks), tuple(groups[begin : begin + some]))


def _look_at(piece: Piece) -> Looked:
    whole = piece.view
    memo = _memo(str(whole.data.folder), whole.data.manifest.digest, _told(whole))
    views = {each.id: View(whole.data, each.reads, whole.keep, memo=memo) for each in piece.checks}
    looks = {each.id: Look() for each in piece.checks}
    n_rows = 0
    for batch in whole.batches(*whole.reads, groups=piece.groups):
        n_rows += len(batch)
        for each in piece.checks:
            if looks[each.id].status != "ran":
                continue
            own = batch.select(["row", *each.reads])
            looks[each.id].add(collect(lambda each=each, own=own: list(each.look(own, views[each.id]))))  # type: ignore[misc]
    return Looked(n_rows, looks)


@lru_cache(maxsize=1)
def _memo(folder: str, digest: str, told: str) -> dict[Any, Any]:
    """What the checks share about one data set, kept from piece to piece in each process."""
    return {}


def _told(view: View) -> str:
    return "" if view.keep is None else hashlib.sha256(view.keep.tobytes()).hexdigest()
