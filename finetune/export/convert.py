"""Running llama.cpp's converters: a folder to a GGUF, a PEFT adapter to a LoRA GGUF.

The converters are scripts, not a library: each call is a process of its own. They know a BPE vocabulary's
pre-tokeniser by a hash of how a test text is cut; for vocabularies they have not seen, `pre_tokenizer` names it.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

from finetune.errors import FinetuneError
from finetune.export.sdist import llama_cpp_folder
from finetune.messages import ADAPTER_UNREADABLE, CONVERTER_FAILED, GGUF_CANNOT_CARRY, OUT_OF_MEMORY
from finetune.stage import is_disk_full

# Names the pre-tokeniser where the converter cannot recognise it, and runs the script as it is.
_RUNNER = """
import runpy, sys
folder, pre, script = sys.argv[1:4]
sys.argv = [script, *sys.argv[4:]]
sys.path.insert(0, folder)
sys.path.insert(1, folder + "/gguf-py")
if pre:
    from conversion.base import TextModel
    TextModel.get_vocab_base_pre = lambda self, tokenizer: pre
runpy.run_path(folder + "/" + script, run_name="__main__")
"""


def convert_model(folder: Path, target: Path, *, name: str = "", kind: str = "f16", pre_tokenizer: str = "") -> None:
    """Write a Hugging Face folder as GGUF, `kind` f16, bf16 or f32, `name` being the title in the file.

    Raises:
        FinetuneError: `converter-failed`, `out-of-memory`, and what fetching the converters raises.
    """
    _run(
        "convert_hf_to_gguf.py",
        pre_tokenizer,
        target,
        str(folder),
        "--outtype",
        kind,
        "--model-name",
        name or folder.name,
    )


def convert_adapter(adapter: Path, base: Path, target: Path, *, kind: str = "f16") -> None:
    """Write a PEFT adapter as LoRA GGUF. `base` is a folder with the base's config.json.

    Raises:
        FinetuneError: `adapter-unreadable`, `gguf-cannot-carry`, and what `convert_model` raises.
    """
    check_adapter(adapter)
    _run("convert_lora_to_gguf.py", "", target, str(adapter), "--base", str(base), "--outtype", kind)


def check_adapter(adapter: Path) -> None:
    """Refuse what a GGUF adapter would lose in silence or fail on.

    Raises:
        FinetuneError: `adapter-unreadable`, `gguf-cannot-carry`.
    """
    try:
        config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FinetuneError("adapter-unreadable", ADAPTER_UNREADABLE, path=adapter, reason=error) from error
    way_out = "python -m finetune merge"
    for key in ("use_dora", "use_rslora", "alpha_pattern", "modules_to_save"):
        if config.get(key):
            raise FinetuneError("gguf-cannot-carry", GGUF_CANNOT_CARRY, where=adapter, what=key, way_out=way_out)
    if "lm_head" in (config.get("target_modules") or ()):
        raise FinetuneError("gguf-cannot-carry", GGUF_CANNOT_CARRY, where=adapter, what="lm_head", way_out=way_out)


def _run(script: str, pre_tokenizer: str, target: Path, *arguments: str) -> None:
    folder = llama_cpp_folder()
    scratch = target.with_name(target.name + ".new")
    log = target.with_name(target.name + ".log")
    command = [sys.executable, "-c", _RUNNER, str(folder), pre_tokenizer, script, *arguments, "--outfile", str(scratch)]
    environment = os.environ | {"PYTHONUTF8": "1", "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1", "NO_LOCAL_GGUF": "1"}
    done = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1].strip() if lines else f"exit status {done.returncode}"
        if "MemoryError" in reason or done.returncode == -9:
            raise FinetuneError("out-of-memory", OUT_OF_MEMORY, stage="export", knob="model.base")
        if is_disk_full(OSError(reason)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise FinetuneError("converter-failed", CONVERTER_FAILED, reason=reason, log=log)
    scratch.replace(target)
