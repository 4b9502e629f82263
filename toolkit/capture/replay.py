"""Captured prompts asked again of another model: what two models say to the same, and how far they are apart."""

from __future__ import annotations

import hashlib
import heapq
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from toolkit.capture.asking import Settings, settings
from toolkit.capture.batches import Batches
from toolkit.capture.compact import TERMS, CompactOptions, Rows
from toolkit.capture.disagreement import Disagreement, disagreements, text_of
from toolkit.capture.feedback import Feedback
from toolkit.capture.talks import Talks
from toolkit.capture.understand import COMPETING, understand
from toolkit.core.errors import InputError
from toolkit.core.request import Message, Reply, Request
from toolkit.generate.ask import Asked, ask
from toolkit.generate.budget import Budget
from toolkit.generate.models import asked_model
from toolkit.store.calls import calls
from toolkit.store.frames import segments
from toolkit.store.streams import sha256
from toolkit.write import whole_file

VERSION = 1
ENDS = ("end_turn", "stop_sequence", "tool_use")


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What is asked. rows: answers at most, drawn by chance. max_tokens: at most, of one answer.

    every_turn: every captured answer of a conversation, not its last one alone. teacher: the model that is asked
    is the better one, whose answer is the target; else it is the student, and the captured answer stays the target.
    """

    rows: int = 500
    usd: float | None = None
    base_url: str = ""
    teacher: bool = False
    max_tokens: int = 4096
    terms: str = ""
    seed: int = 0
    damaged: bool = False
    every_turn: bool = False


@dataclass(frozen=True)
class Replayed:
    """What a replay wrote. prompts: answers of the log that may be asked again. asked = rows + unanswered + not_asked.

    unanswered: by reason. pairs: preference candidates. apart: rows and their mean disagreement by kind.
    not_carried: settings of calls that the other model could not be told, and how many of what was asked had
    them. stopped: why not all were asked, or empty.
    """

    folder: Path
    model: str
    prompts: int
    asked: int
    rows: int
    pairs: int
    not_asked: int
    not_carried: Mapping[str, int]
    unanswered: Mapping[str, int]
    apart: Mapping[str, tuple[int, float]]
    stopped: str
    cost_usd: float | None
    requests: int

    def as_json(self) -> dict[str, Any]:
        told = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("folder", "apart")}
        apart = {kind: {"rows": n, "mean": round(mean, 4)} for kind, (n, mean) in self.apart.items()}
        return {**told, "rows_file": str(self.folder / "rows.jsonl"), "disagreement": apart}


class Prompt(NamedTuple):
    """A captured conversation as a row, its last message the captured answer, and the request that asks it again."""

    row: dict[str, Any]
    request: Request
    lost: tuple[str, ...] = ()


class Both(NamedTuple):
    """One row with both answers; the first is the target. reply: of the model that was asked."""

    row: dict[str, Any]
    target: dict[str, Any]
    other: dict[str, Any]
    reply: Reply


def replay(
    log: str | Path,
    use: str,
    out: str | Path,
    options: ReplayOptions | None = None,
    *,
    encode: Any = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Replayed:
    """Ask what is in a log of the model `use` (`openai:NAME`), and write both answers side by side into `out`.

    Writes rows.jsonl, pairs.jsonl and replay.json; journal.jsonl holds what was bought, and the same call
    again asks nothing twice. Raises UsageError, InputError, ProviderError, MachineError as `ask` and `compact` do.
    """
    source, folder, options = Path(log), Path(out), options or ReplayOptions()
    model = asked_model(use, "--with", base_url=options.base_url, capped=options.usd is not None, local=True)
    found, total = prompts(source, options, model.id)
    if not found:
        raise InputError(f"{source} holds no conversation that can be asked again", f"toolkit capture status {source}")
    unique = {each.request.key(): each.request for each in found}
    asked = ask(model, unique.values(), folder=folder, budget=Budget(usd=options.usd), progress=progress)
    both, unanswered, waiting = _sides(found, dict(zip(unique, asked.answers, strict=True)), options)
    apart = disagreements([(each.target, each.other) for each in both], encode)
    rows = [_row(each, far, model.model, options) for each, far in zip(both, apart, strict=True)]
    pairs = [_pair(row, each, far) for row, each, far in zip(rows, both, apart, strict=True) if _differ(each, far)]
    _lines(folder / "rows.jsonl", rows)
    _lines(folder / "pairs.jsonl", pairs)
    made = Replayed(
        folder, model.model, total, len(found), len(rows), len(pairs), waiting,
        dict(Counter(name for each in found for name in each.lost)), dict(sorted(unanswered.items())),
        _means(apart), asked.stopped, asked.cost_usd, asked.requests,
    )  # fmt: skip
    _describe(made, asked, options)
    return made


def prompts(log: Path, options: ReplayOptions, to: str) -> tuple[list[Prompt], int]:
    """The answers to ask for again, in the order of the log, and how many there are to choose from.

    to: id of the provider that is asked. An answer is drawn by a hash of its call's key, so a log that grows keeps
    most of an earlier draw.
    """
    if not segments(log):
        raise InputError(f"{log} holds no captured traffic", "name the folder that `toolkit capture proxy` wrote")
    feedback = Feedback.of(log, damaged=options.damaged)
    wanted, total = dict[tuple[str, str], Settings](), Counter[str]()
    with tempfile.TemporaryFile() as aside, tempfile.TemporaryFile() as handed_in:
        rows, batches = Rows(Talks(aside), every_turn=options.every_turn), Batches(handed_in)
        for call in calls(log, damaged=options.damaged):
            for read in map(feedback.heed, batches.reads(understand(call))):
                if not rows.take(read, CompactOptions(terms=options.terms)):
                    wanted[call.key, read.talk.id or call.key] = settings(read.request, to, options.max_tokens)
        listed = ((_rank(row, options.seed), nth, row) for nth, row in enumerate(map(orjson.loads, rows.lines(total))))
        drawn = heapq.nsmallest(options.rows, listed, key=lambda each: each[:2])
    chosen = ((row, _asked_with(row, wanted)) for _, _, row in sorted(drawn, key=lambda each: each[1]))
    return [Prompt(row, _request(row, told), told.lost) for row, told in chosen], total.total()


def _asked_with(row: Mapping[str, Any], wanted: Mapping[tuple[str, str], Settings]) -> Settings:
    """The settings of a row's call; answers after the first of one call have its id and a number."""
    key, name = row["lineage"]["call"], row["id"]
    return wanted[key, name] if (key, name) in wanted else wanted[key, name.rpartition("-")[0]]


