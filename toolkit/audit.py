"""How many labels are wrong, told by a person who looks at a drawn sample: rows out, verdicts back, a rate.

A probe counts its own errors as the labels' errors; a sample that someone judged does not.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson

from toolkit.core import secrets
from toolkit.core.errors import InputError, UsageError
from toolkit.core.types import Fact, Finding, Result
from toolkit.stats.audit import AuditRate, Stratum, allocate, audit_rate
from toolkit.store.dataset import Dataset
from toolkit.store.folder import RunFolder, open_run
from toolkit.store.ledger import Ledger, Run
from toolkit.store.object_lines import object_lines
from toolkit.write import whole_file

CHECK = "label-audit"
FILE = "audit.jsonl"
VERDICTS = ("right", "wrong", "unsure")
SHOWN_CHARS = 1_000
LEAST = 10


class Band(NamedTuple):
    """A stratum: rows whose doubt score is at least `low`, and below the band before it. guess: share wrong."""

    name: str
    low: float
    guess: float


BANDS = (
    Band("flagged, surest", 0.8, 0.7),
    Band("flagged", 0.5, 0.4),
    Band("doubted", 0.1, 0.1),
    Band("not doubted", 0.0, 0.01),
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sample that was written. strata: name to rows and how many of them are to be judged."""

    path: Path
    strata: dict[str, tuple[int, int]]

    @property
    def rows(self) -> int:
        return sum(audited for _, audited in self.strata.values())


@dataclass(frozen=True, slots=True)
class Audited:
    """What the verdicts came to. strata: name to its rows, judged and wrong. unjudged, unsure: rows of the sample."""

    rate: AuditRate
    strata: dict[str, Stratum]
    unjudged: int
    unsure: int


def draw(run: str | Path, *, rows: int = 100, seed: int = 0) -> Drawn:
    """Write `audit.jsonl` into the run: rows to judge, in a random order, so that a part of it is a sample too.

    Rows are drawn from bands of the label-noise score, more where they tell more (Neyman 1934), all with
    a known chance. Raises UsageError where label-noise did not run, `rows` is too small, or a file with
    verdicts would be lost.
    """
    folder = open_run(run)
    with folder.locked(), Ledger(folder.ledger) as ledger:
        path = folder.path / FILE
        _keep_verdicts(path)
        data = Dataset(folder.dataset)
        ordinals, band, suggested = _banded(ledger, data)
        chosen = sample(band, rows, seed=seed)
        lines = list(_lines(data, ordinals[chosen], band[chosen], suggested))
        lines = [lines[at] for at in np.random.default_rng([seed, 1]).permutation(len(lines)).tolist()]
        sizes = {BANDS[at].name: int((band == at).sum()) for at in range(len(BANDS))}
        plan = {"dataset": data.manifest.digest, "seed": seed, "rows": sizes, "drawn": _digests(lines)}
        with whole_file(path) as file:
            for line in lines:
                file.write(orjson.dumps(line) + b"\n")
        ledger.set_meta("audit", json.dumps(plan))
    told = Counter(line["stratum"] for line in lines)
    return Drawn(path, {name: (size, told[name]) for name, size in sizes.items() if size})


def take(run: str | Path, answers: str | Path | None = None) -> Audited:
    """Take the verdicts of a judged file (the run's `audit.jsonl` by default) and put the rate into the ledger.

    A file may be half finished: rows without a verdict are left out, as long as every stratum has one.
    `unsure` widens the interval: its low end counts such rows as right, its high end as wrong.
    Raises InputError for a line that cannot be read, an id that was not drawn, a row that was changed,
    two verdicts on one row, and a stratum that nobody has judged.
    """
    folder = open_run(run)
    with folder.locked(), Ledger(folder.ledger) as ledger:
        plan = _plan(ledger, folder)
        path = Path(answers) if answers else folder.path / FILE
        verdicts = _verdicts(path, plan["drawn"])
        found = rated(plan, verdicts)
        told = hashlib.sha256(json.dumps([plan, verdicts], sort_keys=True).encode()).hexdigest()
        ledger.write(_run(told, found, ledger), list(_results(found)))
    return found


