"""How a captured call was asked, beside its messages, in the words of another API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from toolkit.core.types import JSON

LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
SCHEMAS = (
    ("response_format", "json_schema", "schema"),
    ("output_config", "format", "schema"),
    ("text", "format", "schema"),
)
NUMBERS = ("temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty")
KNOWN: Mapping[str, tuple[str, ...]] = {
    "anthropic": ("temperature", "top_p", "top_k"),
    "openai": ("temperature", "top_p", "seed", "frequency_penalty", "presence_penalty"),
}
"""Numbers that a provider's own API has; any other provider is told temperature and top_p."""
CHOICES = {"auto": "auto", "none": "none", "any": "required", "required": "required"}
UNSAID = ("logit_bias", "reasoning", "reasoning_effort", "thinking")
"""What changes an answer and has no like in other APIs."""


class Settings(NamedTuple):
    """params: as the provider that is asked has them. schema: of the answer. lost: what could not be carried over."""

    params: dict[str, JSON]
    schema: Mapping[str, JSON] | None
    lost: tuple[str, ...]


def settings(body: bytes, to: str, most: int) -> Settings:
    """What the application asked for. body: of the captured request. to: id of the provider. most: tokens at most."""
    asked = orjson.loads(body)
    limit = next((asked[name] for name in LIMITS if isinstance(asked.get(name), int)), most)
    numbers = {name: asked[name] for name in NUMBERS if isinstance(asked.get(name), int | float)}
    told = {name: value for name, value in numbers.items() if name in KNOWN.get(to, ("temperature", "top_p"))}
    if to == "anthropic" and told.get("temperature", 0) > 1:  # its scale ends there
        del told["temperature"]
    lost = [*(set(numbers) - set(told)), *(name for name in UNSAID if asked.get(name))]
    params: dict[str, JSON] = {**told, "max_tokens": min(limit, most)}
    for name, found in (("stop", _stops(asked, to)), ("tool_choice", _choice(asked, to))):
        params |= found or {}
        lost += [name] if found is None else []
    schema = next(filter(None, (_at(asked, path) for path in SCHEMAS)), None)
    if schema is None and isinstance(asked.get("response_format"), dict):
        lost += ["response_format"] if asked["response_format"].get("type") != "text" else []
    return Settings(params, schema, tuple(sorted(lost)))


def _stops(asked: Mapping[str, Any], to: str) -> dict[str, JSON] | None:
    """Where an answer is to stop; None where it cannot be said."""
    stops = asked.get("stop") or asked.get("stop_sequences")
    if not stops:
        return {}
    listed = [stops] if isinstance(stops, str) else list(stops)
    return {"anthropic": {"stop_sequences": listed}, "openai": {"stop": listed}}.get(to)  # type: ignore[return-value]


def _choice(asked: Mapping[str, Any], to: str) -> dict[str, JSON] | None:
    """Which tool is to be called and how many at once; None where it cannot be said."""
    told = asked.get("tool_choice")
    if not asked.get("tools") or (told is None and "parallel_tool_calls" not in asked):
        return {}
    kind, name = _meant(told)
    alone = asked.get("parallel_tool_calls") is False
    alone = alone or (isinstance(told, dict) and told.get("disable_parallel_tool_use") is True)
    if not kind or to not in KNOWN:
        return None
    if to == "openai":
        choice: JSON = {"type": "function", "function": {"name": name}} if name else kind
        return {"tool_choice": choice, **({"parallel_tool_calls": False} if alone else {})}
    words = {"required": "any", "named": "tool"}
    claude: dict[str, JSON] = {"type": words.get(kind, kind), **({"name": name} if name else {})}
    return {"tool_choice": {**claude, **({"disable_parallel_tool_use": True} if alone and kind != "none" else {})}}


def _meant(told: Any) -> tuple[str, str]:
    """auto, none, required or named, with the name; empty for a choice that another API cannot say."""
    if told is None:
        return "auto", ""
    kind = told.get("type") if isinstance(told, dict) else told
    if kind in CHOICES:
        return CHOICES[kind], ""
    if isinstance(told, dict) and kind in ("function", "tool"):
        function = told.get("function", told)
        name = function.get("name") if isinstance(function, dict) else None
        return ("named", str(name)) if name else ("", "")
    return "", ""


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else None
