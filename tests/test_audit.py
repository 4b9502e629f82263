"""The audit of labels: what is drawn, what comes back, and whether its interval holds the truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolkit.audit import BANDS, Audited, banded, draw, sample, take
from toolkit.cli import main
from toolkit.core.errors import InputError, UsageError
from toolkit.core.policy import load_policy
from toolkit.core.types import Finding, Level
from toolkit.decide import decide
from toolkit.report import Facts, _numbers
from toolkit.stats.audit import Stratum, audit_rate
from toolkit.store.ledger import Ledger, Run
from toolkit.verify import VerifyOptions, verify

ONLY = VerifyOptions(only=("parse",), embed=False)
N = 400


def _run(tmp_path: Path) -> Path:
    """A run with given doubts in place of the probe's: of a fifth of the rows, half of them sure."""
    lines = [json.dumps({"id": f"r{at}", "text": f"row number {at}", "label": "ab"[at % 2]}) for at in range(N)]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    verify(file, run=tmp_path / "run", options=ONLY)
    doubts = [
        Finding(at, 0.9 if at % 10 else 0.6, "doubtful", kind="label-noise", evidence={"suggested": "c"})
        for at in range(0, N, 5)
    ]
    with Ledger(tmp_path / "run" / "ledger.duckdb") as ledger:
        ledger.write(Run("label-noise", "N01", "input", 1, "x", "{}", "ran", "", N, N, 0.0), doubts)
    return tmp_path / "run"


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _write(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def _judge(line: dict[str, Any]) -> dict[str, Any]:
    return {**line, "verdict": "wrong" if line["stratum"] == "flagged, surest" else "right"}


def test_rows_are_drawn_from_every_band_and_shuffled(tmp_path: Path) -> None:
    run = _run(tmp_path)
    drawn = draw(run, rows=60)
    lines = _lines(drawn.path)
    assert len(lines) == drawn.rows == 60
    assert drawn.strata["flagged, surest"][0] == drawn.strata["flagged"][0] == 40
    assert drawn.strata["not doubted"][0] == N - 80
    assert {line["suggested"] for line in lines if line["stratum"].startswith("flagged")} == {"c"}
    assert all(line["verdict"] == "" and line["label"] in "ab" for line in lines)
    assert [line["stratum"] for line in lines] != sorted(line["stratum"] for line in lines)
    assert draw(run, rows=60).path.read_bytes() == drawn.path.read_bytes()


def test_verdicts_become_facts_a_level_and_replace_the_estimate(tmp_path: Path) -> None:
    run = _run(tmp_path)
    path = draw(run, rows=100).path
    found = take(run, _write(path, [_judge(line) for line in _lines(path)]))
    assert found.rate.rate == pytest.approx(0.1)
    assert found.rate.low < 0.1 < found.rate.high
    with Ledger(run / "ledger.duckdb") as ledger:
        facts = Facts(ledger)
        assert facts.one("label-audit", "audited noise rate") == pytest.approx(0.1)
        assert "estimated noise rate" not in {each.name for each in _numbers(facts)}
        decision = decide(ledger, load_policy())
    audit, noise = decision.outcome("label-audit"), decision.outcome("label-noise")
    assert audit is not None and audit.level == Level.ERROR and audit.kinds[0].kind == "over-8"
    assert noise is not None and noise.level == Level.INFO  # the flags no longer speak for the rate


def test_half_a_file_is_a_sample_too(tmp_path: Path) -> None:
    run = _run(tmp_path)
    path = draw(run, rows=200).path
    lines = [_judge(line) if at < 100 else line for at, line in enumerate(_lines(path))]
    found = take(run, _write(path, lines))
    assert found.unjudged == 100
    assert found.rate.low <= 0.1 <= found.rate.high
    whole = take(run, _write(path, [_judge(line) for line in lines]))
    assert whole.rate.high - whole.rate.low < found.rate.high - found.rate.low


def test_ids_alone_will_do_and_unsure_widens(tmp_path: Path) -> None:
    run = _run(tmp_path)
    lines = [_judge(line) for line in _lines(draw(run, rows=100).path)]
    short = [{"id": line["id"], "verdict": line["verdict"]} for line in lines]
    sure = take(run, _write(tmp_path / "short.jsonl", short))
    unsure = take(
        run, _write(tmp_path / "u.jsonl", [*short[:-30], *({**each, "verdict": "unsure"} for each in short[-30:])])
    )
    assert isinstance(unsure, Audited) and unsure.unsure == 30
    assert unsure.rate.high - unsure.rate.low > sure.rate.high - sure.rate.low


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"row": "nobody"}, "not one that was drawn"),
        ({"id": "r9999"}, "not one that was drawn"),
        ({"text": "another text"}, "text or label was changed"),
        ({"label": "z"}, "text or label was changed"),
        ({"verdict": "perhaps"}, "verdict 'perhaps' is unknown"),
    ],
)
def test_a_line_that_is_not_as_it_was_is_an_error(change: dict[str, str], says: str, tmp_path: Path) -> None:
    run = _run(tmp_path)
    lines = [_judge(line) for line in _lines(draw(run, rows=60).path)]
    lines[2] |= change
    with pytest.raises(InputError, match=f"line 3: .*{says}"):
        take(run, _write(tmp_path / "judged.jsonl", lines))


