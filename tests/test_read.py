"""The one door in: whatever a file holds, every record ends as a row or as a reject with its reason."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
from pathlib import Path
from threading import Thread
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from toolkit.core.errors import InputError, ProviderError, ToolkitError, UsageError
from toolkit.read import ReadOptions, locate, read
from toolkit.store.dataset import Dataset

CHAT = [{"messages": [{"role": "user", "content": f"q{at}"}, {"role": "assistant", "content": "a"}]} for at in range(3)]
LINES = "".join(json.dumps(row) + "\n" for row in CHAT)


def _read(content: bytes | str, folder: Path, name: str = "rows.jsonl", **options: Any) -> Dataset:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(file, folder / "dataset", ReadOptions(**options))


def _codes(data: Dataset) -> list[str]:
    return list(data.rejects().column("code").to_pylist())


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.jsonl", bytes),
        ("a.jsonl.gz", gzip.compress),
        ("a.jsonl.zst", zstandard.compress),
        ("a.jsonl.bz2", bz2.compress),
        ("a.jsonl.xz", lzma.compress),
        ("a.txt", gzip.compress),
        ("a.jsonl.gz", bytes),
    ],
)
def test_compression_is_told_by_content(name: str, pack: Any, tmp_path: Path) -> None:
    data = _read(pack(LINES.encode()), tmp_path, name)
    assert (data.n_rows, data.manifest.rejects, data.manifest.format) == (3, 0, "messages")


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_cut_off_gzip_gives_what_it_holds_and_says_so(cut: int, tmp_path: Path) -> None:
    data = _read(gzip.compress(LINES.encode())[:-cut], tmp_path, "a.jsonl.gz")
    assert "truncated-file" in _codes(data)
    assert any("breaks off" in note for note in data.manifest.sources[0].notes)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (LINES.replace("\n", "\r\n"), 3),
        (LINES.replace("\n", "\r"), 3),
        (LINES.rstrip("\n"), 3),
        ("\ufeff" + LINES, 3),
        (json.dumps(CHAT), 3),
        (json.dumps(CHAT, indent=2), 3),
        (json.dumps(CHAT[0], indent=2), 1),
        ("".join(json.dumps(row) for row in CHAT), 3),
        ('{"text": "a\u2028b\u0085c"}\n', 1),
        ("", 0),
        ("\n\n\n", 0),
    ],
    ids=["crlf", "cr", "no-end", "bom", "array", "pretty", "object", "joined", "u2028", "empty", "blank"],
)
def test_shapes_of_files(text: str, rows: int, tmp_path: Path) -> None:
    assert _read(text, tmp_path).n_rows == rows


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be-bom", "utf-32"])
def test_encodings_with_a_mark_are_decoded(encoding: str, tmp_path: Path) -> None:
    text = LINES.replace("q0", "é😀")
    raw = "\ufeff".encode("utf-16-be") + text.encode("utf-16-be") if encoding.endswith("bom") else text.encode(encoding)
    data = _read(raw, tmp_path)
    assert data.n_rows == 3
    assert any("byte-order mark" in note for note in data.manifest.sources[0].notes)


def test_one_bad_line_costs_that_line(tmp_path: Path) -> None:
    lines = LINES.encode().splitlines()
    data = _read(b"\n".join([lines[0], b'{"a": "\xe9"}', lines[1], b"\x00\x00", b"[1]", lines[2]]), tmp_path)
    assert data.n_rows == 3
    assert data.rejects().select(["ref", "code"]).to_pylist() == [
        {"ref": "line-2", "code": "not-utf8"},
        {"ref": "line-4", "code": "nul"},
        {"ref": "line-5", "code": "not-object"},
    ]


def test_refs_are_own_ids_else_positions(tmp_path: Path) -> None:
    data = _read('{"text": "a", "id": "x7"}\n\n{"text": "b"}\n{"text": "c", "id": 12}\n', tmp_path)
    assert data.table(("ref",)).column("ref").to_pylist() == ["x7", "line-3", "12"]
    assert data.rejects().column("ref").to_pylist() == ["line-2"]


def test_row_ids_are_of_the_content_and_count_copies(tmp_path: Path) -> None:
    data = _read('{"text": "a", "n": 1}\n{"n": 1, "text": "a"}\n{"text": "b", "n": 1}\n', tmp_path)
    first, second, third = data.table(("row_id",)).column("row_id").to_pylist()
    assert second == f"{first}-1"
    assert third not in (first, second)


def test_numbers_keep_every_digit(tmp_path: Path) -> None:
    big = "1" + "0" * 40
    data = _read(f'{{"text": "a", "n": {big}}}\n', tmp_path)
    assert big in data.table(("raw",)).column("raw")[0].as_py()


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (CHAT[0], "messages"),
        ({"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}, "sharegpt"),
        ({"instruction": "a", "input": "", "output": "b"}, "alpaca"),
        ({"prompt": "a", "completion": "b"}, "prompt-completion"),
        ({"question": "a", "answer": "b"}, "prompt-completion"),
        ({"question": "a", "answers": {"text": ["b"], "answer_start": [0]}}, "prompt-completion"),
        ({"prompt": "a", "chosen": "b", "rejected": "c"}, "preference"),
        ({"chosen": CHAT[0]["messages"], "rejected": CHAT[1]["messages"]}, "preference"),
        ({"prompt": "a", "completion": "b", "label": True}, "unpaired-preference"),
        ({"messages": CHAT[0]["messages"], "label": False}, "unpaired-preference"),
        ({"text": "a"}, "text"),
        ({"text": "a", "label": "b"}, "text-label"),
        ({"utterance": "a", "intent": 3}, "text-label"),
        ({"traj": CHAT[0]["messages"]}, "messages-column"),
        ({"foo": 1}, "unknown"),
    ],
)
def test_formats_are_recognised_by_content(row: dict[str, Any], name: str, tmp_path: Path) -> None:
    assert _read(json.dumps(row) + "\n", tmp_path, "rows.weird").manifest.format == name


def test_squad_is_read_with_its_context_and_first_answer(tmp_path: Path) -> None:
    some = {
        "id": "1",
        "title": "t",
        "context": "The pier is old.",
        "question": "How old?",
        "answers": {"text": ["old"]},
    }
    rows = [some, some | {"answers": {"text": [], "answer_start": []}}]
    data = _read("".join(json.dumps(row) + "\n" for row in rows), tmp_path)
    assert data.table(("prompt", "answer")).to_pylist() == [
        {"row": 0, "prompt": "How old?\nThe pier is old.", "answer": "old"},
        {"row": 1, "prompt": "How old?\nThe pier is old.", "answer": ""},
    ]


def test_transcripts_on_both_sides_have_a_prompt(tmp_path: Path) -> None:
    start = "\n\nHuman: hi\n\nAssistant: Hello: what now?\n\nHuman: a\n\nb\n\nAssistant:"
    data = _read(json.dumps({"chosen": f"{start} good", "rejected": f"{start} bad"}) + "\n", tmp_path)
    row = data.table(("roles", "prompt", "answer", "rejected")).to_pylist()[0]
    assert (row["roles"], row["prompt"], row["answer"]) == ("uaua", "hi\nHello: what now?\na\n\nb", "good")
    assert [(turn["role"], turn["content"]) for turn in row["rejected"]] == [("assistant", "bad")]


def test_texts_without_a_prompt_share_their_beginning(tmp_path: Path) -> None:
    rows = [
        {"chosen": "Is it  far? No, near.", "rejected": "Is it  far? Now what."},
        {"chosen": "a b", "rejected": "c d"},
    ]
    data = _read("".join(json.dumps(row) + "\n" for row in rows), tmp_path)
    read = data.table(("prompt", "answer", "rejected")).to_pylist()
    assert [(each["prompt"], each["answer"], each["rejected"][0]["content"]) for each in read] == [
        ("Is it  far?", "No, near.", "Now what."),
        ("", "a b", "c d"),
    ]


def test_tool_blocks_of_claude_are_calls_and_results(tmp_path: Path) -> None:
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": "42"}
    told = [
        ("user", "a"),
        ("assistant", [call]),
        ("user", [result, {"type": "text", "text": "and?"}]),
        ("assistant", "b"),
    ]
    row = {"messages": [{"role": role, "content": content} for role, content in told]}
    turns = _read(json.dumps(row) + "\n", tmp_path).table(("turns",)).to_pylist()[0]["turns"]
    assert [(each["role"], each["content"]) for each in turns] == [
        ("user", "a"), ("assistant", None), ("tool", "42"), ("user", "and?"), ("assistant", "b"),
    ]  # fmt: skip
    assert json.loads(turns[1]["calls"])[0]["function"] == {"name": "f", "arguments": '{"a":1}'}
    assert turns[2]["reply_to"] == "t"


def test_a_prompt_that_both_sides_tell_again_counts_once(tmp_path: Path) -> None:
    sides = [[{"role": "user", "content": "a"}, {"role": "assistant", "content": content}] for content in "bc"]
    row = {"prompt": "a", "messages": sides[0], "chosen": sides[0], "rejected": sides[1], "score_chosen": 8.0}
    plain = {"prompt": "a", "chosen": [sides[0][1]], "rejected": [sides[1][1]]}
    data = _read("".join(json.dumps(each) + "\n" for each in (row, plain)), tmp_path)
    read = data.table(("roles", "prompt", "answer", "rejected")).to_pylist()
    assert [(each["roles"], each["prompt"], each["answer"]) for each in read] == [("ua", "a", "b")] * 2
    assert [[turn["content"] for turn in each["rejected"]] for each in read] == [["c"], ["c"]]


@pytest.mark.parametrize(("delimiter", "name"), [(",", "a.csv"), ("\t", "a.tsv"), (";", "a.csv"), ("|", "a.csv")])
def test_csv(delimiter: str, name: str, tmp_path: Path) -> None:
    rows = [["text", "label"], ['"two\nlines, ""quoted"""', "x"], ["b", "y"]]
    data = _read("\n".join(delimiter.join(row) for row in rows) + "\n", tmp_path, name)
    assert data.table(("text", "label")).to_pylist() == [
        {"row": 0, "text": 'two\nlines, "quoted"', "label": "x"},
        {"row": 1, "text": "b", "label": "y"},
    ]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_table_is_told_by_its_rows_where_its_name_says_nothing(mark: str, tmp_path: Path) -> None:
    rows = [["text", "label"], ["a b", "x"], ["c, d", "y"], ["e", "x"]]
    quoted = "\n".join(mark.join(f'"{cell}"' for cell in row) for row in rows) + "\n"
    assert _read(quoted, tmp_path, "rows.txt").manifest.format == "text-label"
    prose = "One, two.\nThree, four, five.\nSix.\n"
    assert _codes(_read(prose, tmp_path, "prose.txt")) == ["syntax"] * 3