def _rank(row: Mapping[str, Any], seed: int) -> bytes:
    return hashlib.blake2b(f"{seed} {row['lineage']['call']} {row['id']}".encode(), digest_size=8).digest()


def _request(row: Mapping[str, Any], told: Settings) -> Request:
    messages = tuple(_message(each) for each in row["messages"][:-1])
    return Request(messages=messages, params=told.params, schema=told.schema, tools=tuple(row.get("tools", ())))


def _message(told: Mapping[str, Any]) -> Message:
    role = "system" if told["role"] == "developer" else told["role"]
    content = told["content"] if isinstance(told["content"], str) else "".join(part["text"] for part in told["content"])
    return Message(role, content, tuple(told.get("tool_calls") or ()), told.get("tool_call_id") or "")


def _sides(
    found: list[Prompt], answers: Mapping[str, Any], options: ReplayOptions
) -> tuple[list[Both], Counter[str], int]:
    """Rows with both answers, what was not answered by reason, and how many were not asked."""
    both, unanswered, waiting = list[Both](), Counter[str](), 0
    for row, request, _ in found:
        answer = answers[request.key()]
        why = answer.dead if answer.reply is None else _unfit(answer.reply, options)
        if answer.reply is None and not answer.dead:
            waiting += 1
        elif why:
            unanswered[why] += 1
        else:
            captured, again = _plain(row["messages"][-1]), _said(answer.reply)
            sides = (again, captured) if options.teacher else (captured, again)
            both.append(Both(row, *sides, answer.reply))
    return both, unanswered, waiting


