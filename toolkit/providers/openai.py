"""Any server that speaks OpenAI's chat completions: OpenAI, vLLM, Ollama, llama.cpp, LiteLLM."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from toolkit.core import answered
from toolkit.core.errors import ProviderError
from toolkit.core.keys import hide, no_key, read_key
from toolkit.core.prompt import no_more_tokens_than
from toolkit.core.request import Cell, Message, Pace, Reply, Request, Retry, Usage

if TYPE_CHECKING:
    import aiohttp

HOME = "https://api.openai.com/v1"
STOPS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal", "tool_calls": "tool_use"}
SCHEMA_NAME = "answer"
FIXED = ("model", "messages", "max_tokens", "tools")
"""Without these it would be another question."""


@dataclass(frozen=True, slots=True)
class OpenAIProvider:
    """A model behind `POST {base_url}/chat/completions`, asked over aiohttp without an SDK.

    A schema goes as `response_format` of the type json_schema. What a server refuses by name
    (`response_format`, `max_tokens`, `temperature` and such) is left out or written its other way from
    then on, so the same recipe runs against servers that know less. Parameters of a recipe are sent as
    they are.

    The key comes from the environment variable `key_env` or from `key_file`; a server on this machine
    may need none, and is asked without the proxy that HTTPS_PROXY may name. Without `base_url` the
    variable OPENAI_BASE_URL decides, then OpenAI's own address.
    """

    id: ClassVar[str] = "openai"
    version: ClassVar[str] = "1"
    source_kind: ClassVar[str] = "llm"
    free: ClassVar[bool] = False
    reads_prompt: ClassVar[bool] = True
    per_call: ClassVar[int] = 5

    name: str
    base_url: str | None = None
    key_env: str = "OPENAI_API_KEY"
    key_file: str | None = None
    max_tokens: int = 2048
    _open: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _refused: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    @property
    def model(self) -> str:
        return f"openai:{self.name}"

    @property
    def url(self) -> str:
        home = self.base_url or os.environ.get("OPENAI_BASE_URL") or HOME
        return f"{home.rstrip('/')}/chat/completions"

    def capacity(self, cell: Cell) -> None:
        """None: a model has no bound that is known."""

    def worst(self, request: Request) -> Usage:
        most = request.params.get("max_tokens", request.params.get("max_completion_tokens", self.max_tokens))
        choices = request.params.get("n", 1)
        return Usage(no_more_tokens_than(request), int(str(most)) * int(str(choices)))

    async def open(self) -> None:
        self._session()

    async def close(self) -> None:
        session = self._open.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.close()

    async def complete(self, request: Request) -> Reply:
        """Serve one request; a parameter that the server refuses is left out and it is sent again."""
        import aiohttp

        while True:
            body = self.body(request)
            try:
                async with self._session().post(self.url, data=orjson.dumps(body)) as response:
                    content = await response.read()
                    headers = {name.lower(): value for name, value in response.headers.items()}
                    status = response.status
            except aiohttp.ClientConnectorError as failure:
                raise self._unreachable(failure) from failure
            except aiohttp.InvalidURL as failure:
                raise ProviderError(f"{self.url} is no address", "write `base_url` as http://host:port/v1") from failure
            except (aiohttp.ClientError, OSError) as failure:
                raise Retry(f"the connection broke: {type(failure).__name__}", unknown=True) from failure
            if status == 200:
                return self._reply(content, headers)
            message = self._message(content)
            if status not in (400, 422) or not self._learns(body, message):
                raise answered.failure(
                    status, headers, message, model=self.model, variable=self.key_env, pace=_pace(headers)
                )

    def body(self, request: Request) -> dict[str, Any]:
        """What is sent, in the words that this server is known to take."""
        messages = [_message(each) for each in request.messages]
        told: dict[str, Any] = {"model": self.name, "messages": messages, "max_tokens": self.max_tokens}
        told |= dict(request.params)
        if request.tools:
            told["tools"] = list(request.tools)
        if request.schema is not None:
            shape = {"name": SCHEMA_NAME, "schema": dict(request.schema), "strict": True}
            told["response_format"] = {"type": "json_schema", "json_schema": shape}
        if "max_tokens" in self._refused:
            told["max_completion_tokens"] = told.pop("max_tokens")
        if "json_schema" in self._refused and request.schema is not None:
            told["response_format"] = {"type": "json_object"}
        for name in self._refused - {"max_tokens", "json_schema"}:
            told.pop(name, None)
        return told

    def _learns(self, body: Mapping[str, Any], message: str) -> bool:
        """Whether a refusal names something that can be left out; it is, from now on."""
        said = message.lower()
        found = None
        if "max_tokens" in body and "max_tokens" in said and "max_completion_tokens" in said:
            found = "max_tokens"
        elif "response_format" in body and any(word in said for word in ("response_format", "json_schema", "schema")):
            found = "json_schema" if "json_schema" not in self._refused else "response_format"
        else:
            found = next((each for each in body if each not in FIXED and each in said), None)
        if found is None or found in self._refused:
            return False
        self._refused.add(found)
        return True

    def _session(self) -> aiohttp.ClientSession:
        """One session for a loop; its pool has no bound, since the engine has one."""
        import aiohttp

        loop = asyncio.get_running_loop()
        if loop not in self._open:
            headers = {"Content-Type": "application/json", "User-Agent": "finetune-toolkit"}
            key = self._key()
            if key is not None:
                headers["Authorization"] = f"Bearer {key}"
            connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=300)
            # The engine's deadline is for the whole reply; a second clock here would only hide it.
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=30)
            told = {"headers": headers, "timeout": timeout, "trust_env": self._may_need_a_proxy()}
            self._open[loop] = aiohttp.ClientSession(connector=connector, **told)  # type: ignore[arg-type]
        return self._open[loop]

    def _may_need_a_proxy(self) -> bool:
        """Whether the environment names a proxy; a server on this machine is asked without one."""
        from urllib.parse import urlsplit
        from urllib.request import getproxies

        return bool(getproxies()) and urlsplit(self.url).hostname not in ("localhost", "127.0.0.1", "::1")

    def _key(self) -> str | None:
        key = read_key(self.key_env, self.key_file)
        if key is None and self.url.startswith(HOME):
            raise no_key("openai", self.key_env)
        return key

    def _unreachable(self, failure: Exception) -> Exception:
        """The engine tries again a few times before it gives up on a server."""
        return Retry(f"{self.url} cannot be reached: {type(failure).__name__}", down=True)

    def _message(self, content: bytes) -> str:
        """What a server says of a failure, without the key."""
        try:
            told = orjson.loads(content)
            error = told.get("error", told) if isinstance(told, dict) else told
            kinds = (
                [error.get("code"), error.get("message") or error.get("detail")] if isinstance(error, dict) else [error]
            )
            said = " ".join(str(each) for each in kinds if each)
        except orjson.JSONDecodeError:
            said = content[:500].decode("utf-8", "replace")
        return hide(said, [read_key(self.key_env, self.key_file)])

    def _reply(self, content: bytes, headers: Mapping[str, str]) -> Reply:
        try:
            told = orjson.loads(content)
            choice, usage = told["choices"][0], told.get("usage") or {}
            message = choice["message"]
            calls = tuple(map(_heard, message.get("tool_calls") or ()))
        except (orjson.JSONDecodeError, KeyError, IndexError, TypeError) as failure:
            raise Retry(f"the reply is no chat completion: {type(failure).__name__}", unknown=True) from failure
        text = message.get("content") or ""
        refusal = message.get("refusal") or ""
        stop = STOPS.get(choice.get("finish_reason") or "stop", "end_turn")
        return Reply(
            text or refusal,
            str(told.get("model", "")),
            tokens(usage),
            "refusal" if refusal else stop,
            detail=str(refusal),
            pace=_pace(headers),
            calls=calls,
        )


def _message(told: Message) -> dict[str, Any]:
    """A message in the words of the API: the arguments of a call are text there."""
    sent: dict[str, Any] = {"role": told.role, "content": told.content}
    if told.calls:
        sent["tool_calls"] = [_said(each) for each in told.calls]
    return {**sent, "tool_call_id": told.call_id} if told.call_id else sent


def _said(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"]
    arguments = function["arguments"]
    text = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
    return {"id": call.get("id"), "type": "function", "function": {"name": function["name"], "arguments": text}}


def _heard(call: Mapping[str, Any]) -> dict[str, Any]:
    """A call as rows have it; arguments that are no JSON stay as they came."""
    function = call["function"]
    try:
        arguments = orjson.loads(function.get("arguments") or "{}")
    except (orjson.JSONDecodeError, TypeError):
        arguments = function["arguments"]
    return {"id": call.get("id"), "type": "function", "function": {"name": function["name"], "arguments": arguments}}


def tokens(usage: Mapping[str, Any]) -> Usage:
    """Tokens as OpenAI counts them: those from the cache are among the prompt's."""
    details = usage.get("prompt_tokens_details") or {}
    cached = int(details.get("cached_tokens") or 0)
    return Usage(int(usage.get("prompt_tokens") or 0) - cached, int(usage.get("completion_tokens") or 0), cached)


def _pace(headers: Mapping[str, str]) -> Pace | None:
    limit, left = headers.get("x-ratelimit-limit-requests"), headers.get("x-ratelimit-remaining-requests")
    if limit is None or left is None:
        return None
    reset_s = answered.seconds_of(headers.get("x-ratelimit-reset-requests", ""))
    try:
        return Pace(int(limit), int(left), reset_s or 0.0)
    except ValueError:
        return None
