"""`toolkit init`: a recipe to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli import _options as opts


def command(
    task: Annotated[str, typer.Argument(help="A task; `toolkit parts recipes` lists them.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write to; the task's name by default.")] = None,
    json: opts.AsJson = False,
) -> None:
    """Write a recipe with comments, 20 seeds and the contract of the rows; nothing is overwritten."""
    import orjson

    from toolkit.generate.starter import start

    written = [str(path) for path in start(task, out)]
    print(orjson.dumps({"task": task, "files": written}).decode() if json else "\n".join(written))
    opts.say(f"next: toolkit preview {written[0]}")
