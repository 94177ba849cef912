"""Which KV cache serves which request.

Owns: a handful of contexts over one model, and the choice among them. A slot belongs to a prompt family, adapter scales
and a document, so that switching between them never throws a cache away; when there are no more slots, the one that was
not used for longest is taken over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lsp_server.engine.backend import BackendError, shared_length
from lsp_server.engine.base import CompletionRequest, LoraScale
from lsp_server.engine.llama import LlamaContext

log = logging.getLogger(__name__)

_ALIKE = 0.5


@dataclass
class Slot:
    """A context, and what it was last used for."""

    context: LlamaContext
    family: str
    document: str
    lora: tuple[LoraScale, ...]


class Slots:
    """At most `limit` contexts, the one used last at the end."""

    def __init__(self, new_context: Callable[[], LlamaContext], limit: int) -> None:
        self._new_context = new_context
        self._limit = limit
        self._slots: list[Slot] = []

    def choose(self, request: CompletionRequest, prompt: Sequence[int]) -> LlamaContext:
        """The context whose cache serves this request best, with the request's adapters set."""
        lora = tuple(sorted((item for item in request.lora if item.scale), key=lambda item: item.id))
        slot = self._same(request, lora) or self._alike(request.family, prompt, lora) or self._vacant(lora)
        slot.family, slot.document = request.family, request.document
        self._slots.remove(slot)
        self._slots.append(slot)
        return slot.context

    def close(self) -> None:
        """Free all contexts."""
        for slot in self._slots:
            slot.context.close()
        self._slots.clear()

    def _same(self, request: CompletionRequest, lora: tuple[LoraScale, ...]) -> Slot | None:
        wanted = (request.family, request.document, lora)
        return next((slot for slot in self._slots if (slot.family, slot.document, slot.lora) == wanted), None)

    def _alike(self, family: str, prompt: Sequence[int], lora: tuple[LoraScale, ...]) -> Slot | None:
        """A slot of another document whose cache is for the most part what this prompt begins with."""
        for slot in self._slots:
            held = slot.context.tokens
            is_fit = (slot.family, slot.lora) == (family, lora)
            if is_fit and shared_length(held, prompt) >= _ALIKE * max(len(held), len(prompt)):
                return slot
        return None

    def _vacant(self, lora: tuple[LoraScale, ...]) -> Slot:
        if len(self._slots) < self._limit:
            try:
                self._slots.insert(0, Slot(self._new_context(), "", "", ()))
            except BackendError as error:
                if not self._slots:
                    raise
                log.warning("no more than %d caches: %s", len(self._slots), error)
                self._limit = len(self._slots)  # there is no memory for another one
        slot = self._slots[0]
        if slot.lora != lora:
            slot.context.set_adapters(lora)
            slot.lora = lora
        return slot
