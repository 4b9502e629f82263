"""The room in which chat templates run: a process that may use little memory and is killed when it is slow.

A template comes with a model, often from a stranger. Jinja's sandbox keeps it from the machine, but not
from a loop without end or a text of many gigabytes. Requests and answers are lines of JSON; the
rendering is that of `transformers`, so that it is what a trainer renders.
"""

from __future__ import annotations

import sys
from typing import Any

import orjson

MEMORY = 2 << 30
SENTINELS = ("[[dummy_message]]", "zzdummymessagezz")
"""What axolotl puts in the place of a turn to see where it stands in the text; no two ends are alike."""


def answer(request: dict[str, Any]) -> list[dict[str, Any]]:
    """For every job its `text`, the `marks` of generation blocks and the `turns` asked for, or an `error`."""
    return [_job(request["template"], request["special"], job) for job in request["jobs"]]


def _job(template: str, special: dict[str, Any], job: dict[str, Any]) -> dict[str, Any]:
    try:
        if not job["messages"]:
            raise ValueError("an empty conversation")
        text, marks = _render(template, special, job, job["messages"], job["marks"])
        turns = [_place(template, special, job, text, at) for at in job["turns"]]
        text.encode()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as failure:  # whatever a stranger's template raises is an answer
        return {"text": "", "error": f"{type(failure).__name__}: {str(failure)[:200]}"}
    return {"text": text, "marks": marks, "turns": turns}


def _render(
    template: str, special: dict[str, Any], job: dict[str, Any], messages: list[Any], marks: bool = False
) -> tuple[str, list[Any]]:
    from transformers.utils.chat_template_utils import render_jinja_template

    plain = [{key: value for key, value in each.items() if value is not None} for each in messages]
    rendered, found = render_jinja_template(
        conversations=[plain],
        tools=job["tools"],
        chat_template=template,
        return_assistant_tokens_mask=marks,
        add_generation_prompt=job["generation"],
        **special,
    )
    return rendered[0], found[0] if marks else []


def _place(template: str, special: dict[str, Any], job: dict[str, Any], text: str, at: int) -> list[int]:
    """Where turn `at` stands in the text: the widest difference to renderings with a placeholder in its place."""
    messages, spans = job["messages"], []
    for word in SENTINELS:
        dummy = {"role": messages[at].get("role"), "content": word}
        other = _render(template, special, job, [*messages[:at], dummy, *messages[at + 1 :]])[0]
        spans.append(difference(text, other))
    return [min(begin for begin, _ in spans), max(end for _, end in spans)]


def difference(text: str, other: str) -> tuple[int, int]:
    """The range of `text` outside the longest common beginning and the longest common end that is left."""
    most = min(len(text), len(other))
    begin = _common(text, other, most)
    return begin, len(text) - _common(text[::-1], other[::-1], most - begin)


def _common(one: str, other: str, most: int) -> int:
    """Length of the common beginning, at most `most`: halved, so that long texts are compared in few steps."""
    low, high = 0, most
    while low < high:
        half = (low + high + 1) // 2
        if one[low:half] == other[low:half]:
            low = half
        else:
            high = half - 1
    return low


def main() -> None:
    """Answer lines until the input ends."""
    import resource

    import transformers.utils.chat_template_utils  # noqa: F401  loaded before the memory is limited

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(orjson.dumps(answer(orjson.loads(line))) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
