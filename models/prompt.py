"""The one place where a prompt is rendered, for training and for serving alike.

Owns: turning what is asked into a list of segments. Does not own: choosing what the model sees (`lsp_server.context`),
tokenising (the engine does). A segment marked special may become special tokens; all other text, whatever it
contains, must stay text: tokenise it with `parse_special` off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["code", "fim", "chat"]
"""What a request wants: code for an instruction, completion of ordinary code, or an answer in words."""

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True)
class Segment:
    """A piece of a prompt. Special tokens arise only from segments with `is_special`."""

    text: str
    is_special: bool = False


@dataclass(frozen=True)
class Prompt:
    """What is sent to an engine.

    `family` names prompts that share a long beginning (system text, template): the engine keeps a KV cache for each.
    `stop` are strings at which generation ends (the end-of-generation tokens always end it).
    `answer_head` is the part of the answer that the prompt already ends with (its indentation, say): the whole answer
    is `answer_head` followed by what is generated.
    """

    segments: tuple[Segment, ...]
    stop: tuple[str, ...]
    family: str
    answer_head: str = ""

    @property
    def text(self) -> str:
        """The whole prompt as one string: for people and for engines that take text only."""
        return "".join(segment.text for segment in self.segments)


@dataclass(frozen=True)
class CodeRequest:
    """What a code prompt is made from.

    `prefix` ends at the start of the line where the code goes; `indent` is that line's whitespace (in neither
    `prefix` nor `suffix`); `suffix` starts with the line after. `instruction` is the task without comment marks: it
    also stands at the end of `prefix`, as the file has it.
    """

    instruction: str
    prefix: str
    suffix: str
    indent: str = ""


@dataclass(frozen=True)
class Turn:
    """One turn of a conversation."""

    role: Role
    text: str
