"""`toolkit dry-run`: what a given trainer will really train on."""

from __future__ import annotations

from typing import Annotated

import typer

from toolkit.cli import _options as opts

NAME = "dry-run"


def command(
    data: Annotated[str, typer.Argument(help="A run folder or its name, or data to verify first.")],
    trainer: opts.Trainer = "",
    model: opts.Model = "",
    max_length: opts.MaxLength = 0,
    row: Annotated[str, typer.Option("--row", help="Show this row alone, by its id.")] = "",
    set: opts.Set = [],  # noqa: B006
    run: opts.Run = "",
    format: opts.Format = "",
    text: opts.Text = "",
    label: opts.Label = "",
    with_: opts.With = [],  # noqa: B006
    json: opts.AsJson = False,
) -> int:
    """Say which rows a trainer keeps, cuts and trains on, with the model's tokenizer and chat template.

    Every row that would be trained on is one line of trained.parquet in the run folder. The first rows
    are shown as the model sees them. --set TRAINER.OPTION=VALUE gives an option of the trainer.
    """
    import json as lines
    import os
    import sys

    from toolkit.core.errors import UsageError
    from toolkit.dry_run import dry_run, preview
    from toolkit.renderers import training
    from toolkit.store.folder import is_run
    from toolkit.verify import verify

    opts.load_parts(with_)
    asked, rest = opts.trainer_asked(trainer, model, max_length, set)
    if asked is None:
        fix = "add --trainer trl, axolotl, llamafactory, mlx or unsloth; for pairs: toolkit parts trainers"
        raise UsageError("no trainer is named", fix)
    folder = data
    if not is_run(data):
        reading, checks = opts.reading(format=format, text=text, label=label), opts.verifying((), (), rest)
        folder = str(verify(data, run=run or None, reading=reading, options=checks, progress=opts.progress()).run.path)
    elif rest:
        raise UsageError(f"--set {rest[0]} is no option of {trainer}", f"toolkit parts {trainer} lists its options")
    colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    if row:
        found = preview(folder, asked, row)
        print(lines.dumps(found, ensure_ascii=False) if json else "\n".join(training.preview(found, colours=colours)))
        return 0
    done = dry_run(folder, asked, progress=opts.progress())
    print(lines.dumps(done.told, indent=1, ensure_ascii=False) if json else training.text(done.told, colours=colours))
    if not json:
        opts.say(f"every row: {done.ledger}")
    return 0
