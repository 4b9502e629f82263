"""A generated row explained: the prompt, the reply, the gate that refused it."""

from __future__ import annotations

import json
from random import Random

import pytest

from tests.generate.scripted import Scripted, rows_of, run_of, texts
from toolkit.cli import main
from toolkit.core.request import Request
from toolkit.generate.origin import origin

ESCAPE = "\x1b[2J"


def faulty(request: Request, rng: Random) -> str:
    return json.dumps([7, ESCAPE + "hello " + str(rng.random()), *json.loads(texts(request, rng))[2:]])


def test_a_row_names_its_prompt_its_reply_and_what_refused_it(capsys: pytest.CaptureFixture[str]) -> None:
    found = run_of(Scripted(faulty), check=["schema", "label"]).run()
    first = origin("line-1", found.folder)
    assert first.row["text"] == rows_of(found.folder)[0]["text"]
    assert str(first.row["text"]) in json.loads(first.reply)
    assert 'different texts of the class "' in first.prompt[-1]["content"]
    refused = origin("rejected-1", found.folder)
    assert (refused.place, refused.gate) == ("rejected", "schema")
    assert main(["why", "rejected-1", "--run", "scripted"]) == 0
    said = capsys.readouterr().out
    assert "rejected by schema: an item of the reply is no text" in said
    assert ESCAPE not in said
    assert main(["why", "1", "--run", "runs/scripted", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["place"] == "accepted"


def test_a_line_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    run_of(Scripted(texts)).run()
    assert main(["why", "line-99", "--run", "scripted"]) == 2
    assert "has no line 99; it has 20" in capsys.readouterr().err
    assert main(["why", "other", "--run", "scripted"]) == 2
    assert "rejected-N" in capsys.readouterr().err
