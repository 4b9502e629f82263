"""`toolkit run`: a pipeline."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    pipeline: Annotated[str, typer.Argument(help="A pipeline file, or the name of a shipped one.")],
    run: Annotated[str, typer.Option("--run", help="Folder of the run; the pipeline names one.")] = "",
    fresh: Annotated[bool, typer.Option("--fresh", help="Do every step again.")] = False,
) -> int:
    """Run the verbs of a pipeline in order; a step whose inputs have not changed is skipped. Exit 1 when not ready."""
    from toolkit.pipeline import steps

    fit = True
    for done in steps(pipeline, folder=run or None, fresh=fresh):
        print(f"{done.verb:<12}{done.outcome:<12}{done.words}")
        fit = fit and done.fit
    return 0 if fit else 1
