"""What a frame log holds, and the end of what is too old to be kept."""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.core.errors import MachineError, UsageError
from toolkit.store.calls import Tally, calls
from toolkit.store.folder import is_held
from toolkit.store.frames import segments

UNITS = {"m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}


@dataclass
class Status:
    """What a log holds; times in seconds since 1970, 0 for an empty log. live: segments that are being written."""

    tally: Tally
    live: int = 0
    calls: int = 0
    first: float = 0.0
    last: float = 0.0
    masked: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    paths: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        told = self.tally
        return {
            "segments": told.segments,
            "live_segments": self.live,
            "bytes": told.bytes,
            "calls": self.calls,
            "first": self.first,
            "last": self.last,
            "outcomes": dict(self.outcomes.most_common()),
            "statuses": dict(self.statuses.most_common()),
            "paths": dict(self.paths.most_common(50)),
            "calls_with_masked_bytes": self.masked,
            "gaps": [dict(each) | {"calls": len(each.get("calls", ()))} for each in told.gaps],
            "torn": [{"segment": each.segment.name, "offset": each.offset, "bytes": each.size} for each in told.torn],
            "frames_without_a_call": told.orphans,
        }


def status(log: str | Path, *, damaged: bool = False) -> Status:
    """Read a log through and count. Raises InputError for a log that is none or is damaged."""
    folder = Path(log)
    found = Status(Tally())
    for call in calls(folder, found.tally, damaged=damaged):
        found.calls += 1
        found.first = min(found.first or call.begun, call.begun)
        found.last = max(found.last, call.ended or call.begun)
        found.outcomes["not whole" if call.gap else call.outcome] += 1
        found.statuses[str(call.status or "none")] += 1
        found.paths[f"{call.begin.get('method')} {str(call.begin.get('url', '')).partition('?')[0]}"] += 1
        found.masked += bool(call.masked)
    found.live = sum(is_held(each) for each in segments(folder))
    return found


def purge(log: str | Path, older_than: str, *, now: float | None = None) -> tuple[list[Path], int]:
    """Delete the segments whose last frame is older than `30d` (m, h, d, w); returns them and their bytes.

    A segment that a process still writes is never deleted; what `compact` made of the log stays. Raises
    UsageError, InputError, MachineError.
    """
    before = (time.time() if now is None else now) - _age(older_than)
    removed, size = [], 0
    for segment in segments(Path(log)):
        about = segment.stat()
        if about.st_mtime >= before or is_held(segment):
            continue
        try:
            segment.unlink()
        except OSError as failure:
            what = f"{segment} cannot be deleted: {failure.strerror}"
            raise MachineError(what, "check who owns the folder") from failure
        removed.append(segment)
        size += about.st_size
    return removed, size


def _age(text: str) -> float:
    match = re.fullmatch(r"(\d{1,6})([mhdw])", text.strip())
    if match is None:
        raise UsageError(f"--older-than {text} cannot be read", "write a number and m, h, d or w: 30d")
    return int(match[1]) * UNITS[match[2]]
