"""`toolkit rejudge`: a generation run judged again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli import _options as opts


def command(
    run: Annotated[str, typer.Argument(help="Folder of a run of `toolkit generate`, or its name under runs/.")],
    recipe: Annotated[Path | None, typer.Option("--recipe", help="Recipe file; the run's own by default.")] = None,
    with_: opts.With = [],  # noqa: B006 - typer copies it
    json: opts.AsJson = False,
) -> int:
    """Judge the stored replies of a run by its recipe as it is now, for $0, and write the rows anew.

    Changed gates decide again; nothing is asked. `toolkit generate` then goes on by the changed recipe.
    """
    import orjson

    from toolkit.generate import prepare
    from toolkit.generate.status import recipe_of
    from toolkit.renderers import generation

    opts.load_parts(with_)
    found = prepare(recipe_of(run, recipe)).rejudge(opts.progress())
    print(orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2).decode() if json else generation.generated(found))
    return 0 if found.complete else 1
