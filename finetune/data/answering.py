"""A model that answers questions: a GGUF file in this process, or a server with the usual chat API."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import httpx

from finetune.errors import FinetuneError
from finetune.messages import ENDPOINT_FAILED
from models.prompt import Turn, render_chat

TOKEN_VARIABLE = "KODOPIS_ENDPOINT_TOKEN"  # noqa: S105 - the name of a variable
_TIMEOUT_S = 300.0


class Answerer(Protocol):
    """Answers one conversation at a time."""

    def answer(self, turns: Sequence[Turn], max_tokens: int) -> str:
        """The assistant's next turn, without its stop token; empty where it did not end within `max_tokens`."""


class LocalModel:
    """A GGUF file; the conversation is rendered as the server renders it."""

    def __init__(self, path: Path, chat_format: str) -> None:
        from finetune.llama import Gguf  # noqa: PLC0415 - brings llama.cpp

        self._model = Gguf(path)
        self._format = chat_format

    def answer(self, turns: Sequence[Turn], max_tokens: int) -> str:
        """The most likely answer."""
        prompt = render_chat(self._format, turns)
        tokens = self._model.tokens_of(prompt.segments)
        said = self._model.generate(
            tokens, max_tokens=max_tokens, stop=lambda text: any(one in text for one in prompt.stop)
        )
        return "" if len(self._model.tokenize(said)) >= max_tokens else said.strip()


class ServedModel:
    """A server with `/v1/chat/completions`: llama.cpp's own, vLLM, and the like."""

    def __init__(self, endpoint: str, model: str = "") -> None:
        token = os.environ.get(TOKEN_VARIABLE)
        self._client = httpx.Client(
            base_url=endpoint.rstrip("/") + "/",
            timeout=_TIMEOUT_S,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            trust_env=False,  # the loopback never goes through a proxy
        )
        self._model = model

    def answer(self, turns: Sequence[Turn], max_tokens: int) -> str:
        """The most likely answer.

        Raises:
            FinetuneError: `endpoint-failed`.
        """
        messages = [{"role": turn.role, "content": turn.text} for turn in turns]
        body = {"model": self._model, "messages": messages, "max_tokens": max_tokens, "temperature": 0}
        try:
            said = self._client.post("v1/chat/completions", json=body).raise_for_status().json()
            choice = said["choices"][0]
            return "" if choice.get("finish_reason") == "length" else str(choice["message"]["content"]).strip()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError, TypeError, AttributeError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise FinetuneError(
                "endpoint-failed", ENDPOINT_FAILED, endpoint=self._client.base_url, reason=reason
            ) from error
