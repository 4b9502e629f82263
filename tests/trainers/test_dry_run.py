"""`toolkit dry-run` and `readiness --trainer`: the ledger, the report, and everything that can be wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.trainers import rows as made
from toolkit.chat import packing
from toolkit.chat.example import Example
from toolkit.chat.forecast import forecast
from toolkit.chat.ledger import suggested
from toolkit.chat.render import Job, Renderer
from toolkit.chat.tokenizer import Tokenizer, load
from toolkit.cli import main
from toolkit.core import parts
from toolkit.core.errors import InputError, UsageError
from toolkit.dry_run import Asked, dry_run, preview
from toolkit.verify import VerifyOptions, verify

MODEL = str(made.FOLDER / "chatml")
FEW = VerifyOptions(only=("parse", "roles"), embed=False)
NOTHING = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}


def _chat(at: int, words: int = 6) -> dict[str, Any]:
    return {
        "id": f"c{at}",
        "messages": [
            {"role": "user", "content": f"where is parcel {at}, my mail is ann{at}@mail.org"},
            {"role": "assistant", "content": " ".join(["it was sent"] * words)},
        ],
    }


def _run(rows: list[dict[str, Any]], name: str = "chat") -> Path:
    Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return verify(f"{name}.jsonl", options=FEW).run.path


def _model(template: str | None, folder: str = "model") -> str:
    """The tiny tokenizer with another chat template."""
    shutil.copytree(MODEL, folder)
    Path(folder, "chat_template.jinja").unlink()
    if template is not None:
        Path(folder, "chat_template.jinja").write_text(template, encoding="utf-8")
    return folder


def test_every_row_is_one_line_of_the_ledger() -> None:
    run = _run([_chat(at, 60 if at % 10 == 0 else 6) for at in range(40)])
    found = dry_run(run, Asked("trl", MODEL, 100))
    table = pq.read_table(found.ledger)
    assert len(table) == 40
    assert sum(table.column("answer_cut").to_pylist()) == 4
    assert max(table.column("tokens").to_pylist()) == 100
    assert "40 of 40 rows of the rows that stay reach the model, 4 of them with the answer cut" in found.told["line"]
    facts = {each["name"]: each["value"] for each in found.told["figures"]}
    assert facts["steps"] == 15 and facts["epochs"] == 3
    assert facts["max_length that 99 % of the rows stay under"] == 384


def test_the_preview_masks_what_is_personal_and_marks_the_loss() -> None:
    run = _run([_chat(at) for at in range(5)])
    asked = Asked("axolotl", MODEL)
    (row, *_) = dry_run(run, asked).told["preview"]
    trained = "".join(text for text, has_loss in row["pieces"] if has_loss)
    assert trained == "it was sent it was sent it was sent it was sent it was sent it was sent<|im_end|>"
    assert "mail.org" not in json.dumps(row)
    one = preview(run, asked, "c3")
    assert one["ref"] == "c3" and one["kept"]
    with pytest.raises(InputError, match="no row 'c99'"):
        preview(run, asked, "c99")


def test_the_report_says_what_will_be_trained_on(capsys: pytest.CaptureFixture[str]) -> None:
    Path("chat.jsonl").write_text("".join(json.dumps(_chat(at, 1 + at % 12)) + "\n" for at in range(60)))
    options = ["--no-embeddings", "--trainer", "axolotl", "--model", MODEL, "--set", "axolotl.sequence_len=64"]
    assert main(["readiness", "chat.jsonl", *options]) == 1
    said = capsys.readouterr().out
    assert "what will be trained on: axolotl 0.19.0 with the tokenizer of chatml, sequence_len 64" in said
    page = Path("runs/chat/readiness.html").read_text(encoding="utf-8")
    assert "What will be trained on" in page and "<mark>" in page
    assert "## What will be trained on" in Path("runs/chat/readiness.md").read_text(encoding="utf-8")
    report = json.loads(Path("runs/chat/readiness.json").read_text(encoding="utf-8"))
    assert not any("F02" in each for each in report["missing"])
    assert any(each["check"] == "trainer-dry-run" and each["level"] == "error" for each in report["reasons"])


def test_without_a_trainer_it_was_not_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    run = _run([_chat(at) for at in range(4)])
    assert main(["verify", "chat.jsonl", "--check", "trainer-dry-run"]) == 0
    assert "no trainer was named" in capsys.readouterr().out
    dry_run(run, Asked("mlx", MODEL))
    assert main(["dry-run", str(run), "--trainer", "mlx", "--model", MODEL, "--row", "c2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ref"] == "c2"


HOSTILE = {
    "{% for message in messages %}": "TemplateSyntaxError",
    "{{ raise_exception('no system please') }}": "no system please",
    "{{ ''.__class__.__mro__ }}": "SecurityError",
    "{{ 'a' * 10000000000 }}": "MemoryError",
}
WRONG = [
    ([], "no trainer is named"),
    (["--trainer", "tlr", "--model", MODEL], "unknown trainer 'tlr' (did you mean 'trl'?)"),
    (["--trainer", "trl"], "--trainer trl needs the model's tokenizer"),
    (["--model", MODEL], "--model and --max-length speak of a trainer"),
    (["--trainer", "trl", "--model", "./nowhere"], "there is no model folder ./nowhere"),
    (["--trainer", "trl", "--model", "nobody/nothing"], "neither a folder nor a model in the Hub cache"),
    (["--trainer", "trl", "--model", MODEL, "--max-length", "-1"], "--max-length -1 is no length"),
    (["--trainer", "trl", "--model", MODEL, "--set", "trl.pack=true"], "unknown option 'pack' of trl"),
    (["--trainer", "trl", "--model", MODEL, "--set", "trl.packing=maybe"], "trl.packing cannot be 'maybe'"),
    (["--trainer", "trl", "--model", MODEL, "--set", "mlx.iters=3"], "is no option of trl"),
    (["--trainer", "axolotl", "--model", MODEL, "--set", "axolotl.excess_length_strategy=cut"], "unknown excess"),
    (["--trainer", "llamafactory", "--model", MODEL, "--set", "llamafactory.template=lama"], "unknown LLaMA-Fac"),
    (["--trainer", "trl", "--model", MODEL, "--row", "c77"], "no row 'c77' would be trained on"),
]


def test_what_cannot_be_meant_is_said_in_two_lines(capsys: pytest.CaptureFixture[str]) -> None:
    run = _run([_chat(at) for at in range(4)])
    for arguments, said in WRONG:
        capsys.readouterr()
        assert main(["dry-run", str(run), *arguments]) == 2
        lines = capsys.readouterr().err.splitlines()
        assert said in lines[0] and lines[0].startswith("error: ") and lines[1].startswith("try: ")
        assert len(lines) == 2


def test_no_chat_template() -> None:
    with pytest.raises(InputError, match="has no chat template"):
        list(forecast(parts.build("trainers", "trl"), load(_model(None)), [Example(0, "a", NOTHING["messages"])]))


def test_a_template_that_is_broken_or_hostile_stops_the_row_and_no_more() -> None:
    with Renderer("", {}) as renderer:
        for template, said in HOSTILE.items():
            renderer.template = template
            (found,) = renderer.render([Job(NOTHING["messages"])])
            assert said in found.error and not found.text


def test_a_template_without_an_end_is_stopped() -> None:
    loop = "{% for a in range(99999) %}" * 3 + "x" + "{% endfor %}" * 3
    with (
        Renderer(loop, {}, patience_s=1) as renderer,
        pytest.raises(InputError, match="ran longer than 1 seconds") as said,
    ):
        renderer.render([Job(NOTHING["messages"])])
    assert "chat_template" in said.value.fix


def test_a_template_that_llama_factory_cannot_read() -> None:
    tokenizer = load(_model("{{ raise_exception('users first') }}"))
    with pytest.raises(InputError, match="LLaMA-Factory cannot read the chat template"):
        list(forecast(parts.build("trainers", "llamafactory"), tokenizer, [Example(0, "a", NOTHING["messages"])]))


def test_tools_under_llama_factory_need_its_own_words() -> None:
    rows = [Example(0, "a", NOTHING["messages"], tools=[made.TOOL])]
    with pytest.raises(InputError, match="LLaMA-Factory's own words") as said:
        list(forecast(parts.build("trainers", "llamafactory"), load(MODEL), rows))
    assert "llamafactory.source" in said.value.fix
    package = Path("package/data")
    package.mkdir(parents=True)
    (package / "tool_utils.py").write_text("DEFAULT_TOOL_PROMPT = (\n    'Use {tool_names}:'\n    '{tool_text}'\n)\n")
    trainer = parts.build("trainers", "llamafactory", {"source": "package"})
    ((_, trained),) = forecast(trainer, load(MODEL), rows)
    assert "Use find_order:> Tool Name: find_order" in load(MODEL).decode(trained.ids)


def test_rows_that_no_trainer_part_models(capsys: pytest.CaptureFixture[str]) -> None:
    run = _run([{"prompt": "a", "chosen": f"b{at}", "rejected": "c"} for at in range(4)], "pairs")
    with pytest.raises(UsageError, match="trl is for rows with one answer, and these are preference rows") as said:
        dry_run(run, Asked("trl", MODEL))
    assert said.value.fix == "--trainer axolotl-dpo, llamafactory-dpo, trl-dpo"
    steps = _run([{"prompt": "a", "completions": [f"b{at}"], "labels": [True]} for at in range(4)], "steps")
    with pytest.raises(UsageError, match="and these are stepwise rows"):
        dry_run(steps, Asked("trl-kto", MODEL))
    texts = _run([{"text": f"a document of some words, number {at}"} for at in range(4)], "texts")
    assert "4 of 4 rows" in dry_run(texts, Asked("trl", MODEL)).told["line"]
    with pytest.raises(UsageError, match="axolotl reads text rows as type `completion`"):
        dry_run(texts, Asked("axolotl", MODEL))


def test_pairs_and_answers_that_are_wanted_or_not(capsys: pytest.CaptureFixture[str]) -> None:
    pairs = [{"prompt": f"where is parcel {at}", "chosen": "sent " * (at + 1), "rejected": "no"} for at in range(40)]
    run = _run(pairs, "pairs")
    assert main(["dry-run", str(run), "--trainer", "trl-dpo", "--model", MODEL, "--max-length", "48"]) == 0
    said = capsys.readouterr().out
    assert "40 of 40 rows of the rows that stay reach the model, 4 of them with the answer cut" in said
    assert "-- rejected --" in said and "⟦no<|im_end|>⟧" in said
    table = pq.read_table(run / "trained.parquet")
    assert sum(n > 48 for n in table.column("full_tokens").to_pylist()) == 4
    assert all(trained > 3 for trained in table.column("trained_tokens").to_pylist())
    wanted = [{"prompt": f"is it {at}", "completion": "yes", "label": at % 2 == 0} for at in range(8)]
    found = dry_run(_run(wanted, "wanted"), Asked("llamafactory-kto", MODEL))
    assert found.told["line"].startswith("8 of 8 rows")
    with pytest.raises(UsageError, match="llamafactory-kto is for answers that are wanted or not"):
        dry_run(run, Asked("llamafactory-kto", MODEL))


def test_packing() -> None:
    """Counts that the trainers' own code gives are held by `benchmarks/trainers.py`; these are small enough to see."""
    lengths = [60, 50, 40, 30, 20, 0]
    for pack in (packing.best_fit, packing.wrapped, packing.knapsacks):
        assert packing.blocks(lengths, 100, pack) == 2
    assert packing.split([250, 30], 100) == 3
    assert packing.blocks([100] * 1500 + [1] * 600, 100, packing.best_fit) == 1500 + 5 + 1
    assert packing.first_fit([50] * 30, 100, 200) == 15 and packing.first_fit([1] * 30, 100, 10) == 3
    run = _run([_chat(at) for at in range(40)])
    plain, packed = (
        {each["name"]: each["value"] for each in dry_run(run, Asked("trl", MODEL, 200, options)).told["figures"]}
        for options in ({}, {"packing": True})
    )
    assert plain["steps"] == 15 and packed["steps"] < 12
    assert 60 < packed["places of the packed sequences that hold a token"] <= 100
    assert packed["tokens"] == plain["tokens"]
    with pytest.raises(UsageError, match="unknown packing_strategy 'ffd'"):
        dry_run(run, Asked("trl", MODEL, 200, {"packing": True, "packing_strategy": "ffd"}))


