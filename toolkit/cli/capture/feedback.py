"""`toolkit capture feedback`: say what a captured answer was worth, or what it should have been."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli import _options as opts


def command(
    log: Annotated[Path, typer.Argument(help="The folder that `toolkit capture proxy` wrote.")],
    call: Annotated[str, typer.Option("--call", help="The reply's id (msg_..., chatcmpl-...), or the call's key.")],
    score: Annotated[float | None, typer.Option("--score", help="What it was worth; more is better.")] = None,
    correction: Annotated[Path | None, typer.Option("--correction", help="A file: what it should have said.")] = None,
    comment: Annotated[str, typer.Option("--comment", help="Words for those who look later.")] = "",
    json: opts.AsJson = False,
) -> None:
    """Append a note to the log. `compact` takes a correction as the answer, and writes pairs.jsonl of preferences."""
    import json as lines
    import math

    from toolkit.capture.feedback import say
    from toolkit.core.errors import InputError, UsageError

    if score is not None and not math.isfinite(score):
        raise UsageError(f"--score {score} is no number", "give a finite one, such as 1 or 0")
    text = ""
    if correction is not None:
        try:
            text = correction.read_text("utf-8").rstrip("\n")
        except (OSError, UnicodeDecodeError) as failure:
            raise InputError(f"{correction} cannot be read: {failure}", "name a file of UTF-8 text") from failure
        if not text.strip():
            raise InputError(f"{correction} is empty", "write what the answer should have said")
    key = say(log, call, score=score, correction=text, comment=comment)
    if json:
        print(lines.dumps({"call": key, "score": score, "corrected": bool(text)}))
    else:
        opts.say(f"noted on {key}\ntry: toolkit capture compact {log} --out captured")