def _unfit(reply: Reply, options: ReplayOptions) -> str:
    """Why a reply cannot stand beside the captured one. A student may refuse or be cut off; a target may not."""
    if reply.detail in COMPETING:
        return f"refusal: {reply.detail}"
    if not reply.text and not reply.calls:
        return "empty answer"
    return f"stopped by {reply.stop}" if options.teacher and reply.stop not in ENDS else ""


def _said(reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    return {**message, "tool_calls": [dict(each) for each in reply.calls]} if reply.calls else message


def _plain(message: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name != "reasoning_content"}


def _row(both: Both, far: Disagreement, model: str, options: ReplayOptions) -> dict[str, Any]:
    """A row to train on, the target its last message; beside it both answers as `toolkit sample` reads them."""
    lineage = dict(both.row["lineage"])
    if options.teacher:
        provider_id, _, name = model.partition(":")
        lineage |= {"captured_model": lineage["model"], "provider": provider_id, "model": name, "answer": "replayed"}
    else:
        lineage["compared_with"] = model
    told = {"teacher": text_of(both.target), "answer": text_of(both.other)}
    far_told = {"disagreement": round(far.score, 4), "disagreement_by": {**far.as_json(), "stop": both.reply.stop}}
    return {**both.row, "messages": [*both.row["messages"][:-1], both.target], **told, **far_told, "lineage": lineage}


def _differ(both: Both, far: Disagreement) -> bool:
    """Whether two answers are a preference candidate: an answer cut off would teach length alone."""
    whole = both.reply.stop in ENDS
    return whole and far.score > 0 and text_of(both.target).strip() != text_of(both.other).strip()


def _pair(row: Mapping[str, Any], both: Both, far: Disagreement) -> dict[str, Any]:
    """A candidate: that the teacher's answer is the better one is assumed, and said so."""
    tools = {"tools": row["tools"]} if row.get("tools") else {}
    lineage = {**row["lineage"], "preferred_by": "assumed: the teacher", "disagreement": round(far.score, 4)}
    prompt = [_plain(each) for each in row["messages"][:-1]]
    sides = {"chosen": [both.target], "rejected": [both.other]}
    return {"id": f"{row['id']}-pair", "prompt": prompt, **sides, **tools, "lineage": lineage}


def _means(apart: list[Disagreement]) -> dict[str, tuple[int, float]]:
    scores: dict[str, list[float]] = {}
    for each in apart:
        scores.setdefault(each.kind, []).append(each.score)
    return {kind: (len(some), sum(some) / len(some)) for kind, some in sorted(scores.items())}


def _lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.unlink(missing_ok=True)
    if rows:
        with whole_file(path) as file:
            os.fchmod(file.fileno(), 0o600)
            file.writelines(_written(rows))


def _written(rows: list[dict[str, Any]]) -> Iterator[bytes]:
    return (orjson.dumps(each, default=str) + b"\n" for each in rows)


def _describe(made: Replayed, asked: Asked, options: ReplayOptions) -> None:
    rows = made.folder / "rows.jsonl"
    told = {
        "version": VERSION, **made.as_json(), "usage": dict(asked.usage._asdict()),
        "role": "teacher" if options.teacher else "student", "seed": options.seed,
        "sha256": {"rows.jsonl": sha256(rows)} if made.rows else {}, "terms": TERMS,
    }  # fmt: skip
    with whole_file(made.folder / "replay.json") as file:
        file.write(orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n")
