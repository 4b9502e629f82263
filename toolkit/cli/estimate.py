"""`toolkit estimate`: what a whole run would cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli import _options as opts


def command(
    recipe: Annotated[Path, typer.Argument(help="A recipe file, or the name of a shipped one.")],
    rows: Annotated[int | None, typer.Option("--rows", min=1, help="Accepted rows; wins over the recipe.")] = None,
    within: Annotated[float, typer.Option("--within", min=0.01, max=5, help="How narrow: 0.25 is a quarter.")] = 0.25,
    most: Annotated[int, typer.Option("--most", min=20, help="Candidates of the pilot at most.")] = 400,
    with_: opts.With = [],  # noqa: B006 - typer copies it
    json: opts.AsJson = False,
) -> int:
    """Run a pilot and say what the whole run would cost, with a 90 % interval, and how long it would take.

    The pilot spends within the recipe's budget, and `generate` does not buy again what it bought.
    """
    import orjson

    from toolkit.generate import load, prepare
    from toolkit.generate.estimate import estimate
    from toolkit.renderers import trial

    opts.load_parts(with_)
    loaded = load(recipe, rows=rows)
    opts.say_notes(loaded)
    found = estimate(prepare(loaded), within=within, most=most, progress=opts.progress())
    print(orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2).decode() if json else trial.estimated(found))
    return 0 if found.total else 1
