"""`toolkit tokens`: how long rows are, and what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli import _options as opts

if TYPE_CHECKING:
    from toolkit.tokens import Tokens


def command(
    data: Annotated[str, typer.Argument(help="A run folder or its name, or data as for verify.")],
    model: opts.Model = "",
    price: Annotated[float, typer.Option("--price", help="US dollars per million trained tokens.")] = -1.0,
    epochs: Annotated[float, typer.Option("--epochs", help="Passes over the rows.")] = 1.0,
    format: opts.Format = "",
    text: opts.Text = "",
    label: opts.Label = "",
    json: opts.AsJson = False,
) -> None:
    """Count tokens by role and row with a model's tokenizer, or estimate them where none is named.

    --model is a folder with tokenizer.json, the id of a model in the Hub cache, or a name of the price table
    (anthropic:claude-haiku-4-5), whose tokens are estimated. Nothing is downloaded.
    """
    import json as jsonlib
    from dataclasses import asdict

    from toolkit.tokens import tokens

    reading = opts.reading(format=format, text=text, label=label)
    usd = None if price == -1.0 else price
    found = tokens(data, model, usd_per_million=usd, epochs=epochs, reading=reading, progress=opts.progress())
    print(jsonlib.dumps(asdict(found), indent=1, ensure_ascii=False) if json else _text(found))


def _text(found: Tokens) -> str:
    how = f"counted by {found.model}" if found.exact else f"estimated, to about {found.error:.0%} for a whole file"
    lines = [f"{found.total:,} tokens in {found.rows:,} rows of {found.part}, {how}"]
    lines += [f"{n:>14,}  {role}" for role, n in found.by_role.items()]
    lines.append(
        "a row: mean {:,.0f}, {}".format(found.mean, ", ".join(f"{q} {n:,}" for q, n in found.quantiles.items()))
    )
    lines.append("longest: " + ", ".join(f"{each['row']} {each['tokens']:,}" for each in found.longest[:5]))
    if found.usd is not None:
        lines.append(f"{found.usd:,.4f} USD: {found.price}")
    if not found.exact:
        lines.append("give --model FOLDER for the count of a tokenizer")
    return "\n".join(lines)
