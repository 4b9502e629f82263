"""`toolkit export`: the files for a trainer."""

from __future__ import annotations

from typing import Annotated

import typer

from toolkit.cli import _options as opts


def command(
    run: Annotated[str, typer.Argument(help="A run folder with a readiness report, or its name under runs/.")],
    to: Annotated[str, typer.Option("--to", help="messages, same (the format it came in), or another row format.")] = (
        "messages"
    ),
    out: Annotated[str, typer.Option("--out", help="Folder to write to; export-<to> in the run by default.")] = "",
    anyway: Annotated[bool, typer.Option("--anyway", help="Export although the verdict does not pass.")] = False,
    json: opts.AsJson = False,
) -> None:
    """Write the parts of the split for a trainer, with export.json that binds them to the report by hash."""
    import json as jsonlib

    from toolkit.export import export

    found = export(run, to, out=out or None, anyway=anyway)
    if json:
        print(jsonlib.dumps({"folder": str(found.folder), "files": found.files}, indent=1))
        return
    for file in found.files:
        print(f"{found.folder / str(file['name'])}  {file['rows']:,} rows")
    print(found.folder / "export.json")
