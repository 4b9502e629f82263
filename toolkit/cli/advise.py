"""`toolkit advise`: should this be fine-tuned, and does it pay?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli import _options as opts
from toolkit.cli import _pages as pages

if TYPE_CHECKING:
    from toolkit.advise import Answers


def command(
    answers: Annotated[str, typer.Option("--answers", help="Answers in YAML; without them you are asked.")] = "",
    template: Annotated[bool, typer.Option("--template", help="Print a file of answers to fill in.")] = False,
    data: Annotated[str, typer.Option("--data", help="A run, or rows, that answer what can be counted.")] = "",
    save: Annotated[str, typer.Option("--save", help="Write the known answers to this file.")] = "",
    html: pages.Html = "",
    markdown: pages.Markdown = "",
    format: opts.Format = "",
    text: opts.Text = "",
    label: opts.Label = "",
    json: opts.AsJson = False,
) -> None:
    """Say whether to fine-tune or what to try first, with reasons and a break-even.

    It asks only what it needs: an empty line means unknown, and what follows # is kept as evidence. With
    --data the rows answer what can be counted, and a run gets advice.json for its report.
    """
    import sys

    from toolkit.advise import decide, record
    from toolkit.advise.evidence import replaced
    from toolkit.advise.interview import saved
    from toolkit.advise.interview import template as blank
    from toolkit.advise.measure import measured
    from toolkit.renderers import advice as layout
    from toolkit.store.folder import is_run, open_run

    if template:
        print(blank(), end="")
        return
    given = _given(answers)
    facts = {}
    if data:
        reading = opts.reading(format=format, text=text, label=label)
        facts = measured(data, reading=reading, progress=opts.progress())
    if not answers and (sys.stdin.isatty() or not data):
        given = _asked(replaced(given, facts)[0])
    found = decide(given, facts)
    if save:
        pages.write(save, saved(found.answers))
    told = record.record(found, data)
    pages.show(layout.document(found, data), told, html=html, markdown=markdown, json=json)
    if data and is_run(data):
        opts.say(f"{record.write(found, open_run(data).path, data)}: the readiness report will show it")


def _given(path: str) -> Answers:
    from pathlib import Path

    from toolkit.advise import Answers
    from toolkit.core.config import load

    return load(Answers, Path(path)) if path else Answers()


def _asked(given: Answers) -> Answers:
    import sys

    from toolkit.advise.interview import interview, terminal
    from toolkit.core.errors import UsageError

    if not sys.stdin.isatty():
        fix = "toolkit advise --template > answers.yaml, fill it in, then toolkit advise --answers answers.yaml"
        raise UsageError("there is no terminal to ask on", fix)

    def prompt(words: str) -> None:
        print(words, end="", file=sys.stderr, flush=True)

    return interview(given, terminal(prompt, sys.stdin.readline), opts.say)