def test_a_reference_of_json_lines_is_none_of_the_delimited(tmp_path: Path) -> None:
    assert _read(json.dumps({"text": "a;b"}) + "\n", tmp_path, "a.jsonl", delimiter=";").manifest.format == "text"


def test_a_pipe_is_read_once_and_kept(tmp_path: Path) -> None:
    pipe = tmp_path / "rows"
    os.mkfifo(pipe)
    line = json.dumps({"text": "a"}).encode() + b"\n"
    Thread(target=pipe.write_bytes, args=(line * 3,)).start()
    assert locate(pipe).name == "stdin"
    assert read(pipe, tmp_path / "dataset").n_rows == 3


@pytest.mark.parametrize("option", ["group", "id", "text"])
def test_a_column_that_no_row_has_is_told(option: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"--{option} x: .* no such column"):
        _read(json.dumps({"text": "a"}) + "\n", tmp_path, **{option: "x"})


def test_csv_faults_are_named_and_cost_no_other_row(tmp_path: Path) -> None:
    data = _read(b"text,label\na,b,extra\nc\n\xe9,d\ne,f\n", tmp_path, "a.csv")
    assert data.table(("faults",)).column("faults").to_pylist()[:2] == [["extra-cells"], ["missing-cells", "no-label"]]
    assert _codes(data) == ["not-utf8"]
    assert data.n_rows == 3


