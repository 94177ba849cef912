"""Entries for GGUF files that the catalog does not know: what they are is read from the files themselves."""

from __future__ import annotations

from pathlib import Path

from models.entry import AdapterEntry, ModelEntry, ModelFile
from models.errors import ModelError
from models.files import expanded
from models.gguf import GgufHeader, read_header
from models.messages import ADAPTER_DAMAGED, ADAPTER_NOT_MODEL, ADAPTER_OTHER_BASE, LOCAL_MODEL, MODEL_NOT_ADAPTER
from models.prompt import Kind
from models.store import sha256_of

_FIM_TOKENS = {"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"}


def local_entry(path: Path) -> ModelEntry:
    """Describe a model file. Its id is its absolute path.

    Raises:
        ModelError: what `read_header` raises, or `adapter-not-model`.
    """
    path = expanded(path).absolute()
    header = read_header(path)
    if header.is_adapter:
        raise ModelError("adapter-not-model", ADAPTER_NOT_MODEL, path=path)
    return ModelEntry(
        id=str(path),
        title=header.text("general.name") or path.stem,
        description=LOCAL_MODEL,
        licence=header.text("general.license"),
        source_url=header.text("general.source.url") or header.text("general.url"),
        architecture=header.architecture,
        n_params=header.n_params,
        n_ctx_train=header.number(f"{header.architecture}.context_length"),
        files=(ModelFile(name=path.name, size_bytes=path.stat().st_size, path=path),),
        prompt=guess_prompt(header),
    )


def guess_prompt(header: GgufHeader) -> dict[Kind, str]:
    """Choose prompt formats by the vocabulary and the chat template of a file.

    Chat is left out where the template is none that we render: a wrong template is worse than none.
    """
    tokens = header.tokens
    template = header.text("tokenizer.chat_template")
    bos = header.number("tokenizer.ggml.bos_token_id")
    # llama.cpp's default for SentencePiece vocabularies (`llama`) is to add BOS, for BPE (`gpt2`) not to.
    adds_bos = header.metadata.get("tokenizer.ggml.add_bos_token", header.text("tokenizer.ggml.model") == "llama")
    has_bos = bool(adds_bos) and bos < len(tokens) and tokens[bos] == "<s>"
    raw = "prefix-bos" if has_bos else "prefix"
    fim = "qwen-fim" if _FIM_TOKENS.issubset(tokens) else raw
    prompt: dict[Kind, str] = {"code": fim, "fim": fim}
    if "<|im_start|>" in template and "<|im_start|>" in tokens:
        prompt["chat"] = "chatml"
    elif "<|user|>" in template and "<|user|>" not in tokens and has_bos:
        prompt["chat"] = "zephyr"
        prompt["code"] = "zephyr"
    return prompt


def local_adapter(path: Path, base: ModelEntry) -> AdapterEntry:
    """Describe a LoRA file that is to be used with `base`.

    Raises:
        ModelError: what `check_adapter` raises.
    """
    path = expanded(path).absolute()
    adapter = AdapterEntry(id=str(path), base=base.id, path=path)
    check_adapter(adapter, base)
    return adapter


def check_adapter(adapter: AdapterEntry, base: ModelEntry, base_path: Path | None = None) -> None:
    """Refuse a file that is no adapter, or one for another model.

    The architecture's name is compared always; the tensors' shapes, as llama.cpp does, where the base's file is here
    (two sizes of one architecture differ in nothing else). Not where the catalog knows the hashes of both: reading a
    vocabulary of 150,000 tokens to find what is known takes a third of a second.

    Raises:
        ModelError: what `read_header` raises, `adapter-damaged`, `model-not-adapter` or `adapter-other-base`.
    """
    header = read_header(adapter.path)
    if adapter.sha256 is not None and sha256_of(adapter.path) != adapter.sha256:  # some megabytes: read every time
        raise ModelError("adapter-damaged", ADAPTER_DAMAGED, path=adapter.path)
    if not header.is_adapter:
        raise ModelError("model-not-adapter", MODEL_NOT_ADAPTER, path=adapter.path)
    fits = header.architecture == base.architecture
    is_known_pair = adapter.base == base.id and adapter.sha256 and all(file.sha256 for file in base.files)
    if fits and base_path is not None and not is_known_pair:
        fits = _shapes_fit(header, read_header(base_path))
    if not fits:
        raise ModelError("adapter-other-base", ADAPTER_OTHER_BASE, path=adapter.path, model=base.title)


def _shapes_fit(adapter: GgufHeader, base: GgufHeader) -> bool:
    for name, shape in adapter.shapes.items():
        target, _, half = name.rpartition(".")
        if half not in ("lora_a", "lora_b"):
            continue
        of_base = base.shapes.get(target, ())
        if min(len(shape), len(of_base)) < 2:  # no such tensor, or no matrix
            return False
        # A maps the row's length to the rank, B the rank to the number of rows; token_embd's A is stored transposed.
        side = 0 if half == "lora_a" else 1
        if target != "token_embd.weight" and shape[side] != of_base[side]:
            return False
    return True
