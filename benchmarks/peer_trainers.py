"""What one trainer's own preprocessing makes of rows; run by `benchmarks/trainers.py` in that trainer's environment.

    python peer_trainers.py TRAINER FOLDER

FOLDER holds `jobs.json`: a list of {name, tokenizer, rows (a JSON Lines file), options}. Written is
`out.json`: by name the version and either `rows`, the [input_ids, labels] of every row that reaches the
model in its order, or `error`, what the trainer raised.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("AXOLOTL_DO_NOT_TRACK", "1")
Pairs = list[list[list[int]]]


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    jobs = json.loads((folder / "jobs.json").read_text(encoding="utf-8"))
    out: dict[str, Any] = {}
    logging.disable(logging.WARNING)
    run = {"trl": trl, "axolotl": axolotl, "llamafactory": llamafactory, "mlx": mlx}
    run |= {"trl-dpo": trl_dpo, "trl-kto": trl_kto, "axolotl-dpo": axolotl_dpo}
    run |= {"llamafactory-dpo": llamafactory_dpo, "llamafactory-kto": llamafactory_kto}
    for job in jobs:
        out[job["name"]] = _one(run[name], job)
    versions = {
        each: _version(each) for each in (name.split("-")[0], "trl", "mlx-lm", "transformers", "tokenizers", "datasets")
    }
    text = json.dumps({"versions": {key: value for key, value in versions.items() if value}, "jobs": out})
    (folder / "out.json").write_text(text, encoding="utf-8")


def _one(run: Callable[..., Iterator[tuple[list[int], list[int]]]], job: dict[str, Any]) -> dict[str, Any]:
    lines = Path(job["rows"]).read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    parts = [[row] for row in rows] if job.get("alone") else [rows]
    found: list[Any] = []
    for part in parts:
        try:
            found.append({"rows": [list(map(list, pair)) for pair in run(part, job["tokenizer"], job["options"])]})
        except (Exception, SystemExit) as failure:
            found.append({"error": f"{type(failure).__name__}: {str(failure)[:300]}"})
    return {"alone": found} if job.get("alone") else found[0]


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def trl(rows: list[Any], tokenizer: str, options: dict[str, Any]) -> Iterator[tuple[list[int], list[int]]]:
    from datasets import Dataset
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
    from trl import SFTConfig, SFTTrainer

    hf = AutoTokenizer.from_pretrained(tokenizer)
    shape = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(hf), **shape))
    plain = [{**row, "tools": json.dumps(row["tools"]) if row.get("tools") else None} for row in rows]
    if not any(row["tools"] for row in plain):
        plain = [{key: value for key, value in row.items() if key != "tools"} for row in plain]
    with tempfile.TemporaryDirectory() as out:
        args = SFTConfig(output_dir=out, report_to=[], use_cpu=True, bf16=False, **options)
        made = SFTTrainer(model=model, args=args, train_dataset=Dataset.from_list(plain), processing_class=hf)
        for row in made.train_dataset:
            yield row["input_ids"], row["labels"]


def trl_dpo(rows: list[Any], tokenizer: str, options: dict[str, Any]) -> Iterator[tuple[list[int], list[int]]]:
    """The chosen and then the rejected side of each pair, as the collator of DPOTrainer makes them of its data set."""
    yield from _preference(rows, tokenizer, options, "DPO")


def trl_kto(rows: list[Any], tokenizer: str, options: dict[str, Any]) -> Iterator[tuple[list[int], list[int]]]:
    yield from _preference(rows, tokenizer, options, "KTO")


def _preference(
    rows: list[Any], tokenizer: str, options: dict[str, Any], kind: str
) -> Iterator[tuple[list[int], list[int]]]:
    import trl as package
    from datasets import Dataset
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    hf = AutoTokenizer.from_pretrained(tokenizer)
    shape = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    config = LlamaConfig(vocab_size=len(hf), **shape)
    plain = [{**row, "tools": json.dumps(row["tools"]) if row.get("tools") else None} for row in rows]
    if not any(row["tools"] for row in plain):
        plain = [{key: value for key, value in row.items() if key != "tools"} for row in plain]
    with tempfile.TemporaryDirectory() as out:
        args = getattr(package, f"{kind}Config")(output_dir=out, report_to=[], use_cpu=True, bf16=False, **options)
        made = getattr(package, f"{kind}Trainer")(
            model=LlamaForCausalLM(config),
            ref_model=LlamaForCausalLM(config),
            args=args,
            train_dataset=Dataset.from_list(plain),
            processing_class=hf,
        )
        for row in made.train_dataset:
            yield from _collated(made.data_collator([row]))


def _collated(batch: Any) -> Iterator[tuple[list[int], list[int]]]:
    for ids, seen, loss in zip(batch["input_ids"], batch["attention_mask"], batch["completion_mask"], strict=True):
        n = int(seen.sum())
        tokens = ids[:n].tolist()
        yield tokens, [token if on else -100 for token, on in zip(tokens, loss[:n].tolist(), strict=True)]


def axolotl_dpo(rows: list[Any], tokenizer: str, options: dict[str, Any]) -> Iterator[tuple[list[int], list[int]]]:
    """Axolotl's own preprocessing, and then that of the DPOTrainer which it starts, with the length that it sets."""
    import shutil

    import axolotl.core.trainers.dpo.trainer as own
    import trl as package
    from axolotl.utils.data.rl import prepare_preference_datasets
    from axolotl.utils.dict import DictDefault
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    with tempfile.TemporaryDirectory() as folder:
        model = shutil.copytree(tokenizer, f"{folder}/model")
        Path(f"{model}/config.json").write_text('{"model_type": "llama"}', encoding="utf-8")
        hf = AutoTokenizer.from_pretrained(model)
        file = Path(folder) / "rows.jsonl"
        names = ("prompt", "chosen", "rejected")
        plain = [dict(zip(("messages", *names[1:]), (row[name] for name in names), strict=True)) for row in rows]
        file.write_text("".join(json.dumps(_as_exported(row)) + "\n" for row in plain), encoding="utf-8")
        source = {"path": str(file), "ds_type": "json", "type": "chat_template.default", "split": "train"}
        source |= {"field_messages": "messages", "field_chosen": "chosen", "field_rejected": "rejected"}
        fixed = {"dataset_prepared_path": f"{folder}/prepared", "val_set_size": 0, "shuffle_merged_datasets": False}
        fixed |= {"dataset_num_proc": 1, "chat_template": "tokenizer_default", "tokenizer_config": model, "rl": "dpo"}
        fixed |= {"base_model": model, "seed": 1, "sequence_len": 512}
        cfg = DictDefault({**fixed, "datasets": [source], **options})
        found = prepare_preference_datasets(cfg, hf)[0]
        shape = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
        config = LlamaConfig(vocab_size=len(hf), **shape)
        args = package.DPOConfig(output_dir=folder, report_to=[], use_cpu=True, bf16=False, max_length=cfg.sequence_len)
        made = own.AxolotlDPOTrainer(
            model=LlamaForCausalLM(config),
            ref_model=LlamaForCausalLM(config),
            args=args,
            train_dataset=found,
            processing_class=hf,
        )
        for row in made.train_dataset:
            yield from _collated(made.data_collator([row]))


