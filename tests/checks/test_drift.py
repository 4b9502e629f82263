"""Coverage and drift against a sample of real use, by the command and through the split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.looking import facts, found, freeze, look
from toolkit.cli import main
from toolkit.near.two_samples import cover, regions, told_apart
from toolkit.store.ledger import Ledger


def blobs(rng: np.random.Generator, centres: Any, n: int) -> np.ndarray:
    """Unit vectors around the centres, shape (n * len(centres), 16)."""
    drawn = np.concatenate([rng.normal(0, 0.1, (n, 16)) + np.eye(16)[centre] for centre in centres])
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


def test_samples_of_one_source_are_not_told_apart() -> None:
    """Cross-fitted areas of like samples lean a little under .5; none may be over it by more than chance."""
    rng = np.random.default_rng(1)
    drawn = [
        told_apart(blobs(rng, range(4), 100), blobs(rng, range(4), 50), np.arange(600), seed=at) for at in range(20)
    ]
    assert sum(found.low > 0.5 for found in drawn) <= 1
    assert np.mean([found.value for found in drawn]) == pytest.approx(0.5, abs=0.05)
    apart = told_apart(blobs(rng, range(4), 50), blobs(rng, range(4, 8), 50), np.arange(400))
    assert apart.low > 0.95


def test_copies_across_do_not_vouch_for_each_other() -> None:
    """Each vector stands on both sides: a classifier that saw the copy would say the wrong side with certainty."""
    rng = np.random.default_rng(2)
    one = blobs(rng, range(8), 20)
    found = told_apart(one, one, np.tile(np.arange(160), 2))
    assert abs(found.value - 0.5) < 0.1


def test_cover_is_what_lot_gives_for_one_source_and_nothing_where_nothing_is() -> None:
    rng = np.random.default_rng(3)
    one, two = blobs(rng, range(4), 150), blobs(rng, range(4), 150)
    found = cover(one, two)
    assert found.covered.mean() == pytest.approx(found.expected, abs=0.03)
    assert found.expected == pytest.approx(1 - 0.5**5, abs=0.01)
    apart = cover(one, blobs(rng, range(3), 150))
    assert apart.covered[:450].mean() > 0.9
    assert apart.covered[450:].mean() == 0.0
    assert {
        len(set(regions(one)[at : at + 150].tolist()) & set(regions(one)[at + 150 :].tolist())) for at in (0, 300)
    } == {0}


def rows(topics: tuple[str, ...], n: int, start: int = 0) -> list[dict[str, Any]]:
    asked = {
        "money": "how do I send {} euros to a friend of mine abroad",
        "sky": "will it rain or snow in city {} on the weekend",
    }
    return [
        {"text": asked[topics[at % len(topics)]].format(start + at), "label": topics[at % len(topics)]}
        for at in range(n)
    ]


def test_the_missing_region_is_named_with_words_and_masked_examples(tmp_path: Path, encoder: Any) -> None:
    used = rows(("money", "sky"), 200, 900)
    for at, each in enumerate(used):
        each["text"] += f" or write to user{at}@gmail.com" if each["label"] == "sky" else ""
    data, usage = freeze(rows(("money",), 200), tmp_path / "rows"), freeze(used, tmp_path / "usage")
    results = look("coverage", data, usage=usage, encode=encoder)
    missing = [each for each in results if getattr(each, "kind", "") == "missing"]
    assert missing
    assert any(word in missing[0].message for word in ("rain", "snow", "weekend", "city"))
    assert "@gmail" not in json.dumps([each.evidence for each in missing])
    assert 0.4 < facts(results)["use that is covered", ""] < 0.6


def test_shuffled_use_gives_the_same(tmp_path: Path, encoder: Any) -> None:
    used = rows(("money", "sky"), 160, 900)
    data = freeze(rows(("money",), 160), tmp_path / "rows")
    both = [
        look("coverage", data, usage=freeze(each, tmp_path / f"u{at}"), encode=encoder)
        for at, each in enumerate((used, used[::-1]))
    ]
    assert found(both[0]) == found(both[1])
    assert facts(both[0]) == facts(both[1])


def test_use_goes_from_the_command_to_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, each in (("rows", rows(("money", "sky"), 300)), ("use", rows(("sky",), 120, 2000))):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in each))
    main(["readiness", "rows.jsonl", "--usage", "use.jsonl", "--no-embeddings", "--json"])
    report = json.loads(capsys.readouterr().out)
    lines = {(line["check"], line["scope"]): line for line in report["checks"]}
    assert lines["coverage", "kept"]["status"] == "skipped"
    assert lines["drift", "kept"]["level"] == "warning"
    assert lines["drift", "split"]["status"] == "ran"
    with Ledger(tmp_path / "runs/rows/ledger.duckdb", read_only=True) as ledger:
        groups = {
            each["group"]
            for each in ledger.rows("""SELECT "group" FROM facts JOIN runs USING (run)
                  WHERE "check" = 'drift' AND scope = 'split'""")
        }
    assert groups == {"train - heldout", "train - usage", "heldout - usage"}
    assert main(["readiness", "runs/rows", "--usage", "use.jsonl"]) == 2
    assert main(["verify", "rows.jsonl", "--usage", "no-such.jsonl"]) == 2
    (tmp_path / "empty.jsonl").write_text("")
    assert main(["verify", "rows.jsonl", "--usage", "empty.jsonl", "--no-embeddings"]) == 2
    main(["verify", "rows.jsonl", "--no-embeddings"])
    assert not (tmp_path / "runs/rows/usage").exists()


def test_licence_and_source_fill_what_the_rows_do_not_say(tmp_path: Path) -> None:
    said = [{"prompt": f"case {at}", "completion": f"Yes {at}."} for at in range(20)]
    bare = freeze(said, tmp_path / "bare", source_kind="llm")
    assert found(look("provenance", bare)) == {(at, kind) for at in range(20) for kind in ("no-terms", "no-model")}
    told = freeze(said, tmp_path / "told", source_kind="llm", licence="terms of M", source="M-2, prompt 3")
    assert found(look("provenance", told)) == set()
    assert facts(look("provenance", told))["rows under licence", "terms of M"] == 20
    plain = freeze(said, tmp_path / "plain", licence="CC-BY-4.0")
    assert found(look("provenance", plain)) == set()