def test_csv_columns_by_name(tmp_path: Path) -> None:
    data = _read("Subject;Queue\nhelp;login\n", tmp_path, "a.csv", text="Subject", label="Queue")
    assert data.table(("text", "label")).to_pylist() == [{"row": 0, "text": "help", "label": "login"}]
    with pytest.raises(UsageError, match="no such column") as said:
        _read("Subject;Queue\nhelp;login\n", tmp_path, "a.csv", text="Body", label="Queue")
    assert "Subject, Queue" in said.value.fix


def test_tables_in_memory_and_on_disk(tmp_path: Path) -> None:
    import datasets
    import pandas as pd

    rows = [{"text": f"t{at}", "label": "x"} for at in range(5000)]
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, tmp_path / "a.parquet")
    datasets.Dataset.from_list(rows).save_to_disk(str(tmp_path / "saved"))
    sources = [tmp_path / "a.parquet", tmp_path / "saved", table, pd.DataFrame(rows), rows]
    sources.append(datasets.Dataset.from_list(rows))
    read_rows = [
        read(source, tmp_path / f"d{at}").table(("text", "ref")).to_pylist() for at, source in enumerate(sources)
    ]
    assert all(found == read_rows[0] for found in read_rows)
    assert len(read_rows[0]) == 5000
    assert read_rows[0][0]["ref"] == "row-1"


