"""`toolkit verify`: look at every row of a data set."""

from __future__ import annotations

from typing import Annotated

import typer

from toolkit.cli import _options as opts


def command(
    data: Annotated[str, typer.Argument(help="A file, a Hub id (owner/name), or a folder saved by datasets.")],
    run: opts.Run = "",
    against: opts.Against = [],  # noqa: B006 - typer copies it
    format: opts.Format = "",
    text: opts.Text = "",
    label: opts.Label = "",
    group: opts.Group = "",
    id: opts.IdColumn = "",
    delimiter: opts.Delimiter = "",
    source_kind: opts.SourceKind = "real",
    policy: opts.PolicyFile = "",
    schema: opts.Schema = "",
    check: opts.Only = [],  # noqa: B006
    skip: opts.Skipped = [],  # noqa: B006
    set: opts.Set = [],  # noqa: B006
    with_: opts.With = [],  # noqa: B006
    no_embeddings: opts.NoEmbed = False,
    precision: opts.Precision = "auto",
    encoder: opts.Encoder = "",
    json: opts.AsJson = False,
) -> int:
    """Look at every row and say what is wrong; exit 1 when an error or blocker was found.

    Rows with faults that can be verified go to quarantine.jsonl of the run with their reasons, the
    others to kept.jsonl. Nothing is changed in the file itself.
    """
    from pathlib import Path

    from toolkit.core.types import Level
    from toolkit.renderers import terminal
    from toolkit.verify import verify

    opts.load_parts(with_)
    found = verify(
        data,
        run=run or None,
        against=against,
        reading=opts.reading(
            format=format, text=text, label=label, group=group, id=id, delimiter=delimiter, source_kind=source_kind
        ),
        options=opts.verifying(check, skip, set, schema, embed=not no_embeddings, precision=precision, encoder=encoder),
        policy=Path(policy) if policy else None,
        progress=opts.progress(),
    )
    for note in found.notes:
        opts.say(f"note: {note}")
    print(terminal.verified_json(found) if json else terminal.verified(found))
    return 1 if found.level >= Level.ERROR else 0
