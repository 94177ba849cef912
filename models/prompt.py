"""The one place where a prompt is rendered, for training and for serving alike.

Owns: turning what is asked into a list of segments. Does not own: choosing what the model sees
(`lsp_server.request.context`), tokenising (the engine does). A segment marked special may become special tokens; all
other text, whatever it contains, must stay text: tokenise it with `parse_special` off.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from models.errors import ModelError
from models.messages import UNKNOWN_FORMAT

Kind = Literal["code", "docstring", "fim", "chat"]
"""What a request wants: code for an instruction, the body of a function that its docstring describes (where a model
does that best in another form), completion of ordinary code, or an answer in words."""

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
    also stands at the end of `prefix`, as the file has it. `start` is what the code is known to begin with, after
    `indent`: the answer goes on from there. Inside a line `indent` is all that stands before the code and `tail` what
    stands behind it.
    """

    instruction: str
    prefix: str
    suffix: str
    indent: str = ""
    start: str = ""
    tail: str = ""

    @property
    def rest(self) -> str:
        """The file from behind the code on: the rest of its own line, and the suffix."""
        return f"{self.tail}\n{self.suffix}" if self.tail or self.suffix else ""


@dataclass(frozen=True)
class Turn:
    """One turn of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True)
class _ChatTemplate:
    """How one chat format writes its turns. `opening` and `closing` hold `{role}`."""

    beginning: tuple[Segment, ...]
    opening: tuple[Segment, ...]
    closing: tuple[Segment, ...]
    default_system: str
    stop: tuple[str, ...]


# Qwen has no BOS token. The system text is the one that its own template adds where the conversation brings none.
_CHATML = _ChatTemplate(
    beginning=(),
    opening=(Segment("<|im_start|>", is_special=True), Segment("{role}\n")),
    closing=(Segment("<|im_end|>", is_special=True), Segment("\n")),
    default_system="You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
    stop=(),
)
# In Zephyr's vocabulary (Llama's SentencePiece) `<s>` and `</s>` are the only special tokens of the template:
# `<|user|>` and its like are plain text, so a model that goes on with a user's turn is stopped by a string. Engines
# add no BOS to our prompts, therefore it stands here, once. The system turn is there, and empty, as in training.
_ZEPHYR = _ChatTemplate(
    beginning=(Segment("<s>", is_special=True),),
    opening=(Segment("<|{role}|>\n"),),
    closing=(Segment("</s>", is_special=True), Segment("\n")),
    default_system="",
    stop=("\n<|user|>\n", "\n<|system|>\n"),
)
_TEMPLATES: Mapping[str, _ChatTemplate] = MappingProxyType({"chatml": _CHATML, "zephyr": _ZEPHYR})

# Qwen ends a middle with one of these. llama.cpp knows them as ends of generation; a remote server may send the text.
_FIM_STOP = ("<|endoftext|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>")

_FENCE = "```python\n"
_PLACE = "# <код сюда>"
_ASK = """Файл на Python:
```python
{prefix}{indent}{place}{rest}```
Напиши код, который встанет в этот файл на место строки `{place}`. Задание: {instruction}
Ответь одним блоком кода, без объяснений. Остальной файл не повторяй."""
# In English, which costs half the tokens of Russian; measured on editing cases, both do equally well.
_BELOW = """After the place for the code the file has:
```python
{suffix}
```
"""
_CONTINUE = (
    "Continue this Python file: write the code that its last comment asks for (in Russian). "
    "Only the code, no explanations, no examples."
)


def render_code(prompt_format: str, request: CodeRequest) -> Prompt:
    """Render a request for code, kinds `code`, `docstring` and `fim`.

    Raises:
        ModelError: `unknown-format` where no format of this name writes code.
    """
    render = _CODE_RENDERERS.get(prompt_format)
    if render is None:
        raise ModelError("unknown-format", UNKNOWN_FORMAT, name=prompt_format, known=", ".join(_CODE_RENDERERS))
    return render(prompt_format, request)


def render_chat(template: str, turns: Sequence[Turn], answer_head: str = "") -> Prompt:
    """Render a conversation that the assistant answers next, its answer beginning with `answer_head`.

    `template` is what `chat_template_of` gives. A system turn, if any, comes first.

    Raises:
        ModelError: `unknown-format` where there is no template of this name.
    """
    chat = _TEMPLATES.get(template)
    if chat is None:
        raise ModelError("unknown-format", UNKNOWN_FORMAT, name=template, known=", ".join(_TEMPLATES))
    system = turns[0].text if turns and turns[0].role == "system" else chat.default_system
    rest = turns[1:] if turns and turns[0].role == "system" else turns
    segments = list(chat.beginning)
    for turn in (Turn("system", system), *rest):
        segments += [*_opening(chat, turn.role), Segment(turn.text), *chat.closing]
    segments += [*_opening(chat, "assistant"), Segment(answer_head)]
    family = template if system == chat.default_system else f"{template}:{_short_hash(system)}"
    return Prompt(_joined(segments), stop=chat.stop, family=family, answer_head=answer_head)


def chat_template_of(prompt_format: str) -> str | None:
    """The chat template that a format is written in; None for formats that are no conversation."""
    template = prompt_format.removesuffix("-prefill")
    return template if template in _TEMPLATES else None


def _prefix(name: str, request: CodeRequest) -> Prompt:
    head = _answer_head(request)
    return Prompt(_joined([Segment(request.prefix + head)]), stop=(), family=name, answer_head=head)


def _prefix_bos(name: str, request: CodeRequest) -> Prompt:
    head = _answer_head(request)
    segments = [Segment("<s>", is_special=True), Segment(request.prefix + head)]
    return Prompt(_joined(segments), stop=(), family=name, answer_head=head)


def _qwen_fim(name: str, request: CodeRequest) -> Prompt:
    head = _answer_head(request)
    segments = [
        Segment("<|fim_prefix|>", is_special=True),
        Segment(request.prefix + head),
        Segment("<|fim_suffix|>", is_special=True),
        # The line where the code goes ends between the answer and the suffix.
        Segment(request.rest),
        Segment("<|fim_middle|>", is_special=True),
    ]
    return Prompt(_joined(segments), stop=_FIM_STOP, family=name, answer_head=head)


def _chat(name: str, request: CodeRequest) -> Prompt:
    rest = request.rest or "\n"
    text = _ASK.format(
        prefix=request.prefix,
        indent=request.indent,
        place=_PLACE,
        rest=rest if rest.endswith("\n") else rest + "\n",
        instruction=request.instruction,
    )
    return render_chat(
        name, [Turn("user", text)], answer_head=_FENCE + (_answer_head(request) if request.start else "")
    )


def _prefill(name: str, request: CodeRequest) -> Prompt:
    # The code above the place comes last: one keystroke later the prompt still shares all but its last tokens, which
    # a file inside the user's turn cannot give. The code below seldom changes while one types above it.
    head = _answer_head(request)
    template = name.removesuffix("-prefill")
    suffix = request.rest.strip("\n")
    task = (_BELOW.format(suffix=suffix) if suffix.strip() else "") + _CONTINUE
    chat = render_chat(template, [Turn("user", task)], answer_head=_FENCE + request.prefix + head)
    return Prompt(chat.segments, stop=chat.stop, family=name, answer_head=head)


_CODE_RENDERERS: Mapping[str, Callable[[str, CodeRequest], Prompt]] = MappingProxyType(
    {
        "prefix": _prefix,
        "prefix-bos": _prefix_bos,
        "qwen-fim": _qwen_fim,
        "chatml": _chat,
        "zephyr": _chat,
        "chatml-prefill": _prefill,
        "zephyr-prefill": _prefill,
    }
)

_IN_FILE = frozenset[Kind]({"code", "docstring", "fim"})
FORMATS: Mapping[str, frozenset[Kind]] = MappingProxyType(
    {
        # The file up to the place, and nothing else; `-bos` for vocabularies whose models expect `<s>` first.
        "prefix": _IN_FILE,
        "prefix-bos": _IN_FILE,
        "qwen-fim": _IN_FILE,
        "chatml": frozenset[Kind]({"code", "docstring", "chat"}),
        "zephyr": frozenset[Kind]({"code", "docstring", "chat"}),
        "chatml-prefill": _IN_FILE,
        "zephyr-prefill": _IN_FILE,
    }
)
"""Every prompt format and the kinds of request that it serves."""


def _answer_head(request: CodeRequest) -> str:
    # In these vocabularies the last space (or tab) of an indentation belongs to the next word: four spaces and
    # `return` are the tokens "   " + " return", with Qwen's BPE and Llama's SentencePiece alike, while four spaces at
    # the end of a prompt are one token that never stands before `return` in training text.
    is_word = bool(request.indent[-1:].strip())  # inside a line: `total = su`
    return request.indent + request.start if request.start or is_word else request.indent[:-1]


def _opening(chat: _ChatTemplate, role: Role) -> list[Segment]:
    return [Segment(segment.text.replace("{role}", role), segment.is_special) for segment in chat.opening]


def _joined(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Drop empty segments and join neighbours of one kind.

    Tokens depend on where text is cut (SentencePiece even puts a space before each piece), so text is cut at special
    tokens only, where the model's own tokeniser cuts too.
    """
    joined: list[Segment] = []
    for segment in segments:
        if not segment.text:
            continue
        if joined and not segment.is_special and not joined[-1].is_special:
            joined[-1] = Segment(joined[-1].text + segment.text)
        else:
            joined.append(segment)
    return tuple(joined)


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
