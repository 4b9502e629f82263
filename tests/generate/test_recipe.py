"""Recipe files: what is refused and how, and the recipes that ship."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.fault_server import serving
from toolkit.cli import main
from toolkit.core.errors import InputError, UsageError
from toolkit.core.share import shipped
from toolkit.generate import generate, load, prepare
from toolkit.read import read

SMALL = """\
version: 1
task: classification
target: {rows: 12}
labels: {refund: "wants money back", track: "asks where it is"}
vary: {tone: [curt, polite]}
model: {use: grammar}
grammar:
  templates:
    refund: ["{ask} my money for the {thing}", "refund the {thing} {number}"]
    track: ["{ask} to know where the {thing} is"]
  lexicons:
    thing: [lamp, chair, mug]
    number: {digits: "A-###"}
    ask: {by: tone, values: {curt: [I want, give me], polite: [I would like, could I have]}}
  wrap: {by: tone, values: {curt: ["{template}"], polite: ["{template}, please", "{template}, thanks"]}}
"""
CAPACITY = {"refund": 2 * 3 + 3 + 2 * (2 * 3 + 3), "track": 2 * 3 + 2 * 2 * 3}


def write(text: str = SMALL) -> Path:
    path = Path("small.yaml")
    path.write_text(text)
    return path


def test_a_small_grammar_is_given_out_to_its_last_text_and_then_named() -> None:
    found = generate(write(), rows=200)
    assert found.labels() == CAPACITY
    assert [stop.split(":")[0] for stop in found.stops] == ["label 'refund' is 73 short", "label 'track' is 82 short"]
    assert all("texts it can make were tried" in stop for stop in found.stops)
    assert json.loads((found.folder / "generation.json").read_text())["accepted"] == sum(CAPACITY.values())


def test_exactly_the_capacity_is_reached_without_a_stop() -> None:
    path = write(SMALL.replace("{rows: 12}", "{rows: 45, per_label: {refund: 27, track: 18}}"))
    found = generate(path)
    assert found.complete
    assert found.stops == ()


def test_two_runs_give_the_same_bytes_and_another_seed_others() -> None:
    names = ("rows.jsonl", "rejected.jsonl", "generation.json")
    one, two = (generate(write(), out=f"runs/{nth}", rows=18) for nth in (1, 2))
    assert [(one.folder / name).read_bytes() for name in names] == [(two.folder / name).read_bytes() for name in names]
    other = generate(write(), out="runs/3", rows=18, seed=9)
    assert other.rows.read_bytes() != one.rows.read_bytes()


def test_rows_come_in_by_the_one_door_with_their_source_kind() -> None:
    found = generate(write())
    data = read(found.rows, Path("dataset"))
    assert data.manifest.format == "text-label"
    assert data.n_rows == 12
    assert set(data.table(("source_kind",))["source_kind"].to_pylist()) == {"grammar"}
    templates = {json.loads(each)["template"] for each in data.table(("lineage",))["lineage"].to_pylist()}
    assert templates == {"refund/1", "refund/2", "track/1"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("labels:", "lables:", "small.yaml, line 4: unknown key 'lables' (did you mean 'labels'?)"),
        ("{rows: 12}", "{rows: many}", "small.yaml, line 3: 'target.rows' is 'many'"),
        ("{rows: 12}", "{rows: 0}", "line 3: 'target.rows' is '0'"),
        ('refund: "wants', '1: "wants', "line 4: 'labels.1' is no text"),
        ("{rows: 12}", "{row: 12}", "line 3: unknown key 'target.row' (did you mean 'rows'?)"),
        ("{rows: 12}", "{}", "'target.rows' is missing"),
        ("version: 1", "version: 2", "line 1: 'version'"),
        (
            "task: classification",
            "task: clasification",
            "small.yaml, line 2: unknown recipe 'clasification' (did you mean 'classification'?)",
        ),
        ("use: grammar", "use: gramar", "line 6: unknown provider 'gramar' (did you mean 'grammar'?)"),
        ("use: grammar", "use: procedural", "the section `grammar` is not read by procedural"),
        (
            "{thing} {number}",
            "{thng} {number}",
            "small.yaml, line 9: unknown slot in refund: 'thng' (did you mean 'thing'?)",
        ),
        ("    track: [", "    trak: [", "unknown label in grammar.templates: 'trak' (did you mean 'track'?)"),
        ("[curt, polite]", "[curt, polite, angry]", "no entry for tone=angry"),
        ("vary: {tone:", "vary: {size: [s], tone:", "no text of 'refund' depends on the attribute 'size'"),
        ("version: 1", "version: 1\nversion: 1", "line 2: found duplicate key"),
        ("version: 1", "version: [1", "line"),
        ("model:", "check: [schema, dedup]\nmodel:", "unknown check 'dedup' (did you mean 'dedupe'?)"),
        ("model:", "check: [{dedupe: {nearly: 0.8}}]\nmodel:", "unknown option 'nearly' of dedupe"),
        ("model:", "strategy: {prompt: '{{ label.__class__ }}'}\nmodel:", "underscore"),
        ("model:", "avoid: [nothing.jsonl]\nmodel:", "small.yaml, line 6: 'nothing.jsonl' does not exist"),
        ("{rows: 12}", "{rows: 12, per_label: {refund: 1}}", "target.per_label lacks the label 'track'"),
    ],
)
def test_a_recipe_that_cannot_be_meant_is_refused_before_anything_is_made(old: str, new: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        prepare(load(write(SMALL.replace(old, new, 1))))
    assert words in f"{caught.value.what} {caught.value.fix}"
    assert not Path("runs").exists()


def test_a_money_budget_needs_a_price() -> None:
    from tests.generate.scripted import Scripted, texts
    from toolkit.core import config
    from toolkit.generate.loading import _budget_holds
    from toolkit.generate.recipe import RecipeFile

    class Paid(Scripted):
        free = False

    file = config.loads(RecipeFile, SMALL + "budget: {usd: 5}\n", "small.yaml")
    with pytest.raises(UsageError, match="the price of scripted:1 is not known"):
        _budget_holds(file, Paid(texts))
    load(write(SMALL + "budget: {usd: 5}\n"))


def test_a_missing_recipe_is_an_input_error() -> None:
    with pytest.raises(InputError):
        load(Path("nothing.yaml"))


@pytest.mark.parametrize("name", ["support_tickets", "questions"])
def test_a_shipped_recipe_makes_its_rows(name: str) -> None:
    found = generate(shipped("pipelines") / "recipes" / f"{name}.yaml", rows=360, out="runs/x")
    assert found.complete
    assert len(set(found.labels().values())) == 1
    assert found.unique > 0.99


def test_support_tickets_have_18_classes_of_at_least_a_million_texts() -> None:
    prepared = prepare(load(shipped("pipelines") / "recipes" / "support_tickets.yaml", rows=900))
    assert len(prepared.capacities()) == 18
    assert min(each.masked for each in prepared.capacities()) > 10**6


def test_support_tickets_are_seldom_near_each_other_and_mix_their_attributes() -> None:
    import pyarrow as pa

    from toolkit.near.pairs import near_pairs

    found = generate(shipped("pipelines") / "recipes" / "support_tickets.yaml", rows=900)
    rows = [json.loads(line) for line in found.rows.read_text().splitlines()]
    assert len(near_pairs(pa.array([row["text"] for row in rows]), threshold=0.8).left) <= 9
    tones = Counter(row["lineage"]["cell"]["tone"] for row in rows)
    assert set(tones) == {"neutral", "polite", "annoyed", "curt"}
    assert tones["neutral"] > tones["curt"]


def test_the_command_says_what_it_can_make_and_where_the_rows_are(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", str(write()), "--out", "runs/y"]) == 0
    shown = capfd.readouterr()
    assert "grammar capacity" in shown.err
    assert "12 of 12 rows accepted, made by grammar" in shown.out
    assert main(["generate", str(write()), "--rows", "60", "--out", "runs/z", "--json"]) == 1
    assert json.loads(capfd.readouterr().out)["accepted"] == 45
    assert main(["generate", str(write(SMALL.replace("labels:", "lables:")))]) == 2
    error, fix = capfd.readouterr().err.splitlines()
    assert error.startswith("error: small.yaml, line 4")
    assert fix.startswith("try: ")


def test_a_local_file_may_bring_a_provider(capfd: pytest.CaptureFixture[str]) -> None:
    Path("mine.py").write_text(
        "import json\nfrom dataclasses import dataclass\nfrom typing import ClassVar\n"
        "from toolkit.core.request import Reply\n"
        "@dataclass(frozen=True, slots=True)\nclass Mine:\n"
        "    id: ClassVar[str] = 'mine'\n    version: ClassVar[str] = '1'\n"
        "    source_kind: ClassVar[str] = 'llm'\n    free: ClassVar[bool] = True\n"
        "    reads_prompt: ClassVar[bool] = True\n    per_call: ClassVar[int] = 2\n    model: str = 'm'\n"
        "    def capacity(self, cell):\n        return None\n"
        "    async def complete(self, request):\n"
        "        words = ''.join('abcdefghij'[int(c)] for c in str(request.seed.sample))\n"
        "        made = [f'{request.seed.cell.label} {word} {words}' for word in ('one', 'two')]\n"
        "        return Reply(json.dumps(made))\n"
    )
    text = (
        SMALL[: SMALL.index("grammar:\n")]
        .replace("use: grammar", "use: 'mine:big'")
        .replace("vary: {tone: [curt, polite]}\n", "")
    )
    assert main(["generate", str(write(text)), "--with", "mine.py"]) == 0
    row = json.loads(Path("runs/small/rows.jsonl").read_text().splitlines()[0])
    assert row["lineage"]["model"] == "big"
    assert row["lineage"]["source_kind"] == "llm"


def test_what_is_varied_must_change_what_is_asked() -> None:
    told = "version: 1\ntask: {task}\ntarget: {{rows: 4}}\nmodel: {{use: '{use}'}}\nvary: {{tone: [curt, polite]}}\n"
    path = Path("varied.yaml")
    path.write_text(told.format(task="maths-code", use="procedural"))
    with pytest.raises(UsageError, match="`vary` is not read by procedural: 'tone' would change no row"):
        load(path)
    named = told.format(task="classification", use="openai:m") + "labels: {a: b}\nstrategy: {prompt: 'Write "
    path.write_text(named + "{{ rows }} {{ label }}'}\n")
    with pytest.raises(UsageError, match="no prompt depends on the attribute 'tone'"):
        load(path)
    path.write_text(named + "{{ rows }} {{ attributes[0].value }}'}\n")
    assert load(path).file.vary


def test_a_label_without_seeds_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("seeds.jsonl").write_text('{"text": "my money back please", "label": "refund"}\n')
    told = "version: 1\ntask: classification\ntarget: {rows: 4}\nlabels: {refund: a, track: b}\n"
    told += "seeds: {path: seeds.jsonl, text: text, label: label}\n"
    Path("bare.yaml").write_text(told + "model: {use: augment}\n")
    with pytest.raises(UsageError, match=r"no row of 'track' is at hand to rewrite in seeds\.jsonl"):
        load(Path("bare.yaml"))
    with serving() as server:
        asked = f"model: {{use: 'openai:m', base_url: '{server.url}/v1'}}\n"
        Path("bare.yaml").write_text(told + asked)
        main(["generate", "bare.yaml"])
    assert "no seed row has the label track: their prompts show no example" in capsys.readouterr().err


def test_a_value_of_several_forms_is_told_by_the_form_that_it_comes_closest_to() -> None:
    text = "version: 1\ntask: classification\ntarget: {rows: 4}\nlabels: {a: x}\nvary: {tone: {calm: -3}}\n"
    Path("wrong.yaml").write_text(text + "model: {use: grammar}\n")
    with pytest.raises(UsageError, match=r"line 5: 'vary.tone.calm' is '-3': input should be greater than 0"):
        load(Path("wrong.yaml"))
