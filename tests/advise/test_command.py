"""`toolkit advise` from the command line, and the interview."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.renderers import sample
from toolkit.advise import Answers, decide, record
from toolkit.advise.interview import interview, saved, template
from toolkit.advise.measure import measured
from toolkit.cli import main
from toolkit.core import config
from toolkit.core.errors import InputError
from toolkit.core.share import shipped
from toolkit.renderers.html import Html
from toolkit.renderers.markdown import Markdown
from toolkit.report import _advised
from toolkit.verify import VerifyOptions, verify

ANSWERS = """version: 1
goal: {answer: cost, evidence: "<script>alert(1)</script> [x](http://a)"}
prompt_debugged: yes
eval_set: yes
examples: 800
money:
  calls_per_day: 50000
  cost_per_1000_now: 60
  cost_per_1000_tuned: 0.4
  months: [6, 12, 24]
  tune: [100, 500, 5000]
  maintenance_per_month: [100, 300, 1000]
"""


def file(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def test_answers_end_in_one_advice_in_four_shapes(capsys: Any) -> None:
    path = file("answers.yaml", ANSWERS)
    assert main(["advise", "--answers", path, "--html", "a.html", "--markdown", "a.md"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("LoRA SFT\n") and "It pays in every case." in out and "█" in out
    assert main(["advise", "--answers", path, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["advice"] == "LoRA SFT" and told["break_even"]["cases"]["likely"]["pays"] is True
    assert told["break_even"]["counted_as_0"] == ["infrastructure_per_month", "retune_every_months", "day_rate"]
    html, markdown = Path("a.html").read_text(), Path("a.md").read_text()
    assert "<script" not in html and "default-src 'none'" in html and "<svg" in html
    assert "<script" not in markdown and "\\[x\\]" in markdown
    assert not re.search(r"(?:src|href)=\"(?!data:,)", html)


def test_the_template_is_taken_again_and_knows_nothing(capsys: Any) -> None:
    assert main(["advise", "--template"]) == 0
    out = capsys.readouterr().out
    assert out == template()
    assert config.loads(Answers, out, "template") == Answers()
    for line in out.splitlines():
        if line.startswith("#   "):
            assert line.split(":")[0][4:] in Answers.model_json_schema()["$defs"]["Money"]["properties"]


def test_the_schema_is_that_of_the_model() -> None:
    shown = json.loads((shipped("schemas") / "advice.schema.json").read_text(encoding="utf-8"))
    shown.pop("$schema"), shown.pop("$id")
    assert shown == Answers.model_json_schema(), "write schemas/advice.schema.json again"


def test_the_schema_takes_short_and_long_answers() -> None:
    from jsonschema import Draft202012Validator

    fits = Draft202012Validator(json.loads((shipped("schemas") / "advice.schema.json").read_text(encoding="utf-8")))
    fits.validate(json.loads(json.dumps(config.parse(ANSWERS, "x"))))
    assert not fits.is_valid({"goal": "lable"}) and not fits.is_valid({"examples": "many"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gaol: label\n", "did you mean 'goal'"),
        ("goal: lable\n", "line 1: 'goal.answer' is 'lable'"),
        ("version: 1\nexamples: many\n", "line 2"),
        ("examples: -3\n", "greater than or equal to 0"),
        ("score_now: 71\n", "less than or equal to 1"),
        ("prompt_debugged: true\n", "'yes', 'no' or 'unknown'"),
        ("money: {calls_per_day: 5}\n", "missing"),
        ("money: {calls_per_day: [3, 2, 1], saving_per_call: 1, tune: 1, months: 1}\n", "a range goes up"),
        ("goal: label\ngoal: cost\n", "line"),
        ("- 1\n", "a.yaml holds no keys"),
        ("", "a.yaml is empty"),
    ],
)
def test_wrong_answers_are_two_lines(text: str, words: str, capsys: Any) -> None:
    assert main(["advise", "--answers", file("a.yaml", text)]) == 2
    said = capsys.readouterr().err
    assert words in said and said.startswith("error:") and said.count("\n") == 2


def test_without_a_terminal_it_says_how(capsys: Any) -> None:
    assert main(["advise"]) == 2
    assert "--template" in capsys.readouterr().err
    assert main(["advise", "--data", "nowhere.jsonl"]) == 2


def test_the_interview_takes_evidence_and_asks_again() -> None:
    lines = iter(["lable", "label # 18 queues", "y", "", "", "2"])
    said: list[str] = []
    asked: list[str] = []

    def ask(question: str, hint: str) -> str:
        asked.append(question)
        return next(lines)

    found = interview(Answers(), ask, said.append)
    assert found.goal.answer == "label" and found.goal.evidence == "18 queues"
    assert found.prompt_debugged.answer == "yes" and decide(found).leaf == "few-shot"
    assert len(said) == 1 and "'lable'" in said[0]
    assert config.loads(Answers, saved(found), "saved") == found


def test_the_interview_counts_money_where_money_decides() -> None:
    replies = {
        "What must": "cost", "prompt aloud": "yes", "eval set of": "yes", "examples are there": "900",
        "Calls a day": "50,000", "as it is done now": "60", "of the tuned": "0.3 0.4 1", "one tuning": "oops",
        "Months that": "12",
    }  # fmt: skip
    said: list[str] = []

    def ask(question: str, hint: str) -> str:
        key = next((key for key in replies if key in question), "")
        word = replies.get(key, "")
        if word == "oops":
            replies[key] = "500"
        return word

    found = interview(Answers(), ask, said.append)
    assert found.money is not None and found.money.tune.likely == 500
    assert decide(found).leaf == "LoRA SFT" and any("oops" in line for line in said)


def rows(n: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"r{at}",
            "prompt": f"question {at} about topic {at % 7}",
            "completion": "It was launched in March 2026 for $1,299." if at % 4 == 0 else f"Because of reason {at}.",
        }
        for at in range(n)
    ]


def test_rows_answer_for_themselves(tmp_path: Path, capsys: Any) -> None:
    made = [*rows(40), {"id": "c", "prompt": "question 1 about topic 1", "completion": "Something else."}]
    path = file("rows.jsonl", "".join(json.dumps(row) + "\n" for row in made))
    found = measured(path)
    assert found["examples"].answer == 41 and found["synthetic_share"].answer == 0
    assert found["facts_share"].answer == pytest.approx(10 / 41)
    assert "10 with dates" in found["facts_share"].evidence and "10 with prices" in found["facts_share"].evidence
    assert found["conflict_share"].answer == pytest.approx(2 / 41)
    said = file("a.yaml", ANSWERS)
    assert main(["advise", "--answers", said, "--data", path, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["advice"] == "collect data" and told["contradicted"][0].startswith("examples: you said 800")
    assert {"facts in the data", "tiny set", "garbage data"} <= {each["name"] for each in told["warnings"]}


def test_a_run_gets_its_advice(tmp_path: Path, capsys: Any) -> None:
    path = file("rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows(60)))
    verify(path, run="runs/own", options=VerifyOptions(("balance",), embed=False))
    assert main(["advise", "--data", "runs/own", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads(Path("runs/own/advice.json").read_text())
    assert told["answers"]["eval_set"]["answer"] == "no" and "not split" in told["answers"]["eval_set"]["evidence"]


def test_an_empty_file_counts_nothing(capsys: Any) -> None:
    path = file("none.jsonl", "")
    assert main(["advise", "--data", path, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answers"]["examples"]["answer"] == 0


def test_the_readiness_report_shows_the_advice_of_its_run(tmp_path: Path) -> None:
    found = decide(config.loads(Answers, ANSWERS, "x"))
    record.write(found, tmp_path)
    report = replace(sample.usual(), extra=_advised(tmp_path))
    page, text = Html().render(report), Markdown().render(report)
    assert "Whether to fine-tune, and the break-even" in page and 'id="break-even-title"' in page
    assert "Whether to fine-tune" in text and "in the first month" in text
    (tmp_path / "advice.json").write_text("{")
    with pytest.raises(InputError, match=r"advice\.json is damaged"):
        _advised(tmp_path)
    assert _advised(tmp_path / "nowhere") == {}
