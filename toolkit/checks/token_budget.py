"""A03: how many tokens a training run takes, and what that costs where it is sold by the token."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.errors import NotApplicable
from toolkit.core.types import Fact, Finding, Result
from toolkit.store import columns as cols
from toolkit.store.view import View

BYTES = 4.0
FEWEST, MOST = 3.0, 5.0
A_TURN = 4
SLICE = 2048
COOKBOOK = "OpenAI's cookbook rule"


class Tokens(NamedTuple):
    """Tokens of one pass over the train rows, with the range that a guess allows; equal where they were counted."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TokenBudget:
    """What a run costs is known before it starts: tokens of train, times epochs, times the price.

    Facts: tokens of one pass, epochs, tokens trained on, optimizer steps of `batch` rows, and dollars by
    provider with the day on which its page said that price (`schemas/training_prices.yaml`, or your own with
    `prices`). Epochs are `epochs`, or 0 for the rule of OpenAI's cookbook: 3, more for under 34 rows (up to
    25), fewer for over 8,333.

    With `model` (a folder with a tokenizer) tokens are counted, and four a turn are added for the chat
    template. Without it they are taken as bytes over four, from over five to over three: an approximation,
    which is said. The dry run of a trainer (`toolkit dry-run`) counts what that trainer keeps and cuts.
    Both sides of a preference pair count. Not in it: validation, hosting, retries, and a provider's minimum.
    """

    id: ClassVar[str] = "token-budget"
    code: ClassVar[str] = "A03"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "split"
    whole: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("turns", "rejected", "label", "tools")

    model: str = ""
    epochs: int = 0
    batch: int = 16
    prices: str = ""

    def inputs(self) -> list[str]:
        """What the result depends on besides the rows: the prices, the tokenizer's files."""
        from toolkit.chat.tokenizer import files_of
        from toolkit.core.training_prices import text

        return [text(self.prices), *(files_of(self.model) if self.model else [])]

    def run(self, view: View) -> Iterator[Result]:
        from toolkit.core.training_prices import rates

        train = next((each for each in view.references if each.name == "train"), None)
        if train is None:
            raise NotApplicable("the rows are not split; run toolkit split")
        if not train.n_rows:
            raise NotApplicable("there is no row to train on")
        a_pass, rows = self._tokens(train), train.n_rows
        epochs = self.epochs or cookbook_epochs(rows)
        how = "counted" if self.model else "bytes over four, an approximation"
        yield Fact("tokens of a pass", a_pass.value, "tokens", how, a_pass.low, a_pass.high)
        yield Fact("epochs of the run", float(epochs), "passes", "as given" if self.epochs else COOKBOOK)
        value, unit, _, low, high = _times(a_pass, epochs)
        yield Fact("tokens trained on", value, unit, f"{epochs} passes", low, high)
        yield Fact("optimizer steps", float(epochs * math.ceil(rows / self.batch)), "steps", f"{self.batch} rows each")
        costs = {name: _times(a_pass, epochs * rate.usd / 1e6, "$") for name, rate in rates(self.prices).items()}
        for name, rate in rates(self.prices).items():
            value, unit, _, low, high = costs[name]
            yield Fact("cost of training", value, unit, f"{name}; {rate.page} on {rate.seen}", low, high)
        yield Finding(None, 1.0, self._message(a_pass, rows, epochs, costs), kind="budget")

    def _message(
        self, a_pass: Tokens, rows: int, epochs: int, costs: dict[str, tuple[float, str, str, float, float]]
    ) -> str:
        about = "" if self.model else "about "
        told = f"{about}{a_pass.value:,.0f} tokens in {rows:,} train rows, {epochs} epochs"
        if not costs:
            return f"{told}; no price is known"
        cheapest = min(costs, key=lambda name: (costs[name][0], name))
        return f"{told}; from ${costs[cheapest][0]:,.2f} ({cheapest})"

    def _tokens(self, train: View) -> Tokens:
        size = turns = counted = 0
        for batch in train.batches("turns", "rejected", "label", "tools"):
            for texts in _texts(batch):
                if self.model:
                    counted += _counted(texts, self.model)
                size += int(pc.sum(pc.binary_length(texts.cast(pa.binary()))).as_py() or 0)
            turns += len(cols.turn_field(batch, "content")) + len(cols.turn_field(batch, "content", "rejected"))
        extra = float(A_TURN * turns)
        if self.model:
            return Tokens(counted + extra, counted + extra, counted + extra)
        return Tokens(size / BYTES + extra, size / MOST + extra, size / FEWEST + extra)


def cookbook_epochs(rows: int) -> int:
    """Epochs by the rule of OpenAI's cookbook: 3, unless that trains on under 100 or over 25,000 examples."""
    if 3 * rows < 100:
        return min(25, 100 // max(rows, 1))
    return max(1, 25_000 // rows) if 3 * rows > 25_000 else 3


def _times(a_pass: Tokens, factor: float, unit: str = "tokens") -> tuple[float, str, str, float, float]:
    return factor * a_pass.value, unit, "", factor * a_pass.low, factor * a_pass.high


def _texts(batch: pa.RecordBatch) -> Iterator[pa.Array]:
    for column in ("turns", "rejected"):
        for field in ("content", "calls"):
            yield cols.turn_field(batch, field, column).drop_null()
    yield batch.column("label").drop_null()
    yield batch.column("tools").drop_null()


def _counted(texts: pa.Array, model: str) -> int:
    from toolkit.chat.tokenizer import load

    tokenizer = load(model)
    found = 0
    for start in range(0, len(texts), SLICE):
        found += sum(len(each.ids) for each in tokenizer.encode(texts[start : start + SLICE].to_pylist()))
    return found
