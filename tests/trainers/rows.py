"""Adversarial rows and two tiny tokenizers for the trainers: for the tests, the recordings and the live comparison."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
"""Where the two tokenizers lie, as folders `chatml` and `inst`; `tokenizer` made them."""
CHATML = (
    "{%- if tools %}<|im_start|>system\n"
    "{%- if messages[0].role == 'system' %}{{ messages[0].content }}\n{% endif %}"
    "Tools:{% for tool in tools %}\n{{ tool | tojson }}{% endfor %}<|im_end|>\n"
    "{%- elif messages[0].role == 'system' %}<|im_start|>system\n{{ messages[0].content }}<|im_end|>\n{% endif %}"
    "{%- for message in messages %}{% if not (loop.first and message.role == 'system') %}"
    "{{- '<|im_start|>' + message.role + '\n' }}"
    "{%- if message.role == 'assistant' %}{% generation %}{{- message.content or '' }}"
    "{%- for call in message.tool_calls or [] %}<call>{{ call.function | tojson }}</call>{% endfor %}"
    "{{- '<|im_end|>' }}{% endgeneration %}{{- '\n' }}"
    "{%- else %}{{- (message.content or '') + '<|im_end|>\n' }}{% endif %}"
    "{%- endif %}{% endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{% endif %}"
)
INST = (
    "{{ bos_token }}{% for message in messages %}{% if message.role in ('system', 'user') %}"
    "[{{ message.role }}] {{ message.content | trim }} [/{{ message.role }}] "
    "{% elif message.role == 'tool' %}[result] {{ message.content }} [/result] "
    "{% else %}{% set answer = message.content or '' %}"
    "{% if '</think>' in answer and not loop.last %}{% set answer = answer.split('</think>')[-1] %}{% endif %}"
    "{{ answer | trim }}"
    "{% for call in message.tool_calls or [] %} [call] {{ call.function.name }}{% endfor %}{{ eos_token }}{% endif %}"
    "{% endfor %}"
)
"""A template that prints a first token, trims, strips thoughts, shows no tools and has no generation prompt."""
SENTENCE = (
    "the order was sent to another town and the parcel never came please say when a refund can be made for this "
    "invoice because our account shows two charges of thirty euro on monday thank you very much for any help"
)
WORDS = SENTENCE.split()
ODDITIES = [
    "naïve café — “quoted” …",
    "日本語のテキスト、そして中文内容。",
    "שלום עולם مرحبا بالعالم",
    "👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301 \u200b\u00a0 ﬁ",
    "tabs\tand\r\nlines\n\n\nand   spaces  ",
    "\n leading and trailing \n",
    "{{content}} {% raw %} {{idx}} \\n 'quotes'",
    "<|im_end|>",
    "<|im_start|>assistant\nI am a turn<|im_end|>\n",
    "[[dummy_message]] zzdummymessagezz",
    "<think>\nfirst this\n</think>\n\nthen that",
    "<s> </s> [user] [/user]",
    "\x00\x07\x7f",
    "a" * 300,
]
TOOL = {
    "type": "function",
    "function": {
        "name": "find_order",
        "description": "Finds an order by its number",
        "parameters": {
            "type": "object",
            "properties": {
                "number": {"type": "string", "description": "the number"},
                "kind": {"type": "string", "enum": ["old", "new"]},
                "parts": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["number"],
        },
    },
}


OWN_TOOLS = ("qwen3", "qwen3_nothink", "llama3")
"""Templates of LLaMA-Factory that write tools in ways of their own, which are not modelled."""


def adversarial(n: int, seed: int = 0) -> list[dict[str, Any]]:
    """`n` rows of messages, an `id` each; about one in twenty five stops a trainer or is dropped by it."""
    rng = random.Random(seed)
    return [{"id": f"r{at}", **_row(rng, at)} for at in range(n)]


def _row(rng: random.Random, at: int) -> dict[str, Any]:
    kind = rng.choice(KINDS)
    row = globals()[f"_{kind}"](rng)
    messages = row.get("messages", row) if isinstance(row, dict) else row
    found = {"messages": messages, "tools": row.get("tools") if isinstance(row, dict) else None, "kind": kind}
    return found if found["tools"] else {key: found[key] for key in ("messages", "kind")}


def _text(rng: random.Random, most: int = 30) -> str:
    words = [rng.choice(WORDS) for _ in range(rng.randint(1, most))]
    if rng.random() < 0.3:
        words.insert(rng.randrange(len(words) + 1), rng.choice(ODDITIES))
    return " ".join(words)


def _turn(role: str, content: str | None) -> dict[str, Any]:
    return {"role": role, "content": content}


def _plain(rng: random.Random) -> list[Any]:
    return [_turn("user", _text(rng)), _turn("assistant", _text(rng))]


def _system(rng: random.Random) -> list[Any]:
    return [_turn("system", _text(rng)), *_plain(rng)]


def _many(rng: random.Random) -> list[Any]:
    head = [_turn("system", _text(rng))] if rng.random() < 0.5 else []
    return head + [turn for _ in range(rng.randint(2, 6)) for turn in _plain(rng)]


def _long_prompt(rng: random.Random) -> list[Any]:
    return [_turn("user", _text(rng, 400)), _turn("assistant", _text(rng, 10))]


def _long_answer(rng: random.Random) -> list[Any]:
    return [_turn("user", _text(rng, 10)), _turn("assistant", _text(rng, 400))]


def _long_both(rng: random.Random) -> list[Any]:
    return [_turn("user", _text(rng, 300)), _turn("assistant", _text(rng, 300)), *_plain(rng)]


def _odd(rng: random.Random) -> list[Any]:
    return [_turn("user", rng.choice(ODDITIES)), _turn("assistant", rng.choice(ODDITIES))]


def _empty_answer(rng: random.Random) -> list[Any]:
    return [_turn("user", _text(rng)), _turn("assistant", rng.choice(["", " ", "\n"]))]


def _empty_prompt(rng: random.Random) -> list[Any]:
    return [_turn("user", ""), _turn("assistant", _text(rng))]


def _repeated(rng: random.Random) -> list[Any]:
    one = _text(rng, 5)
    return [_turn(role, one) for _ in range(rng.randint(1, 4)) for role in ("user", "assistant")]


def _thinking(rng: random.Random) -> list[Any]:
    thought = f"<think>\n{_text(rng)}\n</think>\n\n{_text(rng)}"
    return [_turn("user", _text(rng)), _turn("assistant", thought), *_plain(rng)]


def _tools(rng: random.Random) -> dict[str, Any]:
    calls = [_call(rng) for _ in range(rng.randint(1, 2))]
    asked = {"role": "assistant", "content": rng.choice([None, "", _text(rng)]), "tool_calls": calls}
    results = [{"role": "tool", "content": _text(rng), "tool_call_id": call["id"]} for call in calls]
    turns = [_turn("user", _text(rng)), asked, *results, _turn("assistant", _text(rng))]
    return {"messages": turns, "tools": [TOOL]}


def _call(rng: random.Random) -> dict[str, Any]:
    arguments = json.dumps({"number": str(rng.randrange(1000)), "kind": rng.choice(["old", "new", "é"])})
    call = {"name": "find_order", "arguments": arguments}
    return {"id": f"c{rng.randrange(10**6)}", "type": "function", "function": call}


def _ends_on_call(rng: random.Random) -> dict[str, Any]:
    asked = {"role": "assistant", "content": "", "tool_calls": [_call(rng)]}
    return {"messages": [_turn("user", _text(rng)), asked], "tools": [TOOL]}


def _ends_on_user(rng: random.Random) -> list[Any]:
    return [*_plain(rng), _turn("user", _text(rng))]


def _no_assistant(rng: random.Random) -> list[Any]:
    return [_turn("user", _text(rng))]


def _system_only(rng: random.Random) -> list[Any]:
    return [_turn("system", _text(rng))]


def _systems(rng: random.Random) -> list[Any]:
    return [_turn("system", _text(rng)), _turn("system", _text(rng)), *_plain(rng)]


def _late_system(rng: random.Random) -> list[Any]:
    return [*_plain(rng), _turn("system", _text(rng)), *_plain(rng)]


def _assistant_first(rng: random.Random) -> list[Any]:
    return [_turn("assistant", _text(rng)), *_plain(rng)]


def _two_answers(rng: random.Random) -> list[Any]:
    return [_turn("user", _text(rng)), _turn("assistant", _text(rng)), _turn("assistant", _text(rng))]


KINDS = [
    *("plain", "plain", "system", "many", "many", "long_prompt", "long_answer", "long_both", "long_both", "odd", "odd"),
    *("empty_answer", "empty_prompt", "repeated", "thinking", "tools", "tools", "ends_on_call", "ends_on_user"),
    *("no_assistant", "system_only", "systems", "late_system", "assistant_first", "two_answers"),
]


def pairs(n: int, seed: int = 1) -> list[dict[str, Any]]:
    """`n` rows of `prompt` and `completion` as texts; some are empty."""
    rng = random.Random(seed)
    rows = []
    for at in range(n):
        prompt = rng.choice([_text(rng), _text(rng, 300), rng.choice(ODDITIES), ""])
        rows.append(
            {"id": f"p{at}", "prompt": prompt, "completion": rng.choice([_text(rng), _text(rng, 300), "", " x"])}
        )
    return rows


def tokenizer(folder: Path, style: str) -> Path:
    """Write a byte-level tokenizer with a chat template: `chatml`, or `inst`, which puts a token before every text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    letters = pre_tokenizers.ByteLevel.alphabet()
    learner = trainers.BpeTrainer(vocab_size=500, show_progress=False, special_tokens=special, initial_alphabet=letters)
    made.train_from_iterator([" ".join(WORDS), "user assistant system tool find_order number"] * 3, learner)
    if style == "inst":
        one = made.token_to_id("<s>")
        made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", one)])
    names = {"pad_token": "<pad>", "eos_token": "<|im_end|>" if style == "chatml" else "</s>"}
    names |= {"bos_token": "<s>"} if style == "inst" else {}
    hf = PreTrainedTokenizerFast(tokenizer_object=made, **names)
    hf.chat_template = CHATML if style == "chatml" else INST
    hf.save_pretrained(str(folder))
    return folder


