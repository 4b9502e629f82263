"""A second view of texts beside a sentence encoder: which words they are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from toolkit.near.cores import single_threaded

CUT = 4_000
VOCABULARY = 100_000
BLOCK = 32_768

Floats = npt.NDArray[np.floating]


def word_view(texts: Sequence[str | None], *, dim: int = 256, seed: int = 0, most: int = 20_000) -> Floats:
    """Latent semantic vectors of length 1, shape (n, at most dim); a text without a common word is zero.

    TF-IDF of words and word pairs that two texts share, reduced by a truncated SVD (Deerwester et al.
    1990). It knows no label. It is fitted on all texts, float64; of more than `most` on so many drawn by
    chance, float32. Empty, shape (n, 0), where no two texts share a word.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    few = len(texts) <= most
    fitted = texts if few else [texts[at] for at in np.sort(np.random.default_rng(seed).permutation(len(texts))[:most])]
    kind = np.float64 if few else np.float32
    counted = TfidfVectorizer(sublinear_tf=True, min_df=2, ngram_range=(1, 2), max_features=VOCABULARY, dtype=kind)
    try:
        table = counted.fit_transform(_cut(fitted))
    except ValueError:  # no word is left: there is no view, and that is not an error
        return np.zeros((len(texts), 0), kind)
    kept = min(dim, min(table.shape) - 1)
    if kept < 1:
        return np.zeros((len(texts), 0), kind)
    with single_threaded():
        reduced = TruncatedSVD(kept, n_iter=3, random_state=seed).fit(table)
    if few:
        return _unit(reduced.transform(table))
    found = np.empty((len(texts), kept), kind)
    for at in range(0, len(texts), BLOCK):
        found[at : at + BLOCK] = _unit(reduced.transform(counted.transform(_cut(texts[at : at + BLOCK]))))
    return found


def _cut(texts: Sequence[str | None]) -> list[str]:
    return [(text or "")[:CUT] for text in texts]


def _unit(rows: Floats) -> Floats:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 1e-9, length, 1))