def sample(band: np.ndarray, rows: int, *, seed: int = 0) -> np.ndarray:
    """Places to audit, sorted, of `band` (n,), the index of each row's band in BANDS."""
    sizes = np.bincount(band, minlength=len(BANDS)).tolist()
    least = sum(min(size, LEAST) for size in sizes)
    if rows < least:
        raise UsageError(f"{rows} rows are too few to audit: every band needs {LEAST}", f"give --rows {least} or more")
    counts = allocate(sizes, [each.guess for each in BANDS], rows, least=LEAST)
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(np.flatnonzero(band == at))[:count] for at, count in enumerate(counts)]
    return np.sort(np.concatenate(drawn))


def banded(scores: np.ndarray) -> np.ndarray:
    """The index in BANDS of each row's score, shape (n,); 0 is what the probe did not doubt."""
    return np.asarray(len(BANDS) - np.searchsorted([each.low for each in BANDS][::-1], scores, side="right"), np.int64)


def rated(plan: Mapping[str, Any], verdicts: Mapping[str, str]) -> Audited:
    """The rate over all rows of the plan from the verdicts by id; empty ones are not judged."""
    by_stratum = {name: Counter[str]() for name, size in plan["rows"].items() if size}
    for ref, drawn in plan["drawn"].items():
        by_stratum[drawn["stratum"]][verdicts.get(ref) or "none"] += 1
    unseen = [name for name, count in by_stratum.items() if not count["right"] + count["wrong"]]
    if unseen:
        names = ", ".join(f"'{name}'" for name in unseen)
        raise InputError(
            f"no row of the stratum {names} has a verdict", "judge a row of each, right or wrong, and again"
        )
    rows = plan["rows"]
    decided = {name: Stratum(rows[name], c["right"] + c["wrong"], c["wrong"]) for name, c in by_stratum.items()}
    rate = audit_rate(list(decided.values()))
    unsure = sum(count["unsure"] for count in by_stratum.values())
    if unsure:
        best = [
            Stratum(rows[name], c["right"] + c["wrong"] + c["unsure"], c["wrong"]) for name, c in by_stratum.items()
        ]
        worst = [
            each._replace(errors=each.errors + c["unsure"]) for each, c in zip(best, by_stratum.values(), strict=True)
        ]
        rate = rate._replace(low=min(rate.low, audit_rate(best).low), high=max(rate.high, audit_rate(worst).high))
    return Audited(rate, decided, sum(count["none"] for count in by_stratum.values()), unsure)


def _results(found: Audited) -> Iterator[Result]:
    rate = found.rate
    words = f"{rate.rate:.1%} of labels are wrong ({rate.low:.1%} to {rate.high:.1%}), judged on {rate.audited} rows"
    over = next((kind for kind, bar in (("over-8", 0.08), ("over-2", 0.02)) if rate.rate > bar), "")
    if over:
        yield Finding(None, 1.0, words, kind=over)
    yield Fact("audited noise rate", rate.rate, "share", low=rate.low, high=rate.high)
    yield Fact("rows audited", float(rate.audited), "rows")
    for name, stratum in found.strata.items():
        yield Fact("wrong in the audit", stratum.errors / stratum.audited, "share", name)


def _run(digest: str, found: Audited, ledger: Ledger) -> Run:
    """The ledger's line of the audit."""
    options = json.dumps({"unjudged": found.unjudged, "unsure": found.unsure})
    total = int(ledger.meta("rows") or 0)
    return Run(CHECK, "N01", "input", 1, digest, options, "ran", "", found.rate.audited, total, 0.0)


def _banded(ledger: Ledger, data: Dataset) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """Ordinals of the labelled rows in an order of their content, the band of each, and suggested labels."""
    runs = ledger.rows("""SELECT run, status, reason FROM runs WHERE "check" = 'label-noise' AND scope = 'input'""")
    if not runs or runs[0]["status"] != "ran":
        why = f"label-noise {runs[0]['status']}: {runs[0]['reason']}" if runs else "label-noise was not run"
        raise UsageError(f"there are no doubts to draw from: {why}", "toolkit verify DATA --label COLUMN, then again")
    found = ledger.query("""SELECT "row", score, evidence FROM findings WHERE run = ?""", [runs[0]["run"]])
    score = dict(zip(found.column("row").to_pylist(), found.column("score").to_pylist(), strict=True))
    told = zip(found.column("row").to_pylist(), found.column("evidence").to_pylist(), strict=True)
    suggested = {row: str(json.loads(text)["suggested"]) for row, text in told if text}
    table = data.table(("row_id", "label"))
    keyed = zip(*(table.column(name).to_pylist() for name in ("row_id", "row", "label")), strict=True)
    ordinals = [row for _, row, label in sorted(keyed) if label]
    return np.array(ordinals, np.int64), banded(np.array([score.get(row, 0.0) for row in ordinals])), suggested


