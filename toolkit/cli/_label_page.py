"""What `toolkit label --serve` does: the page is served until Ctrl-C, then says who answered how much."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from toolkit.cli import _options as opts
from toolkit.core.errors import UsageError

if TYPE_CHECKING:
    from toolkit.label.page.tasks import Board


class Asked(NamedTuple):
    """What is asked on a page: the rows of a queue, or with `checks` (empty: all) those of a run's findings."""

    given: Sequence[str]
    answers: Sequence[str]
    guideline: str
    checks: Sequence[str] | None
    serve: bool
    merges: bool = False

    def check(self) -> None:
        """Raises UsageError."""
        if not self.serve:
            raise UsageError("--findings, --check, --name and --host speak of the page", "add --serve")
        if self.merges:
            raise UsageError("--serve asks people and merges nothing", "toolkit label ANSWERS --into FILE, after it")
        if len(self.given) != 1 or len(self.answers) > 1:
            raise UsageError("one page asks one queue, or one run, into one file", "toolkit label QUEUE --serve")


def page(asked: Asked, *, as_json: bool, **settings: Any) -> int:
    """Serve the page until Ctrl-C; answers go to the file named, else to one beside the queue or in the run."""
    from toolkit.label.page.app import Settings, serve

    asked.check()
    settings["browser"] = settings["browser"] and sys.stderr.isatty()
    board, beside = _board(asked.given[0], asked.guideline, asked.checks)
    path = Path(asked.answers[0]) if asked.answers else beside

    def ready(url: str) -> None:
        if as_json:
            print(json.dumps({"url": url, "answers": str(path), "rows": len(board.tasks)}), flush=True)
        opts.say(f"{len(board.tasks):,} rows of {board.name}, answers to {path}")
        opts.say(f"  {url}    (Ctrl-C stops)")

    people = serve(board, path, Settings(**settings), ready=ready).counts()
    if as_json:
        print(json.dumps({"answers": str(path), "rows": len(board.tasks), "people": people}))
    told = ", ".join(f"{name} {count:,}" for name, count in sorted(people.items())) or "nobody"
    opts.say(f"done: {told}, of {len(board.tasks):,} rows; {path}")
    if people and asked.checks is None:
        queue = asked.given[0] if Path(asked.given[0]).is_file() else beside.with_name("queue.jsonl")
        opts.say(f"try: toolkit label {path} --queue {queue} --into TRAIN.jsonl")
    elif people:
        opts.say(f"try: toolkit fix {asked.given[0]} --decisions {path} --out FILE")
    return 0


def _board(target: str, guideline: str, checks: Sequence[str] | None) -> tuple[Board, Path]:
    """The questions, and the file that their answers go to unless another is named."""
    from toolkit.label.answers import FILE
    from toolkit.label.page.tasks import guideline_of, of_queue
    from toolkit.label.page.triage import of_findings
    from toolkit.review import FILE as FINDINGS
    from toolkit.store.folder import open_run

    text = guideline_of(guideline)
    if checks is not None:
        return of_findings(target, checks, text), open_run(target).path / FINDINGS
    path = Path(target)
    return of_queue(path, text), (path if path.is_dir() else path.parent) / FILE