def _as_exported(row: dict[str, Any]) -> dict[str, Any]:
    """Prompt as messages and each side as one message, as `toolkit export --to axolotl` writes them."""
    if isinstance(row["messages"], str):
        row = {"messages": [{"role": "user", "content": row["messages"]}]} | {
            name: [{"role": "assistant", "content": row[name]}] for name in ("chosen", "rejected")
        }
    return {**row, "chosen": row["chosen"][0], "rejected": row["rejected"][0]}


def axolotl(rows: list[Any], tokenizer: str, options: dict[str, Any]) -> Iterator[tuple[list[int], list[int]]]:
    from axolotl.utils.data.sft import prepare_datasets
    from axolotl.utils.dict import DictDefault
    from transformers import AutoTokenizer

    hf = AutoTokenizer.from_pretrained(tokenizer)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.jsonl"
        plain = [{**row, "tools": json.dumps(row["tools"]) if row.get("tools") else None} for row in rows]
        file.write_text("".join(json.dumps(row) + "\n" for row in plain), encoding="utf-8")
        source = {"path": str(file), "ds_type": "json", "type": "chat_template", "split": "train"}
        given = dict(options)
        roles = given.pop("roles_to_train", None)
        if roles:
            source["roles_to_train"] = roles
        fixed = {"dataset_prepared_path": f"{folder}/prepared", "val_set_size": 0, "shuffle_merged_datasets": False}
        fixed |= {"dataset_num_proc": 1, "chat_template": "tokenizer_default", "tokenizer_config": tokenizer}
        fixed |= {"micro_batch_size": 1, "gradient_accumulation_steps": 1, "num_epochs": 1, "seed": 1}
        fixed |= {"batch_size": 1, "sequence_len": 512, "train_on_inputs": False}
        fixed |= {"batch_size": given.get("micro_batch_size", 1), "attn_supports_packing": True}
        fixed |= {"sample_packing_group_size": 100_000, "sample_packing_bin_size": 200}  # what its schema fills in
        cfg = DictDefault({**fixed, "datasets": [source], **given})
        found, _, steps, *_ = prepare_datasets(cfg, hf)
        if cfg.sample_packing:  # rows stay rows, so what it counts is compared
            yield [int(steps)], []
            return
        for row in found:
            yield row["input_ids"], row["labels"]


