"""How far a run is, read by another process while it goes on."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from tests.generate.scripted import Scripted, run_of, texts
from toolkit.cli import main
from toolkit.core.errors import InputError
from toolkit.core.request import Retry
from toolkit.generate.status import Status, status
from toolkit.renderers import trial


def test_a_run_can_be_watched_while_it_goes_on() -> None:
    done: list[object] = []
    prepared = run_of(Scripted(texts, delay_s=0.3), target={"rows": 200}, model={"use": "procedural", "concurrency": 4})
    thread = threading.Thread(target=lambda: done.append(prepared.run()))
    thread.start()
    seen: list[Status] = []
    while thread.is_alive() and len(seen) < 400:
        time.sleep(0.02)
        if (prepared.folder / "plan.json").is_file():
            seen.append(status(prepared.folder))
    thread.join()
    assert done
    assert any(each.running and 0 < each.accepted < 200 and each.in_flight for each in seen)
    assert any(each.left_s for each in seen)
    assert [each.accepted for each in seen] == sorted(each.accepted for each in seen)
    ended = status("scripted")
    assert (ended.running, ended.accepted, ended.left_s) == (False, 200, None)
    assert sum(each.accepted for each in ended.cells) == 200
    assert "200 of 200 rows accepted, at rest" in trial.state(ended)


def test_a_run_that_was_stopped_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    found = run_of(Scripted(texts), budget={"requests": 2}).run()
    with Path("runs/scripted/journal.jsonl").open("ab") as file:
        file.write(b'{"e":"accepted","ke')
    assert main(["status", "scripted", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["accepted"], told["target"], told["running"], told["requests"]) == (found.accepted, 20, False, 2)
    assert main(["status", "runs/scripted"]) == 0
    assert "of 10  refund" in capsys.readouterr().out


def test_what_a_run_waits_for_is_shown() -> None:
    loading = Retry("503: Loading model")
    run_of(Scripted(lambda request, rng: loading), budget={"requests": 1}).run()
    assert "nothing was answered since: 503: Loading model" in trial.state(status("scripted"))
    run_of(Scripted(texts), budget={"requests": 2}).run()
    assert "nothing was answered since" not in trial.state(status("scripted"))


def test_a_folder_without_a_run_is_named() -> None:
    with pytest.raises(InputError, match="no run of `toolkit generate`"):
        status("nowhere")
