"""LLaMA-Factory's templates: pieces of text around each turn, tokenised piece by piece.

A chat template sees a conversation whole; these do not, so a token never spans two pieces. With no
template named, LLaMA-Factory reads the pieces from renderings of the tokenizer's own chat template.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.chat.render import Job, Renderer
from toolkit.chat.tokenizer import Tokenizer
from toolkit.core.errors import InputError, unknown

Word = str | int
"""A text to tokenise, or a token."""
HOLE = "{{content}}"
EOS = "{eos}"
THOUGHT = ("<think>\n", "\n</think>\n\n")
CALL = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
PROMPT = "DEFAULT_TOOL_PROMPT"


@dataclass(frozen=True, slots=True)
class Slots:
    """What stands around a turn of each kind. A piece that is EOS is the end token, whatever its text.

    tools: whether tools are written in LLaMA-Factory's `default` way, the only one that is modelled.
    tool_prompt: its words around the list of tools. thinking: a reasoning model is to think. last_only:
    it gets a thought in the last answer alone.
    """

    user: tuple[str, ...] = (HOLE,)
    assistant: tuple[str, ...] = (HOLE, EOS)
    system: tuple[str, ...] = (HOLE,)
    observation: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()
    default_system: str = ""
    stop: str = ""
    reasoning: bool = False
    tools: bool = True
    eos: int | None = None
    tool_prompt: str = ""
    thinking: bool = True
    last_only: bool = False

    def turns(self, system: str, turns: Sequence[tuple[str, str]], tools: list[Any] | None) -> list[list[Word]]:
        """The pieces of every turn; the first has the prefix and the system text before it.

        Raises ValueError for what LLaMA-Factory raises at, InputError for tools that are not modelled.
        """
        self._check_tools(tools, turns)
        found = [self._turn(at, role, content) for at, (role, content) in enumerate(turns)]
        head = list(self._filled(self.prefix, ""))
        system = system or self.default_system
        if system or tools:
            head += self._filled(self.system, system + (_tool_text(tools, self.tool_prompt) if tools else ""))
        found[0] = head + found[0]
        if self.reasoning:
            self._add_empty_thoughts(turns, found)
        return found

    def _add_empty_thoughts(self, turns: Sequence[tuple[str, str]], found: list[list[Word]]) -> None:
        """Put an empty thought before answers without one: with a loss where the model is to think, else without."""
        for at in range(len(found) - 1 if self.last_only else 1, len(found), 2):
            if any(word.strip() in turns[at][1] for word in THOUGHT):
                continue
            if self.thinking:
                found[at] = ["".join(THOUGHT), *found[at]]
            else:
                found[at - 1].append("".join(THOUGHT))

    def _check_tools(self, tools: list[Any] | None, turns: Sequence[tuple[str, str]]) -> None:
        if not self.tools and (tools or any(role == "function" for role, _ in turns)):
            fix = "leave --set llamafactory.template out, or use another trainer"
            raise InputError("this LLaMA-Factory template writes tools in a way that is not modelled", fix)
        if tools and not self.tool_prompt:
            what = "rows with tools need LLaMA-Factory's own words around them, and it is not installed here"
            raise InputError(what, "say where it is: --set llamafactory.source=.../site-packages/llamafactory")

    def _turn(self, at: int, role: str, content: str) -> list[Word]:
        if not isinstance(content, str):
            raise ValueError("a turn without text")
        if role == "function":
            return self._filled(self.assistant, _calls(content))
        pieces = {"user": self.user, "observation": self.observation or self.user}.get(role, self.assistant)
        number = str(at // 2) if role == "user" else None
        return self._filled(pieces, content, number)

    def _filled(self, pieces: Sequence[str], content: str, number: str | None = None) -> list[Word]:
        found: list[Word] = []
        for piece in pieces:
            if piece == EOS:
                found += [] if self.eos is None else [self.eos]
                continue
            text = piece.replace(HOLE, content, 1)
            text = text if number is None else text.replace("{{idx}}", number, 1)
            found += [text] if text else []
        return found


EMPTY = Slots(assistant=(HOLE,))
CHATML = Slots(
    user=("<|im_start|>user\n{{content}}<|im_end|>\n<|im_start|>assistant\n",),
    assistant=("{{content}}<|im_end|>\n",),
    system=("<|im_start|>system\n{{content}}<|im_end|>\n",),
    observation=("<|im_start|>tool\n{{content}}<|im_end|>\n<|im_start|>assistant\n",),
    stop="<|im_end|>",
)
NAMED = {
    "empty": EMPTY,
    "chatml": CHATML,
    "default": Slots(
        user=("Human: {{content}}", EOS, "\nAssistant:"),
        assistant=(HOLE, EOS, "\n"),
        system=("System: {{content}}", EOS, "\n"),
    ),
    "llama3": Slots(
        user=(
            "<|start_header_id|>user<|end_header_id|>\n\n{{content}}<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        assistant=("{{content}}<|eot_id|>",),
        system=("<|start_header_id|>system<|end_header_id|>\n\n{{content}}<|eot_id|>",),
        prefix=("{bos}",),
        stop="<|eot_id|>",
        tools=False,
    ),
    "qwen3_nothink": Slots(CHATML.user, CHATML.assistant, CHATML.system, stop="<|im_end|>", tools=False),
    "qwen3": Slots(CHATML.user, CHATML.assistant, CHATML.system, stop="<|im_end|>", reasoning=True, tools=False),
    "phi4": Slots(
        user=("<|im_start|>user<|im_sep|>{{content}}<|im_end|><|im_start|>assistant<|im_sep|>",),
        assistant=("{{content}}<|im_end|>",),
        system=("<|im_start|>system<|im_sep|>{{content}}<|im_end|>",),
        stop="<|im_end|>",
    ),
}


def named(name: str, tokenizer: Tokenizer) -> Slots:
    """One of the templates that are modelled. Raises InputError where its end token is none of the tokenizer."""
    from dataclasses import replace

    if name not in NAMED:
        raise unknown("LLaMA-Factory template", name, NAMED)
    found = NAMED[name]
    if found.stop and len(tokenizer.encode([found.stop])[0].ids) != 1:
        what = f"the template {name} ends turns with {found.stop}, which is no token of {tokenizer.name}"
        raise InputError(what, "name the template that fits the model, or none")
    bos = tokenizer.hf.bos_token
    prefix = tuple(bos if piece == "{bos}" else piece for piece in found.prefix if piece != "{bos}" or bos)
    eos = tokenizer.encode([found.stop])[0].ids[0] if found.stop else tokenizer.hf.eos_token_id
    return replace(found, prefix=prefix, eos=eos)


def parsed(tokenizer: Tokenizer, renderer: Renderer) -> Slots:
    """The pieces as LLaMA-Factory reads them from four renderings; raises InputError where the template refuses one."""
    user, system = {"role": "user", "content": HOLE}, {"role": "system", "content": HOLE}
    asked = [
        Job([system]),
        Job([{"role": "system", "content": ""}, user], generation=True),
        Job([user], generation=True),
        Job([user, {"role": "assistant", "content": HOLE}]),
    ]
    rendered = renderer.render(asked)
    error = next((each.error for each in rendered if each.error), "")
    if error:
        what = f"LLaMA-Factory cannot read the chat template of {tokenizer.name}: {error}"
        raise InputError(what, "name one of its own templates: --set llamafactory.template=NAME")
    prefix = tokenizer.decode(tokenizer.encode([""], special=True)[0].ids)
    first, empty, asking, _ = (each.text[len(prefix) :] for each in rendered)
    answer = rendered[3].text[len(prefix) + len(asking) :]
    plain = answer.replace("<think>", "").replace("</think>", "").lstrip("\n")
    default = _more(empty, asking) if len(asking) > len(empty) else ""
    if default or len(asking) > len(empty):
        asking = asking[len(first.replace(HOLE, default, 1)) :]
    if HOLE not in plain or HOLE not in asking or HOLE not in first:
        what = f"LLaMA-Factory finds no place for the text in the chat template of {tokenizer.name}"
        raise InputError(what, "name one of its own templates: --set llamafactory.template=NAME")
    return Slots(
        user=(asking,),
        assistant=(plain,),
        system=(first,),
        prefix=(prefix,) if prefix else (),
        default_system=default,
        reasoning="<think>" in answer,
        eos=tokenizer.hf.eos_token_id,
    )


def without_thought(content: str) -> str:
    """An answer without what it thought first."""
    pattern = re.escape(THOUGHT[0]) + "(.*?)" + re.escape(THOUGHT[1])
    return re.sub(pattern, "", content, flags=re.DOTALL).lstrip("\n")


def _more(short: str, long: str) -> str:
    """The letters of `long` that are left when `short` is taken out of it in order."""
    at, found = 0, ""
    for letter in long:
        if at < len(short) and short[at] == letter:
            at += 1
        elif at < len(short):
            found += letter
    return found


def _calls(content: str) -> str:
    """A turn's tool calls, which come as JSON, in words; text around them stays before them."""
    match = CALL.search(content)
    thought = re.search(re.escape(THOUGHT[0]) + "(.*?)" + re.escape(THOUGHT[1]), content, re.DOTALL)
    if match:
        before, inner = content.replace(match.group(0), ""), match.group(1)
    else:
        before = thought.group(0) if thought else ""
        inner = content.replace(before, "") if before else content
    found = json.loads(inner)
    calls = found if isinstance(found, list) else [found]
    lines = [
        f"Action: {call['name']}\nAction Input: {json.dumps(call['arguments'], ensure_ascii=False)}" for call in calls
    ]
    return before + "\n".join(lines)