def llamafactory_dpo(rows: list[Any], tokenizer: str, options: dict[str, Any]) -> Iterator[tuple[list[int], list[int]]]:
    """The chosen and then the rejected side of each pair."""
    for row in _llamafactory_pairs(rows, tokenizer, options, "rm"):
        for side in ("chosen", "rejected"):
            yield row[f"{side}_input_ids"], row[f"{side}_labels"]


def llamafactory_kto(rows: list[Any], tokenizer: str, options: dict[str, Any]) -> Iterator[tuple[list[int], list[int]]]:
    for row in _llamafactory_pairs(rows, tokenizer, options, "kto"):
        yield row["input_ids"], row["labels"]


def _llamafactory_pairs(rows: list[Any], tokenizer: str, options: dict[str, Any], stage: str) -> Iterator[Any]:
    _stub_torchaudio()
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from transformers import AutoTokenizer

    with tempfile.TemporaryDirectory() as folder:
        plain = [_as_ranking(row, stage) for row in rows]
        text = "".join(json.dumps(row) + "\n" for row in plain)
        (Path(folder) / "rows.jsonl").write_text(text, encoding="utf-8")
        tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
        tags |= {"observation_tag": "tool", "function_tag": "function_call", "system_tag": "system"}
        info: dict[str, Any] = {"file_name": "rows.jsonl", "formatting": "sharegpt", "tags": tags}
        info["columns"] = {"messages": "conversations", "tools": "tools"}
        info["columns"] |= {"kto_tag": "kto_tag"} if stage == "kto" else {"chosen": "chosen", "rejected": "rejected"}
        info |= {} if stage == "kto" else {"ranking": True}
        (Path(folder) / "dataset_info.json").write_text(json.dumps({"rows": info}), encoding="utf-8")
        fixed = {"stage": "kto" if stage == "kto" else "dpo", "do_train": True, "model_name_or_path": tokenizer}
        fixed |= {"dataset_dir": folder, "output_dir": f"{folder}/out", "report_to": "none", "use_cpu": True}
        model, data, training, _, _ = get_train_args({**fixed, "dataset": "rows", "overwrite_cache": True, **options})
        hf = AutoTokenizer.from_pretrained(tokenizer)
        template = get_template_and_fix_tokenizer(hf, data)
        yield from get_dataset(template, model, data, training, stage, tokenizer=hf)["train_dataset"]


def _as_ranking(row: dict[str, Any], stage: str) -> dict[str, Any]:
    tools = json.dumps(row["tools"]) if row.get("tools") else ""
    names = ("completion",) if stage == "kto" else ("chosen", "rejected")
    text = isinstance(row["prompt"], str)
    prompt = [{"role": "user", "content": row["prompt"]}] if text else [_sharegpt(each) for each in row["prompt"]]
    sides = [{"role": "assistant", "content": row[name]} if text else _sharegpt(row[name][0]) for name in names]
    if stage == "kto":
        return {"conversations": [*prompt, *sides], "kto_tag": row["label"], "tools": tools}
    return {"conversations": prompt, "chosen": sides[0], "rejected": sides[1], "tools": tools}


