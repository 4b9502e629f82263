"""Fixtures that every test may use: a clean working folder, the data with ground truth, a tiny encoder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from toolkit.core import parts

settings.register_profile("same", derandomize=True)  # the same examples in every run; soak draws new ones
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

DIM = 64


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs go to `runs/` of the working folder, the vector cache to a folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(autouse=True)
def _own_parts() -> Iterator[None]:
    """What a test puts on a shelf with `--with` is gone after it."""
    yield
    for loaded in parts._local.values():
        loaded.clear()


@pytest.fixture(scope="session")
def truth() -> Path:
    """The folder of public data with ground truth; the test is skipped where it is not at hand."""
    folder = os.environ.get("TOOLKIT_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("TOOLKIT_DATA names no folder of data with ground truth")
    return Path(folder)


class HashingEncoder:
    """A fixed encoder of words: fast, without a model, near for texts that share words."""

    identity = "hashing-64"

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        self.calls += 1
        vectors = np.zeros((len(texts), DIM), np.float32)
        for at, text in enumerate(texts):
            for word in text.lower().split():
                digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
                vectors[at, digest[0] % DIM] += 1.0 if digest[1] % 2 else -1.0
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.where(norms == 0, 1, norms)


@pytest.fixture
def encoder() -> HashingEncoder:
    return HashingEncoder()
