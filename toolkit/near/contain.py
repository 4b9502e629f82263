"""How much of an item stands in a row: the best stretch of the row, and what speaks for the same item there.

A pair of a row and an item is described by evidence that does not depend on one another's mistakes:
weighted words of the item in the stretch and of the stretch in the item, runs of four characters
(typing errors leave most of them), numbers by value, the longest equal run, and the cosine of an
encoder. Weights are inverse document frequencies over rows and items.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.near.compiled import kernel
from toolkit.near.windows import LINE, TABLE, Candidates, Floats, Ints, Items, Tokens, rarity, seen_in

GRAMS = 1 << 18
WIDE = 1.7
SLACK = 6
LONGEST_RUN = 1_000


class Rarity:
    """In how many texts each token and each run of four bytes stands; counted in passes over batches."""

    def __init__(self) -> None:
        self.n = 0
        self._tokens = np.zeros(TABLE, np.int32)
        self._grams = np.zeros(GRAMS, np.int32)

    def count(self, texts: Tokens) -> None:
        seen_in(texts, self._tokens)
        text = texts.text
        _count_grams(text.data, text.start, text.stop, self._grams, np.full(GRAMS, -1, np.int64))
        self.n += len(text.start)

    @property
    def table(self) -> npt.NDArray[np.int32]:
        return self._tokens

    def weights(self) -> tuple[Floats, Floats]:
        """Of each slot of tokens and of runs."""
        return rarity(self._tokens, self.n), rarity(self._grams, self.n)


class Evidence(NamedTuple):
    """One line a pair, shape (n,). begin, end: bytes of the row's normalised text, the best stretch.

    words: weighted share of the item's words in the stretch; back: of the stretch's in the item; grams:
    cosine of runs of four bytes; run: the longest equal run of tokens as a share of the item; numbers:
    weighted share in common, -1 where there is none; number_weight: of the item's; changed: a number
    of either is not in the other; part: the stretch as a share of the row.
    """

    begin: Ints
    end: Ints
    words: Floats
    back: Floats
    grams: Floats
    run: Floats
    numbers: Floats
    number_weight: Floats
    changed: npt.NDArray[np.bool_]
    part: Floats

    def taken(self, at: Ints) -> Evidence:
        """The evidence of some pairs."""
        return Evidence(*(each[at] for each in self))  # type: ignore[arg-type]


def evidence(rows: Tokens, items: Items, pairs: Candidates, weights: tuple[Floats, Floats]) -> Evidence:
    """Find the best stretch of each pair's row and measure it."""
    n = len(pairs.row)
    place = np.zeros((n, 2), np.int64)
    values = np.zeros((n, 8))
    own = (rows.offset, rows.hash, rows.start, rows.stop, rows.opens)
    known = (items.tokens.offset, items.tokens.hash, items.tokens.start, items.tokens.stop)
    texts = (rows.text.data, items.tokens.text.data)
    _measure(own, known, texts, pairs, weights[0], weights[1], place, values)
    words, back, grams, run, numbers, weight, changed, part = values.T
    return Evidence(place[:, 0], place[:, 1], words, back, grams, run, numbers, weight, changed > 0, part)


@kernel
def _measure(
    own: Any, known: Any, texts: Any, pairs: Any, token_weight: Any, gram_weight: Any, place: Any, values: Any
) -> None:
    offset, hashes, start, stop, opens = own
    item_offset, item_hashes, item_start, item_stop = known
    slots = np.uint64(len(token_weight) - 1)
    of_item = np.zeros(len(token_weight), np.int32)  # how often in the item
    in_span, last_seen = np.zeros(len(token_weight), np.int32), np.full(len(token_weight), -1, np.int32)
    longest = np.max(pairs.end - pairs.begin) if len(pairs.row) else 0
    near = np.empty(longest, np.int64), np.empty(longest, np.float64), np.empty(longest, np.float64)
    logs = np.zeros(64, np.float32)
    for count in range(1, len(logs)):
        logs[count] = np.log(np.float32(count))
    one, other = np.zeros(len(gram_weight), np.float32), np.zeros(len(gram_weight), np.float32)
    for at in range(len(pairs.row)):
        row, item = pairs.row[at], pairs.item[at]
        low, high = item_offset[item], item_offset[item + 1]
        wanted = item_hashes[low:high] & slots
        total, mass = 0.0, 0.0
        for place_in in range(len(wanted)):
            token = wanted[place_in]
            if of_item[token] == 0:
                total += token_weight[token]
                mass += token_weight[token] * (item_hashes[low + place_in] & np.uint64(1) == 0)
            of_item[token] += 1
        cut = slice(pairs.begin[at], pairs.end[at])
        tokens = hashes[cut] & slots
        first, last = _best_span(tokens, opens[cut], high - low, total, token_weight, of_item, last_seen, near)
        first, last = first + pairs.begin[at], last + pairs.begin[at]
        span = hashes[first:last]
        _words(span, item_hashes[low:high], mass, token_weight, of_item, in_span, values[at])
        values[at, 3] = _longest_run(span, item_hashes[low:high]) / min(high - low, LONGEST_RUN)
        values[at, 7] = (last - first) / (offset[row + 1] - offset[row])
        place[at, 0], place[at, 1] = start[first], stop[last - 1]
        values[at, 2] = _cosine(
            texts[0][place[at, 0] : place[at, 1]],
            texts[1][item_start[low] : item_stop[high - 1]],
            gram_weight,
            one,
            other,
            logs,
        )
        for token in wanted:
            of_item[token] = 0


