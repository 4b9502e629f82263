"""The window of other clients: 1,000 requests at once against a local server that takes 2 s for each.

    VENV/bin/python benchmarks/generate_peers.py litellm 1000

Run by the Python of an environment that holds the peer (and orjson, for the server). Peers: litellm, distilabel,
openai. A client is warm where its import is done before the clock starts, as in `benchmarks/generate.py`.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TEXT = "The parcel has not come, and nobody at the shop picks up the phone."
AT_ONCE = 1000


def prompts(count: int) -> list[list[dict[str, str]]]:
    system = {"role": "system", "content": "Answer with one text."}
    return [[system, {"role": "user", "content": f"Text {nth} of the class refund."}] for nth in range(count)]


async def litellm(url: str, count: int) -> int:
    import litellm as peer

    router = peer.Router(
        [{"model_name": "m", "litellm_params": {"model": "openai/bench", "api_base": url, "api_key": "none"}}],
        num_retries=0,
        timeout=600,
    )
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(messages: Any) -> Any:
        async with gate:
            return await router.acompletion("m", messages=messages, max_tokens=64)

    return len(await asyncio.gather(*(one(each) for each in prompts(count))))


async def openai(url: str, count: int) -> int:
    from openai import AsyncOpenAI

    client, gate = AsyncOpenAI(base_url=url, api_key="none", max_retries=0, timeout=600), asyncio.Semaphore(AT_ONCE)

    async def one(messages: Any) -> Any:
        async with gate:
            return await client.chat.completions.create(model="bench", messages=messages, max_tokens=64)

    return len(await asyncio.gather(*(one(each) for each in prompts(count))))


async def distilabel(url: str, count: int) -> int:
    from distilabel.models import OpenAILLM

    model = OpenAILLM(model="bench", base_url=url, api_key="none", max_retries=0, timeout=600)
    model.load()
    made = 0
    for first in range(0, count, AT_ONCE):  # its own unit of work is a batch
        part = prompts(count)[first : first + AT_ONCE]
        made += len(await asyncio.gather(*(model.agenerate(each, max_new_tokens=64) for each in part)))
    return made


def main() -> None:
    name, count = sys.argv[1], int(sys.argv[2])
    __import__({"litellm": "litellm", "openai": "openai", "distilabel": "distilabel.models"}[name])
    command = [sys.executable, "-m", "tests.fault_server", json.dumps({"latency_s": 2, "text": TEXT})]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=Path(__file__).parent.parent, **pipes) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        cpu, began, wall = time.process_time(), time.time(), time.perf_counter()
        made = asyncio.run({"litellm": litellm, "openai": openai, "distilabel": distilabel}[name](url, count))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        said = json.loads(server.communicate()[0])
    ideal, memory = 2.0 * count / AT_ONCE, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name}: {wall:.2f} s, {wall / ideal:.2f} of the ideal {ideal:g} s, "
        f"{1000 * cpu / count:.2f} ms CPU a request, "
        f"the first after {said['first'] - began:.2f} s, {memory:.0f} MB, {made:,} replies"
    )


if __name__ == "__main__":
    main()
