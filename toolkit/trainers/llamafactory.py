"""LLaMA-Factory: supervised fine-tuning of conversations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from toolkit.chat import slots
from toolkit.chat.example import Example, Trained, stopped
from toolkit.chat.packing import Packed, blocks, knapsacks
from toolkit.chat.render import Job, Rendered, Renderer
from toolkit.chat.slots import Slots, Word
from toolkit.chat.spans import Span, dropped, joined
from toolkit.chat.tokenizer import Tokenizer
from toolkit.core.errors import UsageError

ODD, EVEN = ("user", "observation"), ("assistant", "function")
ROLES = {"user": "user", "assistant": "assistant", "tool": "observation", "function_call": "function"}
QUIET = "detailed thinking off"
BETWEEN = "\n</tool_response>\n<tool_response>\n"
INVALID = "the turns do not alternate from a user to an assistant, or the last is not the assistant's"
Pair = tuple[list[int], list[int]]
Plan = list[list[Word]]


@dataclass(frozen=True, slots=True)
class LlamaFactory:
    """LLaMA-Factory drops rows whose turns do not alternate, and cuts every pair of turns in proportion.

    A system turn may come first; then user or tool turns alternate with the assistant's and the last is
    the assistant's: any other row goes with a line in the log. Each question and its answer are cut so
    that the shorter one stays whole where it can, and pairs after a full `cutoff_len` are left away. The
    loss is on all answers, or with `mask_history` on the last, and then pairs are taken from the end.

    formatting: sharegpt, in which tool calls are turns of their own, or openai, which in this version adds
    "detailed thinking off" to the system text of every row without tools.

    source: folder of the installed package, from which the words around tools are read.
    template: empty to read it from the tokenizer's chat template, as LLaMA-Factory does, or one of a few of
    its own that are modelled. Tool calls are written in its `default` way; templates with another are
    refused for rows with tools. packing: every thousand rows are joined into sequences of `cutoff_len`, of which
    one place stays empty. Not modelled: pictures, efficient_eos templates.
    """

    id: ClassVar[str] = "llamafactory"
    models: ClassVar[str] = "llamafactory 0.9.5"
    stage: ClassVar[str] = "sft"
    limit: ClassVar[str] = "cutoff_len"
    batch: ClassVar[tuple[str, ...]] = ("per_device_train_batch_size", "gradient_accumulation_steps")

    cutoff_len: int = 2048
    formatting: str = "sharegpt"
    template: str = ""
    mask_history: bool = False
    train_on_prompt: bool = False
    enable_thinking: bool = True
    packing: bool = False
    source: str = ""
    per_device_train_batch_size: int = 8
    gradient_accumulation_steps: int = 1
    num_train_epochs: float = 3.0

    def setup(self, tokenizer: Tokenizer, renderer: Renderer | None) -> Slots:
        """The pieces that go around each turn."""
        if self.formatting not in ALIGNED:
            raise UsageError(f"unknown formatting '{self.formatting}'", " or ".join(ALIGNED))
        if self.template:
            found = slots.named(self.template, tokenizer)
        else:
            found = slots.parsed(tokenizer, renderer) if renderer else slots.EMPTY
        prompt = slots.tool_prompt(self.source)
        return replace(found, tool_prompt=prompt, thinking=self.enable_thinking, last_only=self.mask_history)

    def jobs(self, example: Example) -> list[Job]:
        if example.text is not None:
            what = "llamafactory reads text rows in its stage pt, which this dry run does not model"
            raise UsageError(what, "use --trainer trl, or rows of messages")
        return []

    def dry_run(
        self, rows: Sequence[Example], rendered: Sequence[Sequence[Rendered]], *, tokenizer: Tokenizer, ready: Any
    ) -> Iterator[Trained]:
        for row, found in zip(rows, encoded([self.plan(row, ready) for row in rows], tokenizer), strict=True):
            if isinstance(found, Trained):
                yield found
            else:
                yield self._row(row, list(zip(found[::2], found[1::2], strict=True)))

    def plan(self, row: Example, ready: Slots) -> Plan | Trained:
        """The texts and tokens of every turn, or what became of the row before."""
        try:
            system, turns = ALIGNED[self.formatting](row.chat, bool(row.tools))
            if not _alternates(turns):
                return dropped(Trained(row.row, True), INVALID)
            return ready.turns(system, _thought(turns, self, ready), row.tools)
        except (KeyError, TypeError, ValueError, AttributeError) as failure:
            return stopped(row, f"{type(failure).__name__}: {str(failure)[:120]}")

    def _row(self, row: Example, pairs: list[Pair]) -> Trained:
        full = sum(len(source) + len(target) for source, target in pairs)
        wanted = sum(n for at in range(len(pairs)) for n in self._wanted(pairs, at))
        used, had, context, left = 0, 0, 0, []
        order = list(reversed(pairs)) if self.mask_history else pairs
        most = self.cutoff_len - self.packing
        for at, (source, target) in enumerate(order):
            if used >= most:
                break
            keep = shares(len(source), len(target), most - used)
            used += sum(keep)
            left.append((source[: keep[0]], target[: keep[1]], self._losses(at)))
        if self.mask_history:
            left.reverse()
        ids: list[int] = []
        spans: list[Span] = []
        for source, target, (on_source, on_target) in left:
            spans += [(len(ids), len(ids) + len(source))] if on_source else []
            ids += source
            spans += [(len(ids), len(ids) + len(target))] if on_target else []
            ids += target
        spans = joined(spans)
        had = sum(end - begin for begin, end in spans)
        context = len(ids) - had
        return Trained(
            row.row,
            True,
            full=full,
            wanted=wanted,
            answer_cut=had < wanted,
            prompt_cut=context < full - wanted,
            ids=ids,
            spans=spans,
        )

    def packed(self, lengths: Sequence[int]) -> Packed | None:
        """What rows of these lengths are joined into; None without packing."""
        if not self.packing:
            return None
        n = blocks(lengths, self.cutoff_len - 1, knapsacks)
        size = self.per_device_train_batch_size * self.gradient_accumulation_steps
        return Packed(n, -(-n // size), self.cutoff_len)

    def _losses(self, at: int) -> tuple[bool, bool]:
        """Whether the question and the answer of a pair have a loss. at: its place in the order of taking."""
        return self.train_on_prompt, not self.mask_history or at == 0

    def _wanted(self, pairs: list[Pair], at: int) -> tuple[int, int]:
        on_source, on_target = self._losses(len(pairs) - 1 - at if self.mask_history else at)
        return on_source * len(pairs[at][0]), on_target * len(pairs[at][1])


def _sharegpt(chat: list[dict[str, Any]], tools: bool) -> tuple[str, list[tuple[str, Any]]]:
    """The system text and the turns as (role, content); a turn with tool calls is the calls alone."""
    system, rest = _system(chat)
    turns = []
    for message in rest:
        calls = message.get("tool_calls")
        role = "function_call" if calls else message.get("role", "")
        turns.append((ROLES.get(role, role), _calls(calls) if calls else message.get("content")))
    return system, turns


def _openai(chat: list[dict[str, Any]], tools: bool) -> tuple[str, list[tuple[str, Any]]]:
    """The same in its openai format: tool results that follow each other become one, and the system text grows."""
    system, rest = _system(chat)
    turns: list[tuple[str, Any]] = []
    results: list[Any] = []
    for message in rest:
        role, content = message["role"], message.get("content")
        if role in ("assistant", "function_call") and message.get("tool_calls"):
            role, content = "function_call", _calls(message["tool_calls"])
        if role == "tool":
            results.append(content)
            continue
        if results:
            turns.append(("observation", BETWEEN.join(results)))
            results = []
        turns.append((role if role == "system" else ROLES[role], content))
    return _quiet(system, tools), turns


def _system(chat: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    if chat and chat[0]["role"] == "system":
        return chat[0].get("content") or "", chat[1:]
    return "", chat


def _calls(calls: list[dict[str, Any]]) -> str:
    return json.dumps([call["function"] for call in calls], ensure_ascii=False)


def _quiet(system: str, tools: bool) -> str:
    if tools:
        return system + "\n" if system else ""
    if not system:
        return QUIET
    said = any(f"detailed thinking {word}" in system for word in ("on", "off"))
    return system if said else f"{system}\n{QUIET}"


ALIGNED = {"sharegpt": _sharegpt, "openai": _openai}


def _alternates(turns: Sequence[tuple[str, Any]]) -> bool:
    right = all(role in (EVEN if at % 2 else ODD) for at, (role, _) in enumerate(turns))
    return right and len(turns) % 2 == 0 and len(turns) > 0


def _thought(turns: list[tuple[str, str]], options: LlamaFactory, ready: Slots) -> list[tuple[str, str]]:
    """The turns for a reasoning template: thoughts of answers taken out where the options say so."""
    if not ready.reasoning:
        return turns
    last = len(turns) - 1
    found = []
    for at, (role, content) in enumerate(turns):
        strip = at % 2 and (not options.enable_thinking or (options.mask_history and at < last - 1))
        found.append((role, slots.without_thought(content) if strip else content))
    return found


def encoded(plans: Sequence[Plan | Trained], tokenizer: Tokenizer) -> Iterator[list[list[int]] | Trained]:
    """The ids of every turn, each text tokenised once; what became of a row before is handed on."""
    texts = dict.fromkeys(
        word for plan in plans if isinstance(plan, list) for turn in plan for word in turn if isinstance(word, str)
    )
    ids = dict(zip(texts, (each.ids for each in tokenizer.encode(list(texts))), strict=True))
    for plan in plans:
        if isinstance(plan, Trained):
            yield plan
        else:
            yield [[token for word in turn for token in _tokens(word, ids)] for turn in plan]


def _tokens(word: Word, ids: dict[str, list[int]]) -> Sequence[int]:
    return ids[word] if isinstance(word, str) else (word,)


def shares(source: int, target: int, room: int) -> tuple[int, int]:
    """Tokens that are left of a question and its answer in `room`: the shorter whole, or both in proportion."""
    if target * 2 < room:
        most = room
    elif source * 2 < room:
        most = room - source
    else:
        most = int(room * (target / (source + target)))
    answer = min(most, target)
    return min(max(room - answer, 0), source), answer
