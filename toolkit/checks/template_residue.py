"""S05: no template machinery in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from toolkit.core.types import Finding, Result
from toolkit.store import columns as cols
from toolkit.store.view import View

TOKENS = (
    r"<\|(?:im_start|im_end|im_sep|eot_id|eom_id|start_header_id|end_header_id|begin_of_text|end_of_text"
    r"|endoftext|user|assistant|system|end|end_of_turn)\|>|<(?:start|end)_of_turn>|\[/?INST\]|<</?SYS>>|</s>\s*$|^<s>"
)
VARIABLE = r"\{\{\s*[\w.]+\s*\}\}|\{%-?\s*(?:if|for|endif|endfor|set)\b|<<[A-Z_]{3,}>>"
SERIALISED = r'^\s*\{\s*"role"\s*:\s*"[^"]*"\s*,\s*"content"\s*:'
THINK = r"</?think(?:ing)?>"
ANY = f"{TOKENS}|{VARIABLE}|{SERIALISED}|{THINK}"
MARKUP = re.compile(
    r"</(?:html|head|body|title|template|script|div|span|p|a|ul|ol|li|table|tr|td|th|h[1-6]|form|button|option)>"
)
CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TemplateResidue:
    """Chat-template tokens and unrendered variables inside a message are trained on as if they were words.

    Found: control tokens of the common chat templates, `{{name}}` and `{% if %}` that no one filled
    in, a whole message written as JSON into another's content, and think tags that do not pair up.
    Text inside code fences and backticks is left alone, because rows about templates quote them, and so
    are variables in text with closing tags of HTML, which is a template, and `${{ }}` of workflows.

    Missed: the control tokens of unusual templates. Example: an answer that ends with `<|im_end|>`.
    """

    id: ClassVar[str] = "template-residue"
    code: ClassVar[str] = "S05"
    version: ClassVar[int] = 2
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("turns", "rejected")

    def look(self, batch: pa.RecordBatch, view: View) -> Iterator[Result]:
        for column in ("turns", "rejected"):
            content = cols.turn_field(batch, "content", column)
            hit = cols.matches(content, ANY)
            owners = cols.turn_rows(batch, column)
            for at in np.flatnonzero(hit).tolist():
                yield from _judge(int(owners[at]), content[at].as_py())


def _judge(row: int, content: str) -> Iterator[Finding]:
    prose = CODE.sub(" ", content)
    token = re.search(TOKENS, prose)
    if token:
        yield Finding(
            row, 1.0, f"the chat-template token {token.group().strip()} stands in a message", kind="template-token"
        )
    # `${{ }}` is how workflows of code hosts are written, and what has HTML's closing tags is a template itself.
    variable = None if MARKUP.search(prose) else re.search(rf"(?<!\$)(?:{VARIABLE})", prose)
    if variable:
        yield Finding(row, 0.9, f"the variable {variable.group()[:40]} was not filled in", kind="unrendered")
    if re.search(SERIALISED, content):
        yield Finding(row, 1.0, "a message's content is another message as JSON", kind="serialised-message")
    opened, closed = len(re.findall(r"<think(?:ing)?>", prose)), len(re.findall(r"</think(?:ing)?>", prose))
    if opened != closed:
        yield Finding(row, 0.9, f"{opened} think tags open and {closed} close", kind="unbalanced-think")
