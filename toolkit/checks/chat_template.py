"""F03: whether the model's chat template shows all that a row says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.chat.example import READS, Example, examples, stage_of
from toolkit.chat.render import Job, Rendered, Renderer
from toolkit.chat.tokenizer import files_of, load
from toolkit.core.errors import NotApplicable
from toolkit.core.types import Fact, Finding, Result
from toolkit.store.view import View

UNASKED = "no model was named: toolkit readiness RUN --trainer NAME --model FOLDER"
MARK = re.compile(r"\{%-?\s*generation\s*-?%\}")
THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)
SAYS = {
    "raises": "the chat template refuses the row",
    "system-lost": "the chat template leaves the system message out",
    "tools-lost": "the chat template does not show the tools that the row offers",
    "calls-lost": "the chat template leaves tool calls out",
    "thinking-stripped": "the chat template leaves out what an answer thought first",
    "turn-lost": "the chat template leaves out or rewrites the text of a turn",
}


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """What a chat template leaves out, no model is trained on, and nobody is told.

    Found: `raises` (the template refuses the row, as many do when turns do not alternate), `system-lost`,
    `tools-lost`, `calls-lost`, `thinking-stripped` (thoughts of earlier answers, or all), `turn-lost`
    (another content is not in the rendering, as written or as JSON), and for the data set
    `no-generation-mark`: without `{% generation %}` a trainer cannot tell answers from the rest.

    Method: every row is rendered as `transformers` does; each content, trimmed, must stand in the text,
    and each tool and each call by its name. Missed: an order that is changed, a content that also stands
    elsewhere in the row, the arguments of calls, rejected answers, pictures.

    model: a folder with a tokenizer, or a Hub id in the cache of this machine. trainer: one that renders
    tools by itself is not told of tools.
    """

    id: ClassVar[str] = "chat-template"
    code: ClassVar[str] = "F03"
    version: ClassVar[int] = 2
    scope: ClassVar[str] = "kept"
    reads: ClassVar[tuple[str, ...]] = READS

    model: str = ""
    trainer: str = ""

    def inputs(self) -> list[str]:
        """The tokenizer's files, which hold the template."""
        return files_of(self.model) if self.model else []

    def run(self, view: View) -> Iterator[Result]:
        if not self.model:
            raise NotApplicable(UNASKED)
        if stage_of(view.manifest.format) == "" or view.manifest.format == "text":
            raise NotApplicable(f"{view.manifest.format} rows pass no chat template")
        tokenizer = load(self.model)
        with Renderer(tokenizer.template, tokenizer.special) as renderer:
            for batch in view.batches(*READS, size=2048):
                rows = list(examples(batch))
                rendered = renderer.render([Job(row.chat, row.tools) for row in rows])
                for row, found in zip(rows, rendered, strict=True):
                    yield from self._lost(row, found)
        marked = bool(MARK.search(tokenizer.template))
        yield Fact("generation marks in the chat template", float(marked))
        if not marked:
            message = "the chat template marks no answers, so assistant_only_loss cannot be used with it as it is"
            yield Finding(None, 1.0, message, kind="no-generation-mark")

    def _lost(self, row: Example, rendered: Rendered) -> Iterator[Finding]:
        if rendered.error:
            yield Finding(row.row, 1.0, SAYS["raises"], kind="raises", evidence={"said": rendered.error})
            return
        for kind in sorted(set(kinds(row, rendered.text, own_tools=self.trainer.startswith("llamafactory")))):
            yield Finding(row.row, 1.0, SAYS[kind], kind=kind, column="turns")


def kinds(row: Example, text: str, *, own_tools: bool = False) -> Iterator[str]:
    """What a rendering of a row leaves out, a kind for each. own_tools: tools are not the template's to show."""
    if not own_tools:
        if any(name not in text for name in _names(row.tools or [])):
            yield "tools-lost"
        if any(name not in text for each in row.chat for name in _names(each.get("tool_calls") or [])):
            yield "calls-lost"
    for message in row.chat:
        yield from _of_message(message, text)


def _of_message(message: dict[str, Any], text: str) -> Iterator[str]:
    content, role = message.get("content"), message.get("role")
    thought = message.get("reasoning_content") or message.get("thinking")
    if isinstance(thought, str) and not _stands(thought, text):
        yield "thinking-stripped"
    if not isinstance(content, str) or _stands(content, text):
        return
    without = THOUGHT.sub("", content)
    if without != content and _stands(without, text):
        yield "thinking-stripped"
    else:
        yield "system-lost" if role in ("system", "developer") else "turn-lost"


def _stands(content: str, text: str) -> bool:
    plain = content.strip()
    return plain in text or json.dumps(plain, ensure_ascii=False)[1:-1] in text or json.dumps(plain)[1:-1] in text


def _names(tools: Sequence[Any]) -> list[str]:
    """The names of tools or of calls, in OpenAI's form or bare."""
    bodies = [each.get("function", each) for each in tools if isinstance(each, dict)]
    return [each["name"] for each in bodies if isinstance(each, dict) and isinstance(each.get("name"), str)]