@kernel
def _best_span(
    tokens: Any, opens: Any, length: Any, total: Any, weight: Any, of_item: Any, last: Any, near: Any
) -> Any:
    """The stretch with the largest weighted Dice: whole sentences, or as many tokens as the item has.

    What a token weighs is looked up once for all stretches: `near` has room for the columns of the tokens.
    `last` is -1 for every token, and left so.
    """
    before, own, shares = near
    for at in range(len(tokens)):
        token = tokens[at]
        before[at], last[token] = last[token], at
        own[at] = weight[token]
        shares[at] = own[at] if of_item[token] > 0 else 0.0
    for token in tokens:
        last[token] = -1
    best, first, best_end = -1.0, 0, len(tokens)
    most = int(WIDE * length) + SLACK
    step = max(1, length // 4)
    for begin in range(len(tokens)):
        whole = opens[begin]
        if not (whole or (begin % step == 0 and begin + length <= len(tokens))):
            continue
        shared, mass, end = 0.0, 0.0, begin
        stop = min(len(tokens), begin + (most if whole else length))
        while end < stop:
            # A token counts where it stands first in the stretch.
            if before[end] < begin:
                mass += own[end]
                shared += shares[end]
            end += 1
            closes = end == len(tokens) or opens[end]
            if (whole and closes) or end - begin == length:
                dice = 2 * shared / (total + mass)
                if dice > best + 1e-12:
                    best, first, best_end = dice, begin, end
    return first, best_end


@kernel
def _words(span: Any, item: Any, own: Any, weight: Any, of_item: Any, in_span: Any, out: Any) -> None:
    """Shares of words, which count once (the item's weigh `own`), and of numbers, as often as they stand."""
    slots = np.uint64(len(weight) - 1)
    shared, theirs = 0.0, 0.0
    equal, numbers, others = 0.0, 0.0, 0.0
    for token in span:
        slot = token & slots
        in_span[slot] += 1
        if token & np.uint64(1):
            others += weight[slot]
            equal += weight[slot] if in_span[slot] <= of_item[slot] else 0.0
        elif in_span[slot] == 1:
            theirs += weight[slot]
            shared += weight[slot] if of_item[slot] > 0 else 0.0
    missing, extra = False, False
    for at in range(len(item)):
        slot = item[at] & slots
        if item[at] & np.uint64(1):
            numbers += weight[slot]
            missing = missing or in_span[slot] == 0
    for token in span:
        slot = token & slots
        extra = extra or (token & np.uint64(1) > 0 and of_item[slot] == 0)
        in_span[slot] = 0
    out[0] = shared / own if own > 0 else 0.0
    out[1] = shared / theirs if theirs > 0 else 0.0
    out[4] = 2 * equal / (numbers + others) if numbers + others > 0 else -1.0
    out[5] = numbers
    out[6] = 1.0 if missing and extra else 0.0


@kernel
def _longest_run(one: Any, other: Any) -> Any:
    """Tokens of the longest run that stands in both; of very long texts the beginning is compared."""
    best, one, other = 0, one[:LONGEST_RUN], other[:LONGEST_RUN]
    held = np.zeros(len(other) + 1, np.int64)
    for at in range(len(one)):
        before = 0
        for place in range(len(other)):
            kept = held[place + 1]
            held[place + 1] = before + 1 if one[at] == other[place] else 0
            best = max(best, held[place + 1])
            before = kept
    return best


@kernel
def _grams(text: Any, slots: Any, out: Any) -> Any:
    """The slot of each run of four bytes; a blank stands before the text and after it, and for a line break."""
    value, count = np.uint64(32), 0
    for at in range(len(text) + 1):
        byte = np.uint64(32)
        if at < len(text) and text[at] != LINE:
            byte = np.uint64(text[at])
        value = ((value << np.uint64(8)) | byte) & np.uint64(0xFFFFFFFF)
        if at >= 2:
            out[count] = ((value * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)) & slots
            count += 1
    return count


@kernel
def _cosine(one: Any, other: Any, weight: Any, first: Any, second: Any, logs: Any) -> Any:
    slots = np.uint64(len(weight) - 1)
    ours, theirs = np.empty(len(one) + 1, np.uint64), np.empty(len(other) + 1, np.uint64)
    ours, theirs = ours[: _grams(one, slots, ours)], theirs[: _grams(other, slots, theirs)]
    for slot in ours:
        first[slot] += np.float32(1)
    for slot in theirs:
        second[slot] += np.float32(1)
    shared, own, mass = 0.0, 0.0, 0.0
    for slot in theirs:
        if second[slot] > 0:
            value = (1 + _log(second[slot], logs)) * weight[slot]
            mass += value * value
            if first[slot] > 0:
                shared += value * (1 + _log(first[slot], logs)) * weight[slot]
            second[slot] = 0
    for slot in ours:
        if first[slot] > 0:
            value = (1 + _log(first[slot], logs)) * weight[slot]
            own += value * value
            first[slot] = 0
    return shared / np.sqrt(own * mass) if own > 0 and mass > 0 else 0.0


@kernel
def _log(count: Any, logs: Any) -> Any:
    return logs[np.int64(count)] if count < len(logs) else np.log(count)


@kernel
def _count_grams(data: Any, start: Any, stop: Any, table: Any, last: Any) -> None:
    slots = np.uint64(len(table) - 1)
    longest = np.max(stop - start) if len(start) else 0
    found = np.empty(longest + 1, np.uint64)
    for row in range(len(start)):
        for slot in found[: _grams(data[start[row] : stop[row]], slots, found)]:
            if last[slot] != row:
                last[slot] = row
                table[slot] += 1
