"""The base model of a run: found or made, then loaded for training in the precision that the recipe names.

Owns: the stage `base` (tokenizer files copied verbatim, where the weights lie) and loading. A base that is a GGUF file
is dequantised in memory: what is trained on is exactly what the adapter will be served on.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    GgufConfig,
)

from finetune.data.render import stop_tokens
from finetune.errors import FinetuneError
from finetune.gguf_base import locate
from finetune.messages import BASE_FOLDER_MISSING, BASE_UNREADABLE, HUB_UNREACHABLE, NO_EOS
from finetune.outside import local_folder
from finetune.recipe import ModelSection
from finetune.stage import Run, file_hash, is_disk_full, write_json

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
)


@dataclass(frozen=True)
class Base:
    """Where a prepared base lies. `folder` holds 16-bit weights; `gguf` is the file started from; one is None.

    `tokenizer` is a folder with tokenizer and config. `pre_tokenizer` names the split of a BPE vocabulary that the
    converter has never seen; empty for all real models.
    """

    tokenizer: Path
    folder: Path | None
    gguf: Path | None
    pre_tokenizer: str = ""

    @property
    def is_requantised(self) -> bool:
        """Whether the start was already quantised, so that a GGUF made from it was quantised twice."""
        return self.gguf is not None


def prepare(run: Run, folder: Path) -> None:
    """The stage: find or make the base, check its stop token, copy its tokenizer.

    Raises:
        FinetuneError: `base-missing`, `base-folder-missing`, `base-unreadable`, `hub-unreachable`, `no-eos`.
    """
    model = run.recipe.model
    tokenizer_folder = folder / "tokenizer"
    tokenizer_folder.mkdir()
    where, digest = _find(run, folder)
    _check_stop(model, _copied_tokenizer(model.base, where, tokenizer_folder))
    write_json(folder / "base.json", {"base": model.base, "revision": model.revision, "weights": digest})
    inside = where.is_relative_to(folder)
    # Another machine may hold the weights elsewhere: the path is no part of what is hashed.
    place = where.relative_to(folder).as_posix() if inside else str(where.resolve())
    pre = "qwen2" if model.base == "tiny:qwen2" else ""
    write_json(folder / "local.json", {"weights": place, "inside": inside, "pre_tokenizer": pre})


def open_base(run: Run) -> Base:
    """The base that the stage `base` prepared."""
    folder = run.folder("base")
    local = json.loads((folder / "local.json").read_text(encoding="utf-8"))
    weights = folder / local["weights"] if local["inside"] else Path(local["weights"])
    # The run may come from another machine, and the hub's cache may have been emptied.
    if not local["inside"] and not weights.exists():
        weights, _ = _find(run, folder)
    is_gguf = weights.suffix == ".gguf"
    return Base(
        tokenizer=folder / "tokenizer",
        folder=None if is_gguf else weights,
        gguf=weights if is_gguf else None,
        pre_tokenizer=local["pre_tokenizer"],
    )


def load_tokenizer(base: Base) -> Any:
    """The tokenizer, as transformers makes it of the base's own files."""
    return AutoTokenizer.from_pretrained(base.tokenizer)


def load_model(base: Base, precision: str) -> Any:
    """The base with its weights in fp32, bf16 or NF4 (double quantised, computing in bf16; in fp32 on a CPU)."""
    transformers.logging.set_verbosity_error()
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    options: dict[str, Any] = {"dtype": dtype, "attn_implementation": "sdpa"}
    if precision == "nf4":
        on_gpu = torch.cuda.is_available()
        compute = torch.bfloat16 if on_gpu else torch.float32
        options["dtype"] = compute
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=compute,
            bnb_4bit_quant_storage=compute,
        )
        if on_gpu:
            options["device_map"] = {"": int(os.environ.get("LOCAL_RANK", "0"))}
    if base.gguf is None:
        return AutoModelForCausalLM.from_pretrained(base.folder, **options)
    options.setdefault("quantization_config", GgufConfig(dequantize=True))
    model = AutoModelForCausalLM.from_pretrained(base.gguf.parent, gguf_file=base.gguf.name, **options)
    # Dequantised, it is an ordinary model, and must be saved as one.
    model.config.__dict__.pop("quantization_config", None)
    model.is_quantized = False
    model.hf_quantizer = None
    return model


