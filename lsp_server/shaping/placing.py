"""The part of an answer that belongs at the cursor: echoes dropped, a rewritten function or file matched to the text.

A chat model likes to repeat what stands above the cursor before it writes what was asked. The repeated lines are
followed along the file's lines; the first line that continues them, in the scope of the cursor, is where the answer
begins. New imports above a repeated function are held back until it is clear that it is one, and go into its body.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from lsp_server.instruction import Instruction
from lsp_server.shaping.indenting import ANSWER_UNIT, columns
from lsp_server.shaping.scan import Scan
from lsp_server.syntax import Scope, indent_of

LOOK_AHEAD = 60
MIN_REPEATED = 6
MIN_REPEATED_IN_BLOCK = 12

_HEADER = re.compile(r"\s*(?:async\s+)?(?:def|class)\s+(\w+)")
_IMPORT = re.compile(r"\s*(?:import\s+\w|from\s+[\w.]+\s+import\b)")
_PLACEHOLDER = re.compile(r"#\s*(?:<.*>|\.\.\.|…|(?:your|ваш) (?:code|код).*)\s*$", re.IGNORECASE)
_PARAMETERS = re.compile(r"\((.*)\)")


Piece = tuple[str, Scan, Scan]
"""A line of the answer, and the state of the code before and after it."""


@dataclass(frozen=True)
class Above:
    """A line above the cursor, as the matching sees it."""

    number: int
    text: str
    indent_columns: int


class Placer:
    """Decides line by line what of the answer belongs at the cursor, and what only repeats the file."""

    def __init__(
        self,
        above: Sequence[Above],
        around: Sequence[Scope],
        instruction: Instruction | None,
        indent: str,
        tab: int,
        *,
        is_inline: bool = False,
    ) -> None:
        self._above = above
        own_line = around[0].line if around else -1
        # What other functions import, the place does not see.
        self._texts = {line.text for line in above if not line.indent_columns or (around and line.number > own_line)}
        code = (index for index, line in enumerate(above) if not line.text.startswith("#"))
        self._last_code = max(code, default=-1)
        self._around = around
        self._instruction = instruction
        self._echo = _words(instruction.raw or instruction.text) if instruction else ""
        self._depth = columns(indent, tab) - columns(around[0].indent, tab) if around else 0
        self._tab = tab
        self._target = columns(indent, tab)
        self._own_line = own_line
        self._shift: int | None = None
        self._pointer = -1
        self._is_following = False
        self._is_placed = is_inline  # a line that was begun is gone on with, not repeated
        self._docstring_echo = False
        self._doubted: list[Piece] = []
        self._imports: list[Piece] = []
        self._headers: list[tuple[int, int | None]] = []
        self._unit = 0

    def take(self, line: str, before: Scan, after: Scan) -> list[Piece]:
        """What belongs at the cursor, now that a line of code has come."""
        piece = line, before, after
        if self._doubted:
            self._doubted.append(piece)
            return self._without_doubt(line) if line.strip() else []
        if self._is_new_import(line, before):
            self._imports.append(piece)
            return []
        was_following = self._is_following
        if not self._belongs(line, before, after):
            if self._is_following and not was_following and self._may_be_chance(line):
                self._doubted = [piece]
            return []
        return [*self._placed_imports(line), piece]

    def flush(self) -> list[Piece]:
        """What is held back, at the end of the answer."""
        doubted, self._doubted = self._doubted, []
        return [*self._held_imports(), *doubted]

    def _may_be_chance(self, line: str) -> bool:
        """Whether a line may be alike to one above without being its echo: `if not items:`, `@dataclass`.

        Not the line right above the cursor, nor what tells for itself.
        """
        return self._pointer != self._last_code and not _IMPORT.match(line) and not _HEADER.match(line)

    def _without_doubt(self, line: str) -> list[Piece]:
        """What belongs at the cursor, now that the line after a doubtful one tells: echoes go on as the file does."""
        doubted, self._doubted = self._doubted, []
        text, header = line.strip(), _HEADER.match(line)
        below = self._above[self._pointer + 1 : self._pointer + 1 + LOOK_AHEAD]
        is_header = header is not None and header[1] in {scope.name for scope in self._around}
        if is_header or _IMPORT.match(line) or any(one.text == text for one in below):
            return self.take(*doubted[-1])
        self._is_following, self._pointer, self._shift, self._is_placed = False, -1, None, True
        return [*self._placed_imports(doubted[0][0]), *doubted]

    def _held_imports(self) -> list[Piece]:
        imports, self._imports = self._imports, []
        return imports

    def _is_new_import(self, line: str, before: Scan) -> bool:
        """Whether a line may belong above a function that is repeated next, and to the file's imports with it."""
        if self._is_placed or not self._around:
            return False
        if not before.is_free:
            return bool(self._imports) and not self._imports[-1][2].is_free
        is_of_body = self._is_following and columns(line, self._tab) > 0
        return not is_of_body and _IMPORT.match(line) is not None and line.strip() not in self._texts

    def _placed_imports(self, first: str) -> list[Piece]:
        """The new imports, first in a repeated function's body; in a class's body its methods would not see them."""
        imports = self._held_imports()
        if not imports or not self._is_following:
            return imports
        if self._around[0].kind == "class":
            return []
        own, body = indent_of(imports[0][0]), indent_of(first)
        return [(body + line.removeprefix(own), before, after) for line, before, after in imports]

    def _belongs(self, line: str, before: Scan, after: Scan) -> bool:
        if self._is_placed:
            return True
        if self._docstring_echo:
            self._docstring_echo = bool(after.quote)
            return False
        if not line.strip():
            return False
        if before.is_free and self._repeats(line, after):
            return False
        if not before.is_free and self._is_following:
            return False
        self._is_placed = not line.lstrip().startswith("#")
        return True

    def _repeats(self, line: str, after: Scan) -> bool:
        text = line.strip()
        if self._is_echo(text, after):
            return True
        if _IMPORT.match(line) and text in self._texts:
            self._follow(line)
            return True
        if _HEADER.match(line):
            return self._follow_header(line)
        if self._follow(line):
            return True
        return self._is_following and not self._continues(line)

    def _is_echo(self, text: str, after: Scan) -> bool:
        """Whether a line says the instruction again: a comment like it, or a docstring where the file has one."""
        if text.startswith("#"):
            words = _words(text)
            if _PLACEHOLDER.match(text):
                return True
            return bool(words and self._echo) and (words in self._echo or _alike(words, self._echo))
        if text.lstrip("rRuU")[:3] in ('"""', "'''") or (text[:1] in "\"'" and text[-1:] == text[:1]):
            has_one = self._instruction is not None and self._instruction.kind == "docstring"
            if has_one or self._is_following or _words(text) in self._echo:
                self._docstring_echo = bool(after.quote)
                return True
        return False

    def _follow_header(self, line: str) -> bool:
        match = _HEADER.match(line)
        assert match is not None
        indent = columns(line, self._tab)
        self._pop(indent)
        names = [scope.name for scope in self._around]
        if match[1] in names or self._is_renamed(line):
            scope = self._around[names.index(match[1])] if match[1] in names else self._around[0]
            self._move_to(scope.line)
            self._headers.append((indent, scope.line))
            return True
        if self._follow(line):
            self._headers.append((indent, self._above[self._pointer].number))
            return True
        if self._is_following and not self._continues(line):
            self._headers.append((indent, None))
            return True
        return False

    def _is_renamed(self, line: str) -> bool:
        """Whether a first `def` is the cursor's function under another name, its parameters the same."""
        if not self._around or self._around[0].kind != "function" or self._is_following:
            return False
        if self._instruction is None or self._instruction.kind != "docstring":
            return False
        header = next((one.text for one in self._above if one.number == self._around[0].line), "")
        return _parameters(line) != "" and _parameters(line) == _parameters(header)

    def _follow(self, line: str) -> bool:
        """Whether a line repeats one further down the file, where repeating has begun."""
        text = line.strip()
        if not self._is_following:
            return self._begin(line)
        for index in range(self._pointer + 1, min(len(self._above), self._pointer + 1 + LOOK_AHEAD)):
            if self._above[index].text == text:
                self._pointer = index
                return True
        return False

    def _begin(self, line: str) -> bool:
        """Whether a line begins a repetition: of the file from its top level, or of the cursor's own block."""
        text, indent = line.strip(), columns(line, self._tab)
        for index, one in enumerate(self._above):
            is_top = one.indent_columns == 0 and indent == 0 and len(text) >= MIN_REPEATED
            is_own = one.number > self._own_line and len(text) >= MIN_REPEATED_IN_BLOCK
            if one.text == text and (is_top or is_own):
                self._pointer = index
                self._is_following = True
                self._shift = indent - one.indent_columns
                return True
        return False

    def _move_to(self, number: int) -> None:
        self._is_following = True
        self._unit = 0
        for index, one in enumerate(self._above):
            if one.number >= number:
                self._pointer = index
                return

    def _pop(self, indent: int) -> None:
        while self._headers and self._headers[-1][0] >= indent:
            self._headers.pop()

    def _continues(self, line: str) -> bool:
        """Whether a line that the file does not have stands where the cursor is: same scope, same depth in it."""
        indent = columns(line, self._tab)
        self._pop(indent)
        if not self._headers:
            return not self._around or (self._shift is not None and indent - self._shift == self._target)
        if not self._around or self._headers[-1][1] != self._around[0].line:
            return False
        depth = indent - self._headers[-1][0]
        self._unit = self._unit or depth
        unit = self._tab if self._depth % self._tab == 0 else ANSWER_UNIT
        steps = max(1, round(self._depth / unit))
        return depth == steps * self._unit or depth == self._depth


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _alike(one: str, other: str) -> bool:
    return SequenceMatcher(None, one, other[:500], autojunk=False).ratio() >= 0.8


def _parameters(header: str) -> str:
    match = _PARAMETERS.search(header)
    if match is None:
        return ""
    return ",".join(re.split(r"[:=]", part)[0].strip() for part in match[1].split(","))
