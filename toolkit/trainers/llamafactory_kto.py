"""LLaMA-Factory: answers that are wanted or not (`kto_tag`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.chat.example import Example, Trained, stopped
from toolkit.chat.render import Job, Rendered, Renderer
from toolkit.chat.slots import Slots
from toolkit.chat.tokenizer import Tokenizer
from toolkit.trainers.llamafactory_dpo import LlamaFactoryDpo

NEXT = "IndexError at the row after it"


@dataclass(frozen=True, slots=True)
class LlamaFactoryKto:
    """LLaMA-Factory cuts prompt and answer as it does for pairs, and ends with an error where a row does not alternate.

    It takes such a row's answer away and then looks for it: for its estimate of drift it puts the answer of the
    row before after each prompt too, which these figures leave out. An empty answer counts as an unwanted one.
    The loss is on the last answer. The options are those of `llamafactory-dpo`.
    """

    id: ClassVar[str] = "llamafactory-kto"
    models: ClassVar[str] = "llamafactory 0.9.5"
    stage: ClassVar[str] = "kto"
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
        return self._dpo().setup(tokenizer, renderer)

    def jobs(self, example: Example) -> list[Job]:
        return []

    def dry_run(
        self, rows: Sequence[Example], rendered: Sequence[Sequence[Rendered]], *, tokenizer: Tokenizer, ready: Any
    ) -> Iterator[Trained]:
        found = self._dpo().dry_run(rows, rendered, tokenizer=tokenizer, ready=ready)
        for row, each in zip(rows, found, strict=True):
            yield each if each.kept or each.stops else stopped(row, f"{each.reason}: {NEXT}")

    def _dpo(self) -> LlamaFactoryDpo:
        return LlamaFactoryDpo(self.cutoff_len, self.template, self.enable_thinking, self.source)