def test_a_frame_with_cells_of_several_kinds_is_read_row_by_row(tmp_path: Path) -> None:
    import pandas as pd

    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    frame = pd.DataFrame({"messages": [turns, "oops", None], "n": [1, "b", None], "at": [None, None, pd.Timestamp(0)]})
    raw = read(frame, tmp_path / "dataset").table(("raw",)).column("raw").to_pylist()
    first, second, third = map(json.loads, raw)
    assert first == {"messages": turns, "n": 1, "at": None}
    assert second == {"messages": "oops", "n": "b", "at": None}
    assert third["messages"] is None and third["at"].startswith("1970-01-01")


def test_a_folder_of_shards_is_one_data_set(tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text("a card")
    for at in (0, 1, 9, 10):
        pq.write_table(pa.table({"text": [f"t{at}", "u"]}), folder / f"data/train-{at}-of-11.parquet")
    pq.write_table(pa.table({"text": ["held out"]}), folder / "data/test-0-of-1.parquet")
    data = read(folder, tmp_path / "dataset")
    found = data.table(("text", "ref")).to_pylist()
    assert [row["text"] for row in found] == ["t0", "u", "t1", "u", "t9", "u", "t10", "u"]
    assert [row["ref"] for row in found] == [f"row-{at}" for at in range(1, 9)]
    (note,) = data.manifest.sources
    assert note.name == "clone" and "train-10-of-11.parquet from row 7" in note.notes[0]
    assert note.notes[1] == "not read: data/test-*-of-*.parquet"


@pytest.mark.parametrize("names", [("a.jsonl", "b.jsonl"), ("train.jsonl", "extra.jsonl"), ("x-1.csv", "x-1.jsonl")])
def test_a_folder_of_several_sets_is_not_guessed_at(names: tuple[str, str], tmp_path: Path) -> None:
    for name in names:
        (tmp_path / name).write_text('{"text": "a"}\n')
    with pytest.raises(InputError, match="holds 2 data sets") as said:
        read(tmp_path, tmp_path / "dataset")
    assert "name one file" in said.value.fix


def test_a_run_is_no_data(tmp_path: Path) -> None:
    for name in ("kept.jsonl", "ledger.duckdb"):
        (tmp_path / name).write_text('{"text": "a"}\n')
    with pytest.raises(InputError, match="is a run") as said:
        read(tmp_path, tmp_path / "dataset")
    assert "kept.jsonl" in said.value.fix


def test_what_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    for data, error in (
        (tmp_path / "none.jsonl", InputError),
        (tmp_path, InputError),
        ("no/such-set", ProviderError),
        (3, InputError),
    ):
        with pytest.raises(error) as said:
            read(data, tmp_path / "dataset")
        assert isinstance(said.value, ToolkitError)
        assert said.value.fix
    assert not (tmp_path / "dataset").exists()


def test_a_wrong_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no row of rows\.jsonl is alpaca") as said:
        _read(LINES, tmp_path, format="alpaca")
    assert "messages" in said.value.fix
    with pytest.raises(UsageError, match="did you mean 'alpaca'"):
        _read(LINES, tmp_path, format="alpacca")


def test_the_same_bytes_are_read_once(tmp_path: Path) -> None:
    first = _read(LINES, tmp_path)
    stamp = (first.folder / "manifest.json").stat().st_mtime_ns
    assert _read(LINES, tmp_path).folder.joinpath("manifest.json").stat().st_mtime_ns == stamp
    assert _read(LINES + LINES, tmp_path).n_rows == 6


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcxyz", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(VALUES, max_size=6), indent=st.booleans())
def test_records_add_up_whatever_the_values(rows: list[Any], indent: bool, tmp_path: Path) -> None:
    assume(len(rows) != 1 or not isinstance(rows[0], list))  # one list on one line is an array of rows
    lines = b"".join(orjson.dumps(row) + b"\n" for row in rows)
    data = _read(lines, tmp_path)
    assert data.n_rows == sum(isinstance(row, dict) for row in rows)
    assert data.n_rows + data.manifest.rejects == len(rows)
    if rows:
        array = orjson.dumps(rows, option=orjson.OPT_INDENT_2 if indent else 0)
        as_array = _read(array, tmp_path, "rows.json")
        assert as_array.n_rows + as_array.manifest.rejects == len(rows)
        assert as_array.table(("hash",)).column("hash") == data.table(("hash",)).column("hash")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes, tmp_path: Path) -> None:
    try:
        data = _read(content, tmp_path)
    except ToolkitError:
        return
    assert data.n_rows + data.manifest.rejects == data.manifest.sources[0].records


