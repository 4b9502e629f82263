"""`toolkit capture compact`: captured calls as Parquet, and as rows that `toolkit verify` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli import _options as opts


def command(
    log: Annotated[Path, typer.Argument(help="The folder that `toolkit capture proxy` wrote, or one segment.")],
    out: Annotated[Path, typer.Option("--out", help="A folder for all that is made, or a .jsonl file for rows only.")],
    thinking: Annotated[bool, typer.Option("--thinking", help="Keep the model's thinking beside its answer.")] = False,
    damaged: Annotated[bool, typer.Option("--damaged", help="Go on behind a damaged place of the log.")] = False,
    json: opts.AsJson = False,
) -> None:
    """Write one row a conversation, with its provider, model and date, and one Parquet record an attempt.

    Calls that give no row are counted by reason: an error, a reply cut short, a refusal, an earlier part
    of a conversation that goes on in a later call.
    """
    import json as lines

    from toolkit.capture.compact import compact

    made = compact(log, out, thinking=thinking, damaged=damaged)
    print(lines.dumps({"rows": made.rows}) if json else made.rows)
