"""Texts to unit vectors: each different text once, and never again while the cache holds its vector.

The vector of a text does not depend on the texts beside it, and is the same from the cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from toolkit.core.errors import MachineError
from toolkit.near.network import Network, Precision, network
from toolkit.store.cache import KEY, VectorCache

Floats = npt.NDArray[np.float32]
Told = Callable[[int, int], None]

CUT = 4_000
CHUNK = 8_192


class Encoder:
    """Texts to vectors of length 1, float32, shape (n, dim): call it with a sequence of texts.

    A text is its first 4,000 characters (networks read fewer); None is the empty text. embedded: how
    many texts the network has run so far. notes: what the cache has to say, a sentence each.
    """

    def __init__(self, source: Network, cache: VectorCache | None = None, progress: Told | None = None) -> None:
        self._network = source
        self._cache = cache
        self._progress = progress
        self.embedded = 0

    @property
    def identity(self) -> str:
        """What vectors depend on: the weights by their hash, the precision, the release of torch."""
        return f"{self._network.identity} cut-{CUT}"

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._cache.notes) if self._cache else ()

    def __call__(self, texts: Sequence[str | None], progress: Told | None = None) -> Floats:
        """The vectors of `texts`, in order. progress: called with texts done and texts to embed.

        Raises MachineError if a vector is not finite, and what the network raises when it loads.
        """
        place: dict[str, int] = {}
        inverse = np.fromiter((place.setdefault(_cut(text), len(place)) for text in texts), np.int64, len(texts))
        unique = list(place)
        keys = self._keys(unique)
        cache = self._opened()
        known, vectors = cache.get(keys)
        if len(unique) and known.all() and len(unique) == len(texts):  # at a million rows each copy is gigabytes
            return vectors
        missing = np.flatnonzero(~known)
        dim = vectors.shape[1] if known.any() else self._network.dim
        out = np.zeros((len(unique), dim), np.float32)
        out[known] = vectors if known.any() else 0
        order = missing[np.argsort([len(unique[at]) for at in missing.tolist()], kind="stable")]
        for start in range(0, len(order), CHUNK):
            chosen = order[start : start + CHUNK]
            out[chosen] = self._embed([unique[at] for at in chosen.tolist()])
            cache.put(keys[chosen], out[chosen])
            if told := progress or self._progress:
                told(start + len(chosen), len(order))
        return out if len(unique) == len(texts) else out[inverse]

    def _embed(self, texts: list[str]) -> Floats:
        found = self._network.vectors(texts).astype(np.float64)
        if not np.isfinite(found).all():
            raise MachineError("the encoder gave a vector that is not finite", "try --precision fp32")
        self.embedded += len(texts)
        length = np.linalg.norm(found, axis=1, keepdims=True)
        return (found / np.where(length > 0, length, 1)).astype(np.float32)

    def _opened(self) -> VectorCache:
        """The cache of this encoder. It is opened late: its place depends on the identity."""
        if self._cache is None:
            self._cache = VectorCache(hashlib.blake2b(self.identity.encode(), digest_size=8).hexdigest())
        return self._cache

    def _keys(self, texts: list[str]) -> npt.NDArray[np.bytes_]:
        """blake2b-128 of the identity and each text."""
        start = hashlib.blake2b(self.identity.encode() + b"\0", digest_size=16)
        digests = []
        for text in texts:
            each = start.copy()
            each.update(text.encode())
            digests.append(each.digest())
        return np.frombuffer(b"".join(digests), KEY)


def lazy_encoder(
    name: str = "", precision: str = "auto", progress: Callable[[str, int, int], None] | None = None
) -> Encoder:
    """An encoder by name, folder or `hashed-words`, packaged one by default; it loads when first called."""
    told = None if progress is None else lambda done, total: progress("embed", done, total)
    asked: Precision = precision  # type: ignore[assignment]  # an unknown one is an error of the network
    return Encoder(network(name, asked), progress=told)


def _cut(text: str | None) -> str:
    """The part that is read. Lone surrogates, which no tokeniser takes, become question marks."""
    return (text or "")[:CUT].encode("utf-8", "replace").decode()
