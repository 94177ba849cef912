"""From the bytes of tokens to text that may be shown: whole characters, and no part of a stop string."""

from __future__ import annotations

import codecs


class TextStream:
    """Collects the bytes of one answer.

    What `feed` returns is final: it never ends inside a character, and never holds the beginning of a stop string
    that may still be completed by the next token.
    """

    def __init__(self, stop: tuple[str, ...] = ()) -> None:
        self._stop = tuple(text for text in stop if text)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self.is_stopped = False

    def feed(self, piece: bytes) -> str:
        """Add the bytes of one token; returns what may be shown now. Sets `is_stopped` once a stop string is met."""
        if self.is_stopped:
            return ""
        text = self._held + self._decoder.decode(piece)
        at = min((found for stop in self._stop if (found := text.find(stop)) >= 0), default=-1)
        if at >= 0:
            self.is_stopped = True
            self._held = ""
            return text[:at]
        keep = self._possible_stop(text)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> str:
        """What was held back, when generation ended elsewhere. An unfinished character is dropped."""
        held, self._held = self._held, ""
        return held

    def _possible_stop(self, text: str) -> int:
        """How many characters at the end of `text` may be the beginning of a stop string."""
        longest = 0
        for stop in self._stop:
            for length in range(min(len(stop) - 1, len(text)), longest, -1):
                if text.endswith(stop[:length]):
                    longest = length
                    break
        return longest
