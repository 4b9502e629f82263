"""What 300 rows asked for become where half of the answers come twice, a tenth is broken and a tenth is mislabelled.

    VENV/bin/python benchmarks/generate_rows.py toolkit 300

Run by the Python of an environment that holds the tool (and orjson, for the server): toolkit, curator,
data_designer or distilabel, each with its usual settings. All ask the same server (`tests/fault_server.py`) for
texts of two labels; `unique` counts texts, numbers aside, `right` those of them that carry the label asked for, and
`leaked` those that stand in an evaluation set which the server knows by heart. CPU is that of the tool and of the
processes it starts.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LABELS = {"refund": "wants money back", "track": "asks where the parcel is"}
LEAKS = [f"refund please for the parcel {word} of last week" for word in ("amber", "birch", "cedar", "delta", "ember")]
FAULTS = {
    **{"latency_s": 0.5, "duplicates": 0.5, "broken_json": 0.1, "throttled": 0.05, "mislabelled": 0.1},
    **{"leaking": 0.05, "leaks": LEAKS, "labels": list(LABELS)},
}
Row = tuple[str, str, str]
"""The label asked for, the text, and the label that came with it, or an empty one."""


def prompt(label: str) -> str:
    told = f'Write 1 different texts of the class "{label}": {LABELS[label]}.'
    return f"{told} Answer with a JSON list of 1 strings and nothing else."


def toolkit(url: str, count: int) -> list[Row]:
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from toolkit.generate import load, prepare

    Path("heldout.jsonl").write_text("".join(json.dumps({"text": text, "label": "refund"}) + "\n" for text in LEAKS))
    recipe = {
        **{"version": 1, "task": "classification", "target": {"rows": count}, "labels": LABELS},
        **{"model": {"use": "openai:m", "base_url": url}, "strategy": {"per_call": 1}},
        **{"avoid": ["heldout.jsonl"], "out": {"dir": "run"}},
    }
    Path("recipe.yaml").write_text(json.dumps(recipe))
    found = prepare(load(Path("recipe.yaml"))).run()
    rows = [json.loads(line) for line in found.rows.read_text().splitlines()]
    return [(row["label"], row["text"], "") for row in rows]


def curator(url: str, count: int) -> list[Row]:
    from bespokelabs import curator as peer

    class Texts(peer.LLM):  # type: ignore[misc]
        def prompt(self, row: dict[str, str]) -> str:
            return prompt(row["label"])

        def parse(self, row: dict[str, str], said: str) -> dict[str, str]:
            return {"label": row["label"], "said": said}

    model = Texts(model_name="m", backend="openai", backend_params={"base_url": url, "max_retries": 3})
    made = model([{"label": list(LABELS)[nth % 2]} for nth in range(count)])
    return [_row(each["label"], each["said"]) for each in getattr(made, "dataset", made)]


def data_designer(url: str, count: int) -> list[Row]:
    import data_designer.config as dd
    from data_designer.interface import DataDesigner

    provider = dd.ModelProvider(name="local", endpoint=url, provider_type="openai", api_key="none")
    model = dd.ModelConfig(alias="m", model="m", provider="local", skip_health_check=True)
    built = dd.DataDesignerConfigBuilder(model_configs=[model])
    values = dd.CategorySamplerParams(values=list(LABELS))
    built.add_column(dd.SamplerColumnConfig(name="label", sampler_type=dd.SamplerType.CATEGORY, params=values))
    asked = prompt("refund").replace("refund", "{{ label }}", 1)
    built.add_column(dd.LLMTextColumnConfig(name="said", prompt=asked, model_alias="m"))
    made = DataDesigner(artifact_path="made", model_providers=[provider]).create(built, num_records=count)
    return [_row(each["label"], each["said"]) for each in made.load_dataset().to_dict("records")]


def distilabel(url: str, count: int) -> list[Row]:
    from distilabel.models import OpenAILLM
    from distilabel.pipeline import Pipeline
    from distilabel.steps import LoadDataFromDicts
    from distilabel.steps.tasks import TextGeneration

    asked = [{"instruction": prompt(list(LABELS)[nth % 2]), "label": list(LABELS)[nth % 2]} for nth in range(count)]
    with Pipeline() as pipeline:
        model = OpenAILLM(model="m", base_url=url, api_key="none")
        _ = LoadDataFromDicts(data=asked) >> TextGeneration(llm=model)
    made = pipeline.run(use_cache=False)["default"]["train"]
    return [_row(each["label"], each["generation"]) for each in made]


def _row(label: str, said: str | None) -> Row:
    """What a user of a tool that hands out raw answers would read from one."""
    try:
        item = json.loads(said or "")[0]
    except (json.JSONDecodeError, IndexError, KeyError, TypeError):
        return label, "", ""
    return (label, item["text"], item["label"]) if isinstance(item, dict) else (label, str(item), "")


def _cpu() -> float:
    used = [resource.getrusage(each) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


TOOLS: dict[str, Callable[[str, int], list[Row]]] = {
    each.__name__: each for each in (toolkit, curator, data_designer, distilabel)
}


def main() -> None:
    name, count = sys.argv[1], int(sys.argv[2])
    os.environ.setdefault("OPENAI_API_KEY", "none")
    command = [sys.executable, "-m", "tests.fault_server", json.dumps(FAULTS)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=Path(__file__).parent.parent, **pipes) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            cpu, wall = _cpu(), time.perf_counter()
            rows = TOOLS[name](url, count)
            wall, cpu = time.perf_counter() - wall, _cpu() - cpu
            os.chdir("/")
        said = json.loads(server.communicate()[0])
    texts = {re.sub(r"\d+", "0", text.lower()): (label, told) for label, text, told in rows if text}
    right = sum(text.split()[0] == label and told in ("", label) for text, (label, told) in texts.items())
    leaked = sum(text in LEAKS for text in texts)
    print(
        f"{name}: {count} asked, {len(rows)} rows, {len(texts)} unique, {right} with the right label, {leaked} leaked; "
        f"{wall:.1f} s, {cpu:.1f} s CPU, imports included; {said['statuses']} answers"
    )


if __name__ == "__main__":
    main()
