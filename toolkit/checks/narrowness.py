"""A04: how narrow the rows are, and how much general data keeps a model from forgetting the rest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import log2
from typing import ClassVar

import numpy as np
import pyarrow as pa

from toolkit.core.errors import NotApplicable, Skip
from toolkit.core.types import Fact, Finding, Result
from toolkit.store.view import View

LEAST = 50
# Mean cosine of two prompts, and effective number of forms of an answer: what lies beyond is narrow.
TOPIC, ONE_TOPIC = 0.12, 0.3
FORMS, ONE_FORM = 6.0, 2.5
SHARES = (0.01, 0.05, 0.1, 0.25)
SCORES = (0.1, 0.5, 0.7, 0.9)


@dataclass(frozen=True, slots=True)
class Narrowness:
    """A model that is tuned on one topic in one form loses some of what it could do; a little general data keeps it.

    Measured on `sample` rows: `topic`, the mean cosine of two prompts' embeddings (requests of 64 intents
    to a home assistant: .09), and `forms`, the effective number (exp of the entropy) of answer
    forms: what it opens with, how many lines, how long by powers of two (their labels: 1.9). Neither narrow: mix
    in 1 % of general rows (Scialom et al. 2022 kept old tasks with that). One of them narrow: 5 %; both: 10 %;
    both and one of them very: 25 % (Ibrahim et al. 2024 replayed 5 % under a weak shift, more under a strong one).

    The bands are a rule of thumb; what is forgotten is seen on a set of general rows, before and after, which
    `toolkit split RUN --mix general.jsonl --share 0.1` keeps apart. A model that will only ever do this task
    needs none. Missed: how far the rows are from what the model was trained on, which only the model tells.
    """

    id: ClassVar[str] = "narrowness"
    code: ClassVar[str] = "A04"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "kept"
    embeds: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("question", "answer", "label", "hash", "nth")

    sample: int = 1000

    def run(self, view: View) -> Iterator[Result]:
        table = view.table("question", "answer", "label", "hash", "nth")
        if len(table) < LEAST:
            raise NotApplicable(f"{len(table)} rows; under {LEAST} say little about what they are like")
        if view.encode is None:
            raise Skip("no embeddings; leave --no-embeddings out")
        order = np.lexsort((table.column("nth").to_numpy(), table.column("hash").to_numpy()))[: self.sample]
        some = table.take(order)
        prompts = [text for text in some.column("question").to_pylist() if text and text.strip()]
        answers = [text for answer, label in _pairs(some) if (text := answer or label)]
        if min(len(prompts), len(answers)) < LEAST:
            raise NotApplicable("too few rows have a prompt and an answer or a label")
        topic, forms = mean_cosine(np.asarray(view.encode(prompts), np.float64)), effective_forms(answers)
        at = (topic > TOPIC) + (forms < FORMS)
        at += at == 2 and (topic > ONE_TOPIC or forms < ONE_FORM)
        yield Fact("mean cosine of two prompts", topic, "")
        yield Fact("effective forms of an answer", forms, "forms")
        yield Fact("general data to mix in", 100 * SHARES[at], "%")
        message = (
            f"prompts have a mean cosine of {topic:.2f}, answers {forms:.1f} effective forms: mix in {SHARES[at]:.0%} "
            "of general rows, if the model is to keep what else it can do"
        )
        yield Finding(None, SCORES[at], message, kind="narrow" if at else "broad")


def mean_cosine(vectors: np.ndarray) -> float:
    """Mean cosine of two different rows, of unit vectors (n, dim), n at least 2."""
    n = len(vectors)
    total = vectors.sum(axis=0)
    return float((total @ total - n) / (n * (n - 1)))


def effective_forms(answers: list[str]) -> float:
    """exp of the entropy of the answers' forms."""
    counts = np.array(list(Counter(_form(each) for each in answers).values()), np.float64)
    shares = counts / counts.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _form(answer: str) -> tuple[str, int, int]:
    text = answer.strip()
    opening = re.match(r"```|[{\[<#*-]|\d", text)
    first = opening.group() if opening else "a"
    return ("0" if first.isdigit() else first), min(text.count("\n"), 4), int(log2(len(text) + 1))


def _pairs(table: pa.Table) -> Iterator[tuple[str | None, str | None]]:
    return zip(table.column("answer").to_pylist(), table.column("label").to_pylist(), strict=True)
