"""`toolkit preview`: five rows of a recipe with every prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli import _options as opts


def command(
    recipe: Annotated[Path, typer.Argument(help="A recipe file, or the name of a shipped one.")],
    rows: Annotated[int, typer.Option("--rows", min=1, max=100, help="How many rows to show.")] = 5,
    with_: opts.With = [],  # noqa: B006 - typer copies it
    json: opts.AsJson = False,
) -> int:
    """Make a few rows and show them with every prompt, what each gate says of them, and what they cost.

    What is bought here is not bought again by `generate`, as long as the recipe stays the same.
    """
    import orjson

    from toolkit.generate import load, prepare
    from toolkit.generate.preview import preview
    from toolkit.renderers import trial

    opts.load_parts(with_)
    loaded = load(recipe)
    opts.say_notes(loaded)
    found = preview(prepare(loaded), rows)
    print(orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2).decode() if json else trial.previewed(found))
    return 0 if found.shown else 1
