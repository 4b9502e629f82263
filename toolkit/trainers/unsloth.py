"""Unsloth: TRL's trainer, patched for speed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.chat.example import Example, Trained
from toolkit.chat.render import Job, Rendered, Renderer
from toolkit.chat.tokenizer import Tokenizer
from toolkit.trainers.trl import Trl


@dataclass(frozen=True, slots=True)
class Unsloth:
    """Unsloth trains with TRL's SFTTrainer; its rows go through TRL's rules.

    Not proven by Unsloth's own code, which needs a GPU to import, and `train_on_responses_only`, which
    masks by two texts of the template, is not modelled: say --set trl.assistant_only_loss=true for its
    effect with a template that has generation marks.
    """

    id: ClassVar[str] = "unsloth"
    models: ClassVar[str] = "trl 1.16.0, which unsloth calls"
    stage: ClassVar[str] = "sft"
    limit: ClassVar[str] = "max_length"
    batch: ClassVar[tuple[str, ...]] = ("per_device_train_batch_size", "gradient_accumulation_steps")

    max_length: int = 1024
    assistant_only_loss: bool = False
    per_device_train_batch_size: int = 8
    gradient_accumulation_steps: int = 1
    num_train_epochs: float = 3.0

    def setup(self, tokenizer: Tokenizer, renderer: Renderer | None) -> None:
        self._trl().setup(tokenizer, renderer)

    def jobs(self, example: Example) -> list[Job]:
        return self._trl().jobs(example)

    def dry_run(
        self, rows: Sequence[Example], rendered: Sequence[Sequence[Rendered]], *, tokenizer: Tokenizer, ready: Any
    ) -> Iterator[Trained]:
        return self._trl().dry_run(rows, rendered, tokenizer=tokenizer, ready=ready)

    def _trl(self) -> Trl:
        return Trl(max_length=self.max_length, assistant_only_loss=self.assistant_only_loss)
