"""Claude through Anthropic's SDK over aiohttp: raw responses, no retries of its own, batches at half price."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from toolkit.core import answered
from toolkit.core.errors import ProviderError
from toolkit.core.keys import hide, no_key, read_key
from toolkit.core.prompt import no_more_tokens_than
from toolkit.core.request import Cell, Landed, Message, Pace, Reply, Request, Retry, Usage
from toolkit.providers import completion

if TYPE_CHECKING:
    import httpx2
    from anthropic import AsyncAnthropic

CACHED_FROM = 4096
OF_THE_CALL = frozenset({"system", "tools", "tool_choice", "stop_sequences", "metadata", "service_tier", "thinking"})
NEARBY_S = 3600.0
KINDS = {
    **{"invalid_request_error": 400, "authentication_error": 401, "billing_error": 402, "permission_error": 403},
    **{"not_found_error": 404, "request_too_large": 413, "rate_limit_error": 429, "timeout_error": 504},
    **{"api_error": 500, "overloaded_error": 529},
}
"""The statuses that Anthropic's kinds of errors come with."""


@dataclass(frozen=True, slots=True)
class AnthropicProvider:
    """A model behind Anthropic's Messages API.

    A schema goes as `output_config.format`; ranges and lengths that the API does not enforce are put into
    words by the SDK, and the asker validates all the same. The system message is marked for the prompt
    cache where it is long enough to be taken. Sampling parameters that the SDK no longer has, such as
    `temperature`, are sent as they stand in the recipe; what a model refuses by name is left out from
    then on. Why a model declined is in the reply's `detail`.

    The SDK's own retries are off: it would wait without bound and might pay twice. The key comes from
    the environment variable `key_env` or from `key_file`.
    """

    id: ClassVar[str] = "anthropic"
    version: ClassVar[str] = "1"
    source_kind: ClassVar[str] = "llm"
    free: ClassVar[bool] = False
    reads_prompt: ClassVar[bool] = True
    per_call: ClassVar[int] = 5

    name: str
    base_url: str | None = None
    key_env: str = "ANTHROPIC_API_KEY"
    key_file: str | None = None
    max_tokens: int = 4096
    cache: bool = True
    _open: dict[asyncio.AbstractEventLoop, AsyncAnthropic] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _refused: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    @property
    def model(self) -> str:
        return f"anthropic:{self.name}"

    @property
    def left_out(self) -> list[str]:
        """What the API has refused by name and is sent no more."""
        return sorted(self._refused)

    def capacity(self, cell: Cell) -> None:
        """None: a model has no bound that is known."""

    def worst(self, request: Request) -> Usage:
        """All of the prompt written to the cache, which costs most, and an answer of full length."""
        prompt, answer = no_more_tokens_than(request), int(str(request.params.get("max_tokens", self.max_tokens)))
        return Usage(written_tokens=prompt, output_tokens=answer) if self.cache else Usage(prompt, answer)

    async def open(self) -> None:
        """The SDK imports half of itself at the first call, in which time nothing else would be sent."""
        messages = self._client().messages
        _ = (messages.with_raw_response.create, messages.batches)

    async def close(self) -> None:
        client = self._open.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()

    async def complete(self, request: Request) -> Reply:
        """Serve one request; a parameter that the model refuses is left out and it is sent again."""
        while True:
            body = self.body(request)
            try:
                raw = await self._client().messages.with_raw_response.create(**_called(body))
                content = await raw.read()
            except Exception as failure:
                if not self._learns(body, failure):
                    raise self._failure(failure) from failure
                continue
            return self._reply(content, raw.headers)

    def body(self, request: Request) -> dict[str, Any]:
        """The parameters of a message, without those that this model has refused."""
        told: dict[str, Any] = {"model": self.name, "max_tokens": self.max_tokens, **request.params}
        told["messages"] = _turns(request.messages)
        if request.tools:
            told["tools"] = [_tool(each) for each in request.tools]
        system = "\n\n".join(each.content for each in request.messages if each.role == "system")
        if system:
            told["system"] = self._system(system)
        if request.schema is not None:
            from anthropic import transform_schema

            shape = {"type": "json_schema", "schema": transform_schema(dict(request.schema))}
            told["output_config"] = {**told.get("output_config", {}), "format": shape}
        return {name: value for name, value in told.items() if name not in self._refused}

    def _system(self, system: str) -> list[dict[str, Any]]:
        block: dict[str, Any] = {"type": "text", "text": system}
        if self.cache and len(system.encode()) >= CACHED_FROM:
            block["cache_control"] = {"type": "ephemeral"}
        return [block]

    async def submit(self, requests: Mapping[str, Request]) -> str:
        """Hand in a batch. A request's key, 64 hexadecimal digits, is its `custom_id`."""
        handed = [{"custom_id": key, "params": self.body(request)} for key, request in requests.items()]
        try:
            made = await self._client().messages.batches.create(requests=handed)  # type: ignore[arg-type]
        except Exception as failure:
            raise self._failure(failure) from failure
        return made.id

    async def collect(self, batch: str) -> Mapping[str, Landed] | None:
        """Results come in any order and are joined by their key."""
        try:
            found = await self._client().messages.batches.retrieve(batch)
            if found.processing_status != "ended":
                return None
            results = await self._client().messages.batches.results(batch)
            return {each.custom_id: self._landed(each.result) async for each in results}
        except Exception as failure:
            raise self._failure(failure) from failure

    async def seek(self, keys: Sequence[str], since: float) -> str | None:
        """The batch of as many requests that was made right after `since`, if there is one and no other."""
        found = []
        try:
            async for each in self._client().messages.batches.list(limit=100):
                made = each.created_at.replace(tzinfo=each.created_at.tzinfo or datetime.UTC).timestamp()
                if made < since - 5:
                    break
                if made < since + NEARBY_S and sum(each.request_counts.to_dict().values()) == len(keys):  # type: ignore[arg-type]
                    found.append(each.id)
        except Exception as failure:
            raise self._failure(failure) from failure
        return found[0] if len(found) == 1 else None

    def _landed(self, result: Any) -> Landed:
        if result.type == "succeeded":
            return Landed(self._of(result.message.to_dict(), batch=True))
        if result.type == "errored":
            return Landed(None, f"the batch could not serve it: {self._hidden(str(result.error.error.message))}")
        return Landed(None, f"its batch was {result.type} before it was served")

    def _client(self) -> AsyncAnthropic:
        """One client for a loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._open:
            from toolkit.providers.straight import client

            key = read_key(self.key_env, self.key_file)
            if key is None:
                raise no_key("anthropic", self.key_env)
            self._open[loop] = client()(
                api_key=key,
                base_url=self.base_url,
                max_retries=0,
                http_client=_http(),
                timeout=None,
                open_telemetry=False,
            )
        return self._open[loop]

    def _learns(self, body: Mapping[str, Any], failure: Exception) -> bool:
        """Whether a refusal names a parameter that can be left out; it is, from now on."""
        if getattr(failure, "status_code", None) != 400:
            return False
        said = str(failure).lower()
        fixed = ("model", "messages", "max_tokens", "system", "tools")
        found = next((each for each in body if each not in fixed and each in said), None)
        if found is None:
            return False
        self._refused.add(found)
        return True

    def _failure(self, failure: Exception) -> Exception:
        """The SDK's exceptions in the words of the engine."""
        from anthropic import APIConnectionError, APIError, APIStatusError, APITimeoutError

        said = self._hidden(_said(failure))
        if isinstance(failure, APIStatusError):
            if failure.response.history:
                # Any redirect but 307 and 308 turns a POST into a GET.
                elsewhere = str(failure.response.url).removesuffix("/v1/messages")
                return ProviderError(f"{self._home()} points elsewhere", f"write `base_url: {elsewhere}`")
            told = {name.lower(): value for name, value in failure.response.headers.items()}
            return self._answered(failure.status_code, told, said)
        if isinstance(failure, APITimeoutError):
            return Retry("the connection timed out", unknown=True)
        if isinstance(failure, APIConnectionError):
            cause = type(failure.__cause__ or failure).__name__
            down = "Connect" in cause
            return Retry(
                f"{self._home()} {'cannot be reached' if down else 'broke off'}: {cause}", unknown=not down, down=down
            )
        if isinstance(failure, APIError):
            return Retry(f"the reply is broken: {said[:200]}", unknown=True)
        return failure

    def _home(self) -> str:
        return str(self._client().base_url)

    def _hidden(self, text: str) -> str:
        return hide(text, [read_key(self.key_env, self.key_file)])

    def _reply(self, content: bytes, headers: Mapping[str, str]) -> Reply:
        try:
            told = completion.parsed(content)
            if told.get("type") != "error":
                return self._of(told, pace=_pace(headers))
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as failure:
            raise Retry(f"the reply is no message: {type(failure).__name__}", unknown=True) from failure
        error = told.get("error")
        kind = error.get("type") if isinstance(error, Mapping) else None
        raise self._answered(KINDS.get(str(kind), 500), headers, self._hidden(completion.words(error)), begun=True)

    def _answered(self, status: int, headers: Mapping[str, str], message: str, *, begun: bool = False) -> Exception:
        told: dict[str, Any] = {"model": self.model, "variable": self.key_env, "pace": _pace(headers)}
        return answered.failure(status, headers, message, **told, begun=begun)

    def _of(self, told: Mapping[str, Any], *, batch: bool = False, pace: Pace | None = None) -> Reply:
        blocks = told["content"] or ()
        text = "".join(block["text"] for block in blocks if block["type"] == "text")
        calls = tuple(_call(block) for block in blocks if block["type"] == "tool_use")
        details = told.get("stop_details") or {}
        detail = str(details.get("category") or details.get("explanation") or "")
        stop = str(told.get("stop_reason") or "end_turn")
        model, usage = str(told.get("model") or ""), tokens(told.get("usage"))
        return Reply(text, model, usage, stop, detail=detail, batch=batch, pace=pace, calls=calls)


