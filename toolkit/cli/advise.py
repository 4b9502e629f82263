"""`toolkit advise`: should this be fine-tuned, and does it pay?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolkit.cli import _options as opts
from toolkit.cli import _pages as pages
from toolkit.core.errors import UsageError

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
    ladder: Annotated[bool, typer.Option("--ladder", help="Try prompts on the dev rows of --data RUN first.")] = False,
    model: Annotated[
        str, typer.Option("--model", help="Ladder: who gets the rows, as openai:NAME; none, the probe alone.")
    ] = "",
    stronger: Annotated[str, typer.Option("--stronger", help="Ladder: a stronger model, as anthropic:NAME.")] = "",
    base_url: Annotated[str, typer.Option("--base-url", help="Ladder: address of the server, if not usual.")] = "",
    judge: Annotated[
        str, typer.Option("--judge", help="Ladder of free answers: who compares them with the rows' own.")
    ] = "",
    system: Annotated[str, typer.Option("--system", help="Ladder: a file with your system prompt.")] = "",
    budget: Annotated[float | None, typer.Option("--budget", min=0, help="Ladder: US dollars at most.")] = None,
    rows: Annotated[int, typer.Option("--rows", min=2, help="Ladder: dev rows at most.")] = 300,
    encoder: opts.Encoder = "",
    json: opts.AsJson = False,
) -> int:
    """Say whether to fine-tune or what to try first, with reasons and a break-even.

    It asks only what it needs: an empty line means unknown, and what follows # is kept as evidence. With
    --data the rows answer what can be counted, and a run gets advice.json for its report. With --ladder
    prompts, examples and models are tried on the run's dev rows, and the chosen one once on the held-out
    rows; exit 1 where the budget ended it.
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
        return 0
    given, complete, facts = _given(answers), True, {}
    rungs: dict[str, Any] = {
        "model": model,
        "stronger": stronger,
        "judge": judge,
        "base_url": base_url,
        "system": system,
        "usd": budget,
    }
    if ladder:
        given, complete = _climbed(given, data, rows=rows, encoder=encoder, **rungs)
    elif any(value not in ("", None) for value in rungs.values()):
        raise UsageError(
            "--model, --stronger, --judge, --base-url, --system and --budget are of the ladder", "add --ladder"
        )
    if data:
        reading = opts.reading(format=format, text=text, label=label)
        facts = measured(data, reading=reading, progress=opts.progress())
    if not answers and not ladder and (sys.stdin.isatty() or not data):
        given = _asked(replaced(given, facts)[0])
    found = decide(given, facts)
    if save:
        pages.write(save, saved(found.answers))
    told = record.record(found, data)
    pages.show(layout.document(found, data), told, html=html, markdown=markdown, json=json)
    if data and is_run(data):
        opts.say(f"{record.write(found, open_run(data).path, data)}: the readiness report will show it")
    return 0 if complete else 1


def _climbed(given: Answers, data: str, *, rows: int, system: str, encoder: str, **told: Any) -> tuple[Answers, bool]:
    """The answers with the rungs of the ladder, and whether all of them ran."""
    from toolkit.advise.ladder import Plan, climb
    from toolkit.near.encode import lazy_encoder
    from toolkit.store.folder import is_run, open_run

    if not data or not is_run(data):
        fix = "toolkit verify DATA --run RUN; toolkit split RUN --dev 0.1; toolkit advise --ladder --data RUN"
        raise UsageError("the ladder needs a run that is split: --data RUN", fix)
    if not told["model"] and (told["stronger"] or told["judge"] or told["base_url"] or told["usd"] is not None):
        raise UsageError("--stronger, --judge, --base-url and --budget need a model", "add --model openai:NAME")
    needed = float(given.score_needed.answer) if given.score_needed.known else None
    progress = opts.progress()
    plan = Plan(system=_prompt(system), rows=rows, needed=needed, **told)
    try:
        found = climb(open_run(data), plan, lazy_encoder(encoder, progress=progress), progress)
    finally:
        getattr(progress, "close", lambda: None)()
    return given.model_copy(update={"measured": found.measured}), found.complete


def _prompt(path: str) -> str:
    from pathlib import Path

    from toolkit.core.errors import InputError

    try:
        return Path(path).read_text(encoding="utf-8").strip() if path else ""
    except (OSError, ValueError) as failure:
        raise InputError(f"{path} cannot be read: {failure}", "name a text file with the system prompt") from failure


def _given(path: str) -> Answers:
    from pathlib import Path

    from toolkit.advise import Answers
    from toolkit.core.config import load

    return load(Answers, Path(path)) if path else Answers()


def _asked(given: Answers) -> Answers:
    import sys

    from toolkit.advise.interview import interview, terminal

    if not sys.stdin.isatty():
        fix = "toolkit advise --template > answers.yaml, fill it in, then toolkit advise --answers answers.yaml"
        raise UsageError("there is no terminal to ask on", fix)

    def prompt(words: str) -> None:
        print(words, end="", file=sys.stderr, flush=True)

    return interview(given, terminal(prompt, sys.stdin.readline), opts.say)
