"""`toolkit findings`: the findings of a run, for machines."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from toolkit.cli import _options as opts


def command(
    run: Annotated[str, typer.Argument(help="A run folder, or its name under runs/.")],
    check: Annotated[list[str], typer.Option("--check", help="Only this check; may be repeated.")] = [],  # noqa: B006
    flagged: Annotated[bool, typer.Option("--flagged", help="Only findings that the policy counts.")] = False,
    format: Annotated[str, typer.Option("--format", help="jsonl, sarif, junit or csv.")] = "jsonl",
    write: opts.Write = [],  # noqa: B006
    baseline: opts.Baseline = "",
    policy: opts.PolicyFile = "",
) -> int:
    """Stream findings as JSON lines: id, row, check, kind, score, flag, message; other, spans where they apply.

    SARIF, JUnit and CSV hold what the policy counts. With --baseline only findings that are new since an
    older run are shown; exit 1 when these reach an error or blocker.
    """
    import sys
    from pathlib import Path

    from toolkit import listing
    from toolkit.core.errors import unknown
    from toolkit.core.policy import load_policy
    from toolkit.core.types import Level
    from toolkit.store.folder import open_run
    from toolkit.store.ledger import Ledger

    if format not in listing.FORMATS:
        raise unknown("format", format, listing.FORMATS)
    listing.check_targets(write)
    folder = open_run(run)
    rules = load_policy(Path(policy)) if policy else None
    older = listing.baseline(baseline) if baseline else None
    with Ledger(folder.ledger, read_only=True) as ledger:
        names = _checks(ledger, check)
        if format == "jsonl" and older is None and not flagged and not write:
            _all(ledger, names, rules, folder)
            return 0
        found = listing.listing(folder, ledger, names, policy=rules, older=older)
        for piece in listing.rendered(found, format) if not write else ():
            sys.stdout.buffer.write(piece.encode("utf-8"))
        sys.stdout.buffer.flush()
        for file in listing.write(found, write):
            opts.say(file)
    if found.change is None:
        return 0
    from toolkit.renderers.news import summary

    opts.say(summary(found, baseline))
    return 1 if found.level >= Level.ERROR else 0


def _checks(ledger: Any, asked: list[str]) -> tuple[str, ...]:
    """The ids of the checks asked for; one that the run knows needs no part on the shelf."""
    from toolkit.core.parts import part

    seen = {row["check"] for row in ledger.rows('SELECT DISTINCT "check" FROM runs')}
    return tuple(name if name in seen else str(part("checks", name).id) for name in asked)


def _all(ledger: Any, names: tuple[str, ...], rules: Any, folder: Any) -> None:
    """Every finding, also those below the bar of the policy."""
    import sys

    import orjson

    from toolkit.findings import findings, located

    for line in findings(ledger, names, rules, located(folder)):
        sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()
