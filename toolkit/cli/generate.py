"""`toolkit generate`: make rows by a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli import _options as opts


def command(
    recipe: Annotated[Path, typer.Argument(help="A recipe file, or the name of a shipped one.")],
    rows: Annotated[int | None, typer.Option("--rows", min=1, help="Accepted rows; wins over the recipe.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the run; wins over the recipe.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed; wins over the recipe.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew; the old journal is kept.")] = False,
    fill: Annotated[Path | None, typer.Option("--fill", help="A readiness.json: make exactly what it lacks.")] = None,
    with_: opts.With = [],  # noqa: B006 - typer copies it
    json: opts.AsJson = False,
) -> int:
    """Make exactly as many accepted rows as the recipe asks for, or stop early, say why and exit 1 (Ctrl-C: 130).

    A run that was stopped or killed goes on where it was when the same command is given again.
    """
    import orjson

    from toolkit.cli import STOPPED
    from toolkit.core.errors import UsageError
    from toolkit.generate import load, prepare
    from toolkit.generate.fill import filled
    from toolkit.renderers import generation
    from toolkit.renderers.live import board
    from toolkit.renderers.trial import safe

    opts.load_parts(with_)
    folder = str(out) if out else None
    loaded = load(recipe, rows=rows, seed=seed, out=folder)
    if fill is not None and rows is not None:
        raise UsageError("--fill says itself how many rows are missing", "take out --rows")
    if fill is not None:
        loaded, gaps = filled(loaded, fill, folder)
        for gap in gaps:
            opts.say(f"missing: {safe(str(gap))}")
    opts.say_notes(loaded)
    prepared = prepare(loaded)
    for words in generation.capacity(prepared):
        opts.say(words)
    shown = board()
    try:
        found = prepared.run(fresh=fresh, live=shown)
    finally:
        if shown is not None:
            shown.close()
    for note in found.notes:
        opts.say(f"note: {note}")
    print(orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2).decode() if json else generation.generated(found))
    kept = fill.resolve().parent / "kept.jsonl" if fill is not None else None
    if kept is not None and kept.is_file() and found.accepted:
        opts.say(f"these belong to the rows of {kept}: `cat` both into one file, and verify that")
    return STOPPED if found.interrupted else int(not found.complete)
