"""An advice as plain values: what `--json` prints and what advice.json in a run holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from toolkit.advise import tables
from toolkit.advise.break_even import BreakEven, Case
from toolkit.advise.decide import Advice
from toolkit.core.errors import InputError
from toolkit.write import whole_file

VERSION = 1
FILE = "advice.json"


def record(advice: Advice, data: str = "") -> dict[str, Any]:
    """Plain values, with the answers, so that the advice can be decided again from them."""
    return {
        "version": VERSION,
        "advice": str(advice.leaf),
        "branch": advice.branch,
        "tunes": advice.tunes,
        "rule": advice.rule,
        "why": list(advice.why),
        "rests_on": {name: stated.model_dump() for name, stated in advice.rests_on.items()},
        "unknown": list(advice.unknown),
        "would_change": [each._asdict() for each in advice.turns],
        "contradicted": list(advice.contradicted),
        "warnings": [each._asdict() for each in advice.warned],
        "closed_or_open": tables.closed_or_open(advice.answers),
        "break_even": _break_even(advice.break_even) if advice.break_even else None,
        "next": tables.next_steps(advice, data),
        "answers": advice.answers.model_dump(mode="json"),
    }


def write(advice: Advice, folder: Path, data: str = "") -> Path:
    """Write advice.json into a run, where the readiness report finds it."""
    path = folder / FILE
    with whole_file(path) as file:
        text = json.dumps(record(advice, data), indent=1, ensure_ascii=False) + "\n"
        file.write(text.encode("utf-8", "backslashreplace"))
    return path


def load(folder: Path) -> dict[str, Any] | None:
    """The advice of a run, None where there is none. Raises InputError for one that cannot be read."""
    path = folder / FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as failure:
        raise InputError(f"{path} is damaged: {failure}", "toolkit advise --data RUN writes it again") from failure
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise InputError(f"{path} is of another version", "toolkit advise --data RUN writes it again")
    return found


def _break_even(found: BreakEven) -> dict[str, Any]:
    return {
        "answer": found.answer,
        "cases": {each.name: _case(each) for each in found.cases},
        "moves": [each._asdict() for each in found.moves],
        "counted_as_0": list(found.left_out),
    }


def _case(case: Case) -> dict[str, Any]:
    """Values to ten digits: sums of floats differ in the last ones between machines."""
    told = {
        name: float(f"{value:.10g}") if isinstance(value, float) else value for name, value in case._asdict().items()
    }
    return {**told, "pays": case.pays}
