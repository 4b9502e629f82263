"""A model's opinion of the pairs that a check was not sure of: only those near the bar are asked about.

A check says with `judging` what to ask. What the model says is evidence of the finding and moves its
score; what the score was stays beside it. Nothing needs the judge: without one the scores are as they were.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core import secrets
from toolkit.core.errors import ProviderError
from toolkit.core.judging import Judging
from toolkit.core.marked import FENCED, fenced
from toolkit.core.request import Message, Provider, Reply, Request
from toolkit.core.types import Fact
from toolkit.generate.ask import Answer, ask
from toolkit.generate.budget import Budget
from toolkit.generate.models import asked_model
from toolkit.read import Progress
from toolkit.scene import Scene
from toolkit.store.folder import RunFolder
from toolkit.store.ledger import Ledger
from toolkit.store.view import View

FOLDER = "judge"
BAND = (0.2, 0.8)
SURE = 0.9
LOST = 0.05
AROUND = 200
LONGEST = 4_000
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"reason": {"type": "string"}, "same": {"type": "boolean"}},
    "required": ["reason", "same"],
    "additionalProperties": False,
}
SYSTEM = f"You compare two texts. {FENCED}"


@dataclass(frozen=True, slots=True)
class Judge:
    """Who is asked, as `openai:NAME`. usd: cap on all that is asked, earlier runs in the folder included."""

    model: str
    usd: float | None = None
    base_url: str = ""


class Opinion(NamedTuple):
    """What came of the doubts. pairs: in the band; same, different: as judged; unclear: replies without a verdict.

    stopped: why not all were asked, or empty. cost_usd: of all runs in the folder, None without a price.
    """

    model: str
    pairs: int = 0
    same: int = 0
    different: int = 0
    unclear: int = 0
    stopped: str = ""
    cost_usd: float | None = None

    @property
    def complete(self) -> bool:
        return not self.stopped

    @property
    def words(self) -> str:
        judged = self.same + self.different
        told = f"{self.model} judged {judged:,} of {self.pairs:,} pairs in doubt: {self.same:,} the same"
        told += f"; {self.unclear:,} replies without a verdict" if self.unclear else ""
        told += "" if self.cost_usd is None else f"; ${self.cost_usd:.4g} in all"
        return f"{told}; stopped: {self.stopped}, the same command goes on" if self.stopped else told


class Doubt(NamedTuple):
    """A finding in the band. place: its row id in the table of findings. score: as the check gave it."""

    check: str
    place: int
    row: int
    score: float
    evidence: dict[str, Any]


class Verdict(NamedTuple):
    """same: what the model says, None where that is no verdict."""

    same: bool | None
    reason: str


def model_of(judge: Judge) -> Provider:
    """Who is asked. Raises UsageError for what is no model, or has no price under a cap in dollars."""
    return asked_model(judge.model, "--judge", base_url=judge.base_url, capped=judge.usd is not None)


def settle(
    judge: Judge, checks: Sequence[Any], scene: Scene, ledger: Ledger, folder: RunFolder, progress: Progress | None
) -> Opinion:
    """Ask about the doubts of those checks that leave any, and put the verdicts into the ledger.

    The pairs nearest to the bar come first, so that a budget buys the most. What was asked lies in
    `RUN/judge` and is not asked again. Raises UsageError for a model that cannot be asked, ProviderError
    where it does not answer.
    """
    asking = {each.id: each.judging for each in checks if hasattr(each, "judging")}
    model = model_of(judge)
    doubts = sorted(_doubts(ledger, asking), key=lambda each: (abs(each.score - 0.5), each.check, each.row))
    requests = list(_requests(doubts, asking, scene))
    found = ask(model, requests, folder=folder.path / FOLDER, budget=Budget(usd=judge.usd), progress=progress)
    _answered(found.answers, model)
    verdicts = [None if each.reply is None else verdict(each.reply) for each in found.answers]
    _write(ledger, doubts, verdicts, model.model)
    said = [each.same for each in verdicts if each is not None]
    waiting = any(each.reply is None and not each.dead for each in found.answers)
    stopped = found.stopped or ("it was stopped" if waiting else "")
    counts = (said.count(True), said.count(False), said.count(None))
    return Opinion(model.model, len(doubts), *counts, stopped, found.cost_usd)


def verdict(reply: Reply) -> Verdict:
    """What a reply says."""
    text = reply.text
    try:
        found = orjson.loads(text[text.find("{") : text.rfind("}") + 1])
    except orjson.JSONDecodeError:
        found = None
    same = found.get("same") if isinstance(found, dict) else None
    reason = secrets.excerpt(str(found.get("reason", ""))) if isinstance(found, dict) else ""
    return Verdict(same if isinstance(same, bool) else None, reason)


def _doubts(ledger: Ledger, asking: Mapping[str, Judging]) -> Iterator[Doubt]:
    """Findings whose own score lies in the band, judged before or not."""
    sql = """SELECT f.rowid AS place, f."row", f.score, f.evidence, f.kind FROM findings f JOIN runs r USING (run)
             WHERE r."check" = ? AND r.scope = 'input' AND f."row" IS NOT NULL
             AND (f.score BETWEEN ? AND ? OR json_exists(f.evidence, '$.judged'))"""
    for name, judging in asking.items():
        for each in ledger.rows(sql, [name, *BAND]):
            evidence = json.loads(each["evidence"] or "{}")
            score = evidence.get("judged", {}).get("score_before", each["score"])
            if each["kind"] in judging.kinds and BAND[0] <= score <= BAND[1] and "other" in evidence:
                yield Doubt(name, each["place"], each["row"], score, evidence)


def _requests(doubts: Sequence[Doubt], asking: Mapping[str, Judging], scene: Scene) -> Iterator[Request]:
    view = scene.view(("body", "question", "ref"))
    bodies = _bodies(view, {each.row for each in doubts})
    others = {whole: _others(view, doubts, asking, items=whole) for whole in (True, False)}
    for each in doubts:
        judging = asking[each.check]
        other = others[judging.items].get((str(each.evidence.get("reference")), str(each.evidence["other"])), "")
        yield _request(judging, _stretch(bodies.get(each.row, ""), each.evidence), other)


def _request(judging: Judging, own: str, other: str) -> Request:
    shown = (fenced(secrets.redact(text)[:LONGEST]) for text in (own, other))
    asked = "\n\n".join(f"Text {name}:\n{text}" for name, text in zip("AB", shown, strict=True))
    words = (
        f'{asked}\n\n{judging.question}\nAnswer with JSON alone: {{"reason": "one sentence", "same": true or false}}.'
    )
    return Request(messages=(Message("system", SYSTEM), Message("user", words)), schema=SCHEMA)


def _bodies(view: View, rows: set[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    wanted = pa.array(sorted(rows), pa.int64())
    for batch in view.batches("body") if rows else ():
        chosen = batch.filter(pc.is_in(batch.column("row"), value_set=wanted))
        found |= dict(zip(chosen.column("row").to_pylist(), chosen.column("body").to_pylist(), strict=True))
    return {row: text or "" for row, text in found.items()}


def _others(
    view: View, doubts: Sequence[Doubt], asking: Mapping[str, Judging], *, items: bool
) -> dict[tuple[str, str], str]:
    """The other texts of the doubts by the names of their reference and row."""
    from toolkit.near.contain_rows import items_in

    wanted = {
        (str(each.evidence.get("reference")), str(each.evidence["other"]))
        for each in doubts
        if asking[each.check].items is items
    }
    found: dict[tuple[str, str], str] = {}
    for reference in view.references:
        if not any(name == reference.name for name, _ in wanted):
            continue
        table = None if items else reference.table("body", "ref")
        names, texts = items_in(reference) if table is None else (_list(table, "ref"), _list(table, "body"))
        for name, text in zip(names, texts, strict=True):
            if text and (reference.name, name) in wanted:
                found.setdefault((reference.name, name), text)
    return found


def _list(table: pa.Table, column: str) -> list[Any]:
    return table.column(column).to_pylist()  # type: ignore[no-any-return]


def _stretch(text: str, evidence: Mapping[str, Any]) -> str:
    """What of a row is shown: the place that the finding names with a little around it, or the whole row."""
    spans = evidence.get("spans") or [{"start": 0, "end": len(text)}]
    return text[max(0, spans[0]["start"] - AROUND) : spans[0]["end"] + AROUND]


def _answered(answers: Sequence[Answer], model: Provider) -> None:
    dead = [each.dead for each in answers if each.dead]
    if len(dead) > LOST * len(answers):
        what = f"{len(dead)} of {len(answers)} questions to {model.model} got no answer: {dead[0]}"
        raise ProviderError(what, "run the same command again: what was answered is not asked twice")


def _write(ledger: Ledger, doubts: Sequence[Doubt], verdicts: Sequence[Verdict | None], model: str) -> None:
    """Scores and evidence as judged; a finding without a verdict is as the check left it."""
    for check in sorted({each.check for each in doubts}):
        own = [(each, said) for each, said in zip(doubts, verdicts, strict=True) if each.check == check]
        judged = [(each, said) for each, said in own if said is not None and said.same is not None]
        changed = {
            "place": [each.place for each, _ in own],
            "score": [_score(each.score, said.same if said else None) for each, said in own],
            "evidence": [_evidence(each, said, model) for each, said in own],
        }
        facts = [
            Fact("pairs in doubt", float(len(own)), "pairs"),
            Fact("pairs judged", float(len(judged)), "pairs", model),
            Fact("pairs judged the same", float(sum(bool(said.same) for _, said in judged)), "pairs", model),
        ]
        ledger.revise(check, "input", pa.table(changed), facts)


def _score(score: float, same: bool | None) -> float:
    """Past the band, where the policy decides; the order of the check stays."""
    if same is None:
        return score
    return SURE + (1 - SURE) * score if same else (1 - SURE) * score


def _evidence(doubt: Doubt, said: Verdict | None, model: str) -> str:
    told = {key: value for key, value in doubt.evidence.items() if key != "judged"}
    if said is not None and said.same is not None:
        told["judged"] = {"by": model, "same": said.same, "reason": said.reason, "score_before": doubt.score}
    return json.dumps(told, ensure_ascii=False)
