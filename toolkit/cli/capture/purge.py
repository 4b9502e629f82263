"""`toolkit capture purge`: delete what was captured long ago."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli import _options as opts


def command(
    log: Annotated[Path, typer.Argument(help="The folder that `toolkit capture proxy` wrote.")],
    older_than: Annotated[str, typer.Option("--older-than", help="Age of a segment's last frame: 12h, 30d, 8w.")],
    json: opts.AsJson = False,
) -> None:
    """Delete the segments of the log that are older; one that is being written stays, and so does what was made."""
    import json as lines

    from toolkit.capture.keeping import purge

    removed, size = purge(log, older_than)
    if json:
        print(lines.dumps({"segments": [each.name for each in removed], "bytes": size}, indent=1))
    else:
        print(f"{len(removed):,} segments deleted, {size / 1e6:,.1f} MB")
