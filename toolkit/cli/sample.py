"""`toolkit sample`: which rows of real use to label next."""

from __future__ import annotations

from typing import Annotated

import typer

from toolkit.cli import _options as opts

N = 200


def command(
    pool: Annotated[
        str, typer.Argument(help="Rows of real use; with --simulate labelled rows, with --error a queue.jsonl.")
    ],
    train: Annotated[str, typer.Option("--train", help="Labelled rows; without them the start is cold.")] = "",
    exclude: Annotated[
        list[str], typer.Option("--exclude", help="Held-out rows: neither they nor rows near them are asked.")
    ] = [],  # noqa: B006 (typer copies it)
    asked: Annotated[
        list[str],
        typer.Option(
            "--asked", help="An earlier queue.jsonl, or the .labels.jsonl of `toolkit label`: not asked again."
        ),
    ] = [],  # noqa: B006
    n: Annotated[int, typer.Option("-n", "--rows", help="Rows in the queue; of a batch with --simulate.")] = N,
    goal: Annotated[
        str, typer.Option("--for", help="train, or heldout: a draw of real use to be judged on.")
    ] = "train",
    strategy: Annotated[
        str, typer.Option("--strategy", help="How to choose: `toolkit parts samplers` lists the ways.")
    ] = "auto",
    audit: Annotated[float, typer.Option("--audit", help="Share of the queue that is drawn by chance.")] = 0.1,
    novel: Annotated[float, typer.Option("--novel", help="Most that may be of a new topic or out of scope.")] = 0.25,
    seek: Annotated[str, typer.Option("--seek", help="A readiness.json: seek the classes that lack rows.")] = "",
    vectors: Annotated[str, typer.Option("--vectors", help="A .npy of unit vectors, one a record of the pool.")] = "",
    to: Annotated[list[str], typer.Option("--to", help="Also for a tool: label-studio, argilla, csv.")] = [],  # noqa: B006
    simulate: Annotated[
        bool, typer.Option("--simulate", help="POOL is labelled: what would each strategy have been worth?")
    ] = False,
    error: Annotated[
        str, typer.Option("--error", help="POOL is a queue, this file its answers: how often is the model wrong?")
    ] = "",
    seeds: Annotated[int, typer.Option("--seeds", help="Repetitions of --simulate.")] = 5,
    out: Annotated[str, typer.Option("--out", help="Folder of the queue; runs/<name>-queue by default.")] = "",
    seed: Annotated[int, typer.Option("--seed", help="Another seed is another draw.")] = 0,
    text: opts.Text = "",
    label: opts.Label = "",
    format: opts.Format = "",
    encoder: opts.Encoder = "",
    precision: opts.Precision = "auto",
    with_: opts.With = [],  # noqa: B006
    json: opts.AsJson = False,
) -> int:
    """Write queue.jsonl: rows worth a label, each with its reason, and a slice drawn by chance.

    With --simulate, an honest evaluation on your own labelled rows; with --error, the error rate in real
    use from the answers to the slice drawn by chance.
    """
    import json as jsonlib
    from pathlib import Path

    from toolkit.renderers import queue as shown
    from toolkit.sample import Given, SampleOptions, production_error, sample, simulate_on, write_for
    from toolkit.verify import VerifyOptions
    from toolkit.verify import encoder as load_encoder

    opts.load_parts(with_)
    if error:
        rate = production_error(Path(pool), Path(error))
        print(jsonlib.dumps(rate._asdict()) if json else shown.error(rate))
        return 0
    reading = opts.reading(format=format, text=text, label=label)
    progress = opts.progress()
    encode = load_encoder(VerifyOptions(precision=precision, encoder=encoder), progress)
    options = SampleOptions(strategy, goal, audit, novel, seed=seed, vectors=vectors, seek=seek)
    if simulate:
        batch = n if n != N else 0
        found = simulate_on(
            pool, batch=batch, seeds=seeds, options=options, reading=reading, encode=encode, out=out or None
        )
        print(jsonlib.dumps(shown.simulated_json(found), indent=1) if json else shown.simulated(found))
        return 0
    given = Given(pool, train or None, tuple(exclude), tuple(asked), reading, options)
    made = sample(given, n, out=out or None, encode=encode, progress=progress)
    files = [path for tool in to for path in write_for(tool, made.rows, made.folder, made.told["classes"])]
    print(jsonlib.dumps(shown.as_json(made, files), indent=1, ensure_ascii=False) if json else shown.text(made, files))
    return 0
