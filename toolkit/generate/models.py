"""Which model is asked: `provider:model`, as recipes and commands name it, as a provider that is ready."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.core import parts
from toolkit.core.errors import UsageError
from toolkit.core.prices import price_of
from toolkit.core.request import Provider


def provider(use: str, **told: Any) -> Provider:
    """The provider of `use`, such as `anthropic:claude-haiku-4-5` or `openai:qwen3`.

    told: its options, such as `base_url` or `key_env`; None is as if not given. Raises UsageError for a
    provider or option that is unknown, and where a provider needs a model and none is named.
    """
    name, _, model = use.partition(":")
    known = {option: default for option, _, default in parts.options(parts.part("providers", name))}
    given = {option: value for option, value in told.items() if value is not None}
    if model:
        given["name" if "name" in known else "model"] = model
    elif known.get("name", "") is ...:
        raise UsageError(f"'{use}' names no model", f"write the model after a colon, such as {name}:MODEL")
    built: Provider = parts.build("providers", name, given)
    return built


def options(use: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options that the provider of `use` has."""
    known = {option for option, _, _ in parts.options(parts.part("providers", use.partition(":")[0]))}
    return {option: value for option, value in told.items() if option in known}


def asked_model(use: str, flag: str, *, base_url: str = "", capped: bool = False, local: bool = False) -> Provider:
    """The model that a command asks, named with its option `flag`. local: whether one that asks nobody will do.

    Raises UsageError for what reads no prompt, and under a cap in dollars for a model without a price.
    """
    part = parts.part("providers", use.partition(":")[0])
    if not part.reads_prompt or (part.free and not local):
        raise UsageError(f"{use} is no model that reads a prompt", f"name one: {flag} openai:NAME")
    built = provider(use, **options(use, {"base_url": base_url or None}))
    if capped and not built.free and price_of(built.model) is None:
        fix = "put its price into a file and its name into $TOOLKIT_PRICES (see README, Models and money)"
        raise UsageError(f"--budget is in dollars and the price of {built.model} is not known", fix)
    return built