def _stub_torchaudio() -> None:
    import importlib.machinery
    import types

    stub = types.ModuleType("torchaudio")
    stub.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
    sys.modules.setdefault("torchaudio", stub)


def llamafactory(rows: list[Any], tokenizer: str, options: dict[str, Any]) -> Iterator[tuple[list[int], list[int]]]:
    _stub_torchaudio()
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from transformers import AutoTokenizer

    with tempfile.TemporaryDirectory() as folder:
        given = dict(options)
        formatting = given.pop("formatting", "sharegpt")
        plain = [{**row, "tools": json.dumps(row["tools"]) if row.get("tools") else ""} for row in rows]
        if formatting == "sharegpt":
            plain = [{**row, "messages": [_sharegpt(each) for each in row["messages"]]} for row in plain]
        text = "".join(json.dumps(row) + "\n" for row in plain)
        (Path(folder) / "rows.jsonl").write_text(text, encoding="utf-8")
        tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
        tags |= {"observation_tag": "tool", "function_tag": "function_call", "system_tag": "system"}
        info = {"file_name": "rows.jsonl", "formatting": formatting, "tags": tags}
        info["columns"] = {"messages": "messages", "tools": "tools"}
        (Path(folder) / "dataset_info.json").write_text(json.dumps({"rows": info}), encoding="utf-8")
        fixed = {"stage": "sft", "do_train": True, "model_name_or_path": tokenizer, "dataset": "rows"}
        fixed |= {"dataset_dir": folder, "output_dir": f"{folder}/out", "report_to": "none", "use_cpu": True}
        model, data, training, _, _ = get_train_args({**fixed, "overwrite_cache": True, **given})
        hf = AutoTokenizer.from_pretrained(tokenizer)
        template = get_template_and_fix_tokenizer(hf, data)
        found = get_dataset(template, model, data, training, "sft", tokenizer=hf)
        for row in found["train_dataset"]:
            yield row["input_ids"], row["labels"]


def _sharegpt(message: dict[str, Any]) -> dict[str, Any]:
    """A message as LLaMA-Factory's documents write it: the calls as the text of a turn of their own role."""
    if not message.get("tool_calls"):
        return {"role": message["role"], "content": message["content"]}
    calls = json.dumps([call["function"] for call in message["tool_calls"]], ensure_ascii=False)
    return {"role": "function_call", "content": calls}


def mlx(rows: list[Any], tokenizer: str, options: dict[str, Any]) -> Iterator[tuple[list[int], list[int]]]:
    """The batches before they are shuffled; a label is where the loss looks, so the padding token may have one."""
    from types import SimpleNamespace

    import numpy as np
    from mlx_lm.tuner.datasets import CacheDataset, load_dataset
    from mlx_lm.tuner.trainer import iterate_batches
    from transformers import AutoTokenizer

    hf = AutoTokenizer.from_pretrained(tokenizer)
    given = dict(options)
    longest, size = given.pop("max_seq_length", 2048), given.pop("batch_size", 4)
    with tempfile.TemporaryDirectory() as folder:
        text = "".join(json.dumps({key: row[key] for key in row if key not in ("id", "kind")}) + "\n" for row in rows)
        (Path(folder) / "train.jsonl").write_text(text, encoding="utf-8")
        (Path(folder) / "valid.jsonl").write_text("", encoding="utf-8")
        (Path(folder) / "valid.jsonl").unlink()
        args = SimpleNamespace(data=folder, train=True, test=False, hf_dataset=False, **given)
        data = CacheDataset(load_dataset(args, hf)[0])
        np.random.permutation = lambda n: np.arange(n)  # the order of the batches is not what is compared
        for batch, spans in iterate_batches(data, size, longest):
            for ids, (offset, length) in zip(np.array(batch).tolist(), np.array(spans).tolist(), strict=True):
                # The step k predicts place k; mlx_lm's loss counts the steps from `offset` to `length`.
                loss = [k for k in range(1, length) if offset <= k <= length]
                yield ids[:length], [ids[k] if k in set(loss) else -100 for k in range(length)]


if __name__ == "__main__":
    main()
