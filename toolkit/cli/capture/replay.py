"""`toolkit capture replay`: captured prompts asked again of another model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli import _options as opts

if TYPE_CHECKING:
    from toolkit.capture.replay import Replayed


def command(
    log: Annotated[Path, typer.Argument(help="The folder that `toolkit capture proxy` wrote.")],
    use: Annotated[str, typer.Option("--with", help="The model to ask: openai:NAME, anthropic:NAME.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the answers and of what was bought.")] = Path(
        "replayed"
    ),
    rows: Annotated[int, typer.Option("--rows", min=1, help="Answers at most, drawn by chance.")] = 500,
    turns: Annotated[
        str, typer.Option("--turns", help="last answer of each conversation, or all that the log has calls of.")
    ] = "last",
    budget: Annotated[float | None, typer.Option("--budget", min=0, help="US dollars at most, over all runs.")] = None,
    as_: Annotated[
        str, typer.Option("--as", help="student: the captured answer is the target; teacher: the new one is.")
    ] = "student",
    base_url: Annotated[str, typer.Option("--base-url", help="Address of the server, if not usual.")] = "",
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=1, help="Of one answer at most.")] = 4096,
    terms: Annotated[str, typer.Option("--terms", help="Terms under which the rows may be trained on, in words.")] = "",
    seed: Annotated[int, typer.Option("--seed", help="Another seed is another draw.")] = 0,
    damaged: Annotated[bool, typer.Option("--damaged", help="Go on behind a damaged place of the log.")] = False,
    no_embeddings: Annotated[
        bool, typer.Option("--no-embeddings", help="Compare free text by its words alone.")
    ] = False,
    encoder: opts.Encoder = "",
    json: opts.AsJson = False,
) -> int:
    """Write rows with both answers and how far they are apart, and preference candidates where they differ.

    `toolkit sample` takes the disagreement as hardness. Tools and which of them is to be called, system
    prompts, earlier turns and sampling parameters are asked as they were, as far as the model's API has them.
    The same command again asks nothing twice; exit 1 where the budget or a signal ended it.
    """
    import json as lines

    from toolkit.capture.compact import TERMS
    from toolkit.capture.replay import ReplayOptions, replay
    from toolkit.core.errors import unknown
    from toolkit.near.encode import lazy_encoder

    if as_ not in ("student", "teacher"):
        raise unknown("--as", as_, ("student", "teacher"))
    if turns not in ("last", "all"):
        raise unknown("--turns", turns, ("last", "all"))
    options = ReplayOptions(
        rows, budget, base_url, as_ == "teacher", max_tokens, terms, seed, damaged, turns == "all"
    )  # fmt: skip
    progress = opts.progress()
    encode = None if no_embeddings else lazy_encoder(encoder, progress=progress)
    try:
        made = replay(log, use, out, options, encode=encode, progress=progress)
    finally:
        getattr(progress, "close", lambda: None)()
    if json:
        print(lines.dumps(made.as_json(), indent=1))
    else:
        _show(made)
    for name, n in made.not_carried.items():
        opts.say(f"note: {n:,} were captured with `{name}`, which {use} could not be told")
    if made.stopped:
        opts.say(f"warning: {made.stopped}; {made.not_asked:,} not asked")
    if made.rows and not terms:
        opts.say(f"note: {TERMS}")
    if made.rows and not json:
        opts.say(f"try: toolkit sample {made.folder / 'rows.jsonl'} -n {min(200, made.rows)}")
    return 1 if made.stopped or not made.rows else 0


def _show(made: Replayed) -> None:
    print(f"{made.folder / 'rows.jsonl'}  {made.rows:,} rows of {made.asked:,} asked, of {made.prompts:,} in the log")
    for kind, (n, mean) in made.apart.items():
        print(f"  {n:>8,}  {kind}: {mean:.3f} apart on average")
    for why, n in sorted(made.unanswered.items(), key=lambda each: (-each[1], each[0])):
        print(f"  {n:>8,}  no row: {why}")
    if made.pairs:
        print(f"{made.folder / 'pairs.jsonl'}  {made.pairs:,} preference candidates, the teacher's answer chosen")
    cost = "no price known" if made.cost_usd is None else f"${made.cost_usd:.4f}"
    print(f"{made.model}: {made.requests:,} requests sent now, {cost} in all")
