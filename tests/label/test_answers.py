"""The log of answers: nothing that was answered is lost, whoever writes and wherever it breaks off."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from toolkit.core.errors import InputError
from toolkit.label import answers
from toolkit.label.answers import Answer

ONE = Answer("q-1", "00aa", "class", "card lost", "mara", "2026-01-02T03:04:05.000+00:00")


def test_what_was_appended_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / answers.FILE
    other = Answer("q-2", "00bb", "preference", 1, "mara", answers.now())
    answers.append(path, ONE)
    answers.append(path, other)
    assert answers.read(path) == [ONE, other]


def test_half_a_line_is_passed_over_and_cut(tmp_path: Path) -> None:
    path = tmp_path / answers.FILE
    answers.append(path, ONE)
    with path.open("ab") as file:
        file.write(b'{"id": "q-2", "ha')
    assert answers.read(path) == [ONE]
    answers.append(path, ONE)
    assert answers.read(path) == [ONE, ONE]


def test_a_whole_line_without_its_end_counts(tmp_path: Path) -> None:
    path = tmp_path / answers.FILE
    answers.append(path, ONE)
    path.write_bytes(path.read_bytes().rstrip())
    answers.append(path, ONE)
    assert answers.read(path) == [ONE, ONE]


@pytest.mark.parametrize(
    "line",
    [b"no json", b'{"id": 3}', b"[]", b'{"id":"a","hash":"b","kind":"preference","value":true,"by":"x"}'],
)
def test_a_broken_line_before_the_end_is_told(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / answers.FILE
    path.write_bytes(line + b"\n")
    with pytest.raises(InputError, match="line 1 is no answer"):
        answers.read(path)


def test_the_last_word_of_each_person_counts() -> None:
    said = [
        ONE,
        Answer("q-1", "00aa", "class", "card stolen", "mara"),
        Answer("q-1", "00aa", "class", "other", "ben"),
        Answer("q-1", "00aa", "class", None, "ben", status="undone"),
    ]
    assert {key: each.value for key, each in answers.current(said).items()} == {("q-1", "mara"): "card stolen"}


def _many(path: Path, who: str) -> None:
    for at in range(40):
        answers.append(path, Answer(f"q-{at}", "00aa", "text", "x" * 3_000, who))


def test_two_people_at_once(tmp_path: Path) -> None:
    path = tmp_path / answers.FILE
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_many, args=(path, who)) for who in ("mara", "ben")]
    for each in workers:
        each.start()
    for each in workers:
        each.join(60)
    assert len(answers.current(answers.read(path))) == 80
