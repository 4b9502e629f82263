"""Redaction: placeholders that are consistent within a row, nothing else changed, nothing found afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.core.test_pii import TEXT
from toolkit.cli import main
from toolkit.core import pii, secrets
from toolkit.core.errors import UsageError
from toolkit.core.pii import placeholders
from toolkit.core.policy import load_policy
from toolkit.redact import redact
from toolkit.verify import VerifyOptions, verify

ONLY = VerifyOptions(only=("pii", "secret"), embed=False)
VALUES = ("jane.roe@acme-corp.de", "4242 4242 4242 4242", "4242424242424242", "467 3395", "467-3395")


def _chat(question: str, answer: str = "ok", **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}], **more}


def _run(tmp_path: Path, lines: list[str]) -> Path:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    verify(file, run=tmp_path / "run", options=ONLY)
    return tmp_path / "run"


def _redacted(tmp_path: Path, rows: list[Any], **options: Any) -> list[Any]:
    run = _run(tmp_path, [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows])
    made = redact(run, tmp_path / "out.jsonl", **options)
    return [json.loads(line) for line in made.path.read_text(encoding="utf-8").splitlines()]


def test_one_value_has_one_number_in_every_string_of_its_row(tmp_path: Path) -> None:
    row = _chat(
        "I am jane.roe@acme-corp.de, card 4242 4242 4242 4242. Call me at 467 3395.",
        "Noted: 4242424242424242, JANE.ROE@acme-corp.de, joe@acme-corp.de",
        notes={"mail": "jane.roe@acme-corp.de", "list": ["467 3395", "4242424242424242x"]},
    )
    (done,) = _redacted(tmp_path, [row])
    assert done["messages"][0]["content"] == "I am [EMAIL_1], card [CARD_1]. Call me at [PHONE_1]."
    assert done["messages"][1]["content"] == "Noted: [CARD_1], [EMAIL_1], [EMAIL_2]"
    assert done["notes"] == {"mail": "[EMAIL_1]", "list": ["[PHONE_1]", "4242424242424242x"]}


def test_numbers_begin_anew_in_each_row(tmp_path: Path) -> None:
    done = _redacted(tmp_path, [_chat("a.b@acme.de"), _chat("c.d@acme.de")])
    assert [row["messages"][0]["content"] for row in done] == ["[EMAIL_1]", "[EMAIL_1]"]


def test_the_rest_of_the_json_stays_as_it_stood(tmp_path: Path) -> None:
    raw = (
        '{"id": 1.50, "big": 12345678901234567890123, "a@b.de": "é \\u00e9 \\/", '
        '"text": "mail a.b@acme.de", "n": 4242424242424242, "e": 1E5}'
    )
    run = _run(tmp_path, [raw])
    made = redact(run, tmp_path / "out.jsonl")
    assert made.path.read_text(encoding="utf-8") == raw.replace("mail a.b@acme.de", "mail [EMAIL_1]") + "\n"


def test_json_inside_a_string_stays_json(tmp_path: Path) -> None:
    arguments = '{"to": "x\\nbob.roe@acme.de", "phone": 4673395123, "note": "none"}'
    call = {"id": "1", "type": "function", "function": {"name": "send", "arguments": arguments}}
    row = {
        "messages": [
            {"role": "user", "content": "send it to bob.roe@acme.de"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
        ]
    }
    (done,) = _redacted(tmp_path, [row])
    inner = json.loads(done["messages"][1]["tool_calls"][0]["function"]["arguments"])
    assert inner == {"to": "x\n[EMAIL_1]", "phone": "[PHONE_1]", "note": "none"}
    assert done["messages"][0]["content"] == "send it to [EMAIL_1]"


def test_what_one_turn_asks_for_is_redacted_in_the_next(tmp_path: Path) -> None:
    (done,) = _redacted(tmp_path, [_chat("what is your phone number?", "467 3395")])
    assert done["messages"][1]["content"] == "[PHONE_1]"


def test_secrets_are_replaced_where_the_policy_lets_their_rows_stay(tmp_path: Path) -> None:
    key = "AK" + "IAQYLPMN5HHHFPZAM2"
    private = "-----BEGIN RSA PRIV" + "ATE KEY-----\nMIIEow\nabc=\n-----END RSA PRIV" + "ATE KEY-----"
    policy = load_policy()
    policy.checks["secret"].reject = False
    done = _redacted(tmp_path, [_chat(f"use {key} and {private} now")], policy=policy)
    assert done[0]["messages"][0]["content"] == "use [AWS_ACCESS_KEY_1] and [PRIVATE_KEY_1] now"
    assert redact(tmp_path / "run", tmp_path / "kept.jsonl").rows == 0, "the shipped policy rejects the row"


def test_a_private_key_is_masked_to_its_last_line_however_it_is_cut() -> None:
    begin, end = (f"-----{word} RSA PRIV" + "ATE KEY-----" for word in ("BEGIN", "END"))
    body = "\n".join(["MIIEowIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MhgwMbRvI0MBZhpI"] * 25)
    whole = f"use {begin}\n{body}\nabc==\n{end} now"
    assert secrets.redact(whole) == "use [SECRET:private-key] now"
    for text in (whole, whole[:900], whole.replace("\n", "\\n"), f"{begin}\n{body}\nand words follow"):
        assert "MIIE" not in secrets.redact(text) + secrets.excerpt(text)
    assert secrets.redact(f"the line {begin} begins a key").endswith(" begins a key"), "words are no key"


def test_a_type_can_be_kept(tmp_path: Path) -> None:
    row = _chat("https://www.wikipedia.org/x and a.b@acme.de")
    (done,) = _redacted(tmp_path, [row], keep=["url"])
    assert done["messages"][0]["content"] == "https://www.wikipedia.org/x and [EMAIL_1]"


def test_the_manifest_counts_and_holds_no_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = _run(tmp_path, [json.dumps(_chat(f"card {VALUES[1]}, {VALUES[0]}, call 467-3395")), json.dumps(_chat("hi"))])
    assert main(["redact", str(run), "--out", str(tmp_path / "out.jsonl")]) == 0
    said = capsys.readouterr().out
    manifest = (tmp_path / "out.jsonl.manifest.json").read_text()
    told = json.loads(manifest)
    assert (told["rows"], told["changed"]) == (2, 1)
    assert told["counts"] == {"card": 1, "email": 1, "phone": 1}
    assert not [value for value in VALUES if value in said + manifest]


def test_no_value_stands_in_a_ledger_or_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [_chat(f"{at} card {VALUES[1]}, {VALUES[0]}, call 467-3395", f"answer {at}") for at in range(30)]
    run = _run(tmp_path, [json.dumps(row) for row in rows])
    assert main(["findings", str(run)]) == 0
    assert main(["readiness", str(run), "--no-embeddings"]) == 1
    shown = capsys.readouterr().out + "".join(file.read_text() for file in run.glob("readiness.*"))
    assert not [value for value in VALUES if value in shown]
    assert VALUES[0].encode() not in (run / "ledger.duckdb").read_bytes()


def test_the_file_is_not_written_into_the_run(tmp_path: Path) -> None:
    run = _run(tmp_path, [json.dumps(_chat("hi"))])
    with pytest.raises(UsageError, match="lies in the run folder"):
        redact(run, run / "kept.jsonl")


def _text_of(raw: str) -> str:
    return "\n".join(str(value) for value in json.loads(raw).values() if isinstance(value, str))


def _again(raw: str) -> placeholders.Redacted:
    return placeholders.redact(raw, _text_of, pii.find)


@given(st.lists(TEXT, min_size=1, max_size=3), st.booleans())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_redacted_rows_have_no_finding_and_redacting_twice_changes_nothing(texts: list[str], ascii_only: bool) -> None:
    row = {f"column {'abc'[at]}": text for at, text in enumerate(texts)}
    row["arguments"] = json.dumps({"to": texts[0], "n": 1})
    once = _again(json.dumps(row, ensure_ascii=ascii_only))
    assert pii.find(_text_of(once.raw)) == []
    assert pii.find(placeholders.lines(once.raw)) == []
    again = _again(once.raw)
    assert (again.raw, sum(again.counts.values())) == (once.raw, 0)
    json.loads(json.loads(once.raw)["arguments"])


@pytest.mark.soak
@pytest.mark.filterwarnings("default")  # of the extra's own packages
def test_names_are_found_by_a_model_and_share_a_number(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy", reason="the extra finetune-toolkit[names] is not installed")
    pytest.importorskip("presidio_analyzer", reason="the extra finetune-toolkit[names] is not installed")
    pipeline = spacy.blank("en")  # a real pipeline without weights: it knows the names that it is told
    names = [{"label": "PERSON", "pattern": "Jane Roe"}, {"label": "GPE", "pattern": "Springfield"}]
    pipeline.add_pipe("entity_ruler").add_patterns(names)
    pipeline.to_disk(tmp_path / "model")
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(_chat("I am Jane Roe of Springfield", "Hello Jane Roe")) + "\n", encoding="utf-8")
    options = {"pii": {"names": True, "model": str(tmp_path / "model")}}
    verify(file, run=tmp_path / "run", options=VerifyOptions(only=("pii",), options=options, embed=False))
    made = redact(tmp_path / "run", tmp_path / "out.jsonl")
    (done,) = [json.loads(line) for line in made.path.read_text().splitlines()]
    assert [turn["content"] for turn in done["messages"]] == ["I am [PERSON_1] of [LOCATION_1]", "Hello [PERSON_1]"]
