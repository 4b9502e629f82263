"""MLX-LM: `mlx_lm.lora`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.chat.example import Example, Trained, stopped
from toolkit.chat.render import Job, Rendered, Renderer
from toolkit.chat.spans import windowed
from toolkit.chat.tokenizer import Tokenizer
from toolkit.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Mlx:
    """MLX-LM cuts at `max_seq_length`, keeps rows without any loss, and never sees the last rows of a file.

    `mask_prompt`: the loss is on the final message alone, whoever wrote it; earlier answers are context,
    and a row of one message stops the run. Without it the loss is on every token but the first. Rows are
    put into batches in the order of the file (they are sorted by how many columns they have), and the
    last n mod `batch_size` rows are in none. Where a batch is wider than its row, the padding token after
    the row has a loss too; it is not counted here. The file's first row decides its format.
    """

    id: ClassVar[str] = "mlx"
    models: ClassVar[str] = "mlx-lm 0.32.2"
    stage: ClassVar[str] = "sft"
    limit: ClassVar[str] = "max_seq_length"
    batch: ClassVar[tuple[str, ...]] = ("batch_size", "grad_accumulation_steps")

    max_seq_length: int = 2048
    mask_prompt: bool = False
    batch_size: int = 4
    grad_accumulation_steps: int = 1
    iters: int = 1000

    def setup(self, tokenizer: Tokenizer, renderer: Renderer | None) -> None:
        """Nothing to look at: MLX-LM renders with the tokenizer's own template."""

    def jobs(self, example: Example) -> list[Job]:
        if example.text is not None:
            if self.mask_prompt:
                raise UsageError("MLX-LM masks no prompt in text rows", "leave --set mlx.mask_prompt out")
            return []
        found = [Job(example.chat, example.tools)]
        if self.mask_prompt:
            chat = example.chat
            opens = bool(chat) and chat[-1].get("role") == "assistant"
            found.append(Job(chat[:-1], example.tools, generation=opens))
        return found

    def dry_run(
        self, rows: Sequence[Example], rendered: Sequence[Sequence[Rendered]], *, tokenizer: Tokenizer, ready: Any
    ) -> Iterator[Trained]:
        eos = tokenizer.hf.eos_token_id
        chats = iter(tokenizer.encode([each.text for found in rendered for each in found]))
        texts = iter(tokenizer.encode([row.text for row in rows if row.text is not None], special=True))
        for row, found in zip(rows, rendered, strict=True):
            ids = [next(chats).ids for _ in found] if found else [next(texts).ids]
            error = next((each.error for each in found if each.error), "")
            if error:
                yield stopped(row, f"the chat template: {error}")
            elif not found and not ids[0]:
                yield stopped(row, "an empty text")
            else:
                whole = ids[0] if found or ids[0][-1] == eos else [*ids[0], eos]
                offset = len(ids[1]) if len(ids) > 1 else 0
                yield self._cut(row, whole, max(1, offset))

    def _cut(self, row: Example, ids: list[int], first: int) -> Trained:
        # The loss at place k of the ids is on predicting it from those before, so the first never has one.
        spans = [(first, len(ids))] if first < len(ids) else []
        return windowed(row, ids, spans, (0, min(len(ids), self.max_seq_length)))

    def left_over(self, columns: Sequence[int]) -> list[int]:
        """Places of the rows that no batch takes. columns: of every row of the file, how many it has."""
        order = sorted(range(len(columns)), key=lambda at: columns[at])
        over = len(order) % self.batch_size
        return order[len(order) - over :] if over else []
