"""`toolkit capture import`: another tool's log as rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli import _options as opts


def command(
    file: Annotated[Path, typer.Argument(help="The log, export or session file of another tool.")],
    out: Annotated[Path, typer.Option("--out", help="The .jsonl file of the rows.")],
    source: Annotated[str, typer.Option("--from", help="Whose it is (`toolkit parts importers`).")] = "",
    map_: Annotated[list[str], typer.Option("--map", help="FIELD=PATH of a form of your own: prompt=$.input.")] = [],  # noqa: B006 - typer copies it
    requests: Annotated[str, typer.Option("--requests", help="The requests that a batch's results answer.")] = "",
    thinking: Annotated[bool, typer.Option("--thinking", help="Keep the model's thinking beside its answer.")] = False,
    terms: Annotated[str, typer.Option("--terms", help="Terms under which the rows may be trained on, in words.")] = "",
    with_: opts.With = [],  # noqa: B006 - typer copies it
    json: opts.AsJson = False,
) -> int:
    """Write one row a conversation, marked exact, reconstructed or lossy; the rest goes beside it with reasons.

    Exit 1 where the file gave no row at all.
    """
    import json as lines

    from toolkit.capture.compact import TERMS
    from toolkit.capture.imports import import_
    from toolkit.core.errors import UsageError

    opts.load_parts(with_)
    if out.suffix != ".jsonl":
        raise UsageError(f"{out} is no .jsonl file", "name one, such as --out rows.jsonl")
    options = {"map": ",".join(map_)} if map_ else {}
    options |= {"requests": requests} if requests else {}
    made = import_(file, out, source, options=options, terms=terms, thinking=thinking)
    if json:
        print(lines.dumps(made.as_json(), indent=1))
    else:
        print(f"{made.rows_path}  {made.rows:,} rows of {made.answers:,} answers ({made.source})")
        for name, n in (*sorted(made.kinds.items()), *sorted(made.models.items())):
            print(f"  {n:>8,}  {name}")
        for why, n in sorted(made.excluded.items(), key=lambda each: (-each[1], each[0])):
            print(f"  {n:>8,}  no row: {why}")
        if made.pairs:
            print(f"{made.pairs_path}  {made.pairs:,} preference pairs")
        if made.broken:
            print(f"  {made.broken:>8,}  records that cannot be read")
        if made.aside:
            print(f"  {made.aside:>8,}  records that are no part of a conversation")
    if made.excluded or made.broken:
        opts.say(f"note: what gave no row, with its reason: {made.quarantine_path}")
    if made.rows and not terms:
        opts.say(f"note: {TERMS}")
    if not json and made.rows:
        opts.say(f"try: toolkit verify {made.rows_path} --source-kind captured")
    return 0 if made.rows else 1