def _find(run: Run, folder: Path) -> tuple[Path, str]:
    """Where the weights lie (a folder or a GGUF file), and what identifies them."""
    model = run.recipe.model
    if model.base.startswith("tiny:"):
        return _make_tiny(model.base.removeprefix("tiny:"), folder, run.recipe.seed)
    if model.base.startswith("gguf:"):
        path = locate(model.base)
        return path, file_hash(path)
    given = local_folder(model.base)
    if given is not None:
        return given, "folder"
    if _is_path(model.base):
        raise FinetuneError("base-folder-missing", BASE_FOLDER_MISSING, base=model.base)
    path = _download(model)
    return path, path.name


def _is_path(base: str) -> bool:
    """Whether this can only be a folder: the hub's ids have one slash at most, and no drive."""
    return base.startswith((".", "/", "~")) or any(mark in base for mark in "\\:") or base.count("/") > 1


def _make_tiny(kind: str, folder: Path, seed: int) -> tuple[Path, str]:
    from finetune import tiny  # noqa: PLC0415 - only for the smoke recipes

    weights = folder / "weights"
    tiny.make(kind, weights, seed)
    if kind == "mistral":
        return weights, file_hash(weights / "model.safetensors")
    # This one goes our recipe's way: it starts from the GGUF file that a server would have.
    from finetune.export.convert import convert_model  # noqa: PLC0415
    from finetune.llama import quantise  # noqa: PLC0415

    half = folder / "half.gguf"
    start = folder / "start-q4_k_m.gguf"
    convert_model(weights, half, pre_tokenizer="qwen2")
    quantise(half, start, "q4_k_m")
    half.unlink()
    shutil.rmtree(weights)
    return start, file_hash(start)


def _copied_tokenizer(base: str, where: Path, folder: Path) -> Any:
    """The tokenizer of a base, its files copied into `folder`.

    Raises:
        FinetuneError: `base-unreadable`.
    """
    try:
        if where.suffix == ".gguf":
            _tokenizer_from_gguf(where, folder)
        else:
            for name in (*TOKENIZER_FILES, "config.json"):
                if (where / name).exists():
                    shutil.copyfile(where / name, folder / name)
        return AutoTokenizer.from_pretrained(folder)
    except (ModuleNotFoundError, MemoryError):
        raise
    except Exception as error:  # transformers, tokenizers and the readers of GGUF each raise their own
        if is_disk_full(error):
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise FinetuneError("base-unreadable", BASE_UNREADABLE, base=base, reason=reason) from error


def _tokenizer_from_gguf(path: Path, folder: Path) -> None:
    AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name).save_pretrained(folder)
    config = transformers.AutoConfig.from_pretrained(path.parent, gguf_file=path.name)
    config.__dict__.pop("quantization_config", None)
    config.architectures = [MODEL_FOR_CAUSAL_LM_MAPPING[type(config)].__name__]
    config.save_pretrained(folder)


def _download(model: ModelSection) -> Path:
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - only where the base is on the hub

    patterns = ["*.safetensors", "*.json", "*.model", "*.txt", "*.jinja"]
    try:
        return Path(snapshot_download(model.base, revision=model.revision, allow_patterns=patterns))
    except Exception as error:  # the hub's client raises its own, httpx's and the system's errors
        if is_disk_full(error):
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise FinetuneError("hub-unreachable", HUB_UNREACHABLE, what=model.base, reason=reason) from error


def _check_stop(model: ModelSection, tokenizer: Any) -> None:
    for token in stop_tokens(model.formats, model.chat_format):
        if tokenizer.convert_tokens_to_ids(token) in (None, tokenizer.unk_token_id):
            raise FinetuneError("no-eos", NO_EOS, base=model.base, token=token)
