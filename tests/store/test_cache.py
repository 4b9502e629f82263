"""The vector cache: what is put is got, and whatever happens to its files nothing wrong comes out."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from toolkit.core.errors import UsageError
from toolkit.store.cache import KEY, MANY, VectorCache, cache_folder, most_bytes

DIM = 6


def _keys(*names: str) -> np.ndarray:
    return np.array([hashlib.blake2b(name.encode(), digest_size=16).digest() for name in names], KEY)


def _vectors(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)


@pytest.fixture
def cache(tmp_path: Path) -> VectorCache:
    return VectorCache("space", tmp_path)


def test_what_is_put_is_got_to_the_bit_and_in_order(cache: VectorCache, tmp_path: Path) -> None:
    vectors = _vectors(4)
    cache.put(_keys("a", "b", "c", "d"), vectors)
    for each in (cache, VectorCache("space", tmp_path)):
        known, got = each.get(_keys("d", "x", "a", "d"))
        assert known.tolist() == [True, False, True, True]
        assert got.tobytes() == vectors[[3, 0, 3]].tobytes()
        assert each.notes == []


def test_an_empty_cache_knows_nothing(cache: VectorCache) -> None:
    known, got = cache.get(_keys("a"))
    assert not known.any()
    assert got.shape == (0, 0)
    cache.put(_keys(), _vectors(0))
    assert cache.get(_keys())[0].shape == (0,)


def test_keys_that_end_in_zero_bytes_are_not_mixed_up(cache: VectorCache) -> None:
    keys = np.array([b"a" * 15 + b"\0", b"a" * 14 + b"\0\0", b"a" * 16], KEY)
    vectors = _vectors(3)
    cache.put(keys, vectors)
    known, got = cache.get(keys)
    assert known.all()
    assert np.array_equal(got, vectors)


def test_spaces_do_not_meet(tmp_path: Path) -> None:
    VectorCache("one", tmp_path).put(_keys("a"), _vectors(1))
    assert not VectorCache("other", tmp_path).get(_keys("a"))[0].any()


def _segment(tmp_path: Path) -> Path:
    return next((tmp_path / "vectors" / "space").glob("*.vec"))


@pytest.mark.parametrize("harm", ["cut", "empty", "foreign", "key", "vector", "header"])
def test_a_damaged_segment_is_ignored_and_counted(tmp_path: Path, harm: str) -> None:
    VectorCache("space", tmp_path).put(_keys("a", "b"), _vectors(2))
    path = _segment(tmp_path)
    raw = bytearray(path.read_bytes())
    if harm == "key":
        raw[40] ^= 1
    elif harm == "vector":
        raw[-3] ^= 1
    elif harm == "header":
        raw[8] ^= 1
    cut = {"cut": raw[:-5], "empty": b"", "foreign": b"not ours " * 40}
    path.write_bytes(bytes(cut.get(harm, raw)))
    later = VectorCache("space", tmp_path)
    assert not later.get(_keys("a", "b"))[0].any()
    assert later.notes == ["1 damaged or foreign file(s) in the vector cache were ignored"]
    later.put(_keys("a", "b"), _vectors(2, seed=1))
    known, got = later.get(_keys("a", "b"))
    assert known.all()
    assert np.array_equal(got, _vectors(2, seed=1))


def test_many_small_segments_become_one(tmp_path: Path) -> None:
    vectors = _vectors(MANY + 3)
    names = [str(at) for at in range(len(vectors))]
    for at, name in enumerate(names):
        VectorCache("space", tmp_path).put(_keys(name), vectors[at : at + 1])
    assert len(list((tmp_path / "vectors" / "space").glob("*.vec"))) < 6
    known, got = VectorCache("space", tmp_path).get(_keys(*names))
    assert known.all()
    assert np.array_equal(got, vectors)


def test_a_reader_survives_a_merge_by_another(tmp_path: Path) -> None:
    reader = VectorCache("space", tmp_path)
    reader.put(_keys("first"), _vectors(1))
    assert reader.get(_keys("first"))[0].all()
    for at in range(MANY):
        VectorCache("space", tmp_path).put(_keys(str(at)), _vectors(1, seed=at))
    known, got = reader.get(_keys("first", "3"))
    assert known.all()
    assert np.array_equal(got[1:], _vectors(1, seed=3))


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; import numpy as np; from pathlib import Path; from toolkit.store.cache import VectorCache, KEY\n"
        "cache = VectorCache('space', Path(sys.argv[1]))\n"
        "for at in range(40):\n"
        "    key = np.array([(sys.argv[2] + str(at)).encode().rjust(16, b'-')], KEY)\n"
        "    cache.put(key, np.full((1, 6), at, np.float32))\n"
        "assert not cache.notes, cache.notes\n"
    )
    both = [subprocess.Popen([sys.executable, "-W", "error", "-c", code, str(tmp_path), name]) for name in "ab"]
    assert [each.wait(60) for each in both] == [0, 0]
    cache = VectorCache("space", tmp_path)
    for name in "ab":
        keys = np.array([f"{name}{at}".encode().rjust(16, b"-") for at in range(40)], KEY)
        known, got = cache.get(keys)
        assert np.array_equal(got[:, 0], np.flatnonzero(known).astype(np.float32))
        assert known.all()


def test_a_place_that_cannot_be_written_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = VectorCache("space", tmp_path / "file")
    cache.put(_keys("a"), _vectors(1))
    cache.put(_keys("b"), _vectors(1))
    assert not cache.get(_keys("a"))[0].any()
    assert len(cache.notes) == 1
    assert cache.notes[0].startswith("vectors are not cached: ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the platform has no /dev/full")
def test_a_full_disk_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    def draft(dir: Path, **_: str) -> tuple[int, str]:
        import os

        (dir / "draft").write_text("")
        return os.open("/dev/full", os.O_WRONLY), str(dir / "draft")

    monkeypatch.setattr(tempfile, "mkstemp", draft)
    cache = VectorCache("space", tmp_path)
    cache.put(_keys("a"), _vectors(1))
    cache.put(_keys("b"), _vectors(1))
    assert len(cache.notes) == 1
    assert "No space left" in cache.notes[0]
    assert list((tmp_path / "vectors" / "space").iterdir()) == []


def test_the_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("TOOLKIT_CACHE")
    assert cache_folder().name == "finetune-toolkit"


def test_the_vectors_of_all_spaces_keep_within_a_size_and_the_longest_unread_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOLKIT_CACHE_MB", "1")
    rows = 9_000  # of 40 bytes: two spaces fit, three do not
    names = [[f"{space} {at}" for at in range(rows)] for space in "abc"]
    for space, keys in zip("ab", names, strict=False):
        VectorCache(space, tmp_path).put(_keys(*keys), _vectors(rows))
    for at, path in enumerate(sorted(tmp_path.rglob("*.vec"), key=str)):
        os.utime(path, (at, at))
    assert VectorCache("a", tmp_path).get(_keys(*names[0]))[0].all(), "reading it makes it the newer one"
    VectorCache("c", tmp_path).put(_keys(*names[2]), _vectors(rows))
    known = [VectorCache(space, tmp_path).get(_keys(*keys))[0].all() for space, keys in zip("abc", names, strict=True)]
    assert known == [True, False, True]


def test_a_size_that_is_no_number_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLKIT_CACHE_MB", "4 GB")
    with pytest.raises(UsageError, match="TOOLKIT_CACHE_MB"):
        most_bytes()
