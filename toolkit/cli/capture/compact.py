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
    terms: Annotated[str, typer.Option("--terms", help="Terms under which the rows may be trained on, in words.")] = "",
    damaged: Annotated[bool, typer.Option("--damaged", help="Go on behind a damaged place of the log.")] = False,
    json: opts.AsJson = False,
) -> None:
    """Write one row a conversation, with its provider, model and date, and one Parquet record an attempt.

    Calls that give no row are counted by reason: an error, a reply cut short, a refusal, an earlier part
    of a conversation that goes on in a later call. Each stands in the quarantine, with its row where it has one.
    """
    import json as lines

    from toolkit.capture.compact import TERMS, CompactOptions, compact

    made = compact(log, out, CompactOptions(thinking, terms, damaged))
    if json:
        print(lines.dumps(made.as_json(), indent=1))
    else:
        print(f"{made.rows_path}  {made.rows:,} rows of {made.answers:,} answers in {made.calls:,} calls")
        for model, n in made.models.items():
            print(f"  {n:>8,}  {model}")
        for why, n in sorted(made.excluded.items(), key=lambda each: (-each[1], each[0])):
            print(f"  {n:>8,}  no row: {why}")
        if made.pairs:
            print(f"{made.pairs_path}  {made.pairs:,} preference pairs")
        if made.calls_path:
            print(f"{made.calls_path}")
    if made.excluded:
        opts.say(f"note: what gave no row, with its reason: {made.quarantine_path}")
    for torn in made.tally.torn:
        opts.say(f"note: {torn.segment.name} ends in {torn.size:,} bytes of a torn frame")
    for gap in made.tally.gaps:
        lost = f"{gap.get('frames', 0):,} frames" if gap.get("frames") else f"{gap.get('bytes', 0):,} bytes"
        opts.say(f"warning: a gap in the log, {lost} of {len(gap.get('calls', ())):,} calls: {gap['reason']}")
    if made.rows and not terms:
        opts.say(f"note: {TERMS}")
    if not json and made.rows:
        opts.say(f"try: toolkit verify {made.rows_path} --source-kind captured")
