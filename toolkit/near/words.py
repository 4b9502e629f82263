"""A second view of texts beside a sentence encoder: which words they are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from toolkit.near.cores import single_threaded

CUT = 4_000
VOCABULARY = 100_000


def word_view(texts: Sequence[str | None], *, dim: int = 256, seed: int = 0) -> npt.NDArray[np.float64]:
    """Latent semantic vectors of length 1, shape (n, at most dim); a text without a common word is zero.

    TF-IDF of words and word pairs that two texts share, reduced by a truncated SVD (Deerwester et al.
    1990). It is fitted on all texts and knows no label. Empty, shape (n, 0), where no two texts share
    a word.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    counted = TfidfVectorizer(sublinear_tf=True, min_df=2, ngram_range=(1, 2), max_features=VOCABULARY)
    try:
        table = counted.fit_transform([(text or "")[:CUT] for text in texts])
    except ValueError:  # no word is left: there is no view, and that is not an error
        return np.zeros((len(texts), 0))
    kept = min(dim, min(table.shape) - 1)
    if kept < 1:
        return np.zeros((len(texts), 0))
    with single_threaded():
        found = TruncatedSVD(kept, n_iter=3, random_state=seed).fit_transform(table)
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.where(length > 1e-9, length, 1), np.float64)
