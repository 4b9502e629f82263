"""LLaMA-Factory: pairs (`ranking: true`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from toolkit.chat.example import Example, Trained, paired
from toolkit.chat.render import Job, Rendered, Renderer
from toolkit.chat.slots import Slots
from toolkit.chat.spans import dropped
from toolkit.chat.tokenizer import Tokenizer
from toolkit.trainers.llamafactory import LlamaFactory, Plan, encoded, shares

APART = "a side is not one message, which export refuses"


@dataclass(frozen=True, slots=True)
class LlamaFactoryDpo:
    """LLaMA-Factory cuts a pair so that the longer answer or the prompt stays whole, and drops what does not alternate.

    The loss is on the tokens of both answers; both are cut to what the longer one may keep, the prompt to what
    that leaves. Earlier answers in the prompt have no loss, and thoughts are taken out of them. The prompt is
    a user's turn and then answers and users in turn; any other row goes with a line in the log.

    template, enable_thinking, source: as of `llamafactory`. Modelled for sharegpt rows, which export writes.
    """

    id: ClassVar[str] = "llamafactory-dpo"
    models: ClassVar[str] = "llamafactory 0.9.5"
    stage: ClassVar[str] = "dpo"
    limit: ClassVar[str] = "cutoff_len"
    batch: ClassVar[tuple[str, ...]] = ("per_device_train_batch_size", "gradient_accumulation_steps")

    cutoff_len: int = 2048
    template: str = ""
    enable_thinking: bool = True
    source: str = ""
    per_device_train_batch_size: int = 8
    gradient_accumulation_steps: int = 1
    num_train_epochs: float = 3.0

    def setup(self, tokenizer: Tokenizer, renderer: Renderer | None) -> Slots:
        """The pieces that go around each turn; only a last answer gets an empty thought."""
        return self._sft().setup(tokenizer, renderer)

    def jobs(self, example: Example) -> list[Job]:
        return []

    def dry_run(
        self, rows: Sequence[Example], rendered: Sequence[Sequence[Rendered]], *, tokenizer: Tokenizer, ready: Any
    ) -> Iterator[Trained]:
        plans = [self._plan(row, side, ready) for row in rows for side in _answers(row)]
        found = encoded(plans, tokenizer)
        for row in rows:
            yield self._row(row, [next(found) for _ in _answers(row)])

    def _row(self, row: Example, sides: list[list[list[int]] | Trained]) -> Trained:
        made: list[list[list[int]]] = []
        for each in sides:
            if isinstance(each, Trained):
                return each
            made.append(each)
        prompt = [token for turn in made[0][:-1] for token in turn]
        answers = [turns[-1] for turns in made]
        left, most = shares(len(prompt), max(map(len, answers)), self.cutoff_len)
        done = [_trained(row, (prompt, left), (answer, most)) for answer in answers]
        return paired(done[0], done[1]) if len(done) > 1 else done[0]

    def _plan(self, row: Example, side: list[dict[str, Any]], ready: Slots) -> Plan | Trained:
        if len(side) != 1:
            return dropped(Trained(row.row, True), APART)
        prompt = [{"role": "user", "content": row.prompt}] if row.plain else row.prompt
        return self._sft().plan(row._replace(messages=[*prompt, *side]), ready)

    def _sft(self) -> LlamaFactory:
        options = {name: getattr(self, name) for name in ("template", "enable_thinking", "source")}
        # A prompt with its answer is encoded as a conversation of which only the last answer counts.
        return replace(LlamaFactory(mask_history=True), **options)


def _answers(row: Example) -> list[list[dict[str, Any]]]:
    """The answers as messages: the chosen and the rejected, or the one of a row that is no pair."""
    sides = [row.completion] if row.rejected is None else [row.completion, row.rejected]
    return [[{"role": "assistant", "content": side}] if row.plain else side for side in sides]


def _trained(row: Example, prompt: tuple[list[int], int], answer: tuple[list[int], int]) -> Trained:
    """One side, of whose tokens some are left. prompt, answer: all ids, and how many may stay."""
    ids = [*prompt[0][: prompt[1]], *answer[0][: answer[1]]]
    first, n = min(prompt[1], len(prompt[0])), len(answer[0])
    return Trained(
        row.row,
        True,
        full=len(prompt[0]) + n,
        wanted=n,
        answer_cut=answer[1] < n,
        prompt_cut=prompt[1] < len(prompt[0]),
        ids=ids,
        spans=[(first, len(ids))] if first < len(ids) else [],
    )
