"""Answers of other prompts are found whether they are few or many, and none where there are none."""

from __future__ import annotations

import numpy as np
import pytest

from toolkit.near.pairing import pairing

ROWS, DIM = 600, 32


@pytest.mark.parametrize(("foreign", "found"), [(0, 0), (6, 4), (60, 40)])
def test_the_share_of_foreign_answers_is_estimated(foreign: int, found: int) -> None:
    rng = np.random.default_rng(7)
    prompts = _unit(rng.normal(size=(ROWS, DIM)))
    answers = _unit(prompts + 0.22 * rng.normal(size=(ROWS, DIM)))
    some = rng.permutation(ROWS)[:foreign]
    answers[some] = answers[np.roll(some, 1)]
    doubted = set(np.flatnonzero(pairing(prompts, answers).doubt >= 0.5).tolist())
    assert len(doubted & set(some.tolist())) >= found
    assert len(doubted - set(some.tolist())) <= ROWS // 100


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