def test_torture(truth: Path, tmp_path: Path) -> None:
    expected = {
        "empty.jsonl": (0, 0), "only_newlines.jsonl": (0, 3), "bom.jsonl": (3, 0), "crlf.jsonl": (3, 0),
        "cr_only.jsonl": (3, 0), "no_final_newline.jsonl": (3, 0), "utf16le_bom.jsonl": (3, 0),
        "latin1.jsonl": (0, 1), "bad_utf8_mid.jsonl": (2, 1), "nul_bytes.jsonl": (2, 1),
        "u2028_in_string.jsonl": (1, 0), "lone_surrogate.jsonl": (0, 1), "bidi_zwj_emoji.jsonl": (8, 0),
        "deep_nest.jsonl.gz": (0, 1), "nan_inf.jsonl": (0, 2), "dup_keys.jsonl": (1, 0),
        "array_file.json": (3, 0), "concatenated.json": (3, 0), "pretty.json": (1, 0), "many_keys.jsonl.gz": (1, 0),
        "gz_truncated.jsonl.gz": (0, 1), "not_gzip.jsonl.gz": (3, 0), "csv_quotes.csv": (3, 0),
        "html_wrapped.jsonl": (0, 1), "same_id.jsonl": (5, 0), "big_int_float.jsonl": (0, 1),
        "huge_line_64mb.jsonl.gz": (2, 0), "million_short.jsonl.gz": (1_000_000, 0),
    }  # fmt: skip
    slow = {"million_short.jsonl.gz"}
    for name, (rows, rejects) in expected.items():
        if name not in slow:
            data = read(truth / "torture" / name, tmp_path / "dataset")
            assert (data.n_rows, data.manifest.rejects) == (rows, rejects), name


