"""The frame log: what is written is read, what is torn is told, what is lost is counted."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from toolkit.core.errors import InputError, MachineError
from toolkit.store.calls import Tally, calls
from toolkit.store.frames import REQUEST, RESPONSE, SIZE, FrameLog, Kind, Torn, frames, segments


def _call(log: FrameLog, reply: bytes = b"reply") -> int:
    call = log.new_call()
    assert log.write(Kind.BEGIN, call, {"method": "POST"}, b"ask")
    assert log.write(Kind.CHUNK, call, {"status": 200}, reply[:2], RESPONSE)
    assert log.write(Kind.END, call, {"outcome": "complete"}, reply[2:], RESPONSE)
    return call


def test_what_is_written_is_read(tmp_path: Path) -> None:
    log = FrameLog(tmp_path / "log")
    ids = [_call(log, b"\0\xff" + bytes([at]) * 5000) for at in range(20)]
    log.close()
    found = list(calls(tmp_path / "log"))
    assert [each.id for each in found] == ids
    assert all(each.whole and each.status == 200 and bytes(each.request) == b"ask" for each in found)
    assert bytes(found[7].response) == b"\0\xff" + bytes([7]) * 5000
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o700
    assert all(each.stat().st_mode & 0o777 == 0o600 for each in segments(tmp_path / "log"))


def test_segments_are_cut_and_calls_go_over_them(tmp_path: Path) -> None:
    log = FrameLog(tmp_path, segment_bytes=2_000)
    call = log.new_call()
    log.write(Kind.BEGIN, call)
    others = [_call(log) for _ in range(30)]
    log.write(Kind.END, call, {"outcome": "complete"}, b"late", RESPONSE)
    log.close()
    assert len(segments(tmp_path)) == 3
    assert {each.id for each in calls(tmp_path)} == {call, *others}


def test_a_torn_tail_is_told_at_every_byte(tmp_path: Path) -> None:
    log = FrameLog(tmp_path / "log")
    for _ in range(2):
        _call(log)
    log.close()
    (whole,) = segments(tmp_path / "log")
    data = whole.read_bytes()
    last = [each.offset for each in frames(whole)][-1]
    for cut in range(last + 1, len(data)):
        path = tmp_path / "cut.frames"
        path.write_bytes(data[:cut])
        torn: list[Torn] = []
        assert len(list(frames(path, torn=torn.append))) == 6
        assert [(each.offset, each.size) for each in torn] == [(last, cut - last)]
        found = list(calls(path))
        assert [each.outcome for each in found] == ["complete", "unfinished"]
    path.write_bytes(data + b"\0" * 4096)
    assert len(list(frames(path, torn=torn.append))) == 7
    assert torn[-1].size == 4096


def test_damage_in_the_middle_is_an_error_with_its_offset(tmp_path: Path) -> None:
    log = FrameLog(tmp_path)
    for _ in range(3):
        _call(log)
    log.close()
    (path,) = segments(tmp_path)
    offsets = [each.offset for each in frames(path)]
    data = bytearray(path.read_bytes())
    data[offsets[5] + SIZE] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=f"byte {offsets[5]}"):
        list(frames(path))
    found = list(calls(tmp_path, tally := Tally(), damaged=True))
    assert [each.whole for each in found] == [True, False, True]
    assert tally.gaps[0]["reason"] == "damaged"


def test_a_restored_end_replaces_what_was_masked(tmp_path: Path) -> None:
    log = FrameLog(tmp_path)
    call = log.new_call()
    log.write(Kind.BEGIN, call, {"masked": [(3, 2)]}, b"abc**", REQUEST)
    log.write(Kind.CHUNK, call, {"restores": 2}, b"defg", REQUEST)
    log.write(Kind.CHUNK, call, {"masked": [(1, 3)]}, b"h***", REQUEST)
    log.write(Kind.END, call, {"outcome": "complete"}, b"", RESPONSE)
    log.close()
    (found,) = calls(tmp_path)
    assert bytes(found.request) == b"abcdefgh***"
    assert found.masked == [(REQUEST, 8, 3)]


def test_a_full_disk_makes_a_gap_and_what_follows_is_written(tmp_path: Path) -> None:
    """The limit of a file's size stands for the disk: a write comes back short, then fails."""
    code = f"""
import resource, signal, sys
from pathlib import Path
from toolkit.store.frames import FrameLog, Kind
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = FrameLog(Path({str(tmp_path / "log")!r}), sync="off")
calls = [log.new_call() for _ in range(4)]
assert log.write(Kind.BEGIN, calls[0], {{}}, b"a" * 1000)
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
assert not log.write(Kind.BEGIN, calls[1], {{}}, b"b" * 5000)
assert log.gap is not None and not log.write(Kind.END, calls[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
import time; time.sleep(0.3)
assert log.write(Kind.BEGIN, calls[2], {{}}, b"c") and log.gap is None
log.close()
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    found = list(calls(tmp_path / "log", tally := Tally()))
    assert [bytes(each.request)[:1] for each in found] == [b"a", b"c"]
    (gap,) = tally.gaps
    assert gap["frames"] == 2 and gap["bytes"] == 5000 and len(gap["calls"]) == 1
    assert "large" in gap["reason"] or "space" in gap["reason"]
    assert tally.torn == []


def test_a_log_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError):
        FrameLog(tmp_path / "file" / "log")
    log = FrameLog(tmp_path / "file" / "log", must_open=False)
    assert not log.write(Kind.BEGIN, log.new_call(), {}, b"x")
    assert log.gap is not None and log.gap.frames == 1
    (tmp_path / "file").unlink()
    time.sleep(0.25)
    call = log.new_call()
    assert log.write(Kind.BEGIN, call)
    log.close()
    tally = Tally()
    assert [each.id for each in calls(tmp_path / "file" / "log", tally)] == [call]
    assert len(tally.gaps) == 1


def test_a_deleted_folder_is_noticed(tmp_path: Path) -> None:
    log = FrameLog(tmp_path / "log")
    _call(log)
    log.sync()
    shutil.rmtree(tmp_path / "log")
    log.sync()
    assert log.gap is not None and "deleted" in log.gap.reason
    time.sleep(0.25)
    _call(log)
    log.close()
    assert len(list(calls(tmp_path / "log", tally := Tally()))) == 1
    assert len(tally.gaps) == 1


def test_a_fork_writes_a_segment_of_its_own(tmp_path: Path) -> None:
    code = f"""
