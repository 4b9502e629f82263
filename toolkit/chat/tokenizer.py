"""A model's tokenizer and chat template, from a folder or from the Hub cache of this machine."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.core.errors import InputError

FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja", "tokenizer.model")


class Encoded(NamedTuple):
    """Token ids; where offsets were asked for, the first and the last character (exclusive) of every token."""

    ids: list[int]
    starts: npt.NDArray[np.int64] | None = None
    ends: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Tokenizer:
    """A fast tokenizer of `transformers`. name: as the user gave it."""

    name: str
    hf: Any

    @property
    def template(self) -> str:
        """The chat template. Raises InputError where there is none, or several without a default."""
        found = self.hf.chat_template
        if isinstance(found, dict):
            found = found.get("default")
        if not isinstance(found, str) or not found:
            fix = "name the instruct model's folder, or put a chat_template.jinja into this one"
            raise InputError(f"the tokenizer of {self.name} has no chat template", fix)
        return found

    @property
    def special(self) -> dict[str, Any]:
        """The named special tokens, which a template may print."""
        return {name: str(value) for name, value in self.hf.special_tokens_map.items() if isinstance(value, str)}

    @property
    def eos(self) -> str:
        """The end-of-sequence token; empty where there is none."""
        return self.hf.eos_token or ""

    def encode(self, texts: Sequence[str], *, special: bool = False, offsets: bool = False) -> list[Encoded]:
        """All texts at once, on every core. special: add what the tokenizer puts around a text by itself."""
        if not texts:
            return []
        found = self.hf(
            list(texts),
            add_special_tokens=special,
            return_offsets_mapping=offsets,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        if not offsets:
            return [Encoded(ids) for ids in found["input_ids"]]
        places = [np.array(each, dtype=np.int64).reshape(-1, 2) for each in found["offset_mapping"]]
        return [Encoded(ids, at[:, 0], at[:, 1]) for ids, at in zip(found["input_ids"], places, strict=True)]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of some tokens, special ones included."""
        return str(self.hf.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))


def load(name: str) -> Tokenizer:
    """The tokenizer of a model folder, or of a Hub id whose files are in the cache; nothing is downloaded.

    No code of the model runs. Raises InputError where it is not there, does not load or is no fast one.
    """
    from transformers import AutoTokenizer
    from transformers.utils import logging

    if Path(name).is_file():
        raise InputError(f"{name} is a file", f"name the folder that holds it: {Path(name).parent}")
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            hf = AutoTokenizer.from_pretrained(name, local_files_only=True, trust_remote_code=False)
    except Exception as failure:  # transformers raises what its loaders raise
        raise _not_loaded(name, failure) from failure
    if not getattr(hf, "is_fast", False):
        what = f"the tokenizer of {name} has no tokenizer.json: its tokens cannot be placed in the text"
        raise InputError(what, "save it as a fast tokenizer: AutoTokenizer.from_pretrained(...).save_pretrained(...)")
    return Tokenizer(name, hf)


def files_of(name: str) -> list[str]:
    """The sha256 of each tokenizer file of a model folder; a Hub id is told by its name alone."""
    found = [Path(name) / file for file in FILES]
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in found if path.is_file()] or [name]


def _not_loaded(name: str, failure: Exception) -> InputError:
    first = str(failure).strip().split("\n")[0][:160]
    if Path(name).is_dir():
        fix = "the folder must hold tokenizer.json and tokenizer_config.json"
        return InputError(f"the tokenizer in {name} does not load: {first}", fix)
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        return InputError(f"there is no model folder {name}", "name the folder that holds tokenizer.json")
    what = f"{name} is neither a folder nor a model in the Hub cache of this machine"
    return InputError(what, f"fetch its tokenizer first: hf download {name} --include 'token*' 'chat_template*'")
