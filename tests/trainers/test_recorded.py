"""Our forecast against what the trainers' own code said of the same rows (`benchmarks/trainers.py --record`)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.trainers import rows as made
from toolkit.chat.example import Example
from toolkit.chat.forecast import forecast, left_over
from toolkit.chat.render import Renderer
from toolkit.chat.tokenizer import Tokenizer, load
from toolkit.core import parts

RECORDED = Path(__file__).parent / "recorded"


def _runs() -> list[Any]:
    found = []
    for file in sorted(RECORDED.glob("*.json.gz")):
        told = json.loads(gzip.decompress(file.read_bytes()))
        for at, run in enumerate(told["runs"]):
            options = "-".join(f"{name}={value}" for name, value in run["options"].items())
            found.append(pytest.param(told["trainer"], run, id=f"{told['trainer']}-{at}-{run['style']}-{options}"))
    return found


@pytest.fixture(scope="module")
def room() -> Iterator[dict[str, tuple[Tokenizer, Renderer]]]:
    """Each tokenizer with an open renderer, since starting one takes longer than all its rows."""
    with ExitStack() as stack:
        found = {}
        for style in ("chatml", "inst"):
            tokenizer = load(str(made.FOLDER / style))
            found[style] = (tokenizer, stack.enter_context(Renderer(tokenizer.template, tokenizer.special)))
        yield found


def test_every_trainer_was_recorded_at_the_version_that_is_modelled() -> None:
    told = {file.name.split(".")[0]: json.loads(gzip.decompress(file.read_bytes())) for file in RECORDED.glob("*.gz")}
    assert sorted(told) == sorted(parts.parts("trainers").keys() - {"unsloth"})
    for name, each in told.items():
        package, version = parts.part("trainers", name).models.split(" ")
        assert each["versions"][package] == version


@pytest.mark.parametrize(("name", "run"), _runs())
def test_kept_rows_ids_and_labels_are_the_trainers_own(name: str, run: dict[str, Any], room: Any) -> None:
    rows = made.made_of(run["shape"], run["rows"])
    if run["options"].get("template") in made.OWN_TOOLS:
        rows = [row for row in rows if row["kind"] not in ("tools", "ends_on_call")]
    examples = [_example(at, row, name) for at, row in enumerate(rows)]
    trainer = parts.build("trainers", name, _options(run))
    tokenizer, renderer = room[run["style"]]
    found = list(forecast(trainer, tokenizer, examples, renderer=renderer))
    stops = [row for row, each in found if each.stops]
    assert len(stops) == len(run["raised"]) and all(run["raised"])
    going, trained = zip(*[pair for pair in found if not pair[1].stops], strict=True)
    order = sorted(range(len(going)), key=lambda at: going[at].columns if name == "mlx" else 0)
    over = set(left_over(trainer, [each.columns for each in going]))
    kept = [trained[at] for at in order if trained[at].kept and at not in over]
    ours = [side for each in kept for side in (each, each.other) if side is not None]
    assert len(ours) == len(run["kept"])
    for each, (ids, labels) in zip(ours, run["kept"], strict=True):
        assert list(each.ids) == ids
        assert each.labels() == labels


def _options(run: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in run["options"].items()}


def _example(at: int, row: dict[str, Any], name: str) -> Example:
    if "chosen" in row or "label" in row:
        answer = row.get("chosen", row.get("completion"))
        tools = None if name.startswith("llamafactory") else row.get("tools")
        return Example(at, row["id"], None, row["prompt"], answer, tools=tools, rejected=row.get("rejected"))
    if "prompt" in row:
        return Example(at, row["id"], prompt=row["prompt"], completion=row["completion"], columns=2)
    tools = None if name.startswith("llamafactory") else row.get("tools")
    return Example(at, row["id"], row["messages"], tools=tools, columns=1 + (tools is not None))
