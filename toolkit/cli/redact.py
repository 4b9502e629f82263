"""`toolkit redact`: the rows that stay, without personal data and credentials."""

from __future__ import annotations

from typing import Annotated

import typer

from toolkit.cli import _options as opts


def command(
    run: Annotated[str, typer.Argument(help="A run folder, or its name under runs/.")],
    out: Annotated[str, typer.Option("--out", help="File to write, JSON lines.")],
    keep: Annotated[list[str], typer.Option("--keep", help="A type to leave, such as url; may be repeated.")] = [],  # noqa: B006
    policy: opts.PolicyFile = "",
    json: opts.AsJson = False,
) -> None:
    """Write the rows that stay with placeholders such as [EMAIL_1] for personal data and credentials.

    The same value has the same number within a row. FILE.manifest.json counts what was replaced by
    type. Rows that were rejected stay out: a policy that does not reject for `secret` lets them in.
    """
    import json as jsonlib
    from pathlib import Path

    from toolkit.redact import redact

    made = redact(run, out, policy=Path(policy) if policy else None, keep=keep)
    if json:
        told = {"file": str(made.path), "rows": made.rows, "changed": made.changed, "counts": made.counts}
        print(jsonlib.dumps({**told, "manifest": str(made.manifest)}, indent=1))
        return
    print(f"{made.path}  {made.rows:,} rows, {made.changed:,} changed")
    for name, count in made.counts.items():
        print(f"  {name}  {count:,}")
    print(made.manifest)
