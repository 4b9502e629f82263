"""The user's own tools are run for each call, and answers are written from what they return."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.generate.scripted import Scripted, recipe, rows_of, run_of
from toolkit.core.errors import InputError, UsageError
from toolkit.core.request import Request
from toolkit.runners.calls import run_calls

TOOL = {
    "type": "function",
    "function": {
        "name": "stock",
        "parameters": {"type": "object", "properties": {"item": {"type": "string"}}, "required": ["item"]},
    },
}
SHOP = "import shelf\nprint('open')\ndef stock(item):\n    print('looking')\n    return {'left': shelf.LEFT[item]}\n"
CALLS = [{"name": "stock", "arguments": {"item": "lamp"}}]


def shop(source: str = SHOP) -> dict[str, Any]:
    Path("shelf.py").write_text("LEFT = {'lamp': 417}\n")
    Path("shop.py").write_text(source)
    Path("tools.json").write_text(json.dumps([TOOL]))
    options = {"tools": "tools.json", "execute": "shop.py"}
    return {"task": "tool-use", "labels": {"tool-one": ""}, "options": options, "model": {"use": "openai:local"}}


def serve(request: Request, rng: Random) -> str:
    told = request.messages[-1].content
    if told.startswith("Here are"):
        results = [json.loads(line.partition(". ")[2])["results"] for line in told.splitlines() if line[:1].isdigit()]
        return json.dumps([f"There are {each[0]['left']} left." for each in results])
    items = [{"user": f"How many, {rng.random()}?", "calls": CALLS, "results": [{"left": 5}], "answer": "5."}]
    items.append(
        {**items[0], "user": f"And {rng.random()}?", "calls": [{"name": "stock", "arguments": {"item": "sun"}}]}
    )
    items.append({**items[0], "user": f"Or {rng.random()}?", "calls": [{"name": "weather", "arguments": {}}]})
    return json.dumps(items)


def test_answers_are_written_from_what_the_functions_returned() -> None:
    found = run_of(Scripted(serve), **shop(), target={"rows": 4}, strategy={"per_call": 3}).run()
    assert found.complete
    for row in rows_of(found.folder):
        assert [each["content"] for each in row["messages"][2:]] == ['{"left":417}', "There are 417 left."]
    reasons = {row["reason"] for row in rows_of(found.folder, "rejected.jsonl") if row["gate"] != "surplus"}
    assert reasons == {
        "a call fails when it is run: it failed: KeyError: 'sun'",
        "it calls 'weather', which is not declared",
    }


def test_rows_whose_calls_all_fail_are_mended_as_others_are() -> None:
    def once(request: Request, rng: Random) -> str:
        again = any("were refused" in each.content for each in request.messages)
        return serve(request, rng).replace('"lamp"', '"lamp"' if again else '"moon"').replace('"sun"', '"stars"')

    strategy = {"per_call": 3, "repair": True}
    found = run_of(Scripted(once), **shop(), target={"rows": 2, "max_candidates": 12}, strategy=strategy).run()
    assert found.complete
    assert all(row["lineage"]["repaired"] for row in rows_of(found.folder))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (SHOP, [{"left": 417}]),
        ("async def stock(item):\n    return 1\n", [1]),
        ("import atexit\natexit.register(lambda: print('bye'))\ndef stock(item):\n    return None\n", [None]),
        ("def stock(item):\n    raise ValueError('shut')\n", "it failed: ValueError: shut"),
        ("import sys\ndef stock(item):\n    sys.exit(0)\n", "it ended before it returned"),
    ],
)
def test_a_tool_may_print_import_its_neighbours_and_fail(source: str, found: Any) -> None:
    shop(source)
    assert run_calls(Path("shop.py"), CALLS) == found


def test_a_file_that_cannot_serve_is_told_before_or_at_its_first_call() -> None:
    own = {**shop("import nowhere"), "check": [{"arguments": {"execute": "shop.py"}}]}
    for told in (own, {**own, "options": {"tools": "tools.json"}}):
        with pytest.raises(InputError, match="cannot be imported: it failed: ModuleNotFoundError"):
            recipe(**told)
    shop("def other(): ...")
    with pytest.raises(UsageError, match="no function 'stock'") as caught:
        run_calls(Path("shop.py"), CALLS)
    assert caught.value.fix == "it has: other"
