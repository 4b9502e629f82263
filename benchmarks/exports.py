"""Exports opened by the trainers' own loading code, each in its own environment.

    python benchmarks/exports.py --trl-python P --llamafactory-python P --axolotl-python P --mlx-python P
    python benchmarks/exports.py --speed 100000                  rows a second, CPU seconds and memory

For TRL two steps on a random model of one layer run on each of its exports: SFT, DPO, KTO, GRPO and RLOO on
prompts, and on steps with an older TRL that has a trainer for them (--older-trl-python; 1.9 has). LLaMA-Factory,
axolotl and MLX-LM load the folder as the configuration in it says, and `datasets` the folders of its own; all
say how many rows they keep.
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
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.export.rows import SETS, plain, ready, with_tools
from toolkit.export import export

MODEL = Path(__file__).parents[1] / "tests" / "trainers" / "chatml"
TRL = """
import json, sys
from datasets import load_dataset
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, LlamaForTokenClassification
import trl
file, kind, tokenizer = sys.argv[1:]
hf = AutoTokenizer.from_pretrained(tokenizer)
shape = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1)
shape |= dict(vocab_size=len(hf), pad_token_id=hf.pad_token_id, eos_token_id=hf.eos_token_id)
model = LlamaForCausalLM(LlamaConfig(**shape))
fixed = dict(output_dir="out", report_to=[], use_cpu=True, bf16=False, max_steps=2, save_strategy="no", logging_steps=1)
rows = load_dataset("json", data_files=file, split="train", cache_dir="cache")
more = {}
if kind in ("grpo", "rloo", "rl"):
    fixed |= dict(beta=0.0, num_generations=2, per_device_train_batch_size=4, max_completion_length=8)
    if kind == "rl":
        sys.path.insert(0, str(__import__("pathlib").Path(file).parent))
        from rewards import reward
    else:
        reward = lambda completions, **other: [float(len(str(each)) % 7) for each in completions]
    more = {"reward_funcs": reward}
made, config = {
    "sft": ("SFTTrainer", "SFTConfig"), "dpo": ("DPOTrainer", "DPOConfig"), "kto": ("KTOTrainer", "KTOConfig"),
    "grpo": ("GRPOTrainer", "GRPOConfig"), "rl": ("GRPOTrainer", "GRPOConfig"), "rloo": ("RLOOTrainer", "RLOOConfig"),
    "prm": ("PRMTrainer", "PRMConfig"),
}[kind]
if kind == "prm":
    from trl.experimental import prm as trl
    model = LlamaForTokenClassification(LlamaConfig(**shape, num_labels=2))
if kind in ("dpo", "kto"):
    more = {"ref_model": LlamaForCausalLM(model.config)}
trainer = getattr(trl, made)(
    model=model, args=getattr(trl, config)(**fixed), train_dataset=rows, processing_class=hf, **more
)
trainer.train()
losses = [each["loss"] for each in trainer.state.log_history if "loss" in each]
print(json.dumps({"rows": len(trainer.train_dataset), "losses": losses}))
"""
DATASETS = """
import json, sys
import datasets
from huggingface_hub import DatasetCard
file, kind, tokenizer = sys.argv[1:]
if kind == "disk":
    rows = datasets.load_from_disk(file)
else:
    rows = datasets.load_dataset(file, cache_dir="cache")
card = DatasetCard.load(file + "/README.md").data.to_dict() if kind == "card" else {}
names = [each["split"] for each in card.get("configs", [{}])[0].get("data_files", [])]
assert kind == "disk" or names == list(rows), (names, list(rows))
print(json.dumps({"rows": len(rows["train"]), "splits": {name: len(part) for name, part in rows.items()}}))
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
            use_cpu=True, template="chatml", output_dir="out", report_to="none", overwrite_cache=True,
            preprocessing_num_workers=1)
model, data, training, _, _ = get_train_args(args)
hf = AutoTokenizer.from_pretrained(tokenizer)
template = get_template_and_fix_tokenizer(hf, data)
made = get_dataset(template, model, data, training, stage={"dpo": "rm"}.get(kind, kind), tokenizer=hf)
print(json.dumps({"rows": len(made["train_dataset"])}))
"""
AXOLOTL = """
import json, shutil, sys
from pathlib import Path
import yaml