def test_what_cannot_be_taken_says_why(tmp_path: Path) -> None:
    run = _run(tmp_path)
    with pytest.raises(UsageError, match="no sample was drawn"):
        take(run)
    path = draw(run, rows=60).path
    with pytest.raises(InputError, match="has a verdict"):
        take(run)
    (tmp_path / "broken.jsonl").write_text('{"id": "r1"\n[]\n', encoding="utf-8")
    with pytest.raises(InputError, match="line 1: no JSON"):
        take(run, tmp_path / "broken.jsonl")
    lines = [_judge(line) for line in _lines(path)]
    twice = {**lines[0], "verdict": "right" if lines[0]["verdict"] == "wrong" else "wrong"}
    with pytest.raises(InputError, match="two verdicts"):
        take(run, _write(path, [*lines, twice]))
    with pytest.raises(UsageError, match="holds verdicts"):
        draw(run, rows=60)
    with pytest.raises(UsageError, match="too few to audit"):
        draw(_run(tmp_path / "other" if (tmp_path / "other").mkdir() is None else tmp_path), rows=5)


def test_a_run_without_doubts_is_an_error_of_two_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"text": "a", "label": "b"}\n', encoding="utf-8")
    verify(file, run=tmp_path / "run", options=ONLY)
    assert main(["audit", str(tmp_path / "run")]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("error: there are no doubts to draw from") and "try:" in said.err and not said.out


def test_the_command_prints_the_rate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = _run(tmp_path)
    assert main(["audit", str(run), "--rows", "60"]) == 0
    path = run / "audit.jsonl"
    _write(path, [_judge(line) for line in _lines(path)])
    assert main(["audit", str(run), "--answers", str(path)]) == 0
    assert "10.0% of labels are wrong (" in capsys.readouterr().out
    assert main(["audit", str(run), "--answers", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["audited"] == 60


def test_the_interval_holds_the_truth_in_nineteen_of_twenty_audits() -> None:
    rng = np.random.default_rng(0)
    score = np.concatenate([rng.uniform(0.5, 1.0, 600), rng.uniform(0.1, 0.5, 400), np.zeros(8_000)])
    wrong = rng.random(len(score)) < np.select([score >= 0.8, score >= 0.5, score >= 0.1], [0.8, 0.4, 0.05], 0.003)
    band = banded(score)
    held = 0
    for seed in range(200):
        chosen = sample(band, 200, seed=seed)
        strata = [
            Stratum(
                int((band == at).sum()), int((band[chosen] == at).sum()), int(wrong[chosen][band[chosen] == at].sum())
            )
            for at in range(len(BANDS))
        ]
        rate = audit_rate(strata)
        held += rate.low <= wrong.mean() <= rate.high
    assert held >= 184  # 190 expected; the chance of fewer at true .95 is under .0003
