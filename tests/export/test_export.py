"""What an export refuses, names, leaves out and binds: bad input as a user would give it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.export.rows import TOOL, plain, ready, said
from toolkit.cli import main
from toolkit.core.errors import NotFit, UsageError
from toolkit.export import export, files, verb
from toolkit.outbound import rewards
from toolkit.outbound.profile import load_profile
from toolkit.readiness import check


def _bad() -> list[dict[str, Any]]:
    """Forty whole rows and four that OpenAI would reject, each for its own reason."""
    rows = plain(40)
    rows += [
        {
            "id": "late",
            "messages": [said("user", "one thing of its own?"), said("critic", "hm"), said("assistant", "so")],
        },
        {
            "id": "open",
            "messages": [said("assistant", "what do you want today?"), said("user", "nothing at all, thanks")],
        },
        {"id": "blank", "messages": [said("user", "a question with no answer?"), said("assistant", " \n")]},
        {"id": "off", "messages": [said("user", "not to be trained?"), said("assistant", "no, not this", weight=0)]},
    ]
    return rows


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("ready")
    mixed = [*plain(40), *({"prompt": f"q{at} of a kind", "chosen": f"a{at} b", "rejected": "c d"} for at in range(3))]
    marked = plain(40)
    marked[8]["messages"][0]["role"] = "developer"
    marked[10]["messages"][1] |= {"weight": 0, "name": "ann"}
    marked[11] |= {"tools": [TOOL], "rating": 5}
    return {
        "bad": ready(folder, "bad", _bad()),
        "mixed": ready(folder, "mixed", mixed, only=("parse",)),
        "marked": ready(folder, "marked", marked),
        "whole": ready(folder, "whole", plain(40)),
    }


def test_rejected_rows_are_refused_with_their_rules_and_ids(runs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(NotFit) as refused:
        export(runs["bad"], "openai", out=tmp_path / "out", anyway=True)
    for words in (
        "openai cannot take 4 of 44 rows",
        "1 by roles (role critic; late)",
        "last-turn",
        "blank",
        "untrained",
    ):
        assert words in refused.value.what
    listed = [json.loads(line) for line in (tmp_path / "out" / "refused.jsonl").read_text().splitlines()]
    assert {each["row"] for each in listed} == {"late", "open", "blank", "off"}


def test_left_out_rows_are_listed_and_the_others_written(runs: dict[str, Path], tmp_path: Path) -> None:
    found = export(runs["bad"], "openai", out=tmp_path / "out", anyway=True, leave_out=True)
    assert found.told["left_out"] == 4
    assert sum(file["rows"] for file in found.files) == 40
    assert len((tmp_path / "out" / "left_out.jsonl").read_text().splitlines()) == 4


def test_what_is_lost_is_named(runs: dict[str, Path], tmp_path: Path) -> None:
    lost = {to: export(runs["marked"], to, out=tmp_path / to, anyway=True).told["lost"] for to in ("openai", "vertex")}
    assert lost["openai"] == {"column id": 40, "column rating": 1}
    assert lost["vertex"] == {
        "column id": 40,
        "column rating": 1,
        "message key name": 1,
        "which turns are trained on": 1,
    }


def test_rows_of_another_shape_are_named(runs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(NotFit, match="3 by mixed-shapes"):
        export(runs["mixed"], "trl", out=tmp_path, anyway=True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"to": "opnai"}, "did you mean 'openai'"),
        ({"to": "trl", "as_": "dpo"}, "messages rows cannot be made into dpo rows"),
        ({"to": "trl", "as_": "ppo"}, "unknown shape 'ppo'"),
        ({"to": "mlx", "shards": 2}, "one file for each part"),
        ({"to": "trl", "shards": 0}, "no number of files"),
        ({"to": "together", "options": {"tool": True}}, "unknown option 'tool'"),
        ({"to": "axolotl", "options": {"style": "vicuna"}}, "no style 'vicuna'"),
        ({"to": "openai", "profile": "openi"}, "did you mean 'openai'"),
    ],
)
def test_what_cannot_be_meant(options: dict[str, Any], words: str, runs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError) as said_:
        export(runs["whole"], options.pop("to"), out=tmp_path, anyway=True, **options)
    assert words in said_.value.what


def test_a_target_that_has_no_place_for_a_shape(tmp_path: Path) -> None:
    rows = [{"prompt": f"q {at} {at * 7}", "completion": f"a {at}", "label": at % 2 == 0} for at in range(30)]
    run = ready(tmp_path, "wanted", rows)
    with pytest.raises(UsageError, match="openai cannot hold unpaired-preference rows") as said_:
        export(run, "openai", anyway=True)
    assert "llamafactory" in said_.value.fix and "trl" in said_.value.fix
    found = export(run, "openai", anyway=True, as_="sft", leave_out=True)
    assert found.told["left_out"] == 15 and found.told["lost"]["which answers are wanted"] == 15


def test_no_row_left(runs: dict[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    rule = "{id: short, rule: characters, high: 1, why: x, source: x, date: 2026-01-01}"
    file.write_text(f"id: own\nversion: 1\nname: Own\nchecked: 2026-01-01\nrules: [{rule}]\n")
    with pytest.raises(NotFit, match=r"no row is left to export to openai: 40 by short"):
        export(runs["whole"], "openai", out=tmp_path / "o", anyway=True, profile=str(file), leave_out=True)


def test_files_are_held_against_the_profile(runs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(NotFit, match="rows-min: 30 rows of train, under 32"):
        export(runs["whole"], "bedrock-claude", out=tmp_path / "o", anyway=True)
    found = export(runs["whole"], "vertex", out=tmp_path / "v", anyway=True)
    assert found.told["advice"] == {"rows-few": "30 rows of train, under 100"}
    assert found.told["profile"]["id"] == "vertex" and "tokens" in found.told["profile"]["seen_in_their_source"]


def test_shards_hold_the_rows_in_order_and_the_gate_checks_all(runs: dict[str, Path], tmp_path: Path) -> None:
    one = export(runs["whole"], "trl", anyway=True, out=tmp_path / "one")
    four = export(runs["whole"], "trl", anyway=True, shards=4)
    names = [str(file["name"]) for file in four.files if file["part"] == "train"]
    assert names == [f"train-{at:05d}-of-00004.jsonl" for at in range(4)]
    assert b"".join((four.folder / name).read_bytes() for name in names) == (one.folder / "train.jsonl").read_bytes()
    check(runs["whole"])
    (four.folder / names[2]).write_text("{}\n")
    with pytest.raises(NotFit, match="has changed since the export"):
        check(runs["whole"])
    export(runs["whole"], "trl", anyway=True)
    check(runs["whole"])


@pytest.mark.soak
@pytest.mark.parametrize("to", ["trl", "parquet"])
def test_one_core_and_two_write_the_same_bytes(
    to: str, runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LINES", 7)
    found = []
    for cores, large in (("1", 1 << 40), ("2", 0)):
        monkeypatch.setenv("TOOLKIT_CORES", cores)
        monkeypatch.setattr(verb, "LARGE", large)
        found.append(export(runs["whole"], to, out=tmp_path / cores, anyway=True, shards=2).files)
    assert found[0] == found[1]


def test_the_manifest_binds_files_and_report(runs: dict[str, Path], tmp_path: Path) -> None:
    found = export(runs["whole"], "llamafactory", out=tmp_path / "out", anyway=True)
    told = json.loads((tmp_path / "out" / "export.json").read_text())
    report = hashlib.sha256((runs["whole"] / "readiness.json").read_bytes()).hexdigest()
    assert told["readiness"] == report and told["mode"] == "sft"
    for file in [*told["files"], *told["beside"]]:
        assert hashlib.sha256((found.folder / file["name"]).read_bytes()).hexdigest() == file["sha256"]
    info = json.loads((found.folder / "dataset_info.json").read_text())
    assert info["train"] == {
        "file_name": "train.jsonl",
        "columns": {"messages": "conversations"},
        "formatting": "sharegpt",
    }
    again = export(runs["whole"], "llamafactory", out=tmp_path / "again", anyway=True)
    assert again.told == found.told


def test_styles(runs: dict[str, Path], tmp_path: Path) -> None:
    found = export(runs["whole"], "llamafactory", out=tmp_path / "lf", anyway=True, options={"style": "alpaca"})
    rows = [json.loads(line) for line in (found.folder / "train.jsonl").read_text().splitlines()]
    assert all({"instruction", "input", "output"} <= row.keys() for row in rows)
    with pytest.raises(NotFit, match="8 by alpaca"):
        export(runs["whole"], "axolotl", out=tmp_path / "ax", anyway=True, options={"style": "alpaca"})
    text = export(runs["whole"], "axolotl", out=tmp_path / "ax", anyway=True).folder / "axolotl.yaml"
    assert "type: chat_template" in text.read_text() and "test_datasets:" in text.read_text()


def test_the_command_names_losses_and_advice(runs: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(runs["marked"]), "--to", "vertex", "--anyway", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["to"] == "vertex"
    assert "lost: which turns are trained on, of 1 rows" in told.err and "advice: rows-few" in told.err
    assert main(["export", str(runs["bad"]), "--to", "openai", "--anyway"]) == 1
    assert main(["export", str(runs["bad"]), "--to", "openai", "--set", "trl.x=1"]) == 2
    assert main(["verify", "nothing.jsonl", "--for", "trl"]) == 2
    assert "trl is no provider" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "wanted", "right", "wrong"),
    [
        ("exact", "Billing", " billing\n", "billing desk"),
        ("number", "1,234.5", "so it is 1234.50", "1234 and 6"),
        ("json", '{"a": [1]}', 'Here:\n```json\n{"a":[1]}\n```', '{"a": [2]}'),
    ],
)
def test_rewards(kind: str, wanted: str, right: str, wrong: str) -> None:
    said_ = [right, wrong, [{"role": "assistant", "content": right}]]
    assert rewards.reward(said_, reference=[wanted] * 3, verifier=[kind] * 3, other=[1] * 3) == [1.0, 0.0, 1.0]


def test_every_profile_has_a_target_and_dated_sources() -> None:
    from toolkit.core import parts
    from toolkit.core.share import shipped

    named = {found.profile for found in parts.parts("targets").values()} - {""}
    assert named == {path.stem for path in (shipped("schemas") / "profiles").glob("*.yaml")}
    for name in named:
        profile = load_profile(name)
        assert profile.id == name and len({rule.id for rule in profile.rules}) == len(profile.rules)
        assert all(rule.source.startswith("https://") and rule.why for rule in profile.rules)


def test_the_schema_of_profiles_is_that_of_the_model() -> None:
    from toolkit.core.share import shipped
    from toolkit.outbound.profile import Profile

    shown = json.loads((shipped("schemas") / "profile.schema.json").read_text(encoding="utf-8"))
    assert {key: each for key, each in shown.items() if key[0] != "$" or key == "$defs"} == Profile.model_json_schema()


def test_a_broken_profile_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("id: own\nversion: 1\nname: Own\nchecked: 2026-01-01\nrules:\n  - {id: a, rule: row, why: x}\n")
    with pytest.raises(UsageError, match=r"own.yaml, line 6"):
        load_profile(str(file))
