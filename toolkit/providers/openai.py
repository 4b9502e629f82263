"""Any server that speaks OpenAI's chat completions: OpenAI, vLLM, Ollama, llama.cpp, LiteLLM."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from toolkit.core import answered
from toolkit.core.errors import ProviderError
from toolkit.core.keys import hide, no_key, read_key
from toolkit.core.prompt import no_more_tokens_than
from toolkit.core.request import Cell, Message, Pace, Reply, Request, Retry, Usage
from toolkit.providers import completion

if TYPE_CHECKING:
    import aiohttp

HOME = "https://api.openai.com/v1"
SCHEMA_NAME = "answer"
FIXED = ("model", "messages", "max_tokens", "max_completion_tokens", "tools")
"""Without these it would be another question, or its answer might be of any length."""
WORD = re.compile(r"\w+")
KEPT_S = 4.0
"""How long an unused connection is kept: many servers close theirs after five seconds."""
HEADER_BYTES = 2**16
LENGTHS = ("max_tokens", "max_completion_tokens")


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
    def left_out(self) -> list[str]:
        """What the server has refused by name and is sent no more."""
        return sorted(self._refused - {"max_tokens"})

    @property
    def url(self) -> str:
        home = self.base_url or os.environ.get("OPENAI_BASE_URL") or HOME
        return f"{home.rstrip('/')}/chat/completions"

    def capacity(self, cell: Cell) -> None:
        """None: a model has no bound that is known."""

    def worst(self, request: Request) -> Usage:
        longest = [int(str(request.params[name])) for name in LENGTHS if request.params.get(name)] or [self.max_tokens]
        return Usage(no_more_tokens_than(request), max(longest) * int(str(request.params.get("n", 1))))

    async def open(self) -> None:
        self._session()

    async def close(self) -> None:
        session = self._open.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.close()

    async def complete(self, request: Request) -> Reply:
        """Serve one request; a parameter that the server refuses is left out and it is sent again."""
        while True:
            body = self.body(request)
            status, headers, content = await self._posted(orjson.dumps(body))
            if status < 300:
                return self._reply(content, headers)
            message = self._hidden(completion.said(content))
            if status not in (400, 422) or not self._learns(body, message, shaped=request.schema is not None):
                raise self._failure(status, headers, message)

    async def _posted(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers with names in lower case, and content of an answer."""
        import aiohttp

        try:
            async with self._session().post(self.url, data=body) as response:
                content = await response.read()
        except (aiohttp.ClientError, OSError) as failure:
            raise unsent(failure, self.url) from failure
        if response.method != "POST":
            # Any redirect but 307 and 308 turns a POST into a GET.
            elsewhere = str(response.url).removesuffix("/chat/completions")
            raise ProviderError(f"{self.url} points elsewhere", f"write `base_url: {elsewhere}`")
        return response.status, {name.lower(): value for name, value in response.headers.items()}, content

    def body(self, request: Request) -> dict[str, Any]:
        """What is sent, in the words that this server is known to take."""
        messages = [_message(each) for each in request.messages]
        told: dict[str, Any] = {"model": self.name, "messages": messages}
        told |= {name: value for name, value in request.params.items() if value is not None}
        if not told.keys() & set(LENGTHS):
            told["max_tokens"] = self.max_tokens
        if request.tools:
            told["tools"] = list(request.tools)
        if request.schema is not None:
            shape = {"name": SCHEMA_NAME, "schema": dict(request.schema), "strict": True}
            told["response_format"] = {"type": "json_schema", "json_schema": shape}
        if "max_tokens" in self._refused and "max_tokens" in told:
            told.setdefault("max_completion_tokens", told.pop("max_tokens"))
        if "json_schema" in self._refused and request.schema is not None:
            told["response_format"] = {"type": "json_object"}
        for name in self._refused - {"max_tokens", "json_schema"}:
            told.pop(name, None)
        return told

    def _learns(self, body: Mapping[str, Any], message: str, *, shaped: bool) -> bool:
        """Whether a refusal names something of this body that can be left out; it is, from now on.

        Many bodies may be under way when the first is refused: what one has taught holds for all of them.
        shaped: the body's `response_format` is ours.
        """
        named = {each for each in body if re.search(rf"(?<!\w){re.escape(each)}(?!\w)", message, re.IGNORECASE)}
        found = next((each for each in body if each in named and each not in FIXED), None)
        if "max_tokens" in body and {"max_tokens", "max_completion_tokens"} <= set(WORD.findall(message)):
            found = "max_tokens"
        elif "response_format" in body and ("response_format" in named or "schema" in message.lower()):
            strict = shaped and body["response_format"]["type"] == "json_schema"
            found = "json_schema" if strict else "response_format"
        if found is not None:
            self._refused.add(found)
        return found is not None

    def _session(self) -> aiohttp.ClientSession:
        """One session for a loop; its pool has no bound, since the engine has one."""
        import aiohttp

        loop = asyncio.get_running_loop()
        if loop not in self._open:
            headers = {"Content-Type": "application/json", "User-Agent": "finetune-toolkit"}
            key = self._key()
            if key is not None:
                headers["Authorization"] = f"Bearer {key}"
            connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=300, keepalive_timeout=KEPT_S)
            # The engine's deadline is for the whole reply; a second clock here would only hide it.
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=30)
            told: dict[str, Any] = {"headers": headers, "timeout": timeout, "trust_env": self._may_need_a_proxy()}
            told |= {"max_line_size": HEADER_BYTES, "max_field_size": HEADER_BYTES}
            self._open[loop] = aiohttp.ClientSession(connector=connector, **told)
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

    def _failure(self, status: int, headers: Mapping[str, str], message: str, *, begun: bool = False) -> Exception:
        told: dict[str, Any] = {"model": self.model, "variable": self.key_env, "pace": _pace(headers)}
        return answered.failure(status, headers, message, **told, begun=begun)

    def _hidden(self, text: str) -> str:
        return hide(text, [read_key(self.key_env, self.key_file)])

    def _reply(self, content: bytes, headers: Mapping[str, str]) -> Reply:
        try:
            told = completion.parsed(content)
            broke = completion.failed(told)
            if broke is None:
                return replace(completion.completed(told), pace=_pace(headers))
        except (ValueError, RecursionError) as failure:
            why = str(failure) if isinstance(failure, completion.NoCompletion) else "it is no JSON"
            begins = self._hidden(" ".join(content[:200].decode("utf-8", "replace").split()))[:60]
            raise Retry(f"the reply is no chat completion: {why}; it begins: {begins}", unknown=True) from failure
        raise self._failure(broke[0], headers, self._hidden(broke[1]), begun=True)


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


