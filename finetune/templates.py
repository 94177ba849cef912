"""One template everywhere: what data were rendered with, what the tokenizer and the GGUF file carry, what is served.

A Jinja template in a tokenizer or a GGUF is compared by what it writes for a probe conversation.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from jinja2.sandbox import ImmutableSandboxedEnvironment

from finetune.data.render import template_hash
from finetune.stage import Run
from models.prompt import Turn, chat_template_of, render_chat

_PROBE = (
    Turn("system", "Пиши код."),
    Turn("user", "Сложи два числа."),
    Turn("assistant", "a + b"),
    Turn("user", "Ещё раз."),
)


def template_hashes(run: Run, tokenizer: Any, gguf_template: str) -> dict[str, tuple[str, str]]:
    """Pairs that must be equal: data against server, and tokenizer and GGUF against `models.prompt`."""
    model = run.recipe.model
    summary = json.loads((run.folder("data") / "summary.json").read_text(encoding="utf-8"))
    chat = chat_template_of(model.prompt_format) or model.chat_format
    ours = _ours(chat, tokenizer)
    return {
        "data and server": (summary["template_hash"], template_hash(model.formats, model.chat_format)),
        "tokenizer and server": (_digest(_rendered(tokenizer.chat_template, tokenizer)), ours),
        "GGUF and server": (_digest(_rendered(gguf_template, tokenizer)), ours),
    }


def _ours(chat: str, tokenizer: Any) -> str:
    text = render_chat(chat, _PROBE).text
    # BOS belongs to our rendering, but not to these templates: it is counted by itself.
    return _digest(text.removeprefix(tokenizer.bos_token or ""))


def _rendered(template: str | None, tokenizer: Any) -> str:
    if not template:
        return ""
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    messages = [{"role": turn.role, "content": turn.text} for turn in _PROBE]
    return environment.from_string(template).render(
        messages=messages,
        add_generation_prompt=True,
        bos_token=tokenizer.bos_token or "",
        eos_token=tokenizer.eos_token,
        tools=None,
    ).removeprefix(tokenizer.bos_token or "")  # fmt: skip


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
