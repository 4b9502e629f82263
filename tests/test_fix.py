"""Repairs: only what is safe, everything listed, and the same bytes back."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolkit.cli import main
from toolkit.core import parts
from toolkit.core.errors import InputError, UsageError
from toolkit.core.splice import spliced
from toolkit.fix import fix, undo

BOM = b"\xef\xbb\xbf"
SMASHED = "café déjà vu – “ok”".encode().decode("cp1252", "replace")
OPEN = "-----BEGIN RSA PRIV" + "ATE KEY-----"


def _chat(*turns: Any, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in turns], **more}


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


def _fixed(content: bytes, **options: Any) -> bytes:
    source = Path("rows.jsonl")
    source.write_bytes(content)
    made = fix(source, "fixed.jsonl", **options)
    assert source.read_bytes() == content, "nothing is changed in place"
    undo("fixed.jsonl", "back.jsonl")
    assert Path("back.jsonl").read_bytes() == content
    listed = Path("fixed.jsonl.fixes.jsonl").read_text().splitlines()
    assert len(listed) == sum(made.counts.values())
    return Path("fixed.jsonl").read_bytes()


OK = ("assistant", "ok")
MENDED = {
    "byte-order-mark": (BOM + _line({"text": "a"}), _line({"text": "a"})),
    "line-end": (b'{"text": "a"}\r\n', b'{"text": "a"}\n'),
    "nul-bytes": (b'{"text": "a\x00b"}\n\x00', b'{"text": "ab"}\n\x00'),
    "duplicate-keys": (
        b'{"a": {"b": 1.50, "b": 1.50}, "t": "x", "t": "x", "t": "x"}\n',
        b'{"a": {"b": 1.50}, "t": "x"}\n',
    ),
    "invisible": (_line({"text": "a\u200bb\ufeff c\u200dd\x00"}), _line({"text": "ab cd"})),
    "mojibake": (_line({"text": "cafÃ© dÃ©jÃ\xa0"}), _line({"text": "café déjà"})),
    "white-space": (_line(_chat(("user", "\n\n hi"), ("assistant", "ok \n"))), _line(_chat(("user", "hi"), OK))),
    "role-aliases": (_line(_chat(("Human", "q"), ("gpt", "a"))), _line(_chat(("user", "q"), ("assistant", "a")))),
    "empty-system": (_line(_chat(("system", " "), ("user", "q"), OK)), _line(_chat(("user", "q"), OK))),
    "copies": (b'{"text": "a", "n": 1}\n{"n":1,"text":"a"}', b'{"text": "a", "n": 1}\n'),
    "tool-arguments": (
        b'{"messages": [{"tool_calls": [{"function": {"name": "f", "arguments": {"a": [1, "x"]}}}]}]}\n',
        b'{"messages": [{"tool_calls": [{"function": {"name": "f", "arguments": "{\\"a\\": [1, \\"x\\"]}"}}]}]}\n',
    ),
}  # fmt: skip


def test_every_repair_has_an_example_here() -> None:
    assert set(MENDED) == set(parts.parts("repairs"))


@pytest.mark.parametrize("repair", sorted(MENDED))
def test_a_repair_mends_its_fault_alone_and_is_taken_back(repair: str) -> None:
    broken, whole = MENDED[repair]
    assert _fixed(broken, only=[repair]) == whole
    assert _fixed(whole, only=[repair]) == whole, "what is mended is not mended again"
    assert _fixed(broken, skip=[repair]).count(b"\n") >= 1


LEFT = {
    "NaN": b'{"a": NaN}\n',
    "a broken line": b'{"a": 1,}\n',
    "keys that disagree": b'{"a": 1, "a": 2}\n',
    "template tokens": _line(_chat(("user", "q"), ("assistant", "a<|im_end|>"))),
    "joined emoji": _line({"text": "👨\u200d👩\u200d👧 ok"}),
    "Persian and Thai": _line({"text": "می\u200cخواهم ไทย\u200bไทย"}),
    "text about encodings": _line({"text": "in UTF-8 read as Latin-1 you see cafÃ©"}),
    "a letter that is not broken": _line({"text": "é and Ã©"}),
    "indented code": _line(_chat(("user", "q"), ("assistant", "    return x\n    # end"))),
    "a separator": _line({"prompt": "a\n\n###\n\n", "completion": " b\n"}),
    "ShareGPT roles": _line({"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}),
    "a long number": b'{"n": 1.2345678901234567890123, "text": "a "}\n',
    "numbers as written": b'{"n": 1.50, "e": 1E5, "u": "\\u00e9"}\n',
    "an answer of white space": _line(_chat(("user", "q"), ("assistant", "  "))),
    "rows alike but for their id": b'{"id": 1, "text": "a"}\n{"id": 2, "text": "a"}\n',
    "no line end": b'{"text": "a"}',
    "nothing": b"",
    "blank lines": b"\n\n",
}


@pytest.mark.parametrize("what", sorted(LEFT))
def test_what_wants_a_decision_is_left(what: str) -> None:
    assert _fixed(LEFT[what]) == LEFT[what]


def test_only_the_broken_places_of_a_line_change() -> None:
    raw = b'{"n": 1.5,  "big": 12345678901234567890,"messages":[{"role":"human" ,"content":"\\u00e9 "}], "z":[1, 2 ]}\n'
    assert _fixed(raw) == raw.replace(b'"human"', b'"user"').replace(b'\\u00e9 "', b'\\u00e9"')


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no patch on this machine")
def test_patch_takes_the_diff_back_too() -> None:
    content = b"".join(broken for broken, _ in MENDED.values())
    _fixed(content)
    shutil.copy("fixed.jsonl", "patched.jsonl")
    subprocess.run(["patch", "--binary", "-s", "-R", "patched.jsonl", "fixed.jsonl.diff"], check=True)
    assert Path("patched.jsonl").read_bytes() == content


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from([*(b for b, _ in MENDED.values()), *LEFT.values(), b"\xff\xfe\n", b"-\n", b"@@ -1 +1 @@\n"])
    )
)
def test_any_file_is_taken_back_to_the_byte(pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    if content.startswith((b"\xff\xfe", b"[")) or b"}{" in content:
        content = b'{"text": "first"}\n' + content  # else it is read as UTF-16, or as one JSON document
    once = _fixed(content)
    assert _fixed(once) == once, "a mended file has nothing to mend"


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-1, 1) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(old=JSONS, new=JSONS, spaces=st.booleans(), ascii_only=st.booleans())
def test_spliced_text_is_text_of_the_new_value(old: Any, new: Any, spaces: bool, ascii_only: bool) -> None:
    raw = json.dumps(old, indent=2 if spaces else None, ensure_ascii=ascii_only)
    done = json.loads(spliced(raw, old, new))
    assert (done, type(done)) == (new, type(new))
    if isinstance(old, dict) and old:
        fewer = {key: value for at, (key, value) in enumerate(old.items()) if at % 2}
        assert json.loads(spliced(raw, old, fewer)) == fewer


def test_no_secret_stands_in_the_list_of_repairs() -> None:
    key = "AK" + "IAQYLPMN5HHHFPZAM2"
    split = key[:6] + "\u200b" + key[6:]
    body = "MIIEowIBAAKCAQEA0Z3VS5JJcds3xfn" * 40
    rows = [
        {"text": f"use {key}\u200b now and mail jane.roe@acme-corp.de "},
        {"text": f"use {split}"},
        {"text": f"{OPEN}\n{body}\u200b\n{body} "},
    ]
    _fixed(b"".join(map(_line, rows)))
    listed = Path("fixed.jsonl.fixes.jsonl").read_text()
    for value in (key, key[:6], key[6:], "jane.roe", body[:31]):
        assert value not in listed
    assert "not shown" in listed


def test_a_run_is_fixed_by_its_source_and_the_command_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    content = MENDED["role-aliases"][0] * 2
    Path("rows.jsonl").write_bytes(content)
    assert main(["verify", "rows.jsonl", "--no-embeddings", "--check", "roles", "--fix", "out/whole.jsonl"]) == 1
    said = capsys.readouterr()
    assert "role-aliases" in said.err
    assert Path("out/whole.jsonl").read_bytes() == MENDED["role-aliases"][1]
    assert main(["fix", "runs/rows", "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["source"], told["file"], told["repairs"]) == ("rows.jsonl", None, {"copies": 1, "role-aliases": 2})
    assert main(["fix", "out/whole.jsonl", "--undo", "--out", "back.jsonl"]) == 0
    assert Path("back.jsonl").read_bytes() == content
    Path("rows.jsonl").write_bytes(b"")
    assert main(["fix", "runs/rows", "--dry-run", "--json"]) == 0, "its source changed: the rows that it keeps"
    assert (
        json.loads(capsys.readouterr().out.split("}\n{")[-1].split("back.jsonl\n")[-1])["source"]
        == "runs/rows/kept.jsonl"
    )


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["rows.jsonl"], "no file to write"),
        (["rows.jsonl", "--out", "rows.jsonl"], "nothing is changed in place"),
        (["rows.jsonl", "--out", "x.jsonl", "--only", "role-alias"], "did you mean 'role-aliases'"),
        (["none.jsonl", "--out", "x.jsonl"], "does not exist"),
        (["table.csv", "--out", "x.jsonl"], "is read as csv"),
        (["rows.jsonl", "--undo", "--out", "x.jsonl"], "rows.jsonl.diff is not there"),
    ],
)
def test_mistakes_are_told(argv: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("rows.jsonl").write_bytes(_line({"text": "a"}))
    Path("table.csv").write_text("text,label\na,b\nc,d\n")
    assert main(["fix", *argv]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert len(err.strip().splitlines()) == 2


def test_undo_refuses_what_has_changed() -> None:
    _fixed(MENDED["line-end"][0])
    Path("fixed.jsonl").write_bytes(b"{}\n")
    with pytest.raises(InputError, match="has changed"):
        undo("fixed.jsonl", "back.jsonl")
    _fixed(MENDED["line-end"][0])
    diff = Path("fixed.jsonl.diff")
    diff.write_bytes(diff.read_bytes().replace(b'"text"', b'"next"'))
    Path("back.jsonl").unlink()
    with pytest.raises(InputError, match="diff has changed"):
        undo("fixed.jsonl", "back.jsonl")
    assert not Path("back.jsonl").exists()
    with pytest.raises(UsageError):
        undo("fixed.jsonl", "fixed.jsonl")
