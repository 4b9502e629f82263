"""`toolkit label`: answers to a queue become rows, by people or by a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli import _options as opts
from toolkit.core.errors import UsageError

if TYPE_CHECKING:
    from toolkit.label.by_model import Asking


def command(
    given: Annotated[
        list[str],
        typer.Argument(
            metavar="ANSWERS...", help="Files of answers: a log, Label Studio, Argilla, CSV; with --by the queue."
        ),
    ],
    queue: Annotated[
        str, typer.Option("--queue", help="The queue that was answered; queue.jsonl beside the answers by default.")
    ] = "",
    into: Annotated[str, typer.Option("--into", help="JSON lines that the rows go into; made where missing.")] = "",
    new_labels: Annotated[
        bool, typer.Option("--new-labels", help="Admit labels that neither queue nor file knows.")
    ] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Verify the file after the merge.")] = False,
    by: Annotated[str, typer.Option("--by", help="Label the queue by this model, as openai:NAME.")] = "",
    budget: Annotated[float | None, typer.Option("--budget", min=0, help="US dollars at most for --by.")] = None,
    base_url: Annotated[str, typer.Option("--base-url", help="Address of the model's server, if not usual.")] = "",
    guideline: Annotated[str, typer.Option("--guideline", help="A text file of rules for whoever labels.")] = "",
    answers: Annotated[
        list[str],
        typer.Option("--answers", help="People's answers, to hold the model against; the queue's log by default."),
    ] = [],  # noqa: B006 (typer copies it)
    accept: Annotated[
        float | None,
        typer.Option("--accept", help="Merge the model's labels if agreement surely reaches this share."),
    ] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Label the queue in a browser on this machine.")] = False,
    findings: Annotated[
        bool, typer.Option("--findings", help="With --serve: keep, drop or fix rows of a run.")
    ] = False,
    check: Annotated[list[str], typer.Option("--check", help="Findings of this check alone; may be repeated.")] = [],  # noqa: B006
    name: Annotated[str, typer.Option("--name", help="The name that the page proposes.")] = "",
    host: Annotated[str, typer.Option("--host", help="Address of the page; other than loopback needs --token.")] = "",
    port: Annotated[int, typer.Option("--port", help="Its port; 0 takes a free one.", min=0, max=65535)] = 8788,
    token: Annotated[str, typer.Option("--token", help="Random by default.", envvar="TOOLKIT_LABEL_TOKEN")] = "",
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = True,
    json: opts.AsJson = False,
) -> int:
    """Merge answers into a training file by id and hash, each once; several annotators come to a consensus.

    With --by, a model labels the queue, and its agreement with people on the audit slice is shown before
    anything is accepted. With --serve, people label it in a browser, until Ctrl-C. Exit code 1: an answer
    was to no row of the queue, or the model was not accepted.
    """
    if serve or findings or check or name or host:
        from toolkit.cli._label_page import Asked, page

        merges = any((by, queue, into, new_labels, verify))
        asked = Asked(given, answers, guideline, check if findings or check else None, serve, merges)
        return page(asked, by=name, host=host or "127.0.0.1", port=port, token=token, browser=open_, as_json=json)
    if by:
        from toolkit.label.by_model import Asking

        asking = Asking(by, budget, base_url, _rules(guideline), accept, _human(given, answers))
        return _by_model(given[0], into, asking, json=json)
    if budget is not None or base_url or answers or accept is not None:
        raise UsageError("--budget, --base-url, --answers and --accept speak of a model", "add --by openai:NAME")
    if json and verify:
        raise UsageError("--json and --verify print two results", "run toolkit verify FILE --json after it")
    return _merge(given, queue, into, json=json, new_labels=new_labels, verify=verify)


def _merge(given: list[str], queue: str, into: str, *, json: bool, new_labels: bool, verify: bool) -> int:
    import json as jsonlib

    from toolkit.label.merge import merge
    from toolkit.renderers import labels as shown

    if not into:
        raise UsageError("no file is named that the rows go into", "--into train.jsonl")
    files = [_inside(each, "answers.jsonl") for each in given]
    made = merge(files, _inside(queue, "queue.jsonl") if queue else files[0].parent / "queue.jsonl", into,
                 new_labels=new_labels)  # fmt: skip
    print(jsonlib.dumps(shown.as_json(made), indent=1, ensure_ascii=False) if json else shown.text(made))
    code = 0 if made.fit else 1
    if not verify:
        return code
    from toolkit.cli.verify import command as verified

    return max(code, verified(into))


def _inside(path: str, name: str) -> Path:
    """A file, or the one of this name where the folder of a queue is named."""
    return Path(path) / name if Path(path).is_dir() else Path(path)


def _human(given: list[str], answers: list[str]) -> tuple[Path, ...]:
    """The files of people's answers to the one queue that is named."""
    if len(given) != 1:
        raise UsageError(f"{len(given)} queues for one model", "name one queue.jsonl")
    log = _inside(given[0], "queue.jsonl").parent / "answers.jsonl"
    return tuple(map(Path, answers)) or ((log,) if log.is_file() else ())


def _by_model(queue: str, into: str, asking: Asking, *, json: bool) -> int:
    import json as jsonlib

    from toolkit.label.by_model import label_by_model
    from toolkit.renderers import labels as shown

    made = label_by_model(_inside(queue, "queue.jsonl"), asking, into=into or None, progress=opts.progress())
    print(jsonlib.dumps(shown.labelled_json(made), indent=1, ensure_ascii=False) if json else shown.labelled(made))
    if not json and made.merged is not None:
        print(shown.text(made.merged))
    return 0 if made.fit else 1


def _rules(file: str) -> str:
    from toolkit.core.errors import InputError

    try:
        return Path(file).read_text(encoding="utf-8").strip() if file else ""
    except (OSError, UnicodeDecodeError) as failure:
        raise InputError(f"{file} cannot be read: {failure}", "name a text file in UTF-8") from failure
