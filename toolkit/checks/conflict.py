"""D04: one prompt, several answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.errors import NotApplicable
from toolkit.core.types import Findings, Result
from toolkit.store.columns import null_where_blank
from toolkit.store.view import View


@dataclass(frozen=True, slots=True)
class Conflict:
    """The same prompt with another label or answer tells the model two things at once.

    Prompts (system turns included) and answers are compared after Unicode NFKC, lower case and
    squeezed white space. A different label of the same text (`label`) is a contradiction; different
    answers to the same prompt (`answer`) may be wanted variety, and are scored lower. In a held-out
    set both make the score arbitrary.

    Not applicable to plain text and to preference data, where several answers to a prompt are the
    point. Missed: conflicts between paraphrases. Example: `reset my password` as `login` and as `billing`.
    """

    id: ClassVar[str] = "conflict"
    code: ClassVar[str] = "D04"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("prompt", "system", "answer", "label")

    def run(self, view: View) -> Iterator[Result]:
        from toolkit.near.pairs import exact_groups

        if view.manifest.format in ("text", "preference", "unpaired-preference"):
            raise NotApplicable(f"{view.manifest.format} rows have no one right answer to a prompt")
        rows, prompts, answers, labelled = [], [], [], []
        for batch in view.batches("prompt", "system", "answer", "label"):
            rows.append(batch.column("row").to_numpy())
            prompts.append(_prompt(batch))
            answers.append(_target(batch))
            labelled.append(batch.column("label").is_valid().to_numpy(zero_copy_only=False))
        if not rows:
            return
        ordinals, has_label = np.concatenate(rows), np.concatenate(labelled)
        one, first = _conflicting(exact_groups(pa.chunked_array(prompts)), exact_groups(pa.chunked_array(answers)))
        for kind, score, words in (("label", 1.0, "label"), ("answer", 0.6, "answer")):
            chosen = has_label[one] == (kind == "label")
            if chosen.any():
                message = f"another row has the same prompt and another {words}"
                yield Findings(ordinals[one[chosen]], score, message, kind, ordinals[first[chosen]])


def _prompt(batch: pa.RecordBatch) -> pa.Array:
    joined = pc.binary_join_element_wise(
        batch.column("system"), batch.column("prompt"), pa.scalar("\x1f", pa.large_string())
    )
    return null_where_blank(batch.column("prompt"), joined)


def _target(batch: pa.RecordBatch) -> pa.Array:
    answer = pc.fill_null(batch.column("answer"), "")
    label = pc.fill_null(batch.column("label"), "").cast(pa.large_string())
    return pc.binary_join_element_wise(answer, label, pa.scalar("\x1f", pa.large_string()))


def _conflicting(prompt_of: np.ndarray, answer_of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every row of a prompt that has several targets, and the first row of its prompt with another target."""
    differs = np.flatnonzero(answer_of != answer_of[prompt_of])
    prompts, at = np.unique(prompt_of[differs], return_index=True)
    first_other = np.full(len(prompt_of), -1, np.int64)
    first_other[prompts] = differs[at]
    rows = np.flatnonzero(first_other[prompt_of] >= 0)
    as_first = answer_of[rows] == answer_of[prompt_of[rows]]
    return rows, np.where(as_first, first_other[prompt_of[rows]], prompt_of[rows])
