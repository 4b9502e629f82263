"""What `toolkit export` writes is trained on for two steps by TRL, on a random model of one layer: SFT and DPO."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.trainers import rows as made
from toolkit.cli import main

MODEL = made.FOLDER / "chatml"
TRAIN = """
import json, sys
from datasets import load_dataset
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
import trl

kind, file, tokenizer = sys.argv[1:]
hf = AutoTokenizer.from_pretrained(tokenizer)
shape = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1)
model = LlamaForCausalLM(LlamaConfig(vocab_size=len(hf), pad_token_id=hf.pad_token_id, **shape))
fixed = dict(output_dir="out", report_to=[], use_cpu=True, bf16=False, max_steps=2, save_strategy="no", logging_steps=1)
made, config = {"sft": (trl.SFTTrainer, trl.SFTConfig), "dpo": (trl.DPOTrainer, trl.DPOConfig)}[kind]
rows = load_dataset("json", data_files=file, split="train", cache_dir="cache")
limit = {"max_length": 64} if kind == "sft" else {}
more = {} if kind == "sft" else {"ref_model": LlamaForCausalLM(model.config)}
trainer = made(model=model, args=config(**fixed, **limit), train_dataset=rows, processing_class=hf, **more)
losses = [each["loss"] for each in (trainer.train(), trainer)[1].state.log_history if "loss" in each]
lengths = [len(row["input_ids"]) for row in trainer.train_dataset] if kind == "sft" else []
print(json.dumps({"losses": losses, "lengths": lengths}))
"""

pytestmark = pytest.mark.soak


def _train(kind: str, file: Path) -> dict[str, Any]:
    pytest.importorskip("trl")
    Path("train.py").write_text(TRAIN, encoding="utf-8")
    command = [sys.executable, "train.py", kind, str(file), str(MODEL)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _exported(rows: list[dict[str, Any]], to: str, *more: str) -> Path:
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    main(["readiness", "rows.jsonl", "--no-embeddings", *more])
    assert main(["export", "rows", "--to", to, "--anyway"]) == 0
    return Path(f"runs/rows/export-{to}/train.jsonl")


def test_two_steps_of_sft_see_the_tokens_that_were_forecast() -> None:
    pairs = [row for row in made.adversarial(400, 3) if row["kind"] in ("plain", "system", "many")]
    rows = [{"messages": row["messages"]} for row in pairs]
    file = _exported(rows, "messages", "--trainer", "trl", "--model", str(MODEL), "--max-length", "64")
    found = _train("sft", file)
    assert len(found["losses"]) == 2 and all(math.isfinite(loss) for loss in found["losses"])
    table = pq.read_table("runs/rows/trained.parquet")
    assert table.filter(table.column("kept")).column("tokens").to_pylist() == found["lengths"]


def test_two_steps_of_dpo() -> None:
    rows = [
        {
            "prompt": f"where is parcel {at}",
            "chosen": f"parcel {at} was sent on monday",
            "rejected": f"not my parcel {at}",
        }
        for at in range(60)
    ]
    found = _train("dpo", _exported(rows, "same"))
    assert len(found["losses"]) == 2 and all(math.isfinite(loss) for loss in found["losses"])
