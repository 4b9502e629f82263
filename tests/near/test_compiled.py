"""The cache of compiled kernels: renewed when any kernel changes, done without where it cannot be kept."""

from __future__ import annotations

from toolkit.near import compiled, groups


def test_the_index_of_every_kernel_is_stamped_with_all_files():
    assert {name for name, _, _ in compiled._STAMP} >= {"shingles.py", "lanes.py", "verify.py"}
    assert groups._group._cache._cache_file._source_stamp == compiled._STAMP
    # Numba's own name for it: were it another one, the line above would only read back what we wrote.
    assert "_source_stamp" in type(groups._group._cache._cache_file)._load_index.__code__.co_names


def test_where_no_cache_can_be_kept_kernels_still_compile():
    names = {}
    # A function of no file has nowhere to be cached: numba raises, as it does on a read-only disk.
    exec(compile("def twice(x):\n    return 2 * x\n", "<nowhere>", "exec"), names)  # noqa: S102
    assert compiled.kernel(names["twice"])(21) == 42
