"""The verb on real folders: what is written, what is promised of it, and what it says when it cannot."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.looking import freeze
from toolkit.core.errors import InputError, UsageError
from toolkit.core.types import Level
from toolkit.near.pairs import near_pairs_between
from toolkit.read import ReadOptions
from toolkit.split import SplitOptions, load_split, split, split_given
from toolkit.store.folder import open_run
from toolkit.store.ledger import Ledger
from toolkit.verify import VerifyOptions, verify

PLAIN = VerifyOptions(only=("parse",), embed=False)
WORDS = [a + b for a in ("ba", "ke", "ti", "mo", "lu", "sha", "dre") for b in ("na", "pel", "rix", "tow", "gim")]


def texts(n, seed=0, words=9):
    rng = random.Random(seed)
    return [" ".join(rng.choice(WORDS) + str(rng.randrange(90)) for _ in range(words)) for _ in range(n)]


def verified(rows, folder, options=PLAIN, **reading):
    file = folder.with_suffix(".jsonl")
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return verify(file, run=folder, options=options, reading=ReadOptions(**reading)).run.path


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def kinds(result):
    return {kind.kind for each in result.outcomes for kind in each.kinds}


def labelled(n, classes=4, seed=0):
    return [{"id": f"r{at}", "text": text, "label": f"c{at % classes}"} for at, text in enumerate(texts(n, seed))]


def test_every_kept_row_is_in_exactly_one_part_as_it_was_read(tmp_path):
    rows = labelled(600)
    rows[7] = {**rows[3], "id": "copy"}
    folder = verified(rows, tmp_path / "run", VerifyOptions(only=("exact-duplicate",), embed=False))
    found = split(folder, SplitOptions(heldout=0.1, dev=0.1))
    parts = {name: lines(folder / f"{name}.jsonl") for name in ("train", "dev", "heldout")}
    assert [len(parts[name]) for name in ("train", "dev", "heldout")] == [479, 60, 60]
    together = sorted(row["id"] for each in parts.values() for row in each)
    assert together == sorted(row["id"] for row in rows if row["id"] != "copy")
    assert all(row in rows for each in parts.values() for row in each)
    places = pq.read_table(folder / "split.parquet").to_pylist()
    assert Counter(each["part"] for each in places) == {"train": 479, "dev": 60, "heldout": 60}
    assert {each["ref"] for each in places if each["part"] == "heldout"} == {row["id"] for row in parts["heldout"]}
    assert found.level < Level.ERROR


def test_the_manifest_says_what_was_done(tmp_path):
    folder = verified(labelled(600), tmp_path / "run")
    found = split(folder, SplitOptions(heldout=0.2, seed=5))
    told = json.loads((folder / "split.json").read_text())
    assert told == found.manifest
    assert told["seed"] == 5
    assert told["share_asked"] == told["share_taken"] == 0.2
    assert told["threshold"] == 0.6
    assert len(told["sweep"]) == 8
    assert [part["rows"] for part in told["parts"]] == [480, 120]
    assert [part["target"] for part in told["parts"]] == [480, 120]
    assert found.changed() == []
    (folder / "heldout.jsonl").write_text("{}\n")
    assert found.changed() == ["heldout.jsonl"]


def test_two_splits_of_one_seed_are_equal_byte_by_byte(tmp_path):
    folder = verified(labelled(400), tmp_path / "run")
    names = ("train.jsonl", "heldout.jsonl", "split.json", "split.parquet")
    split(folder, SplitOptions(seed=1))
    first = [(folder / name).read_bytes() for name in names]
    split(folder, SplitOptions(seed=2))
    assert (folder / "heldout.jsonl").read_bytes() != first[1]
    split(folder, SplitOptions(seed=1))
    assert [(folder / name).read_bytes() for name in names] == first


def test_rows_in_another_order_are_split_alike(tmp_path):
    rows = labelled(400)
    near = [{"text": row["text"] + " again", "label": row["label"], "id": row["id"] + "n"} for row in rows[:80]]
    one = verified(rows + near, tmp_path / "one")
    other = verified(random.Random(2).sample(rows + near, 480), tmp_path / "other")
    held = [{row["id"] for row in lines(split(each).run.part("heldout"))} for each in (one, other)]
    assert held[0] == held[1]


def test_near_rows_and_known_questions_stay_together(tmp_path):
    asked = texts(200, 3)
    rows = [
        {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}
        for question, answer in zip(asked + asked[:40], texts(240, 4), strict=True)
    ]
    folder = verified(rows, tmp_path / "run")
    found = split(folder, SplitOptions(heldout=0.3))
    assert found.manifest["compared"] == ["body", "question"]
    sides = [
        {row["messages"][0]["content"] for row in lines(folder / f"{name}.jsonl")} for name in ("train", "heldout")
    ]
    assert not sides[0] & sides[1]
    assert found.level < Level.ERROR


def test_a_prompt_that_all_rows_share_ties_none(tmp_path):
    rows = [
        {
            "messages": [
                {"role": "user", "content": "write a short story please"},
                {"role": "assistant", "content": text},
            ]
        }
        for text in texts(300, 5, words=20)
    ]
    found = split(verified(rows, tmp_path / "run"), SplitOptions(heldout=0.2))
    assert found.heldout.rows == 60
    assert found.manifest["compared"] == ["body"]
    assert any("share a prompt" in each for each in found.manifest["warnings"])
    assert found.level < Level.ERROR


def test_declared_groups_are_never_cut(tmp_path):
    rows = [{"text": text, "label": "a", "user": at // 7} for at, text in enumerate(texts(700))]
    folder = verified(rows, tmp_path / "run", group="user")
    found = split(folder, SplitOptions(heldout=0.1, dev=0.1))
    users = [{row["user"] for row in lines(folder / f"{name}.jsonl")} for name in ("train", "dev", "heldout")]
    assert not users[0] & users[1] and not users[0] & users[2] and not users[1] & users[2]
    assert found.heldout.rows == 70
    assert "group" in found.manifest["tied_by"]


def test_a_group_larger_than_a_part_is_said_and_in_train(tmp_path):
    rows = [{"text": text, "user": "big" if at < 200 else at} for at, text in enumerate(texts(400))]
    folder = verified(rows, tmp_path / "run", group="user")
    found = split(folder, SplitOptions(heldout=0.1))
    assert sum(row["user"] == "big" for row in lines(folder / "train.jsonl")) == 200
    assert found.heldout.rows == 40
    assert any("groups are never cut" in each for each in found.manifest["warnings"])


def test_one_group_for_all_rows_is_a_degenerate_split_and_not_a_crash(tmp_path):
    rows = [{"text": text, "user": "one"} for text in texts(50)]
    found = split(verified(rows, tmp_path / "run", group="user"))
    assert found.heldout.rows == 0
    assert found.level == Level.BLOCKER
    assert "degenerate" in kinds(found)


def test_families_stay_together_and_a_family_of_all_does_not_count(tmp_path):
    rows = [
        {"text": text, "lineage": {"source_kind": "llm", "group": None, "document": f"d{at // 4}", "template": "one"}}
        for at, text in enumerate(texts(400))
    ]
    folder = verified(rows, tmp_path / "run")
    found = split(folder, SplitOptions(heldout=0.1))
    families = [
        {row["lineage"]["document"] for row in lines(folder / f"{name}.jsonl")} for name in ("train", "heldout")
    ]
    assert not families[0] & families[1]
    assert "document" in found.manifest["tied_by"] and "template" not in found.manifest["tied_by"]
    assert any("`template` ties 400 of 400" in each for each in found.manifest["warnings"])
    assert "no-real-rows" in kinds(found)


def test_a_parent_row_stays_with_its_children(tmp_path):
    bodies = texts(300)
    rows = [{"id": f"p{at}", "text": text} for at, text in enumerate(bodies[:100])]
    rows += [
        {"id": f"k{at}", "text": text, "lineage": {"source_kind": "llm", "parents": [f"p{at % 100}"]}}
        for at, text in enumerate(bodies[100:])
    ]
    folder = verified(rows, tmp_path / "run")
    split(folder, SplitOptions(heldout=0.1))
    held = {row["id"] for row in lines(folder / "heldout.jsonl")}
    parents = {int(name[1:]) % 100 for name in held}
    assert held == {name for at in parents for name in (f"p{at}", f"k{at}", f"k{at + 100}")}


def test_a_parent_may_be_named_by_its_row_id(tmp_path):
    bodies = texts(200)
    parents = [{"text": text} for text in bodies[:100]]
    ids = freeze(parents, tmp_path / "parents").table(("row_id",)).column("row_id").to_pylist()
    rows = [
        *parents,
        *(
            {"text": text, "lineage": {"source_kind": "llm", "parents": [name]}}
            for text, name in zip(bodies[100:], ids, strict=True)
        ),
    ]
    found = split(verified(rows, tmp_path / "run"), SplitOptions(heldout=0.2))
    held = [bodies.index(row["text"]) for row in lines(found.heldout.file)]
    assert Counter(at % 100 for at in held) == dict.fromkeys({at % 100 for at in held}, 2)


def windows(n):
    """A chain: row i shares all its words but one with row i + 1, none with row i + 15."""
    pool = [f"{WORDS[at % 35]}{at:04d}" for at in range(n + 15)]
    return [" ".join(pool[at : at + 15]) for at in range(n)]


def test_a_chain_of_near_rows_is_cut_and_no_near_pair_crosses(tmp_path):
    folder = verified([{"text": text} for text in windows(600)], tmp_path / "run")
    found = split(folder, SplitOptions(heldout=0.2, threshold=0.7))
    told = found.manifest
    assert told["threshold_why"] == "asked for"
    assert told["sacrificed"]["left_out"] > 0
    assert sum(each.rows for each in found.parts.values()) + told["sacrificed"]["left_out"] == 600
    assert found.heldout.rows > 0.6 * 120
    assert crossing_pairs(folder, 0.7) == 0
    places = Counter(each["part"] for each in pq.read_table(folder / "split.parquet").to_pylist())
    assert places["left out"] == told["sacrificed"]["left_out"]


def test_the_sweep_stays_above_the_percolation_of_a_chain(tmp_path):
    folder = verified([{"text": text} for text in windows(600)], tmp_path / "run")
    found = split(folder, SplitOptions(heldout=0.2))
    assert found.manifest["threshold"] > 0.7
    assert found.heldout.rows == 120
    assert crossing_pairs(folder, found.manifest["threshold"]) == 0


def crossing_pairs(folder, threshold):
    import pyarrow as pa

    train, held = ([row["text"] for row in lines(folder / f"{name}.jsonl")] for name in ("train", "heldout"))
    return len(near_pairs_between(pa.array(held), pa.array(train), threshold=threshold, exact=True).left)


def test_twelve_rows(tmp_path):
    found = split(verified(labelled(12), tmp_path / "run"))
    assert (found.train.rows, found.heldout.rows) == (9, 3)
    assert found.manifest["share_taken"] == 0.25
    assert {"under-50", "coarse", "classes-not-measurable"} <= kinds(found)
    assert found.level == Level.ERROR


def test_one_row_cannot_be_split(tmp_path):
    with pytest.raises(UsageError, match="1 rows cannot be split"):
        split(verified(labelled(1), tmp_path / "run"))


def test_two_rows_can(tmp_path):
    found = split(verified(labelled(2, classes=1), tmp_path / "run"))
    assert (found.train.rows, found.heldout.rows) == (1, 1)


def test_identical_rows_are_degenerate(tmp_path):
    folder = verified([{"text": "the same text again and again", "label": "a"}] * 100, tmp_path / "run")
    found = split(folder)
    assert found.level == Level.BLOCKER
    assert "degenerate" in kinds(found)


def test_one_class_and_missing_labels(tmp_path):
    rows = labelled(300, classes=1)
    for row in rows[::2]:
        del row["label"]
    found = split(
        verified(rows, tmp_path / "run", format="text-label", text="text", label="label"), SplitOptions(heldout=0.1)
    )
    assert found.heldout.rows == 30
    assert 12 <= sum("label" in row for row in lines(found.heldout.file)) <= 18


def test_the_share_of_a_small_set_grows_and_an_explicit_one_does_not(tmp_path):
    folder = verified(labelled(800, classes=18), tmp_path / "run")
    grown = split(folder)
    assert grown.heldout.rows == 200
    assert (grown.manifest["share_asked"], grown.manifest["share_taken"]) == (0.1, 0.25)
    assert "80 rows" in grown.manifest["why"] and "12.0 points" in grown.manifest["why"]
    asked = split(folder, SplitOptions(heldout=0.1))
    assert asked.heldout.rows == 80
    assert "classes-not-measurable" in kinds(asked)


def test_the_latest_rows_are_held_out(tmp_path):
    days = random.Random(1).sample(range(1, 401), 400)
    rows = [
        {"text": text, "at": f"2024-{1 + day // 31:02d}-{1 + day % 31:02d}" if day < 360 else None}
        for text, day in zip(texts(400), days, strict=True)
    ]
    rows = [{**row, "at": row["at"] if not row["at"] or row["at"][5:] not in BAD else None} for row in rows]
    folder = verified(rows, tmp_path / "run")
    found = split(folder, SplitOptions(heldout=0.1, time="at"))
    held = [row["at"] for row in lines(folder / "heldout.jsonl")]
    assert min(held) >= max(row["at"] or "" for row in lines(folder / "train.jsonl"))
    assert found.heldout.rows == 40
    assert any("no time" in each for each in found.manifest["warnings"])
    with pytest.raises(UsageError, match="no row has a time in the column 'when'"):
        split(folder, SplitOptions(time="when"))


BAD = {"02-30", "02-31", "04-31", "06-31", "09-31", "11-31"}


@pytest.mark.parametrize(
    "options",
    [{"heldout": 0.0}, {"heldout": 1.0}, {"heldout": 0.6, "dev": 0.4}, {"dev": -0.1}, {"threshold": 1.5}, {"cap": 0.0}],
)
def test_options_that_cannot_be_meant(options, tmp_path):
    folder = verified(labelled(40), tmp_path / "run")
    with pytest.raises(UsageError):
        split(folder, SplitOptions(**options))


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(InputError, match="not a run folder"):
        split(tmp_path)


def test_a_split_is_loaded_until_its_rows_change(tmp_path):
    rows = labelled(300)
    folder = verified(rows, tmp_path / "run")
    assert load_split(open_run(folder)) is None
    made = split(folder, SplitOptions(dev=0.1))
    found = load_split(open_run(folder))
    assert found is not None
    assert {name: each.keep.tolist() for name, each in found.parts.items()} == {
        name: each.keep.tolist() for name, each in made.parts.items()
    }
    assert found.manifest == made.manifest
    verified([*rows[:-1], {**rows[-1], "text": "another text"}], tmp_path / "run")
    assert load_split(open_run(folder)) is None
    split(folder)
    assert not (folder / "dev.jsonl").exists()
    assert load_split(open_run(folder)) is not None
    # The same rows under a policy that keeps fewer of them.
    assert load_split(open_run(folder), kept=np.arange(10)) is None
    (folder / "split.json").write_text("{}")
    assert load_split(open_run(folder)) is None


def test_held_out_rows_that_were_given_are_compared_and_measured(tmp_path):
    rows = labelled(300)
    folder = verified(rows, tmp_path / "run")
    file = tmp_path / "held.jsonl"
    own = [{"text": text, "label": f"c{at % 4}"} for at, text in enumerate(texts(60, 77))]
    file.write_text("".join(json.dumps(row) + "\n" for row in [*own, {**rows[5], "id": "leaked"}]), encoding="utf-8")
    found = split_given(folder, file)
    assert found.given
    assert (found.train.rows, found.heldout.rows) == (300, 61)
    assert lines(folder / "heldout.jsonl")[60]["id"] == "leaked"
    assert found.level == Level.BLOCKER
    with Ledger(folder / "ledger.duckdb", read_only=True) as ledger:
        leaks = ledger.rows("""SELECT ref, excerpt FROM findings JOIN runs USING (run) WHERE "check" = 'leak'""")
    assert [(each["ref"], each["excerpt"]) for each in leaks] == [("leaked", rows[5]["text"])]
    again = load_split(open_run(folder))
    assert again is not None and again.heldout.rows == 61
    with pytest.raises(InputError):
        split_given(folder, tmp_path / "none.jsonl")


def test_a_held_out_file_longer_than_train_is_no_crash(tmp_path):
    folder = verified(labelled(20), tmp_path / "run")
    file = tmp_path / "held.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in labelled(200)), encoding="utf-8")
    found = split_given(folder, file)
    assert "exact" in kinds(found)


def test_a_small_held_out_set_comes_with_a_cross_validated_estimate(tmp_path, encoder):
    rng = random.Random(4)
    rows = [
        {"text": " ".join(rng.sample(WORDS[at % 2 :: 2], 6)) + f" {rng.randrange(999)}", "label": f"c{at % 2}"}
        for at in range(240)
    ]
    found = split(verified(rows, tmp_path / "run"), encode=encoder)
    with Ledger(found.run.ledger, read_only=True) as ledger:
        facts = ledger.rows("SELECT name, value, low, high FROM facts WHERE name = 'cross-validated accuracy'")
    assert len(facts) == 1
    assert 0.8 < facts[0]["low"] < facts[0]["value"] <= facts[0]["high"] <= 1


def test_intents_of_the_public_set_have_no_pair_across(truth: Path, tmp_path):
    folder = verify(truth / "clinc150" / "data_full.jsonl.gz", run=tmp_path / "run", options=PLAIN).run.path
    found = split(folder, SplitOptions(heldout=0.1, dev=0.05))
    assert found.manifest["threshold"] <= 0.7
    import pyarrow as pa

    sides = {name: pa.array([row["text"] for row in lines(each.file)]) for name, each in found.parts.items()}
    for one, other in (("heldout", "train"), ("heldout", "dev"), ("dev", "train")):
        pairs = near_pairs_between(sides[one], sides[other], threshold=found.manifest["threshold"], exact=True)
        assert len(pairs.left) == 0
    n = sum(len(each) for each in sides.values())
    assert abs(len(sides["heldout"]) - 0.1 * n) <= 1 and abs(len(sides["dev"]) - 0.05 * n) <= 1
    assert found.level < Level.ERROR