def tool_prompt(source: str) -> str:
    """LLaMA-Factory's words around a list of tools, read from its own file; empty where it is not installed.

    source: the folder of the package, or empty for the one of this environment. Its code is not run.
    """
    spec = None if source else importlib.util.find_spec("llamafactory")
    folder = Path(source) if source else Path(spec.origin or "").parent if spec else None
    file = folder / "data" / "tool_utils.py" if folder else None
    if file is None or not file.is_file():
        if source:
            raise InputError(
                f"{source} does not hold data/tool_utils.py", "name the folder of the package llamafactory"
            )
        return ""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and PROMPT in {getattr(each, "id", "") for each in node.targets}:
            return str(ast.literal_eval(node.value))
    raise InputError(f"{file} has no {PROMPT}", "use LLaMA-Factory 0.9.5")


def _tool_text(tools: list[Any], prompt: str) -> str:
    names, text = [], ""
    for each in tools:
        tool = each.get("function", "") if each.get("type") == "function" else each
        arguments = "".join(_argument(tool["parameters"], *pair) for pair in tool["parameters"]["properties"].items())
        text += (
            f"> Tool Name: {tool['name']}\nTool Description: {tool.get('description', '')}\nTool Args:\n{arguments}\n"
        )
        names.append(tool["name"])
    return prompt.format(tool_text=text, tool_names=", ".join(names))


def _argument(parameters: dict[str, Any], name: str, told: dict[str, Any]) -> str:
    required = ", required" if name in parameters.get("required", []) else ""
    enum = f", should be one of [{', '.join(told['enum'])}]" if told.get("enum") else ""
    items = f", where each item should be {told['items'].get('type', '')}" if told.get("items") else ""
    kind = told.get("type", "")
    return f"  - {name} ({kind}{required}): {told.get('description', '')}{enum}{items}\n"
