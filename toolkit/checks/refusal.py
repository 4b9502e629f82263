"""Q01: refusals and model self-descriptions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from toolkit.core.types import Findings, Result
from toolkit.store import columns as cols
from toolkit.store.view import View

SORRY = r"(?:i(?:'|’)?m|i am) (?:very |really |so )?sorry"
START = rf"(?i)^[\s\p{{P}}]*(?:{SORRY}|sorry|unfortunately|i apologi[sz]e)?"
CANNOT = (
    r"i ?(?:can(?:'|’)?t|cannot|can not|am (?:not able|unable)|(?:'|’)?m (?:not able|unable)|won(?:'|’)?t|will not"
    r"|must decline) (?:to )?(?:help|assist|provide|comply|fulfil|fulfill|answer|do that|create|generate|write"
    r"|support|engage|discuss|share)"
)
AI = r"an? (?:ai|artificial intelligence|(?:large )?language model)"
MAKERS = r"(?:openai|anthropic|google|meta|mistral|alibaba|deepseek|microsoft)"
MODELS = r"(?:chatgpt|claude|gemini|bard|llama|qwen)"
KINDS: tuple[tuple[str, float, str, str], ...] = (
    ("refusal", 0.9, "the answer refuses", rf"{START}[\s\p{{P}}]*(?:but )?(?:as an? [\w ,-]{{2,40}},? )?{CANNOT}"),
    (
        "as-an-ai",
        0.8,
        "the answer speaks of itself as an AI model",
        rf"(?i)\bas {AI}\b|\bi(?:'|’| a)?m (?:just |only )?{AI}\b|\bmy (?:knowledge|training)(?: data)? cut-?off\b",
    ),
    (
        "provider-name",
        0.7,
        "the answer names the provider of another model as its maker",
        rf"(?i)\b(?:trained|developed|created|made|built) by {MAKERS}\b|\bi(?:'|’| a)?m {MODELS}\b",
    ),
    (
        "apology",
        0.4,
        "the answer opens with an apology",
        rf"(?i)^[\s\p{{P}}]*(?:{SORRY}|i apologi[sz]e|my apologies)\b",
    ),
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A few per cent of refusals among the answers teach a model to refuse what it should do.

    Found, by wording, in the final answer: refusals, sentences such as "as an AI language model",
    another provider's name as the model's maker, and (low score) an apology as the opening. They are
    review items, because a refusal may be what the row is for.

    Missed: refusals in other languages than English, and evasive answers without the usual words.
    """

    id: ClassVar[str] = "refusal"
    code: ClassVar[str] = "Q01"
    version: ClassVar[int] = 2
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("answer",)

    def look(self, batch: pa.RecordBatch, view: View) -> Iterator[Result]:
        answers = batch.column("answer")
        rows = batch.column("row").to_numpy()
        seen = np.zeros(len(rows), dtype=bool)
        for kind, score, words, pattern in KINDS:
            hit = cols.matches(answers, pattern) & ~seen
            seen |= hit
            if hit.any():
                yield Findings(rows[hit], score, words, kind, column="answer")
