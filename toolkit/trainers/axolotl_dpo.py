"""Axolotl: pairs of the type `chat_template.default`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from toolkit.chat.example import Example, Trained, paired, stopped
from toolkit.chat.render import Job, Rendered, Renderer
from toolkit.chat.spans import dropped, windowed
from toolkit.chat.tokenizer import Tokenizer
from toolkit.core.errors import UsageError
from toolkit.trainers.axolotl import TOO_LONG

ROLES = ("system", "user", "assistant", "tool")
DUMMY = {"role": "user", "content": "[[dummy_message]]"}
FULL = "the prompt alone fills sequence_len"


class _Texts(NamedTuple):
    """What axolotl makes of a pair before TRL gets it. stop: why the run ends. lost: an answer is not found."""

    prompt: str
    sides: tuple[str, ...]
    stop: str = ""
    lost: bool = False


@dataclass(frozen=True, slots=True)
class AxolotlDpo:
    """Axolotl shows a pair's texts alone: tools and calls are left out, and over 512 tokens the pair is dropped.

    Each answer is rendered after a question of axolotl's own and taken from where its text first stands. Where a
    template trims the answer its text is not found, and what is trained on is the last letter of the rendering;
    an answer whose text stands in the question takes that along. A pair that becomes an empty text stops the run.
    TRL then tokenises prompt and answer with the tokenizer's own special tokens, adds an end token and cuts.

    excess_length_strategy: drop, truncate (the answers; pairs with a longer prompt are dropped), or raise.
    """

    id: ClassVar[str] = "axolotl-dpo"
    models: ClassVar[str] = "axolotl 0.19.0"
    stage: ClassVar[str] = "dpo"
    limit: ClassVar[str] = "sequence_len"
    batch: ClassVar[tuple[str, ...]] = ("micro_batch_size", "gradient_accumulation_steps")

    sequence_len: int = 512
    excess_length_strategy: str = "drop"
    micro_batch_size: int = 1
    gradient_accumulation_steps: int = 1
    num_epochs: float = 1.0

    def setup(self, tokenizer: Tokenizer, renderer: Renderer | None) -> None:
        """Raises UsageError for a strategy that there is not."""
        if self.excess_length_strategy not in ("drop", "truncate", "raise"):
            what = f"unknown excess_length_strategy '{self.excess_length_strategy}'"
            raise UsageError(what, "drop, truncate or raise")

    def jobs(self, example: Example) -> list[Job]:
        prompt = [_said("user", example.prompt)] if example.plain else [_message(each) for each in example.prompt]
        return [Job(prompt, generation=True), *(Job([DUMMY, side]) for side in _sides(example))]

    def dry_run(
        self, rows: Sequence[Example], rendered: Sequence[Sequence[Rendered]], *, tokenizer: Tokenizer, ready: Any
    ) -> Iterator[Trained]:
        whole = [_texts(row, found) for row, found in zip(rows, rendered, strict=True)]
        cut = self._cut(whole, tokenizer) if self.excess_length_strategy == "truncate" else whole
        lengths = _lengths(cut, tokenizer)
        before, after = _ids(whole, tokenizer), _ids(cut, tokenizer) if cut is not whole else None
        for row, texts, sizes, ids in zip(rows, whole, lengths, before, strict=True):
            left = next(after) if after is not None else ids
            yield stopped(row, texts.stop) if texts.stop else self._row(row, sizes, (ids, left), texts.lost)

    def _row(self, row: Example, sizes: list[int], ids: tuple[list[list[int]], list[list[int]]], lost: bool) -> Trained:
        prompt, *sides = ids[0]
        _, *left = ids[1]
        made = [self._side(row, len(prompt), pair) for pair in zip(sides, left, strict=True)]
        found = paired(made[0], made[1])
        longest = sizes[0] + max(sizes[1:])
        if longest > self.sequence_len and self.excess_length_strategy == "raise":
            return stopped(row, f"{longest:,} tokens under excess_length_strategy: raise")
        if longest > self.sequence_len or len(prompt) >= self.sequence_len:
            return dropped(found, TOO_LONG if longest > self.sequence_len else FULL)._replace(other=None)
        return found._replace(answer_cut=found.answer_cut or lost)

    def _side(self, row: Example, first: int, pair: tuple[list[int], list[int]]) -> Trained:
        """One side: of the whole tokens and those that axolotl leaves, what TRL keeps of them."""
        whole, left = pair
        n = min(len(left), self.sequence_len)
        found = windowed(row, left, [(first, len(left))], (0, n))
        cut = found.answer_cut or len(left) < len(whole)
        return found._replace(full=len(whole), wanted=max(0, len(whole) - first), answer_cut=cut)

    def _cut(self, texts: Sequence[_Texts], tokenizer: Tokenizer) -> list[_Texts]:
        """The answers cut to what a prompt leaves of the length, as texts again."""
        flat = [text for each in texts for text in (each.prompt, *each.sides)]
        ids = iter(tokenizer.encode(flat))
        made = []
        for each in texts:
            room = self.sequence_len - len(next(ids).ids)
            tokens = [next(ids).ids for _ in each.sides]
            sides = tuple(
                tokenizer.decode(found[:room]) if 0 < room < len(found) else text
                for text, found in zip(each.sides, tokens, strict=True)
            )
            made.append(each._replace(sides=sides))
        return made


def _said(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def _message(message: dict[str, Any]) -> dict[str, Any]:
    return _said(message.get("role", ""), message.get("content"))


def _sides(row: Example) -> list[dict[str, Any]]:
    """Both answers, of a side of several messages the last."""
    if row.plain:
        return [_said("assistant", side) for side in (row.completion, row.rejected)]
    return [_message(side[-1]) if side else {} for side in (row.completion, row.rejected)]


def _texts(row: Example, rendered: Sequence[Rendered]) -> _Texts:
    prompt = [] if row.plain else row.prompt
    answers = _sides(row)
    odd = next((each.get("role") for each in (*prompt, *answers) if each.get("role") not in ROLES), "")
    error = next((each.error for each in rendered if each.error), "")
    if odd != "":
        return _Texts("", ("", ""), f"KeyError: the role {odd}")
    if error:
        return _Texts("", ("", ""), f"the chat template: {error}")
    contents = [each["content"] for each in answers]
    if any(content is None for content in contents):
        return _Texts("", ("", ""), "TypeError: an answer without text")
    at = [found.text.find(content) for found, content in zip(rendered[1:], contents, strict=True)]
    sides = tuple(found.text[place:].rstrip() for found, place in zip(rendered[1:], at, strict=True))
    if not rendered[0].text or not all(sides):
        return _Texts("", ("", ""), "ValueError: a side that is an empty text")
    return _Texts(rendered[0].text, sides, lost=min(at) < 0)


def _lengths(texts: Sequence[_Texts], tokenizer: Tokenizer) -> list[list[int]]:
    ids = iter(tokenizer.encode([text for each in texts for text in (each.prompt, *each.sides)]))
    return [[len(next(ids).ids) for _ in (each.prompt, *each.sides)] for each in texts]


def _ids(texts: Sequence[_Texts], tokenizer: Tokenizer) -> Iterator[list[list[int]]]:
    """Of every row the ids of the prompt, and of the prompt with each side: what TRL gets, special tokens among them.

    The prompt's tokens stay even where those of the whole differ; the answer follows from its place on.
    """
    eos = tokenizer.eos
    flat = []
    for each in texts:
        ended = [side if side.endswith(eos) else side + eos for side in each.sides]
        flat += [each.prompt, *(each.prompt + side for side in ended)]
    ids = iter(tokenizer.encode(flat, special=True))
    for each in texts:
        prompt = next(ids).ids
        yield [prompt, *([*prompt, *next(ids).ids[len(prompt) :]] for _ in each.sides)]
