"""Known defects, planted into clean rows: what the demo shows and what self-tests measure recall against.

Every planted defect is in the truth with the ids of the rows it concerns. A row gets at most one.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

import orjson

from toolkit.core.errors import UsageError
from toolkit.providers.typos import with_typo

DEMO: Mapping[str, int] = {
    "exact-duplicate": 12,
    "near-duplicate": 12,
    "number-variant": 6,
    "swapped-label": 16,
    "empty-text": 4,
    "leak": 8,
    "secret": 3,
    "broken-line": 1,
}
_NUMBER = re.compile(r"[0-9]+")
_FILLERS = ("really", "just", "also", "please", "actually", "again")


class Planted(NamedTuple):
    """One planted defect. of: id of the row that it repeats, in the held-out rows for a leak, else None.

    detail: what was changed, such as the label that was right. line: 1-based.
    """

    id: str
    kind: str
    of: str | None
    detail: str
    line: int


class Dirty(NamedTuple):
    """Rows with defects as the lines of a JSONL file, and the truth about them in the order of the lines."""

    lines: list[bytes]
    truth: list[Planted]

    def write(self, path: Any) -> None:
        path.write_bytes(b"".join(line + b"\n" for line in self.lines))

    def truth_json(self) -> bytes:
        return b"".join(orjson.dumps(each._asdict()) + b"\n" for each in self.truth)


@dataclass
class _Bench:
    """Rows being spoiled. A line is a row, or bytes that are none any more."""

    rows: list[dict[str, Any]]
    rng: Random
    heldout: Sequence[Mapping[str, Any]]
    text: str
    label: str
    marks: dict[str, tuple[str, str | None, str]] = field(default_factory=dict)
    added: list[dict[str, Any]] = field(default_factory=list)
    broken: list[tuple[str, bytes]] = field(default_factory=list)
    leaked: int = 0

    def fresh(self, fits: Callable[[str], object] = bool) -> dict[str, Any]:
        """A row without a defect, whose text fits; it is taken from the pool. Raises UsageError when none is left."""
        for nth, row in enumerate(self.pool):
            if fits(row[self.text]):
                return self.pool.pop(nth)
        raise UsageError("too few rows for so many defects", "plant fewer of them, or give more rows")

    def __post_init__(self) -> None:
        self.pool = list(self.rows)
        self.rng.shuffle(self.pool)

    def add(self, kind: str, of: dict[str, Any], text: str, detail: str = "") -> None:
        """A further row made from another one."""
        row = {**of, "id": f"{of['id']}-{kind[0]}", self.text: text}
        self.added.append(row)
        self.marks[row["id"]] = (kind, of["id"], detail)


def plant(
    rows: Sequence[Mapping[str, Any]],
    counts: Mapping[str, int] = DEMO,
    *,
    heldout: Sequence[Mapping[str, Any]] = (),
    seed: int = 0,
    text: str = "text",
    label: str = "label",
) -> Dirty:
    """Clean rows with `counts` defects of each kind; the same rows and seed give the same bytes.

    Rows without an `id` get one from their place. Duplicates, variants, leaks and broken lines are
    further rows at random places; labels, texts and secrets change rows that are there. Raises
    UsageError for an unknown kind, a leak without held-out rows, or too few rows.
    """
    given = [
        {"id": str(row.get("id", f"row-{nth:06d}")), **{k: v for k, v in row.items() if k != "id"}}
        for nth, row in enumerate(rows)
    ]
    bench = _Bench(given, Random(seed), heldout, text, label)  # noqa: S311 - no secret is made
    for kind, count in counts.items():
        if kind not in KINDS:
            raise UsageError(f"unknown defect '{kind}'", f"one of: {', '.join(KINDS)}")
        for _ in range(count):
            KINDS[kind](bench)
    return _written(bench)


def _exact(bench: _Bench) -> None:
    row = bench.fresh()
    bench.add("exact-duplicate", row, row[bench.text])


def _near(bench: _Bench) -> None:
    """A typo, two swapped words or an added one, in a text long enough to stay near."""
    row = bench.fresh(lambda text: len(text) > 110)
    text, how = row[bench.text], bench.rng.choice(("typo", "swap", "filler"))
    words = text.split(" ")
    at = bench.rng.randrange(len(words) - 1)
    if how == "swap" and words[at] != words[at + 1]:
        words[at], words[at + 1] = words[at + 1], words[at]
    elif how == "filler":
        words.insert(at + 1, bench.rng.choice(_FILLERS))
    else:
        words, how = with_typo(text, bench.rng).split(" "), "typo"
    bench.add("near-duplicate", row, " ".join(words), how)


def _numbers(bench: _Bench) -> None:
    """The same words around other numbers, as many digits each."""
    row = bench.fresh(_NUMBER.search)

    def other(match: re.Match[str]) -> str:
        low = 10 ** (len(match.group()) - 1)
        return str(low + (int(match.group()) - low + bench.rng.randrange(1, 9 * low)) % (9 * low))

    bench.add("number-variant", row, _NUMBER.sub(other, row[bench.text]))


def _swapped(bench: _Bench) -> None:
    row = bench.fresh()
    right = row[bench.label]
    wrong = sorted({each[bench.label] for each in bench.rows} - {right})
    if not wrong:
        raise UsageError("labels cannot be swapped where there is one label", "leave swapped-label out")
    row[bench.label] = bench.rng.choice(wrong)
    bench.marks[row["id"]] = ("swapped-label", None, right)


def _empty(bench: _Bench) -> None:
    row = bench.fresh()
    row[bench.text] = bench.rng.choice(("", " ", "\n"))
    bench.marks[row["id"]] = ("empty-text", None, "")


def _leak(bench: _Bench) -> None:
    """A row that carries the text of a held-out row, with other letters or blanks, as copies often have."""
    if bench.leaked >= len(bench.heldout):
        raise UsageError("a leak needs a held-out row", f"give at least {bench.leaked + 1} with `heldout`")
    held = {"id": f"heldout-{bench.leaked}", **bench.heldout[bench.leaked]}
    text = held[bench.text]
    how = bench.rng.choice(("as it is", "upper case", "blanks"))
    changed = {"as it is": text, "upper case": text.upper(), "blanks": f"  {text.replace(' ', '  ', 2)} "}[how]
    bench.add("leak", held, changed, how)
    bench.leaked += 1


def _secret(bench: _Bench) -> None:
    row, (kind, make) = bench.fresh(), bench.rng.choice(sorted(SECRETS.items()))
    row[bench.text] = f"{row[bench.text]} The key is {make(bench.rng)} by the way."
    bench.marks[row["id"]] = ("secret", None, kind)


def _broken(bench: _Bench) -> None:
    """A line that ends in the middle, as after a full disk."""
    row = bench.fresh()
    line = orjson.dumps({**row, "id": f"{row['id']}-b"})
    bench.broken.append((f"{row['id']}-b", line[: len(line) * 2 // 3]))
    bench.marks[f"{row['id']}-b"] = ("broken-line", None, "truncated")


KINDS: Mapping[str, Callable[[_Bench], None]] = {
    "exact-duplicate": _exact,
    "near-duplicate": _near,
    "number-variant": _numbers,
    "swapped-label": _swapped,
    "empty-text": _empty,
    "leak": _leak,
    "secret": _secret,
    "broken-line": _broken,
}


def _random(rng: Random, alphabet: str, size: int) -> str:
    return "".join(rng.choice(alphabet) for _ in range(size))


# Prefixes are joined at run time, so that no text in this file looks like a key to a scanner.
SECRETS: Mapping[str, Callable[[Random], str]] = {
    "aws-access-key": lambda rng: "AK" + "IA" + _random(rng, string.ascii_uppercase + "234567", 16),
    "github-token": lambda rng: "gh" + "p_" + _random(rng, string.ascii_letters + string.digits, 36),
    "slack-token": lambda rng: (
        "xo" + "xb-" + _random(rng, string.digits, 12) + "-" + _random(rng, string.ascii_letters, 24)
    ),
}


def _written(bench: _Bench) -> Dirty:
    """Further rows put at random places among the others, and the truth with their line numbers."""
    found = [(row["id"], orjson.dumps(row)) for row in bench.rows]
    for name, line in [*((row["id"], orjson.dumps(row)) for row in bench.added), *bench.broken]:
        found.insert(bench.rng.randrange(len(found) + 1), (name, line))
    truth = [Planted(name, *bench.marks[name], nth) for nth, (name, _) in enumerate(found, 1) if name in bench.marks]
    return Dirty([line for _, line in found], truth)
