"""MLX-LM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.outbound.example import Example, flat


@dataclass(frozen=True, slots=True)
class Mlx:
    """A folder for MLX-LM: train.jsonl, valid.jsonl and test.jsonl of messages, texts or prompt and completion.

    MLX-LM wants a valid.jsonl: it is the dev part, or the held-out one where there is no dev part. The
    first row decides how all are read, so all have one form. Tools are objects, since it reads no Arrow.
    """

    id: ClassVar[str] = "mlx"
    title: ClassVar[str] = "MLX-LM: a folder with train, valid and test"
    takes: ClassVar[Mapping[str, str]] = {"chat": "sft", "text": "text"}
    reads: ClassVar[Mapping[str, str]] = {"sft": "", "text": "text"}
    keys: ClassVar[frozenset[str] | None] = None
    store: ClassVar[str] = "jsonl"
    profile: ClassVar[str] = ""
    names: ClassVar[Mapping[str, str]] = {"dev": "valid", "heldout": "test"}
    shards: ClassVar[bool] = False

    def convert(self, found: Example, mode: str) -> dict[str, Any]:
        if mode == "text":
            return {"text": found.text}
        tools = {} if found.tools is None else {"tools": found.tools}
        if found.sides is not None:
            return {"prompt": found.sides[0], "completion": found.sides[1], **tools}
        return {"messages": flat(found.messages), **tools}

    def beside(self, told: Mapping[str, Any]) -> Mapping[str, str]:
        mask = "" if told["mode"] == "text" else "mask_prompt: true\n"
        return {
            "lora_config.yaml": f"# mlx_lm.lora --config lora_config.yaml; add the model\ntrain: true\ndata: .\n{mask}"
        }
