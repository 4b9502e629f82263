"""Every command of the README is run, in its order, in one folder, as a new user would."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from toolkit.cli import main
from toolkit.core.share import shipped

README = shipped("schemas").parent / "README.md"


def _commands() -> list[str]:
    if not README.is_file():
        return []
    blocks = re.findall(r"^```sh\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    inline = re.findall(r"`(toolkit (?:parts|readiness --check)[^`]*)`", README.read_text(encoding="utf-8"))
    return [line for block in blocks for line in block.splitlines() if line.startswith("toolkit ")] + inline


def test_the_readme_has_commands() -> None:
    assert README.is_file()
    assert len(_commands()) > 12


def test_every_command_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("login", "billing", "refund", "delivery")
    lines = [
        f'"I have a problem with my {word}, case {at}, {"please help" * (at % 3)}",{word}'
        for at in range(15)
        for word in words
    ]
    shutil.copytree(Path(__file__).parent / "trainers" / "chatml", "models/mine")
    Path("tickets.csv").write_text("Subject,Queue\n" + "\n".join(lines) + "\n", encoding="utf-8")
    _captured(Path("capture"))
    for command in _commands():
        code = main(shlex.split(command)[1:])
        said = capsys.readouterr()
        assert code in (0, 1), f"{command}: {said.err}"
        assert "Traceback" not in said.err
        if code == 1:
            assert "readiness" in command or "verify" in command or "split" in command or "run" in command, said.err


def test_the_options_that_mix_general_rows_in_do_what_the_readme_says(capsys: pytest.CaptureFixture[str]) -> None:
    if not README.is_file():
        pytest.skip("the README is not beside the package")
    (options,) = re.findall(r"`(--mix general\.jsonl --share [\d.]+)`", README.read_text(encoding="utf-8"))
    for name, word in (("tickets", "ticket"), ("general", "story")):
        rows = [
            {"text": f"{word} {at * 7919} about {at * 104729 % 9973}", "label": f"{word}{at % 2}"} for at in range(80)
        ]
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert main(["verify", "tickets.jsonl", "--no-embeddings"]) == 0
    assert main(shlex.split(f"split runs/tickets {options}")) in (0, 1)
    assert "mixed in: " in capsys.readouterr().out
    assert Path("runs/tickets/train.mixed.jsonl").is_file()
    assert Path("runs/tickets/regression.jsonl").is_file()


def _captured(folder: Path) -> None:
    """A log as the proxy would have written it, which a README cannot run to its end."""
    from toolkit.capture.privacy import Keys
    from toolkit.capture.record import Answered, Asked, Recording
    from toolkit.store.frames import FrameLog

    log, keys = FrameLog(folder), Keys()
    for at in range(3):
        asked = {"model": "m", "messages": [{"role": "user", "content": f"What is {at} plus {at}?"}]}
        text = [{"type": "text", "text": f"It is {2 * at}."}]
        said = {"id": f"msg_{at}", "model": "m", "content": text, "stop_reason": "end_turn"}
        call = Recording(log, keys)
        call.begin(
            Asked("POST", b"/v1/messages", [], "https://api.anthropic.com"), json.dumps(asked).encode(), last=True
        )
        call.end("complete", json.dumps(said).encode(), Answered(200, [(b"content-type", b"application/json")]))
    log.close()
    said = {"choices": [{"message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}]}
    asked = {"call_type": "completion", "model": "m", "messages": [{"role": "user", "content": "Hello"}]}
    Path("litellm.jsonl").write_text(json.dumps({**asked, "response": said}) + "\n", encoding="utf-8")


def test_links_and_pictures_of_the_readme_exist() -> None:
    text = README.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#][^)]*)\)", text):
        assert (README.parent / target).exists(), target
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    }
    for anchor in re.findall(r"\]\(#([^)]+)\)", text):
        assert anchor in headings, anchor


def test_the_table_names_every_section_in_its_order() -> None:
    text = README.read_text(encoding="utf-8")
    sections = re.findall(r"^## (.+)$", text, re.MULTILINE)
    listed = re.findall(r"^\| \[([^\]]+)\]\(#", text, re.MULTILINE)
    assert listed == [each for each in sections if each not in ("Quick start", "What is here", "Errors", "Development")]