def _lines(data: Dataset, rows: np.ndarray, band: np.ndarray, suggested: Mapping[int, str]) -> Iterator[dict[str, Any]]:
    """One line a drawn row; the suggestion is the given label where nothing else is suggested."""
    of = dict(zip(rows.tolist(), band.tolist(), strict=True))
    for batch in data.batches(("row_id", "ref", "body", "label")):
        for each in batch.filter(np.isin(batch.column("row").to_numpy(), rows)).to_pylist():
            yield {
                "id": each["ref"],
                "row": each["row_id"],
                "text": secrets.excerpt(each["body"] or "", SHOWN_CHARS),
                "label": each["label"],
                "suggested": suggested.get(each["row"], each["label"]),
                "stratum": BANDS[of[each["row"]]].name,
                "verdict": "",
            }


def _digests(lines: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    return {line["row"]: {key: line[key] for key in ("id", "stratum")} | {"digest": _digest(line)} for line in lines}


def _digest(line: Mapping[str, Any]) -> str:
    told = json.dumps([line.get("text"), line.get("label")], ensure_ascii=True)
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()


def _plan(ledger: Ledger, folder: RunFolder) -> dict[str, Any]:
    text = ledger.meta("audit")
    plan: dict[str, Any] = json.loads(text) if text else {}
    if not plan or plan["dataset"] != ledger.meta("dataset"):
        what = "the rows have changed since the sample was drawn" if plan else "no sample was drawn for this run"
        raise UsageError(f"{folder.path.name}: {what}", f"toolkit audit {folder.path} draws one")
    return plan


def _verdicts(path: Path, drawn: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The verdict of every drawn row that the file names, empty where it is not judged.

    A line is known by `row`, or by `id` alone where only one drawn row has it.
    """
    names = Counter(each["id"] for each in drawn.values())
    by_id = {each["id"]: row for row, each in drawn.items() if names[each["id"]] == 1}
    found: dict[str, str] = {}
    for at, line in _read(path):
        where = f"{path.name}, line {at}"
        row = str(line["row"]) if "row" in line else by_id.get(str(line.get("id")), "")
        if row not in drawn or ("row" in line and str(line.get("id", drawn[row]["id"])) != drawn[row]["id"]):
            what = f"{where}: the row {str(line.get('id', row))[:60]!r} is not one that was drawn"
            raise InputError(what, "judge the lines of audit.jsonl of this run")
        if "text" in line and "label" in line and _digest(line) != drawn[row]["digest"]:
            raise InputError(f"{where}: its text or label was changed", "fill in the verdict and nothing else")
        verdict = _verdict(line, where)
        if verdict and found.get(row, verdict) not in ("", verdict):
            raise InputError(f"{where}: {line.get('id', row)} has two verdicts", "leave one of them")
        found[row] = verdict or found.get(row, "")
    return found


def _verdict(line: Mapping[str, Any], where: str) -> str:
    verdict = str(line.get("verdict") or "").strip().lower()
    if verdict and verdict not in VERDICTS:
        raise InputError(f"{where}: the verdict {verdict[:40]!r} is unknown", f"one of: {', '.join(VERDICTS)}")
    return verdict


def _read(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    return object_lines(path, name="name the judged file with --answers", form="each line stays one JSON object")


def _keep_verdicts(path: Path) -> None:
    """Refuse to overwrite what someone has judged."""
    if path.exists() and any(str(line.get("verdict") or "").strip() for _, line in _read(path)):
        fix = f"toolkit audit RUN --answers {path} takes them; move the file away to draw anew"
        raise UsageError(f"{path} holds verdicts", fix)
