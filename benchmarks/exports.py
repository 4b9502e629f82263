"""Exports opened by the trainers' own loading code, each in its own environment.

    python benchmarks/exports.py --trl-python P --llamafactory-python P --axolotl-python P --mlx-python P
    python benchmarks/exports.py --speed 100000                  rows a second, CPU seconds and memory

For TRL two steps of SFT and DPO on a random model of one layer run on each of its exports; LLaMA-Factory,
axolotl and MLX-LM load the folder as their configuration names it, and say how many rows they keep.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.export.rows import SETS, plain, ready, with_tools
from toolkit.export import export

MODEL = Path(__file__).parents[1] / "tests" / "trainers" / "chatml"
TRL = """
import json, sys
from datasets import load_dataset
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
import trl
file, kind, tokenizer = sys.argv[1:]
hf = AutoTokenizer.from_pretrained(tokenizer)
shape = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1)
model = LlamaForCausalLM(LlamaConfig(vocab_size=len(hf), pad_token_id=hf.pad_token_id, **shape))
fixed = dict(output_dir="out", report_to=[], use_cpu=True, bf16=False, max_steps=2, save_strategy="no", logging_steps=1)
made, config = {"sft": (trl.SFTTrainer, trl.SFTConfig), "dpo": (trl.DPOTrainer, trl.DPOConfig)}[kind]
rows = load_dataset("json", data_files=file, split="train", cache_dir="cache")
more = {} if kind == "sft" else {"ref_model": LlamaForCausalLM(model.config)}
trainer = made(model=model, args=config(**fixed), train_dataset=rows, processing_class=hf, **more)
trainer.train()
losses = [each["loss"] for each in trainer.state.log_history if "loss" in each]
print(json.dumps({"rows": len(rows), "losses": losses}))
"""
LLAMAFACTORY = """
import importlib.machinery, json, sys, types
stub = types.ModuleType("torchaudio"); stub.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
sys.modules["torchaudio"] = stub
from llamafactory.hparams import get_train_args
from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
from transformers import AutoTokenizer
file, kind, tokenizer = sys.argv[1:]
args = dict(model_name_or_path=tokenizer, stage=kind, do_train=True, dataset="train", dataset_dir=file,
            template="chatml", output_dir="out", report_to="none", overwrite_cache=True, preprocessing_num_workers=1)
model, data, training, _, _ = get_train_args(args)
hf = AutoTokenizer.from_pretrained(tokenizer)
template = get_template_and_fix_tokenizer(hf, data)
made = get_dataset(template, model, data, training, stage={"dpo": "rm"}.get(kind, kind), tokenizer=hf)
print(json.dumps({"rows": len(made["train_dataset"])}))
"""
AXOLOTL = """
import json, sys
from pathlib import Path
import yaml

def main():
    from axolotl.utils.data.sft import prepare_datasets
    from axolotl.utils.dict import DictDefault
    from transformers import AutoTokenizer
    file, kind, tokenizer = sys.argv[1:]
    given = yaml.safe_load((Path(file) / "axolotl.yaml").read_text())
    for each in given["datasets"]:
        each["path"] = str(Path(file) / each["path"])
    fixed = dict(base_model=tokenizer, sequence_len=2048, dataset_prepared_path="prepared", micro_batch_size=1,
                 gradient_accumulation_steps=1, num_epochs=1, chat_template="tokenizer_default", train_on_inputs=False,
                 dataset_num_proc=1, seed=1, skip_prepare_dataset=False)
    cfg = DictDefault({**fixed, "datasets": given["datasets"]})
    made = prepare_datasets(cfg, AutoTokenizer.from_pretrained(tokenizer))[0]
    print(json.dumps({"rows": len(made)}))

if __name__ == "__main__":
    main()