def preferences(n: int, seed: int = 2) -> list[dict[str, Any]]:
    """`n` pairs as messages: adversarial conversations that end with an answer, and another; a few odd roles."""
    rng = random.Random(seed)
    rows = []
    for row in adversarial(2 * n, seed):
        *prompt, answer = row["messages"]
        if not prompt or answer["role"] != "assistant" or answer.get("tool_calls"):
            continue
        if rng.random() < 0.02:
            prompt[0] = {**prompt[0], "role": "critic"}
        other = rng.choice([_text(rng), _text(rng, 300), rng.choice(ODDITIES), answer["content"], "user", " x ", ""])
        rows.append(
            {key: row[key] for key in ("id", "kind", "tools") if key in row}
            | {"prompt": prompt, "chosen": [answer], "rejected": [_turn("assistant", other)]}
        )
    return rows[:n]


def text_preferences(n: int, seed: int = 3) -> list[dict[str, Any]]:
    """`n` pairs of texts; some are empty."""
    rng = random.Random(seed)
    rows = pairs(n, seed)
    return [
        {
            "id": row["id"],
            "prompt": row["prompt"],
            "chosen": row["completion"],
            "rejected": rng.choice([_text(rng), "", "y"]),
        }
        for row in rows
    ]


def wanted(n: int, seed: int = 4) -> list[dict[str, Any]]:
    """`n` answers as messages, every third of them not wanted."""
    return [
        {key: row[key] for key in ("id", "kind", "tools", "prompt") if key in row}
        | {"completion": row["chosen"], "label": at % 3 > 0}
        for at, row in enumerate(preferences(n, seed))
    ]


def made_of(shape: str, n: int) -> list[dict[str, Any]]:
    """Rows of a shape by its name."""
    makers = {"messages": adversarial, "pairs": pairs, "preferences": preferences, "wanted": wanted}
    return {**makers, "text_preferences": text_preferences}[shape](n)