def test_no_row_is_left() -> None:
    run = _run([_chat(at, 30) for at in range(5)])
    found = dry_run(run, Asked("axolotl", MODEL, 8))
    assert found.told["line"] == "0 of 5 rows of the rows that stay reach the model; 0 of 0 tokens have a loss"
    assert found.told["preview"] == []


def test_it_is_not_done_twice_and_done_again_when_asked_otherwise() -> None:
    run = _run([_chat(at) for at in range(5)])
    one = dry_run(run, Asked("trl", MODEL))
    stamp = one.ledger.stat().st_mtime_ns
    assert dry_run(run, Asked("trl", MODEL)).told == one.told
    assert one.ledger.stat().st_mtime_ns == stamp
    other = dry_run(run, Asked("trl", MODEL, 16))
    assert other.ledger.stat().st_mtime_ns != stamp and other.told["max_length"] == 16


def test_the_suggested_length() -> None:
    import pyarrow as pa

    assert suggested(pa.chunked_array([[100] * 99 + [5000]])) == 128
    assert suggested(pa.chunked_array([[100] * 98 + [5000] * 2])) == 5120
    assert suggested(pa.chunked_array([[]], type=pa.int32())) == 0


def test_a_slow_tokenizer_and_a_file_in_place_of_a_folder() -> None:
    with pytest.raises(InputError, match="is a file"):
        load(f"{MODEL}/tokenizer.json")
    Path("empty").mkdir()
    with pytest.raises(InputError, match="the tokenizer in empty does not load"):
        load("empty")
    slow = type("Slow", (), {"chat_template": {"default": "x", "tool_use": "y"}, "special_tokens_map": {}})()
    assert Tokenizer("slow", slow).template == "x"
