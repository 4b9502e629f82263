"""TRL: KTOTrainer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.chat.example import Example, Trained
from toolkit.chat.render import Job, Rendered, Renderer
from toolkit.chat.tokenizer import Tokenizer
from toolkit.trainers.trl_dpo import TrlDpo


@dataclass(frozen=True, slots=True)
class TrlKto:
    """KTOTrainer of TRL cuts at `max_length`, and drops rows whose prompt alone fills it.

    The loss is on the answer, wanted or not; the rest is as in `trl-dpo`. For its estimate of drift it puts each
    answer after the prompt of the next row of the same batch too, which these figures leave out.
    """

    id: ClassVar[str] = "trl-kto"
    models: ClassVar[str] = "trl 1.16.0"
    stage: ClassVar[str] = "kto"
    limit: ClassVar[str] = "max_length"
    batch: ClassVar[tuple[str, ...]] = ("per_device_train_batch_size", "gradient_accumulation_steps")

    max_length: int = 1024
    per_device_train_batch_size: int = 8
    gradient_accumulation_steps: int = 1
    num_train_epochs: float = 3.0

    def setup(self, tokenizer: Tokenizer, renderer: Renderer | None) -> None:
        """Nothing to look at."""

    def jobs(self, example: Example) -> list[Job]:
        return TrlDpo().jobs(example)

    def dry_run(
        self, rows: Sequence[Example], rendered: Sequence[Sequence[Rendered]], *, tokenizer: Tokenizer, ready: Any
    ) -> Iterator[Trained]:
        return TrlDpo(self.max_length).dry_run(rows, rendered, tokenizer=tokenizer, ready=ready)
