"""What this session did, for its user alone: counted in memory, sent nowhere."""

from __future__ import annotations

from dataclasses import dataclass

from lsp_server.answering.suggest import Answer


@dataclass
class Statistics:
    """Answers shown and accepted, and the tokens that they cost."""

    shown: int = 0
    accepted: int = 0
    tokens: int = 0
    decode_ms: float = 0.0

    def count(self, answer: Answer) -> None:
        """Add a finished answer."""
        self.tokens += answer.n_tokens
        self.decode_ms += answer.decode_ms

    @property
    def tokens_per_s(self) -> float:
        """Decode speed over the session."""
        return self.tokens / self.decode_ms * 1000 if self.decode_ms else 0.0
