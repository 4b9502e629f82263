"""What a record of real use says about itself: scores, samples, a second opinion, what users did.

| signal | columns that are read | what it says |
|---|---|---|
| class probabilities | `probabilities`, `probs`, `scores`: by class or in one order | margin of the first two |
| `logits` | `logits` | the same, after a softmax |
| confidence | `confidence`, `score` | of the answer given, 0..1 |
| log-probability | `logprobs`, `logprob`, `mean_logprob` | of the answer's tokens, mean |
| samples | `samples` | answers drawn again: how far apart they are |
| a teacher | `teacher`, `teacher_answer`, `teacher_label` | how far its answer is from the model's |
| disagreement | `disagreement`, as `toolkit capture replay` writes it | the same, measured there: 0..1 |
| feedback | `feedback`, `thumbs`, `rating`, `edited`, `retries`, `error`, `refusal` | a boost, never the ranking |
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from toolkit.core.errors import InputError

PROBABILITIES = ("probabilities", "probs", "class_probabilities", "scores")
CONFIDENCE = ("confidence", "score", "probability")
LOGPROBS = ("logprobs", "logprob", "mean_logprob", "avg_logprob")
SAMPLES = ("samples", "sampled_answers")
TEACHER = ("teacher", "teacher_answer", "teacher_label")
PREDICTION = ("prediction", "predicted", "predicted_label", "model_label")
ANSWER = ("answer", "response", "output", "completion")
THUMBS = ("feedback", "thumbs", "rating")
TROUBLES = ("edited", "retries", "retry", "error", "errors", "refusal", "refused")
BAD = {"down", "-1", "bad", "negative", "thumbs_down", "no", "dislike"}
SUM = 0.02


class Told(NamedTuple):
    """The signals of one record, None for each that it lacks. names: of the probabilities, () where they have none."""

    probabilities: tuple[float, ...] | None = None
    names: tuple[str, ...] = ()
    confidence: float | None = None
    logprob: float | None = None
    samples: tuple[str, ...] = ()
    teacher: str | None = None
    disagreement: float | None = None
    prediction: str | None = None
    answer: str | None = None
    bad: bool = False
    requests: int = 1


def told(row: Mapping[str, Any], where: str) -> Told:
    """The signals of one record. Raises InputError for a number that cannot be what its column says."""
    probabilities, names = _probabilities(row, where)
    confidence = _share(_first(row, CONFIDENCE), f"{where}: a confidence")
    prediction = _text(_first(row, PREDICTION))
    if prediction is None and names and probabilities:
        prediction = names[int(np.argmax(probabilities))]
    return Told(
        probabilities=probabilities,
        names=names,
        confidence=confidence,
        logprob=_logprob(_first(row, LOGPROBS), where),
        samples=_texts(_first(row, SAMPLES)),
        teacher=_text(_first(row, TEACHER)),
        disagreement=_share(row.get("disagreement"), f"{where}: a disagreement"),
        prediction=prediction,
        answer=_text(_first(row, ANSWER)),
        bad=_bad(row),
        requests=_count(row.get("count"), where),
    )


def _first(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _probabilities(row: Mapping[str, Any], where: str) -> tuple[tuple[float, ...] | None, tuple[str, ...]]:
    logits = row.get("logits")
    value = logits if logits is not None else _first(row, PROBABILITIES)
    if value is None or isinstance(value, int | float | str):
        return None, ()
    names = tuple(sorted(str(key) for key in value)) if isinstance(value, Mapping) else ()
    listed = [value[name] for name in names] if isinstance(value, Mapping) else value
    numbers = np.array([_number(each, f"{where}: class probabilities") for each in listed], np.float64)
    if logits is not None and len(numbers):
        numbers = np.exp(numbers - numbers.max())
        numbers /= numbers.sum()
    if len(numbers) < 2 or numbers.min() < 0 or abs(numbers.sum() - 1) > SUM:
        what = f"{where}: the class probabilities are {len(numbers)} numbers with the sum {numbers.sum():.3g}"
        raise InputError(what, "probabilities of all classes sum to 1; name raw scores `logits`")
    return tuple(numbers.tolist()), names


def _number(value: Any, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{where}: {str(value)[:40]!r} is not a number", "write a finite number, or leave it out")
    return float(value)


def _share(value: Any, what: str) -> float | None:
    number = _number(value, what)
    if number is not None and not 0 <= number <= 1:
        raise InputError(f"{what} of {number} is not within 0..1", "write it as a share")
    return number


def _logprob(value: Any, where: str) -> float | None:
    """The mean log-probability of the tokens: a number as it is, a list of numbers or of `{logprob}`."""
    if value is None or isinstance(value, int | float):
        return _number(value, f"{where}: log-probability")
    content = value.get("content") if isinstance(value, Mapping) else value
    if not isinstance(content, list) or not content:
        return None
    numbers = [each.get("logprob") if isinstance(each, Mapping) else each for each in content]
    known = [found for each in numbers if (found := _number(each, f"{where}: log-probability")) is not None]
    return float(np.mean(known)) if known else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def _bad(row: Mapping[str, Any]) -> bool:
    """Whether a user or the system was not content: a thumb down, an edit, a retry, an error, a refusal."""
    thumb = _first(row, THUMBS)
    if isinstance(thumb, bool):
        down = not thumb
    elif isinstance(thumb, int | float):
        down = thumb < 0
    else:
        down = isinstance(thumb, str) and thumb.strip().lower() in BAD
    return down or any(bool(row.get(name)) for name in TROUBLES)


def _count(value: Any, where: str) -> int:
    if value is None:
        return 1
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{where}: a count of {str(value)[:40]!r} is no number of requests", "write a whole number")
    return value
