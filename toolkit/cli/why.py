"""`toolkit why`: one row explained."""

from __future__ import annotations

from typing import Annotated

import typer

from toolkit.cli import _options as opts


def command(
    row: Annotated[str, typer.Argument(help="A row: its own id, line-N, row-N, N, or the toolkit's id.")],
    run: Annotated[str, typer.Option("--run", help="A run folder, or its name under runs/.")],
    policy: opts.PolicyFile = "",
    json: opts.AsJson = False,
) -> None:
    """Explain one row: where it is now, each finding with the policy's rule, who found nothing, who did not look.

    Texts are excerpts with secrets and personal data masked. Of a run of `toolkit generate`: line-N of its
    rows or rejected-N, with the prompt and the reply that it came from, as they are.
    """
    from pathlib import Path

    from toolkit.core.policy import load_policy
    from toolkit.generate.origin import origin
    from toolkit.generate.status import generated
    from toolkit.renderers import trial, why_terminal
    from toolkit.store.folder import is_run
    from toolkit.why import why

    if not is_run(run) and (folder := generated(run)) is not None:
        told = origin(row, folder)
        print(trial.as_json(told) if json else trial.came(told))
        return
    found = why(row, run, load_policy(Path(policy)) if policy else None)
    print(why_terminal.as_json(found) if json else why_terminal.text(found))