def _http() -> httpx2.AsyncClient:
    """One pool without a bound, since the engine has one; it sees the proxies that the environment names."""
    from urllib.request import getproxies

    import httpx2
    from anthropic import DefaultAioHttpClient

    from toolkit.providers.straight import connections

    # No bound is written as a large one: aiohttp's own of 100 would take the place of None.
    pool = httpx2.Limits(max_connections=2**16, max_keepalive_connections=2**16)
    made = DefaultAioHttpClient if getproxies() else connections()
    # The engine's deadline is for the whole reply; a second clock here would only hide it.
    return made(limits=pool, timeout=httpx2.Timeout(None, connect=30.0))


def tokens(usage: Any) -> Usage:
    """Tokens as Anthropic counts them: those from and to the cache stand beside the input. Zero where none are told."""
    if not isinstance(usage, Mapping):
        return Usage()
    names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return Usage(*(completion.count(usage.get(name)) for name in names))


def _turns(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages in the words of the API: results of tools are blocks of the user's turn that follows the calls."""
    turns: list[dict[str, Any]] = []
    for each in messages:
        if each.role == "system":
            continue
        role = "user" if each.role == "tool" else each.role
        said: Any = each.content
        if each.role == "tool":
            said = [{"type": "tool_result", "tool_use_id": each.call_id, "content": each.content}]
        elif each.calls:
            text = [{"type": "text", "text": each.content}] if each.content else []
            said = [*text, *map(_use, each.calls)]
        if turns and turns[-1]["role"] == role and isinstance(turns[-1]["content"], list):
            turns[-1]["content"] += said if isinstance(said, list) else [{"type": "text", "text": said}]
        else:
            turns.append({"role": role, "content": said})
    return turns


def _use(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"]
    return {"type": "tool_use", "id": call.get("id"), "name": function["name"], "input": function["arguments"]}


def _call(block: Mapping[str, Any]) -> dict[str, Any]:
    """A call as rows have it."""
    function = {"name": block["name"], "arguments": block["input"]}
    return {"id": block.get("id"), "type": "function", "function": function}


def _tool(told: Mapping[str, Any]) -> dict[str, Any]:
    function = told["function"]
    about = {"name": function["name"], "input_schema": function.get("parameters") or {"type": "object"}}
    return {**about, "description": function["description"]} if function.get("description") else about


def _called(body: dict[str, Any]) -> dict[str, Any]:
    """The arguments of the SDK's call: what it has no name for goes into the body as it is."""
    known = {"model", "max_tokens", "messages", "output_config", *OF_THE_CALL}
    extra = {name: value for name, value in body.items() if name not in known}
    given = {name: value for name, value in body.items() if name in known}
    # A timeout of our own, since without one the SDK refuses long answers that are not streamed.
    return {**given, "timeout": NEARBY_S, **({"extra_body": extra} if extra else {})}


def _said(failure: Exception) -> str:
    """What the server says of a failure, without what the SDK says around it."""
    body = getattr(failure, "body", None)
    error = body.get("error") if isinstance(body, Mapping) else None
    return str(error["message"]) if isinstance(error, Mapping) and "message" in error else str(failure)


def _pace(headers: Mapping[str, str]) -> Pace | None:
    told = [headers.get(f"anthropic-ratelimit-requests-{name}") for name in ("limit", "remaining", "reset")]
    if told[0] is None or told[1] is None:
        return None
    reset_s = answered.seconds_of(told[2] or "")
    try:
        return Pace(int(told[0]), int(told[1]), max(0.0, reset_s or 0.0))
    except ValueError:
        return None
