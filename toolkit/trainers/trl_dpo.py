"""TRL: DPOTrainer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.chat.example import Example, Trained, paired, stopped
from toolkit.chat.render import Job, Rendered, Renderer
from toolkit.chat.spans import common, dropped, windowed
from toolkit.chat.tokenizer import Tokenizer
from toolkit.core.errors import UsageError

FULL = "the prompt alone fills max_length"


@dataclass(frozen=True, slots=True)
class TrlDpo:
    """DPOTrainer of TRL cuts both sides of a pair at `max_length` and drops pairs whose prompt alone fills it.

    The loss is on the tokens of the two answers. Prompt and answer are tokenised together, and the answer
    begins where that differs from the prompt alone, for the nearer of both sides. Texts get the tokenizer's
    own special tokens, and an end-of-sequence token after the answer. With `keep_end` no pair is dropped.

    max_length: 0 for no limit. Not modelled: pictures, pairs without a prompt (export writes one).
    """

    id: ClassVar[str] = "trl-dpo"
    models: ClassVar[str] = "trl 1.16.0"
    stage: ClassVar[str] = "dpo"
    limit: ClassVar[str] = "max_length"
    batch: ClassVar[tuple[str, ...]] = ("per_device_train_batch_size", "gradient_accumulation_steps")

    max_length: int = 1024
    truncation_mode: str = "keep_start"
    per_device_train_batch_size: int = 8
    gradient_accumulation_steps: int = 1
    num_train_epochs: float = 3.0

    def setup(self, tokenizer: Tokenizer, renderer: Renderer | None) -> None:
        """Raises UsageError for a mode that there is not."""
        if self.truncation_mode not in ("keep_start", "keep_end"):
            raise UsageError(f"unknown truncation_mode '{self.truncation_mode}'", "keep_start or keep_end")

    def jobs(self, example: Example) -> list[Job]:
        if example.plain:
            return []
        both = [Job([*example.prompt, *side], example.tools) for side in answers(example)]
        return [Job(example.prompt, example.tools, generation=True), *both]

    def dry_run(
        self, rows: Sequence[Example], rendered: Sequence[Sequence[Rendered]], *, tokenizer: Tokenizer, ready: Any
    ) -> Iterator[Trained]:
        for row, found, ids in zip(rows, rendered, tokens(rows, rendered, tokenizer), strict=True):
            error = next((each.error for each in found if each.error), "")
            yield stopped(row, f"the chat template: {error}") if error else self._row(row, ids)

    def _row(self, row: Example, ids: list[list[int]]) -> Trained:
        prompt, *sides = ids
        first = min(common(prompt, each) for each in sides)
        keeps_start = self.truncation_mode == "keep_start"
        made = []
        for each in sides:
            n = len(each)
            cut = min(n, self.max_length or n)
            made.append(windowed(row, each, [(first, n)], (0, cut) if keeps_start else (n - cut, n)))
        if self.max_length and keeps_start and first >= self.max_length:
            made = [dropped(each, FULL) for each in made]
        return paired(made[0], made[1]) if len(made) > 1 else made[0]


def answers(row: Example) -> list[Any]:
    """The chosen and the rejected answer, or the one answer of a row that is no pair."""
    return [row.completion] if row.rejected is None else [row.completion, row.rejected]


def tokens(
    rows: Sequence[Example], rendered: Sequence[Sequence[Rendered]], tokenizer: Tokenizer
) -> Iterator[list[list[int]]]:
    """Of every row the ids of the prompt, and of the prompt with each of its answers."""
    texts = [_texts(row, tokenizer.eos) if row.plain else [] for row in rows]
    plain = iter(tokenizer.encode([text for row in texts for text in row], special=True))
    chats = iter(tokenizer.encode([each.text for found in rendered for each in found]))
    for row, found in zip(texts, rendered, strict=True):
        yield [next(plain).ids for _ in row] or [next(chats).ids for _ in found]


def _texts(row: Example, eos: str) -> list[str]:
    ended = [side if side.endswith(eos) else side + eos for side in answers(row)]
    return [row.prompt, *(row.prompt + side for side in ended)]
