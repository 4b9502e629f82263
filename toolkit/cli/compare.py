"""`toolkit compare`: did the fine-tune help, told by the same held-out rows."""

from __future__ import annotations

from typing import Annotated

import typer

from toolkit.cli import _options as opts
from toolkit.cli import _pages as pages


def command(
    before: Annotated[str, typer.Argument(help="Predictions of the model that you have.")] = "",
    after: Annotated[str, typer.Argument(help="Predictions of the tuned model.")] = "",
    heldout: Annotated[str, typer.Option("--heldout", "--labels", help="The held-out rows, with labels.")] = "",
    regression: Annotated[
        tuple[str, str], typer.Option("--regression", help="Both models' predictions on general rows: BEFORE AFTER.")
    ] = ("", ""),
    regression_heldout: Annotated[str, typer.Option("--regression-heldout", help="Those general rows.")] = "",
    prepare: Annotated[str, typer.Option("--prepare", help="Print the rows of this file, to be answered.")] = "",
    aim: Annotated[str, typer.Option("--aim", help="better, or no-worse for a cheaper model.")] = "better",
    worth: Annotated[float, typer.Option("--worth", help="The smallest gain worth having.")] = 0.02,
    margin: Annotated[float, typer.Option("--margin", help="The largest loss that can be borne.")] = 0.02,
    alpha: Annotated[float, typer.Option("--alpha", help="Two-sided level of the test.")] = 0.05,
    html: pages.Html = "",
    markdown: pages.Markdown = "",
    format: opts.Format = "",
    text: opts.Text = "",
    label: opts.Label = "",
    group: opts.Group = "",
    json: opts.AsJson = False,
) -> int:
    """Compare two models' predictions on the same held-out rows: ship (exit 0), keep, roll back or cannot tell (1).

    A line of predictions has `id`, or `row` as --prepare gives it, and `prediction`; or `correct`, or
    `score`, where something else has judged it; `cost_usd` and `latency_s` where they are known.
    """
    import json as lines

    from toolkit.compare import Bars, compare
    from toolkit.compare import prepare as rows_of
    from toolkit.core.errors import UsageError, unknown
    from toolkit.renderers import comparison
    from toolkit.renderers.words import escaped_json

    reading = opts.reading(format=format, text=text, label=label, group=group)
    if prepare:
        for row in rows_of(prepare, reading=reading):
            print(escaped_json(lines.dumps(row, ensure_ascii=False)))
        return 0
    if not before or not after or not heldout:
        raise UsageError(
            "two files of predictions and --heldout are needed", "toolkit compare BEFORE AFTER --heldout FILE"
        )
    if aim not in ("better", "no-worse"):
        raise unknown("aim", aim, ("better", "no-worse"))
    found = compare(
        before,
        after,
        heldout,
        regression=regression if all(regression) else None,
        regression_heldout=regression_heldout or None,
        bars=Bars("better" if aim == "better" else "no-worse", worth, margin, alpha),
        reading=reading,
        progress=opts.progress(),
    )
    told = comparison.as_json(found)
    pages.show(comparison.document(found), told, html=html, markdown=markdown, json=json)
    return 0 if found.fit else 1