import os
from pathlib import Path
from toolkit.store.frames import FrameLog, Kind
log = FrameLog(Path({str(tmp_path / "log")!r}))
log.write(Kind.BEGIN, log.new_call(), {{"who": "parent"}})
child = os.fork()
log.write(Kind.BEGIN, log.new_call(), {{"who": "child" if not child else "parent"}})
log.close()
if child:
    os.waitpid(child, 0)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
    assert len(segments(tmp_path / "log")) == 2
    found = list(calls(tmp_path / "log"))
    assert sorted(each.begin["who"] for each in found) == ["child", "parent", "parent"]
    assert len({each.id for each in found}) == 3


def test_an_empty_log_and_none(tmp_path: Path) -> None:
    assert list(calls(tmp_path)) == []
    with pytest.raises(InputError, match="not a capture log"):
        list(calls(tmp_path / "none"))


def test_killed_while_it_writes(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from toolkit.store.frames import FrameLog, Kind
log = FrameLog(Path({str(tmp_path)!r}), segment_bytes=1 << 20)
at = 0
while True:
    assert log.write(Kind.BEGIN, log.new_call(), {{"at": at}}, b"x" * (at % 9000))
    at += 1
    if at % 500 == 0:
        print(at, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = [int(process.stdout.readline()) for _ in range(4)]
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    found = list(calls(tmp_path))
    assert [each.begin["at"] for each in found] == list(range(len(found)))
    assert len(found) >= said[-1]