def unsent(failure: Exception, url: str) -> Exception:
    """What a failure of the connection means: whether the request may have been served, and what to do.

    The engine tries a server that cannot be reached again a few times before it gives up.
    """
    import aiohttp

    kind = type(failure).__name__
    if isinstance(failure, aiohttp.ClientConnectorCertificateError):
        fix = "let SSL_CERT_FILE name a file with the certificate that it is signed by"
        return ProviderError(f"the certificate of {url} is not trusted: {failure.certificate_error}", fix)
    if isinstance(failure, aiohttp.ClientConnectorSSLError):
        return Retry(f"{url} speaks no TLS: {failure.os_error.strerror or kind}", down=True)
    if isinstance(failure, aiohttp.ClientHttpProxyError) and failure.status < 500:
        fix = "check HTTPS_PROXY and its password, or name the server in NO_PROXY"
        return ProviderError(f"the proxy of the environment refuses {url} ({failure.status})", fix)
    if isinstance(failure, aiohttp.ClientHttpProxyError | aiohttp.ClientProxyConnectionError):
        return Retry(f"{url} cannot be reached through the proxy of the environment: {kind}", down=True)
    if isinstance(failure, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return Retry(f"{url} cannot be reached: {kind}", down=True)
    if isinstance(failure, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return ProviderError(f"{url} is no address", "write `base_url` as http://host:port/v1")
    if isinstance(failure, aiohttp.TooManyRedirects):
        return ProviderError(f"{url} points to itself", "check `base_url`")
    return Retry(f"the connection broke: {kind}", unknown=True)


def _pace(headers: Mapping[str, str]) -> Pace | None:
    limit, left = headers.get("x-ratelimit-limit-requests"), headers.get("x-ratelimit-remaining-requests")
    if limit is None or left is None:
        return None
    reset_s = answered.seconds_of(headers.get("x-ratelimit-reset-requests", ""))
    try:
        return Pace(int(limit), int(left), reset_s or 0.0)
    except ValueError:
        return None
