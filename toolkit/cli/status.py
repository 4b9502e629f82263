"""`toolkit status`: how far a generation run is."""

from __future__ import annotations

from typing import Annotated

import typer

from toolkit.cli import _options as opts


def command(
    run: Annotated[str, typer.Argument(help="Folder of a run of `toolkit generate`, or its name under runs/.")],
    json: opts.AsJson = False,
) -> None:
    """Show accepted rows by cell, yield by gate, money, pace and time left, also while the run goes on."""
    import orjson

    from toolkit.generate.status import status
    from toolkit.renderers import trial

    found = status(run)
    print(orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2).decode() if json else trial.state(found))
