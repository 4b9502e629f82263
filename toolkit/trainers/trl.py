"""TRL: SFTTrainer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.chat import packing
from toolkit.chat.example import Example, Trained, stopped
from toolkit.chat.packing import Packed, blocks
from toolkit.chat.render import Job, Rendered, Renderer
from toolkit.chat.spans import Span, common, dropped, first_token, joined, total, windowed
from toolkit.chat.tokenizer import Encoded, Tokenizer
from toolkit.core.errors import InputError, UsageError

MARK = re.compile(r"\{%-?\s*generation\s*-?%\}")
PACKS = {"bfd": packing.best_fit, "bfd_split": packing.split, "wrapped": packing.wrapped}
MASKED = "nothing left to train on at this length"


@dataclass(frozen=True, slots=True)
class Trl:
    """SFTTrainer of TRL cuts at `max_length` and drops rows that have no loss after the cut.

    `messages`: the loss is on every token, system and user turns too, unless `assistant_only_loss`,
    which needs generation marks in the chat template; then one row without an assistant turn stops the
    run. `prompt` and `completion`: the loss is on the completion, which begins where the tokens of the
    prompt and of both differ. Texts get the tokenizer's own special tokens and an end-of-sequence token.

    max_length: 0 for no limit. completion_only_loss: None for what the shape of the rows says. packing: every
    thousand rows are joined into sequences of `max_length`, none is dropped, and each is cut at its end (bfd),
    into pieces (bfd_split), or where a sequence is full (wrapped). Not modelled: pictures, `formatting_func`,
    the chat templates with marks that TRL puts in the place of forty known ones (save them to the folder).
    """

    id: ClassVar[str] = "trl"
    models: ClassVar[str] = "trl 1.16.0"
    stage: ClassVar[str] = "sft"
    limit: ClassVar[str] = "max_length"
    batch: ClassVar[tuple[str, ...]] = ("per_device_train_batch_size", "gradient_accumulation_steps")

    max_length: int = 1024
    truncation_mode: str = "keep_start"
    assistant_only_loss: bool = False
    completion_only_loss: bool | None = None
    packing: bool = False
    packing_strategy: str = "bfd"
    per_device_train_batch_size: int = 8
    gradient_accumulation_steps: int = 1
    num_train_epochs: float = 3.0

    def setup(self, tokenizer: Tokenizer, renderer: Renderer | None) -> None:
        """Raises where the options cannot be meant with this tokenizer."""
        if self.truncation_mode not in ("keep_start", "keep_end"):
            raise UsageError(f"unknown truncation_mode '{self.truncation_mode}'", "keep_start or keep_end")
        if self.packing_strategy not in PACKS:
            raise UsageError(f"unknown packing_strategy '{self.packing_strategy}'", ", ".join(PACKS))
        if self.packing and not self.max_length:
            raise UsageError("TRL packs rows only under a max_length", "give --max-length N")
        if self.assistant_only_loss and not MARK.search(tokenizer.template):
            what = f"assistant_only_loss needs {{% generation %}} marks, and the template of {tokenizer.name} has none"
            fix = "save a template with marks into the folder, e.g. that of trl's get_training_chat_template"
            raise InputError(what, fix)

    def jobs(self, example: Example) -> list[Job]:
        if example.messages is not None:
            return [Job(example.messages, example.tools, marks=self.assistant_only_loss)]
        if example.text is not None or example.plain:
            return []
        prompt = Job(example.prompt, example.tools, generation=True)
        return [prompt, Job(example.chat, example.tools, marks=self.assistant_only_loss)]

    def dry_run(
        self, rows: Sequence[Example], rendered: Sequence[Sequence[Rendered]], *, tokenizer: Tokenizer, ready: Any
    ) -> Iterator[Trained]:
        texts = [_texts(row, found, tokenizer.eos) for row, found in zip(rows, rendered, strict=True)]
        chats = _encoded(texts, rendered, tokenizer, marks=self.assistant_only_loss)
        for row, found in zip(rows, rendered, strict=True):
            error = next((each.error for each in found if each.error), "")
            mine = next(chats)
            yield stopped(row, f"the chat template: {error}") if error else self._row(row, found, mine)

    def _row(self, example: Example, rendered: Sequence[Rendered], encoded: list[Encoded]) -> Trained:
        whole = encoded[-1]
        spans: list[Span] = [(0, len(whole.ids))]
        if example.prompt is not None and self.completion_only_loss is not False:
            spans = [(common(encoded[0].ids, whole.ids), len(whole.ids))]
        if self.assistant_only_loss and rendered:
            marked = _marked(whole, rendered[-1])
            if not marked:
                return stopped(example, "assistant_only_loss, and the row has no assistant token")
            spans = [each for one in spans for each in _within(marked, one)]
        return self._cut(example, whole.ids, joined(spans))

    def _cut(self, example: Example, ids: list[int], spans: list[Span]) -> Trained:
        n = len(ids)
        if not self.max_length or (self.packing and self.packing_strategy != "bfd"):
            return windowed(example, ids, spans, (0, n))
        if self.packing:
            return windowed(example, ids, spans, (0, min(n, self.max_length)))
        keeps_start = self.truncation_mode == "keep_start"
        window = (0, min(n, self.max_length)) if keeps_start else (max(0, n - self.max_length), n)
        found = windowed(example, ids, spans, window)
        if total(spans) == n and not keeps_start:
            # Everything has a loss, so what is lost at the start is called the prompt.
            found = found._replace(answer_cut=False, prompt_cut=n > self.max_length)
        return found if found.spans else dropped(found, MASKED)

    def packed(self, lengths: Sequence[int]) -> Packed | None:
        """What rows of these lengths are joined into; None without packing."""
        if not self.packing:
            return None
        n = blocks(lengths, self.max_length, PACKS[self.packing_strategy])
        return Packed(
            n, -(-n // (self.per_device_train_batch_size * self.gradient_accumulation_steps)), self.max_length
        )


def _texts(row: Example, rendered: Sequence[Rendered], eos: str) -> list[str]:
    """The texts to tokenise, of which the last is the whole row."""
    if rendered:
        return [each.text for each in rendered]
    if row.text is not None:
        return [row.text if row.text.endswith(eos) else row.text + eos]
    end = "" if row.completion.endswith(eos) else eos
    return [row.prompt, row.prompt + row.completion + end]


def _encoded(
    texts: list[list[str]], rendered: Sequence[Sequence[Rendered]], tokenizer: Tokenizer, *, marks: bool
) -> Iterator[list[Encoded]]:
    """The tokens of every row's texts; what a template made has its special tokens already."""
    done: list[Iterator[Encoded]] = []
    for special in (False, True):
        flat = [text for row, found in zip(texts, rendered, strict=True) if bool(found) != special for text in row]
        done.append(iter(tokenizer.encode(flat, special=special, offsets=marks and not special)))
    for row, found in zip(texts, rendered, strict=True):
        source = done[0 if found else 1]
        yield [next(source) for _ in row]


def _marked(encoded: Encoded, rendered: Rendered) -> list[Span]:
    """Tokens inside generation blocks, found by their first and last character as `transformers` does."""
    spans = []
    for begin, end in rendered.marks:
        first = first_token(encoded, begin)
        if first is None:
            break
        last = first_token(encoded, end - 1)
        spans.append((first, last + 1 if last else len(encoded.ids)))
    return joined(spans)


def _within(spans: Sequence[Span], window: Span) -> list[Span]:
    return [(max(begin, window[0]), min(end, window[1])) for begin, end in spans]
