"""Axolotl: data sets of the type `chat_template`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import orjson

from toolkit.chat.example import Example, Trained, stopped
from toolkit.chat.packing import Packed, first_fit
from toolkit.chat.render import Job, Rendered, Renderer
from toolkit.chat.spans import Span, dropped, joined, windowed
from toolkit.chat.tokenizer import Encoded, Tokenizer
from toolkit.core.errors import UsageError

ROLES = {"human": "user", "gpt": "assistant"}
NEAR = 3
TOO_LONG, TOO_SHORT, MASKED = "longer than sequence_len", "fewer than 2 tokens", "nothing to train on, and packed"


@dataclass(frozen=True, slots=True)
class Axolotl:
    """Axolotl drops rows longer than `sequence_len`, 512 by default, and trains on the turns of `roles_to_train`.

    A turn's tokens are those in which the rendering differs from one with another content in its place;
    the end-of-sequence token within three tokens after it has a loss too. An empty answer is not found
    and trains on nothing, and such a row stays unless `sample_packing`. Long rows: drop, truncate or raise.
    `sample_packing` joins rows, in another random order each pass, into sequences of micro_batch_size *
    sequence_len, so that its steps are known to about 1 %.

    Modelled for rows of messages with the tokenizer's own template. Not modelled: other types, per-message
    training flags, `eot_tokens`, `train_on_eos` other than turn, thinking that is split off, pictures, a
    template that renders a row to nothing.
    """

    id: ClassVar[str] = "axolotl"
    models: ClassVar[str] = "axolotl 0.19.0"
    stage: ClassVar[str] = "sft"
    limit: ClassVar[str] = "sequence_len"
    batch: ClassVar[tuple[str, ...]] = ("micro_batch_size", "gradient_accumulation_steps")

    sequence_len: int = 512
    excess_length_strategy: str = "drop"
    train_on_inputs: bool = False
    roles_to_train: tuple[str, ...] = ("assistant",)
    sample_packing: bool = False
    sample_packing_bin_size: int = 200
    micro_batch_size: int = 1
    gradient_accumulation_steps: int = 1
    num_epochs: float = 1.0

    def setup(self, tokenizer: Tokenizer, renderer: Renderer | None) -> int | None:
        """The end-of-sequence token as an end of a turn, or None where it is no single token."""
        if self.excess_length_strategy not in ("drop", "truncate", "raise"):
            what = f"unknown excess_length_strategy '{self.excess_length_strategy}'"
            raise UsageError(what, "drop, truncate or raise")
        found = tokenizer.encode([tokenizer.eos])[0].ids if tokenizer.eos else []
        return found[0] if len(found) == 1 else None

    def jobs(self, example: Example) -> list[Job]:
        if example.text is not None:
            what = "axolotl reads text rows as type `completion`, which this dry run does not model"
            raise UsageError(what, "use --trainer trl, or rows of messages")
        chat = [_message(each) for each in example.chat]
        return [Job(chat, example.tools, turns=[at for at, each in enumerate(chat) if self._trains(each)])]

    def _trains(self, message: dict[str, Any]) -> bool:
        return self.train_on_inputs or message.get("role") in self.roles_to_train

    def dry_run(
        self, rows: Sequence[Example], rendered: Sequence[Sequence[Rendered]], *, tokenizer: Tokenizer, ready: Any
    ) -> Iterator[Trained]:
        tokens = tokenizer.encode([found[0].text for found in rendered], offsets=True)
        for row, found, encoded in zip(rows, rendered, tokens, strict=True):
            if found[0].error:
                yield stopped(row, f"the chat template: {found[0].error}")
                continue
            spans = _spans(encoded, found[0], tokenizer.hf.eos_token_id, ready)
            yield self._cut(row, encoded.ids, spans)

    def _cut(self, row: Example, ids: list[int], spans: list[Span]) -> Trained:
        n = len(ids)
        whole = windowed(row, ids, spans, (0, n))
        if n < 2:
            return dropped(whole, TOO_SHORT)
        if n > self.sequence_len and self.excess_length_strategy == "raise":
            return stopped(row, f"{n:,} tokens under excess_length_strategy: raise")
        if n > self.sequence_len and self.excess_length_strategy == "drop":
            return dropped(whole, TOO_LONG)
        found = windowed(row, ids, spans, (0, min(n, self.sequence_len)))
        return dropped(found, MASKED) if self.sample_packing and not found.spans else found

    def packed(self, lengths: Sequence[int]) -> Packed | None:
        """About what rows of these lengths are joined into; None without packing."""
        if not self.sample_packing:
            return None
        room = self.micro_batch_size * self.sequence_len
        n = first_fit(lengths, room, self.sample_packing_bin_size)
        return Packed(n, max(1, n // self.gradient_accumulation_steps), room)


def _message(message: dict[str, Any]) -> dict[str, Any]:
    """A message as the template gets it: roles by other names, content parts as one text, calls as objects."""
    found = {key: value for key, value in message.items() if value is not None}
    found["role"] = ROLES.get(found.get("role", ""), found.get("role"))
    if isinstance(found.get("content"), list):
        parts = [each for each in found["content"] if isinstance(each, dict)]
        found["content"] = "".join(each.get("text") or each.get("content") or each.get("value") or "" for each in parts)
    if found.get("tool_calls"):
        found["tool_calls"] = [_call(each) for each in found["tool_calls"]]
    return found


def _call(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
        return call
    try:
        return {**call, "function": {**function, "arguments": orjson.loads(function["arguments"])}}
    except orjson.JSONDecodeError:
        return call


def _spans(encoded: Encoded, rendered: Rendered, eos: int | None, eot: int | None) -> list[Span]:
    """The tokens that have a loss: those of every trained turn, and the end token near its end."""
    assert encoded.starts is not None and encoded.ends is not None  # noqa: S101 - asked for above
    spans: list[Span] = []
    ids = np.asarray(encoded.ids)
    ends_at = {token: np.flatnonzero(ids == token) for token in {eos, eot} if token is not None}
    for begin, end in rendered.turns:
        first = int(np.searchsorted(encoded.ends, begin, side="right"))
        last = int(np.searchsorted(encoded.starts, end, side="left"))
        if end <= begin or last <= first:
            last = -1
        else:
            spans.append((first, last))
        spans += [(at, at + 1) for places in ends_at.values() for at in _end_token(places, last, len(ids))]
    return joined(spans)


def _end_token(places: np.ndarray, after: int, n: int) -> list[int]:
    """The first end token from `after` on where it is near; a turn that was not found counts as place -1."""
    if after == -1 and len(places) and places[-1] == n - 1:
        return []  # the search begins at the last token, takes it, and calls it missing
    at = int(np.searchsorted(places, after, side="left"))
    return [int(places[at])] if at < len(places) and abs(int(places[at]) - after) <= NEAR else []
