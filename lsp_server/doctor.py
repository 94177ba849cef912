"""`kodopis doctor`: what is installed, which model fits, how fast it is, and what to do next."""

from __future__ import annotations

import asyncio
import importlib.util
import platform
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import cast

from lsp_server import messages
from lsp_server.engine.base import Chunk, CompletionRequest, Timings
from lsp_server.engine.spec import state_dir
from lsp_server.errors import EngineError
from lsp_server.serving.choice import Choice, choose, serve
from lsp_server.settings import Settings
from models.home import data_home
from models.machine import Machine, this_machine
from models.store import Store, sha256_of

_MEASURED_PROMPT_TOKENS = 256
_MEASURED_TOKENS = 32
_SLOW_TOKENS_PER_S = 5.0


@dataclass(frozen=True)
class Findings:
    """All that was found out. Speeds in tokens per second, 0 where nothing could be measured."""

    machine: Machine
    llama_version: str
    choice: Choice
    path: Path
    sha256: str
    adapter_sha256: str
    prefill_tokens_per_s: float = 0.0
    decode_tokens_per_s: float = 0.0
    trouble: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether code can be written here and now."""
        return bool(self.decode_tokens_per_s)

    @property
    def scale(self) -> float | None:
        """How strongly the adapter acts on code."""
        return self.choice.routes.scales.get("code")

    @property
    def next_step(self) -> str:
        """What to do now."""
        if not self.llama_version:
            return messages.DOCTOR_NEXT_EXTRA()
        if not self.sha256:
            return messages.DOCTOR_NEXT_MODEL(id=self.choice.model_id)
        if trouble := self.trouble or self.choice.trouble:
            return trouble
        if self.decode_tokens_per_s < _SLOW_TOKENS_PER_S:
            return messages.DOCTOR_NEXT_SLOW()
        return messages.DOCTOR_NEXT_NONE()

    def lines(self) -> list[str]:
        """For a person."""
        memory = round(self.machine.memory_bytes / 1e9, 1)
        found = [
            messages.DOCTOR_KODOPIS(version=version("kodopis"), home=data_home()),
            messages.DOCTOR_PYTHON(version=platform.python_version(), platform=platform.platform()),
            messages.DOCTOR_MACHINE(cores=self.machine.cores, memory=memory),
            messages.DOCTOR_ENGINE(version=self.llama_version) if self.llama_version else messages.DOCTOR_ENGINE_NONE(),
            messages.DOCTOR_MODEL(title=self.choice.title, id=self.choice.model_id),
            messages.DOCTOR_FILE(path=self.path, sha256=self.sha256) if self.sha256 else messages.DOCTOR_NO_FILE(),
            messages.DOCTOR_ADAPTER(id=self.choice.adapter_id, scale=self.scale, sha256=self.adapter_sha256)
            if self.choice.adapter_id
            else messages.DOCTOR_NO_ADAPTER(),
        ]
        if self.is_ready:
            prefill, decode = round(self.prefill_tokens_per_s), round(self.decode_tokens_per_s)
            found.append(messages.DOCTOR_SPEED(prefill=prefill, decode=decode))
        return [*found, self.next_step]

    def to_json(self) -> dict[str, object]:
        """For a program."""
        return {
            "version": version("kodopis"),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "cores": self.machine.cores,
            "memory_bytes": self.machine.memory_bytes,
            "llama_cpp_python": self.llama_version or None,
            "model": self.choice.model_id,
            "path": str(self.path),
            "sha256": self.sha256 or None,
            "adapter": self.choice.adapter_id or None,
            "adapter_scale": self.scale,
            "adapter_sha256": self.adapter_sha256 or None,
            "prefill_tokens_per_s": round(self.prefill_tokens_per_s, 1),
            "decode_tokens_per_s": round(self.decode_tokens_per_s, 1),
            "ready": self.is_ready,
            "next": self.next_step,
        }


async def examine() -> Findings:
    """Look at this installation with the default settings; measures where there is something to measure.

    Raises:
        KodopisError, ModelError: what is broken (a catalog that cannot be read, a damaged model).
    """
    choice = choose(Settings())
    found = await asyncio.to_thread(_look, choice)
    if not found.llama_version or not found.sha256:
        return found
    try:
        timings, trouble = await _measure(choice)
    except EngineError as error:
        return replace(found, trouble=_told(error))
    prefill = timings.prompt_tokens / timings.prompt_ms * 1000 if timings.prompt_ms else 0.0
    return replace(found, trouble=trouble, prefill_tokens_per_s=prefill, decode_tokens_per_s=timings.tokens_per_s)


def _told(error: EngineError) -> str:
    """What an engine's error says; not that this command will say more, where it would."""
    if error.code == "engine_start_failed":
        return messages.DOCTOR_NEXT_LOG(log=state_dir(), detail=error.fields["detail"])
    return str(error)


def _look(choice: Choice) -> Findings:
    store, entry = Store(), choice.entry
    assert entry is not None  # the default settings name a model of the catalog
    assert choice.spec is not None
    sha256 = ""
    if choice.missing is None:
        store.verify(entry)
        sha256 = entry.files[0].sha256 or sha256_of(store.path(entry))
    adapters = choice.spec.adapters
    return Findings(
        this_machine(),
        _llama_version(),
        choice,
        store.path(entry),
        sha256,
        sha256_of(adapters[0]) if adapters else "",
    )


def _llama_version() -> str:
    """The version that is installed; it is not imported, for that loads native code."""
    if importlib.util.find_spec("llama_cpp") is None:
        return ""
    try:
        return version("llama-cpp-python")
    except PackageNotFoundError:
        return "?"


async def _measure(choice: Choice) -> tuple[Timings, str]:
    """Prefill and decode a little. The text is why the engine serves without the adapter, where it does."""
    served = await serve(choice)
    try:
        ids = await served.engine.tokenize("def area(width, height):\n    return width * height\n\n\n" * 40)
        request = CompletionRequest(
            prompt=ids[:_MEASURED_PROMPT_TOKENS], n_predict=_MEASURED_TOKENS, cache_prompt=False, family="doctor"
        )
        timings = Timings()
        async with aclosing(cast("AsyncGenerator[Chunk, None]", served.engine.complete(request))) as chunks:
            async for chunk in chunks:
                timings = chunk.timings if chunk.stop_type is not None else timings
        return timings, served.trouble
    finally:
        await served.engine.close()
