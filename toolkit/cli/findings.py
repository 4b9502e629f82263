"""`toolkit findings`: the findings of a run as JSON lines."""

from __future__ import annotations

from typing import Annotated

import typer

from toolkit.cli import _options as opts


def command(
    run: Annotated[str, typer.Argument(help="A run folder, or its name under runs/.")],
    check: Annotated[list[str], typer.Option("--check", help="Only this check; may be repeated.")] = [],  # noqa: B006
    flagged: Annotated[bool, typer.Option("--flagged", help="Only findings that the policy counts.")] = False,
    policy: opts.PolicyFile = "",
) -> None:
    """Stream findings as JSON lines: id, check, kind, score, flag, message; other, cluster, spans where they apply."""
    import sys
    from pathlib import Path

    import orjson

    from toolkit.core.parts import part
    from toolkit.core.policy import load_policy
    from toolkit.findings import findings
    from toolkit.store.folder import open_run
    from toolkit.store.ledger import Ledger

    folder = open_run(run)
    with Ledger(folder.ledger, read_only=True) as ledger:
        seen = {row["check"] for row in ledger.rows('SELECT DISTINCT "check" FROM runs')}
        names = tuple(name if name in seen else str(part("checks", name).id) for name in check)
        rules = load_policy(Path(policy)) if policy else None
        for line in findings(ledger, names, rules):
            if line["flag"] or not flagged:
                sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
        sys.stdout.buffer.flush()
