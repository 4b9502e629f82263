"""`toolkit split`: train and held-out rows with nothing alike on both sides."""

from __future__ import annotations

from typing import Annotated

import typer

from toolkit.cli import _options as opts


def command(
    data: Annotated[str, typer.Argument(help="A run folder or its name, or data to verify first.")],
    heldout: opts.Heldout = "",
    dev: Annotated[float, typer.Option("--dev", help="Share of rows to choose prompts and settings on.")] = 0.0,
    group: opts.Group = "",
    time: Annotated[str, typer.Option("--time", help="Column of dates; the latest rows are held out.")] = "",
    seed: Annotated[int, typer.Option("--seed", help="Another seed is another split.")] = 0,
    threshold: Annotated[
        float, typer.Option("--threshold", help="Jaccard that ties rows together; found by a sweep by default.")
    ] = 0.0,
    mix: Annotated[str, typer.Option("--mix", help="General rows to mix into train, against forgetting.")] = "",
    share: Annotated[float, typer.Option("--share", help="Share of the mixed file that is general.")] = 0.1,
    run: opts.Run = "",
    format: opts.Format = "",
    text: opts.Text = "",
    label: opts.Label = "",
    no_embeddings: opts.NoEmbed = False,
    precision: opts.Precision = "auto",
    encoder: opts.Encoder = "",
    json: opts.AsJson = False,
) -> int:
    """Split the rows that stay into train.jsonl, heldout.jsonl and, with --dev, dev.jsonl of the run.

    Rows that are alike, of one group or of one family stay in one part. `--mix FILE` also writes
    train.mixed.jsonl and regression.jsonl, general rows to watch. Exit 1 when the split has an error: a
    degenerate size, a class that a part lacks, a leak.
    """
    import json as lines
    from pathlib import Path

    from toolkit.core.errors import UsageError
    from toolkit.core.types import Level
    from toolkit.renderers import splits
    from toolkit.split import MixOptions, SplitOptions, split, split_given
    from toolkit.split import mix as mix_in
    from toolkit.store.folder import is_run
    from toolkit.verify import encoder as load_encoder
    from toolkit.verify import verify

    progress = opts.progress()
    held = opts.share_or_file(heldout)
    general = MixOptions(share=share, seed=seed)
    general.check()
    options = SplitOptions(
        heldout=held if isinstance(held, float) else None, dev=dev, seed=seed, threshold=threshold or None, time=time
    )
    options.check()
    checks = opts.verifying((), (), (), embed=not no_embeddings, precision=precision, encoder=encoder)
    folder = data
    if not is_run(data):
        reading = opts.reading(format=format, text=text, label=label, group=group)
        found = verify(data, run=run or None, reading=reading, options=checks, progress=progress)
        folder = str(found.run.path)
    elif group or format or text or label:
        what = f"{data} is a run: its rows were read already, so --group, --format, --text and --label come too late"
        raise UsageError(what, "split the data itself with these options")
    encode = load_encoder(checks, progress)
    if isinstance(held, str):
        result = split_given(folder, Path(held), encode=encode, progress=progress)
    else:
        result = split(folder, options, encode=encode, progress=progress)
    mixed = mix_in(folder, Path(mix), general, progress=progress) if mix else None
    told = splits.as_json(result, mixed) if json else ""
    print(lines.dumps(told, indent=1, ensure_ascii=False) if json else splits.text(result, mixed))
    return 1 if result.level >= Level.ERROR else 0