@pytest.mark.soak
def test_a_million_rows_in_bounded_memory(truth: Path, tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path; from toolkit.read import read; "
        "print(read(sys.argv[1], Path(sys.argv[2])).n_rows); "
        "print([line for line in open('/proc/self/status') if line.startswith('VmHWM')][0].split()[1])"
    )
    file = truth / "torture" / "million_short.jsonl.gz"
    done = subprocess.run(
        [sys.executable, "-c", code, file, tmp_path / "d"], capture_output=True, text=True, check=True
    )
    rows, kilobytes = map(int, done.stdout.split())
    assert rows == 1_000_000
    assert kilobytes < 600_000


def test_json_test_suite(truth: Path) -> None:
    from toolkit.core.jsontext import Value, parse

    wrong = []
    for file in sorted((truth / "jsontestsuite" / "test_parsing").iterdir()):
        accepted = isinstance(parse(file.read_bytes()), Value)
        if (file.name[0] == "y" and not accepted) or (file.name[0] == "n" and accepted):
            wrong.append(file.name)
    assert wrong == []


def test_naughty_strings_come_back_unchanged(truth: Path, tmp_path: Path) -> None:
    strings = json.loads((truth / "blns" / "blns.json").read_text(encoding="utf-8"))
    rows = [{"text": text, "label": "x"} for text in strings]
    data = _read("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), tmp_path)
    assert data.table(("text",)).column("text").to_pylist() == strings


def test_long_integers_anywhere_in_a_row_cost_nothing_and_keep_their_digits(tmp_path: Path) -> None:
    big = "1" + "0" * 40
    lines = [
        f'{{"text": "a", "label": "x", "n": {big}, "lineage": {{"source_kind": "llm"}}}}',
        f'{{"messages": [{{"role": "user", "content": {{"n": {big}}}}}, {{"role": "assistant", "content": "b"}}]}}',
        f'{{"text": "a", "label": {big}}}',
    ]
    data = _read("".join(line + "\n" for line in lines), tmp_path)
    assert data.n_rows == 3
    assert data.table(("text",)).column("text").to_pylist()[1] == f'{{"n":{big}}}\nb'
    assert data.table(("label",)).column("label").to_pylist()[2] == big


def test_a_part_of_a_run_is_read_by_the_columns_of_the_run(tmp_path: Path) -> None:
    rows = "".join(json.dumps({"Anliegen": f"t{at}", "Queue": "a", "Kanal": "x"}) + "\n" for at in range(3))
    run = tmp_path / "run"
    _read(rows, tmp_path, name="own.jsonl", text="Anliegen", label="Queue")
    (tmp_path / "dataset").rename(tmp_path / "moved")
    run.mkdir()
    (tmp_path / "moved").rename(run / "dataset")
    (run / "heldout.jsonl").write_text(rows)
    found = read(run / "heldout.jsonl", tmp_path / "again")
    assert found.table(("text", "label")).to_pylist()[2] == {"row": 2, "text": "t2", "label": "a"}
    assert found.manifest.sources[0].notes[0] == "columns of the run it is of: Anliegen, Queue"
    (run / "heldout.jsonl").write_text('{"text": "of elsewhere", "label": "b"}\n')
    assert read(run / "heldout.jsonl", tmp_path / "given").manifest.format == "text-label"