"""
MLX = """
import json, sys
from pathlib import Path
from transformers import AutoTokenizer
from mlx_lm.tuner.datasets import load_local_dataset
import types
file, kind, tokenizer = sys.argv[1:]
hf = AutoTokenizer.from_pretrained(tokenizer)
train, valid, test = load_local_dataset(Path(file), hf, types.SimpleNamespace(mask_prompt=kind == "sft"))
lengths = [len(train.process(train[at])[0]) for at in range(len(train))]
print(json.dumps({"rows": len(train), "valid": len(valid), "least": min(lengths)}))
"""
RUNS = [
    ("trl", "plain", "sft", TRL, "train.jsonl"),
    ("trl", "tools", "sft", TRL, "train.jsonl"),
    ("trl", "completions", "sft", TRL, "train.jsonl"),
    ("trl", "pairs", "dpo", TRL, "train.jsonl"),
    ("trl", "chat-pairs", "dpo", TRL, "train.jsonl"),
    ("llamafactory", "plain", "sft", LLAMAFACTORY, ""),
    ("llamafactory", "tools", "sft", LLAMAFACTORY, ""),
    ("llamafactory", "chat-pairs", "dpo", LLAMAFACTORY, ""),
    ("llamafactory", "wanted", "kto", LLAMAFACTORY, ""),
    ("llamafactory", "texts", "pt", LLAMAFACTORY, ""),
    ("axolotl", "plain", "sft", AXOLOTL, ""),
    ("axolotl", "tools", "sft", AXOLOTL, ""),
    ("mlx", "plain", "sft", MLX, ""),
    ("mlx", "tools", "sft", MLX, ""),
    ("mlx", "completions", "sft", MLX, ""),
    ("mlx", "texts", "text", MLX, ""),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("trl", "llamafactory", "axolotl", "mlx"):
        parser.add_argument(f"--{name}-python", default="")
    parser.add_argument("--speed", type=int, default=0)
    asked = vars(parser.parse_args())
    if asked["speed"]:
        speed(asked["speed"])
    with tempfile.TemporaryDirectory() as folder:
        for target, name, kind, code, file in RUNS:
            if python := asked[f"{target}_python"]:
                print(target, name, kind, _opened(Path(folder), (target, name, kind, code, file), python), flush=True)


def _opened(folder: Path, job: tuple[str, str, str, str, str], python: str) -> str:
    target, name, kind, code, file = job
    run = folder / "runs" / name
    if not run.exists():
        ready(folder, name, SETS[name])
    found = export(run, target, out=folder / f"{target}-{name}", anyway=True)
    want = next(each["rows"] for each in found.files if each["part"] == "train")
    work = folder / f"work-{target}-{name}"
    work.mkdir()
    (work / "load.py").write_text(code, encoding="utf-8")
    command = [str(Path(python).absolute()), "load.py", str(found.folder / file), kind, str(MODEL)]
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=work, env=env, check=False)
    if done.returncode:
        return f"FAILED: {(done.stderr.strip().splitlines() or ['no words'])[-1][:300]}"
    told = json.loads(done.stdout.strip().splitlines()[-1])
    return f"{'all' if told['rows'] == want else 'NOT all'} of {want} rows; {json.dumps(told)}"


def speed(n: int) -> None:
    """CPU seconds and memory of an export of n rows, a third of them with tools, to a few targets."""
    from toolkit.export.plan import Ask, planned
    from toolkit.export.verb import _Job
    from toolkit.store.dataset import Manifest

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "train.jsonl"
        lines = [json.dumps(row, ensure_ascii=False) for row in (*with_tools(900), *plain(100))]
        with file.open("w", encoding="utf-8") as out:
            out.writelines(lines[at % 1000].replace('"id": "p', f'"id": "{at}-', 1) + "\n" for at in range(n))
        for target in ("trl", "openai", "parquet"):
            draft = Path(folder) / target
            draft.mkdir()
            before, began = os.times(), time.time()
            ask = Ask(target, leave_out=True)
            job = _Job(ask, planned(ask, Manifest("x", "messages", {}, n, 0, [])), Path(folder), draft, None)
            job.run([{"name": "train", "file": file.name, "rows": n}])
            from joblib.externals.loky import get_reusable_executor

            get_reusable_executor().shutdown(wait=True)
            after = os.times()
            cpu = sum(after[:4]) - sum(before[:4])
            most = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
            print(
                f"{target}: {n:,} rows, {cpu:.1f} s of CPU, {time.time() - began:.1f} s, {most / 1e3:.0f} MB a process"
            )


if __name__ == "__main__":
    main()