def main():
    from axolotl.utils.data.rl import prepare_preference_datasets
    from axolotl.utils.data.sft import prepare_datasets
    from axolotl.utils.dict import DictDefault
    from transformers import AutoTokenizer
    file, kind, tokenizer = sys.argv[1:]
    tokenizer = shutil.copytree(tokenizer, "model")
    Path("model/config.json").write_text('{"model_type": "llama"}')
    given = yaml.safe_load((Path(file) / "axolotl.yaml").read_text())
    for each in [*given["datasets"], *given.get("test_datasets", [])]:
        each["path"] = str(Path(file) / each["path"])
    fixed = dict(base_model=tokenizer, tokenizer_config=tokenizer, sequence_len=2048, dataset_prepared_path="prepared",
                 micro_batch_size=1, gradient_accumulation_steps=1, batch_size=1, num_epochs=1, val_set_size=0, seed=1,
                 chat_template="tokenizer_default", train_on_inputs=False, dataset_num_proc=1,
                 shuffle_merged_datasets=False)
    prepare = prepare_preference_datasets if kind == "dpo" else prepare_datasets
    train, test = prepare(DictDefault({**fixed, **given}), AutoTokenizer.from_pretrained(tokenizer))[:2]
    print(json.dumps({"rows": len(train), "test": len(test)}))

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
RUNS: list[tuple[str, str, str, str, str, dict[str, Any]]] = [
    ("trl", "plain", "sft", TRL, "train.jsonl", {}),
    ("trl", "tools", "sft", TRL, "train.jsonl", {}),
    ("trl", "completions", "sft", TRL, "train.jsonl", {}),
    ("trl", "classes", "sft", TRL, "train.jsonl", {}),
    ("trl", "texts", "sft", TRL, "train.jsonl", {}),
    ("trl", "pairs", "dpo", TRL, "train.jsonl", {}),
    ("trl", "chat-pairs", "dpo", TRL, "train.jsonl", {}),
    ("trl", "wanted", "kto", TRL, "train.jsonl", {}),
    ("trl", "tasks", "grpo", TRL, "train.jsonl", {}),
    ("trl", "tasks", "rloo", TRL, "train.jsonl", {}),
    ("older-trl+trl", "steps", "prm", TRL, "train.jsonl", {}),
    ("trl+rl", "classes", "rl", TRL, "train.jsonl", {}),
    ("trl+unsloth", "plain", "sft", TRL, "train.jsonl", {}),
    ("trl+datasets", "tools", "disk", DATASETS, "", {}),
    ("trl+datasets", "chat-pairs", "disk", DATASETS, "", {}),
    ("trl+parquet", "tools", "card", DATASETS, "", {}),
    ("trl+parquet", "steps", "card", DATASETS, "", {}),
    ("llamafactory", "plain", "sft", LLAMAFACTORY, "", {}),
    ("llamafactory", "tools", "sft", LLAMAFACTORY, "", {}),
    ("llamafactory", "plain", "sft", LLAMAFACTORY, "", {"style": "alpaca"}),
    ("llamafactory", "chat-pairs", "dpo", LLAMAFACTORY, "", {}),
    ("llamafactory", "pairs", "dpo", LLAMAFACTORY, "", {"style": "alpaca"}),
    ("llamafactory", "wanted", "kto", LLAMAFACTORY, "", {}),
    ("llamafactory", "wanted", "kto", LLAMAFACTORY, "", {"style": "alpaca"}),
    ("llamafactory", "texts", "pt", LLAMAFACTORY, "", {}),
    ("axolotl", "plain", "sft", AXOLOTL, "", {}),
    ("axolotl", "tools", "sft", AXOLOTL, "", {}),
    ("axolotl", "completions", "sft", AXOLOTL, "", {"style": "alpaca"}),
    ("axolotl", "pairs", "dpo", AXOLOTL, "", {}),
    ("axolotl", "chat-pairs", "dpo", AXOLOTL, "", {}),
    ("axolotl", "texts", "text", AXOLOTL, "", {}),
    ("mlx", "plain", "sft", MLX, "", {}),
    ("mlx", "tools", "sft", MLX, "", {}),
    ("mlx", "completions", "sft", MLX, "", {}),
    ("mlx", "texts", "text", MLX, "", {}),
]
"""Trainer (and the target where it is another), rows, stage, code, file, options of the target."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("trl", "older-trl", "llamafactory", "axolotl", "mlx"):
        parser.add_argument(f"--{name}-python", default="")
    parser.add_argument("--speed", type=int, default=0)
    asked = vars(parser.parse_args())
    if asked["speed"]:
        speed(asked["speed"])
    with tempfile.TemporaryDirectory() as folder:
        print("| loaded by | export | rows | stage | |\n|---|---|---|---|---|")
        for run in RUNS:
            trainer, _, target = run[0].partition("+")
            if python := asked[f"{trainer}_python".replace("-", "_")]:
                style = f" {run[5]['style']}" if run[5] else ""
                found = _opened(Path(folder), target or trainer, run, python)
                print(f"| {trainer} | {target or trainer}{style} | {run[1]} | {run[2]} | {found} |", flush=True)


def _opened(folder: Path, target: str, job: tuple[str, str, str, str, str, dict[str, Any]], python: str) -> str:
    _, name, kind, code, file, options = job
    run = folder / "runs" / name
    if not run.exists():
        ready(folder, name, SETS[name])
    work = Path(tempfile.mkdtemp(dir=folder))
    found = export(run, target, out=work / "export", anyway=True, options=options)
    want = next(each["rows"] for each in found.files if each["part"] == "train")
    (work / "load.py").write_text(code, encoding="utf-8")
    command = [str(Path(python).absolute()), "load.py", str(found.folder / file), kind, str(MODEL)]
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    env |= {"AXOLOTL_DO_NOT_TRACK": "1", "DO_NOT_TRACK": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=work, env=env, check=False)
    if done.returncode:
        return f"FAILED: {(done.stderr.strip().splitlines() or ['no words'])[-1][:300]}"
    told = json.loads(done.stdout.strip().splitlines()[-1])
    rows = told.pop("rows")
    if kind == "pt":  # its stage pt joins texts and cuts them into blocks of one length
        return f"{want} texts, {rows} blocks of one length"
    return f"{'all' if rows == want else f'NOT all, {rows},'} of {want} rows; {json.dumps(told)}"


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
