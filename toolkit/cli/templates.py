"""`toolkit templates`: what the chat templates of several models make of the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli import _options as opts

if TYPE_CHECKING:
    from toolkit.templates import Templates


def command(
    data: Annotated[str, typer.Argument(help="A run folder or its name, or data as for verify.")],
    model: Annotated[
        list[str], typer.Option("--model", help="A folder with a tokenizer or a cached Hub id; may be repeated.")
    ] = [],  # noqa: B006
    format: opts.Format = "",
    text: opts.Text = "",
    label: opts.Label = "",
    json: opts.AsJson = False,
) -> None:
    """Show where chat templates differ: system lost, tools not shown, thoughts stripped, no generation marks.

    Every row is rendered with each model's template. For each thing that one template loses and another shows there
    is one row as both render it.
    """
    import json as jsonlib
    from dataclasses import asdict

    from toolkit.templates import templates

    reading = opts.reading(format=format, text=text, label=label)
    found = templates(data, model, reading=reading, progress=opts.progress())
    print(jsonlib.dumps(asdict(found), indent=1, ensure_ascii=False) if json else _text(found))


def _text(found: Templates) -> str:
    from toolkit.renderers.words import block, named

    names = [named(each.model, 60) for each in found.seen]
    rows = [("generation marks", ["yes" if each.marks else "no" for each in found.seen])]
    rows += [("tokens", [f"{each.tokens:,}" for each in found.seen])]
    every = sorted({kind for each in found.seen for kind in each.counts})
    rows += [(kind, [f"{each.counts.get(kind, 0):,}" for each in found.seen]) for kind in every]
    wide = max(len(name) for name, _ in [*rows, ("", [])])
    lines = [f"{found.rows:,} rows of {found.part}, {found.differ:,} of them shown differently", ""]
    lines += ["  ".join([" " * wide, *names])]
    lines += [
        "  ".join([f"{name:<{wide}}", *(f"{v:>{len(n)}}" for v, n in zip(values, names, strict=True))])
        for name, values in rows
    ]
    for seen, name in zip(found.seen, names, strict=True):
        lines += ["", f"a user turn alone, by {name}:", block(seen.opening, 400).rstrip()]
    for each in found.examples:
        lines += [
            "",
            f"{each['kind']}: row {named(each['row'], 80)}, lost by {named(each['lost_by'], 60)}:",
            block(each["lost"], 400),
        ]
        lines += [f"shown by {named(each['shown_by'], 60)}:", block(each["shown"], 400).rstrip()]
    return "\n".join(lines)
