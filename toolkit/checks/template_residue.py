"""S05: no template machinery in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.types import Finding, Findings, Result
from toolkit.store import columns as cols
from toolkit.store.view import View

# What a processor puts a picture in the place of is written by hand, and stands in the text by right.
MEDIA = r"image|video|audio|img|vision|object|box|quad|file|point|patch"
TOKENS = (
    r"<\|[A-Za-z][A-Za-z0-9_]*\|>|<｜[^｜\s<>]{1,40}｜>|<(?:start|end)_of_turn>|\[/?INST\]|</?SYSTEM_PROMPT>"
    r"|\[/?(?:TOOL_CALLS|AVAILABLE_TOOLS|TOOL_RESULTS|SYSTEM_PROMPT)\]|<</?SYS>>|</s>\s*$|(?m:^\s*</s>\s*$)|^<s>|^<bos>|<eos>\s*$"
)
NOT_TOKEN = re.compile(rf"<\|(?:{MEDIA})\w*\|>", re.IGNORECASE)
SPEAKS = r"(?i)\A\s*(?:#{2,} ?(?:assistant|response)|assistant|chatgpt) ?(?::|\n)"
GOES_ON = r"(?i)\n\s*(?:#{2,} ?(?:instruction|user|human|input)|user|human) ?(?::|\n)"
PROMPTED = (
    r"(?i)\A\s*(?:[#\[]{1,3} ?system(?: prompt)?\]? ?[:\n\]]|system prompt ?:|you are (?:a|an|the) (?:\w+ ){0,4}"
    r"(?:assistant|chat ?bot|language model)\b)"
)
VARIABLE = (
    r"\{\{\s*[\w.]+\s*\}\}|\{%-?\s*(?:if|for|endif|endfor|set)\b|<<(?:[A-Z]+(?:_[A-Z]+)+|NAME|DATE|TEXT|USER|EMAIL|INPUT"
    r"|CONTEXT|QUESTION|ANSWER)>>"
)
SERIALISED = r'^\s*\{\s*"role"\s*:\s*"[^"]*"\s*,\s*"content"\s*:'
THINK = r"</?think(?:ing)?>"
ANY = f"{TOKENS}|{VARIABLE}|{SERIALISED}|{THINK}"
RENDERED = 0.5
"""The share of rows with tokens from which a file of texts was rendered on purpose."""
MARKUP = re.compile(
    r"</(?:html|head|body|title|template|script|div|span|p|a|ul|ol|li|table|tr|td|th|h[1-6]|form|button|option)>"
)
PLAIN = ("text", "prompt-completion")
CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TemplateResidue:
    """Chat-template tokens and unrendered variables inside a message are trained on as if they were words.

    Found: control tokens of the common chat templates, `{{name}}` and `{% if %}` that no one filled
    in, a whole message written as JSON into another's content, and think tags that do not pair up.
    An answer that opens with its speaker's name (`Assistant:`) or with a system prompt, or goes on with the
    next turn (`### Instruction:`), is told as `speaker`, for review: it may have been asked for.

    Texts, and prompts with completions, of which half have tokens were rendered on purpose and are
    trained on as they are: they are told as `rendered` and stay. Text inside code fences and backticks
    is left alone, because rows about templates quote them, and so are variables in text with closing
    tags of HTML, which is a template, `${{ }}` of workflows, and what stands for a picture or a sound.

    Missed: the control tokens of unusual templates. Example: an answer that ends with `<|im_end|>`.
    """

    id: ClassVar[str] = "template-residue"
    code: ClassVar[str] = "S05"
    version: ClassVar[int] = 4
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("format", "turns", "rejected")

    def look(self, batch: pa.RecordBatch, view: View) -> Iterator[Result]:
        plain = np.isin(batch.column("format").cast(pa.string()).to_numpy(zero_copy_only=False), PLAIN)
        rendered = plain.any() and view.once("template-residue: rendered", lambda: _share(view)) >= RENDERED
        of_plain = set(batch.column("row").to_numpy()[plain].tolist()) if rendered else set()
        for column in ("turns", "rejected"):
            content = cols.turn_field(batch, "content", column)
            hit = cols.matches(content, ANY)
            owners = cols.turn_rows(batch, column)
            for at in np.flatnonzero(hit).tolist():
                yield from _judge(int(owners[at]), content[at].as_py(), rendered=int(owners[at]) in of_plain)
            yield from _speakers(content, cols.turn_field(batch, "role", column), owners)


def _share(view: View, batches: int = 4) -> float:
    """The share of rows that have a token, in the first batches."""
    rows = hit = 0
    for batch in islice(view.batches("turns"), batches):
        rows += len(batch)
        hit += len(np.unique(cols.turn_rows(batch)[cols.matches(cols.turn_field(batch, "content"), TOKENS)]))
    return hit / rows if rows else 0.0


def _token(prose: str) -> str:
    """The first token in a text, empty where there is none."""
    return next((each.group().strip() for each in re.finditer(TOKENS, prose) if not NOT_TOKEN.match(each.group())), "")


def _judge(row: int, content: str, *, rendered: bool) -> Iterator[Finding]:
    prose = CODE.sub(" ", content)
    token = _token(prose)
    if token and rendered:
        words = f"it was rendered with a chat template ({token}): no other template may be laid over it"
        yield Finding(row, 1.0, words, kind="rendered")
    elif token:
        yield Finding(row, 1.0, f"the chat-template token {token} stands in a message", kind="template-token")
    # `${{ }}` is how workflows of code hosts are written, and what has HTML's closing tags is a template itself.
    variable = None if MARKUP.search(prose) else re.search(rf"(?<!\$)(?:{VARIABLE})", prose)
    if variable:
        yield Finding(row, 0.9, f"the variable {variable.group()[:40]} was not filled in", kind="unrendered")
    if re.search(SERIALISED, content):
        yield Finding(row, 1.0, "a message's content is another message as JSON", kind="serialised-message")
    opened, closed = len(re.findall(r"<think(?:ing)?>", prose)), len(re.findall(r"</think(?:ing)?>", prose))
    if opened != closed:
        yield Finding(row, 0.9, f"{opened} think tags open and {closed} close", kind="unbalanced-think")


def _speakers(content: pa.Array, roles: pa.Array, owners: np.ndarray) -> Iterator[Result]:
    answers = cols.mask(pc.equal(roles, "assistant"))
    for pattern, message in (
        (SPEAKS, "the answer opens with the name of its speaker"),
        (GOES_ON, "the answer goes on with the next turn of the user"),
        (PROMPTED, "the answer opens with what a system prompt says"),
    ):
        hit = answers & cols.matches(content, pattern)
        if hit.any():
            yield Findings(np.unique(owners[hit]), 0.6, message, "speaker", column="answer")
