"""What `toolkit label --serve` does: the page is served until Ctrl-C, then says who answered how much."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.cli import _options as opts

if TYPE_CHECKING:
    from toolkit.label.page.app import Settings
    from toolkit.label.page.tasks import Board

FINDINGS = "decisions.jsonl"


def page(
    target: str,
    answers: str,
    settings: Settings,
    *,
    guideline: str = "",
    checks: Sequence[str] | None = None,
    as_json: bool = False,
) -> int:
    """Serve a queue, or with `checks` (empty: all) the findings of a run, into `answers` or a file beside them."""
    from toolkit.label.page.app import serve

    board, path = _board(target, guideline, checks)
    path = Path(answers) if answers else path

    def ready(url: str) -> None:
        if as_json:
            print(json.dumps({"url": url, "answers": str(path), "rows": len(board.tasks)}), flush=True)
        opts.say(f"{len(board.tasks):,} rows of {board.name}, answers to {path}")
        opts.say(f"  {url}    (Ctrl-C stops)")

    people = serve(board, path, settings, ready=ready).counts()
    if as_json:
        print(json.dumps({"answers": str(path), "rows": len(board.tasks), "people": people}))
    told = ", ".join(f"{name} {count:,}" for name, count in sorted(people.items())) or "nobody answered"
    opts.say(f"{told} of {len(board.tasks):,} rows; {path}")
    if people and checks is None:
        opts.say(f"try: toolkit label {path} --queue {target} --into TRAIN.jsonl")
    elif people:
        opts.say(f"try: toolkit fix {target} --decisions {path} --out FIXED.jsonl")
    return 0


def _board(target: str, guideline: str, checks: Sequence[str] | None) -> tuple[Board, Path]:
    """The questions, and the file that their answers go to unless another is named."""
    from toolkit.label.answers import FILE
    from toolkit.label.page.tasks import guideline_of, of_queue
    from toolkit.label.page.triage import of_findings
    from toolkit.store.folder import open_run

    text = guideline_of(guideline)
    if checks is not None:
        return of_findings(target, checks, text), open_run(target).path / FINDINGS
    path = Path(target)
    return of_queue(path, text), (path if path.is_dir() else path.parent) / FILE
