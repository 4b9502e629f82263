"""A small classifier over sentence vectors, taught by a few labelled texts: a second reader that costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from toolkit.near.encode import Encoder, lazy_encoder
from toolkit.near.logistic import fit, probabilities


@dataclass(frozen=True, slots=True)
class Reader:
    """weights: of a multinomial logistic regression, shape (dim + 1, n_labels)."""

    labels: tuple[str, ...]
    weights: npt.NDArray[np.float64]
    encoder: Encoder

    @classmethod
    def of(cls, texts: Sequence[str], labels: Sequence[str], encoder: Encoder | None = None) -> Reader:
        """Taught by these texts; two labels or more."""
        names, code = np.unique(np.asarray(labels, str), return_inverse=True)
        eyes = encoder or lazy_encoder()
        return cls(tuple(names.tolist()), fit(_features(eyes, texts), code.astype(np.int64), len(names)).weights, eyes)

    def shares(self, text: str) -> dict[str, float]:
        """The probability of each label for a text."""
        found = probabilities(_features(self.encoder, [text]), self.weights)[0]
        return dict(zip(self.labels, found.tolist(), strict=True))


def _features(encoder: Encoder, texts: Sequence[str]) -> npt.NDArray[np.float64]:
    vectors = np.asarray(encoder(texts), np.float64)
    return np.hstack([vectors, np.ones((len(texts), 1))])
