"""V01: what the other checks find of known defects in these very rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.errors import NotApplicable
from toolkit.core.types import Fact, Finding, Result
from toolkit.store.view import View

LEAST = 10
Counts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SelfTest:
    """A check that finds nothing in your rows may be blind to them; what it finds of known defects says which.

    With `--self-test` known defects are planted into a copy of a sample of the rows, each in the shape of
    the file, and the same checks run on the copy with the same options and bars. Recall is the share of
    planted defects that their check flags. Precision is planted over flagged: rows that were flagged
    before the planting, and rows that carry another defect, count on neither side. Both with a Wilson
    interval; rounds on other rows follow where the file is small. One finding for each check, scored by
    what it missed, where ten or more were planted.

    A planted defect is plainer than a real one: recall here is an upper bound for subtle faults. Checks
    that learn from the whole file (`label-noise`) are tested on the sample, and do better on more rows.
    Checks without a part on the shelf `defects`, or whose defects suit no row here, are named as not
    self-tested. rows: size of the sample. plantings: how many for each check. asked: set by --self-test.
    """

    id: ClassVar[str] = "self-test"
    code: ClassVar[str] = "V01"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "kept"
    reads: ClassVar[tuple[str, ...]] = ("raw",)

    rows: int = 2000
    plantings: int = 40
    seed: int = 0
    asked: str = ""

    def run(self, view: View) -> Iterator[Result]:
        measure: Callable[[View, SelfTest], Counts] | Counts | None = view.memo.get("self-test")
        if measure is None:
            raise NotApplicable("how well the checks see these rows was not asked; add --self-test")
        counts = measure(view, self) if callable(measure) else measure
        for check, ways in sorted(counts["planted"].items()):
            yield from _judged(check, ways, counts["false"].get(check, 0))
        untested = counts["untested"]
        if untested:
            message = f"not self-tested: {', '.join(sorted(untested))}"
            yield Finding(None, 0.0, message, kind="not-self-tested", evidence={"why": dict(sorted(untested.items()))})


def _judged(check: str, ways: Mapping[str, tuple[int, int]], false_alarms: int) -> Iterator[Result]:
    """Recall and precision of one check; ways: planted and found by the way in which rows were spoiled."""
    planted, found = (sum(counts[at] for counts in ways.values()) for at in (0, 1))
    recall = _share("recall", found, planted, check)
    yield recall
    yield Fact("planted", float(planted), "rows", check)
    yield Fact("false alarms", float(false_alarms), "rows", check)
    if found + false_alarms:
        yield _share("precision", found, found + false_alarms, check)
    for way, (n, hits) in sorted(ways.items()):
        yield _share("recall by kind", hits, n, f"{check}: {way}")
    if planted >= LEAST:
        missed = ", ".join(f"{way} {hits} of {n}" for way, (n, hits) in sorted(ways.items()) if hits < n)
        told = f"{check} finds {found} of {planted} planted defects ({_range(recall)})"
        yield Finding(None, 1.0 - recall.value, told + (f"; {missed}" if missed else ""), kind=check)


def _share(name: str, hits: int, n: int, group: str) -> Fact:
    from toolkit.stats.intervals import wilson

    interval = wilson(hits, n)
    return Fact(name, hits / n, "share", group, interval.low, interval.high)


def _range(recall: Fact) -> str:
    return f"recall {recall.value:.2f}, 95 %: {recall.low:.2f} to {recall.high:.2f}"
