"""`toolkit capture status`: what a frame log holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli import _options as opts


def command(
    log: Annotated[Path, typer.Argument(help="The folder that `toolkit capture proxy` wrote.")] = Path("capture"),
    damaged: Annotated[bool, typer.Option("--damaged", help="Go on behind a damaged place of the log.")] = False,
    json: opts.AsJson = False,
) -> int:
    """Count calls by outcome, status and path, and say what is missing; exit 1 when a gap is recorded."""
    import json as lines
    from datetime import UTC, datetime

    from toolkit.capture.keeping import status

    found = status(log, damaged=damaged)
    told = found.as_json()
    missing = 1 if found.tally.gaps or found.tally.orphans else 0
    if json:
        print(lines.dumps(told, indent=1))
        return missing
    print(f"{log}  {found.calls:,} calls, {told['bytes'] / 1e6:,.1f} MB in {told['segments']:,} segments", end="")
    print(f", {found.live} being written" if found.live else "")
    if found.calls:
        first, last = (
            datetime.fromtimestamp(each, UTC).strftime("%Y-%m-%d %H:%M") for each in (found.first, found.last)
        )
        print(f"  {first} to {last} UTC")
    for name, counts in (("", found.outcomes), ("status ", found.statuses), ("", found.paths)):
        for each, n in counts.most_common(20):
            print(f"  {n:>8,}  {name}{each}")
    if found.masked:
        print(f"  {found.masked:>8,}  calls with bytes masked")
    for torn in found.tally.torn:
        print(f"torn: {torn.segment.name} ends in {torn.size:,} bytes of no whole frame")
    for gap in found.tally.gaps:
        print(f"gap: {gap['reason']}, {gap.get('frames', 0):,} frames of {len(gap.get('calls', ())):,} calls lost")
    return missing
