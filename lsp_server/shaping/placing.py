"""The part of an answer that belongs at the cursor: echoes dropped, a rewritten function or file matched to the text.

A chat model likes to repeat what stands above the cursor before it writes what was asked. The repeated lines are
followed along the file's lines; the first line that continues them, in the scope of the cursor, is where the answer
begins. Code that is only alike at first is given back. New imports are for `importing`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from lsp_server.request.instruction import Instruction
from lsp_server.shaping.importing import IMPORT, NewImports
from lsp_server.shaping.indenting import ANSWER_UNIT, columns
from lsp_server.shaping.scan import Piece, Scan
from lsp_server.source.syntax import Scope

LOOK_AHEAD = 60
MIN_REPEATED = 6
MIN_REPEATED_IN_BLOCK = 12

_HEADER = re.compile(r"\s*(?:async\s+)?(?:def|class)\s+(\w+)")
_ASSIGNMENT = re.compile(r"\s*[\w.]+ = (?:\[\]|\{\}|-?[\d.]+|''|\"\"|None|True|False|(?:set|dict|list)\(\))$")
_PLACEHOLDER = re.compile(
    r"#\s*(?:<.*>|(?:\.\.\.|…)(?:.*(?:\.\.\.|…))?|(?:your|ваш) (?:code|код).*|"
    r"(?:друг|остальн|существующ|прежн)\w+ (?:код|метод|функци|част)\w*.*|(?:existing|rest of|other) .*)\s*$",
    re.IGNORECASE,
)
_PARAMETERS = re.compile(r"\((.*)\)")


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
        self._imports = NewImports(around, self._texts, tab)
        self._around = around
        self._instruction = instruction
        self._echo = _words(instruction.raw or instruction.text) if instruction else ""
        self._depth = columns(indent, tab) - columns(around[0].indent, tab) if around else 0
        self._tab = tab
        self._target = columns(indent, tab)
        self._own_line = own_line
        self._decorators = _decorators(above, around)
        self._shift: int | None = None
        self._pointer = -1
        self._is_following = False
        self._is_in_file = True
        self._is_short = False
        self._is_under_import = False
        self._is_placed = is_inline  # a line that was begun is gone on with, not repeated
        self._docstring_echo = False
        self._doubted: list[Piece] = []
        self._followed: list[Piece] = []
        self._headers: list[tuple[int, int | None]] = []
        self._unit = 0

    def take(self, line: str, before: Scan, after: Scan) -> list[Piece]:
        """What belongs at the cursor, now that a line of code has come."""
        piece = line, before, after
        if self._doubted:
            self._doubted.append(piece)
            return self._without_doubt(line) if line.strip() else []
        if not self._is_placed and self._imports.hold(piece, is_following=self._is_following):
            return []
        was_following = self._is_following
        if not self._belongs(line, before, after):
            if self._is_following and not was_following and self._may_be_chance(line):
                self._doubted = [piece]
            else:
                self._followed.append(piece)
            return self._released() if before.is_free and self._leaves_file(line) else []
        imports = self._imports.before(piece, is_following=self._is_following)
        return [*imports, *self._imports.in_method(piece), piece]

    def flush(self) -> list[Piece]:
        """What is held back, at the end of the answer."""
        doubted, self._doubted = self._doubted, []
        return [*self._imports.flush(), *doubted]

    def _leaves_file(self, line: str) -> bool:
        """Whether a line that the file does not have stands in a block that was taken for an echo.

        `total = 0`, `for user in users:` are above, and so they begin the answer: other code, alike at first. A file
        that is told from its imports or functions on is an echo, whatever its blocks have become.
        """
        if not self._is_following or self._shift is None or self._headers or self._is_in_file:
            return False
        is_file = any(IMPORT.match(one) or _HEADER.match(one) for one, _, _ in self._followed)
        return not is_file and columns(line, self._tab) - self._shift > self._target

    def _released(self) -> list[Piece]:
        followed, self._followed = self._followed, []
        self._is_placed = True
        return followed

    def _may_be_chance(self, line: str) -> bool:
        """Whether a line may be alike to one above without being its echo: `if not items:`, `@dataclass`.

        Not the line right above the cursor, nor what tells for itself.
        """
        if self._is_short:
            is_telling = _ASSIGNMENT.match(line) or line.lstrip().startswith("@")
            return self._pointer != self._last_code or not is_telling
        return self._pointer != self._last_code and not IMPORT.match(line) and not _HEADER.match(line)

    def _without_doubt(self, line: str) -> list[Piece]:
        """What belongs at the cursor, now that the line after a doubtful one tells: echoes go on as the file does."""
        doubted, self._doubted = self._doubted, []
        text, header = line.strip(), _HEADER.match(line)
        n_looked_at = 1 if self._is_short else LOOK_AHEAD
        below = self._above[self._pointer + 1 : self._pointer + 1 + n_looked_at]
        is_header = header is not None and header[1] in {scope.name for scope in self._around}
        if is_header or IMPORT.match(line) or any(one.text == text for one in below):
            self._followed += doubted[:-1]
            return self.take(*doubted[-1])
        self._is_following, self._pointer, self._shift, self._is_placed = False, -1, None, True
        return [*self._imports.before(doubted[0], is_following=False), *doubted]

    def _belongs(self, line: str, before: Scan, after: Scan) -> bool:
        if self._is_placed:
            return True
        if self._docstring_echo:
            self._docstring_echo = bool(after.quote)
            return False
        if not line.strip():
            return self._is_under_import
        if before.is_free and self._repeats(line, after):
            return False
        if not before.is_free and self._is_following:
            return False
        is_first = line.lstrip().startswith("#") or (not self._around and IMPORT.match(line) is not None)
        self._is_placed = self._is_placed or (before.is_free and not is_first)
        self._is_under_import = not self._around and not self._is_placed
        return True

    def _repeats(self, line: str, after: Scan) -> bool:
        text, self._is_in_file = line.strip(), True
        if self._is_echo(text, after):
            return True
        if IMPORT.match(line) and text in self._texts:
            self._follow(line)
            return True
        if _HEADER.match(line):
            return self._follow_header(line)
        if not text.startswith("#"):
            self._pop(columns(line, self._tab))  # a function within this one has ended
        self._is_in_file = self._follow(line)
        return self._is_in_file or (self._is_following and not self._continues(line))

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
        own = next((index for index, scope in enumerate(self._around) if scope.name == match[1]), None)
        if own is not None and self._is_of_another(own):
            own = None
        elif own is None and self._is_renamed(line):
            own = 0
        if own is not None:
            scope = self._around[own]
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

    def _is_of_another(self, index: int) -> bool:
        """Whether a header by the name of a scope stands under another class's: `speak` of `Animal`, not of `Dog`."""
        parents = self._around[index + 1 :]
        return bool(self._headers and parents) and self._headers[-1][1] not in {one.line for one in parents}

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
            is_long = is_top or is_own or one.number in self._decorators
            is_short = one.number > self._own_line and not text.startswith("#") and (self._around or not indent)
            if one.text == text and (is_long or is_short):
                self._is_short = not is_long
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
            if self._shift is None:
                return not self._around
            return indent - self._shift == self._target
        if not self._around or self._headers[-1][1] != self._around[0].line:
            return False
        depth = indent - self._headers[-1][0]
        self._unit = self._unit or depth
        unit = self._tab if self._depth % self._tab == 0 else ANSWER_UNIT
        steps = max(1, round(self._depth / unit))
        return depth == steps * self._unit or depth == self._depth


def _decorators(above: Sequence[Above], around: Sequence[Scope]) -> set[int]:
    """The lines of the decorators right above the headers of the cursor's functions and classes."""
    found: set[int] = set()
    headers = {scope.line for scope in around}
    for one in reversed(above):
        if one.text.startswith("@") and one.number + 1 in headers | found:
            found.add(one.number)
    return found


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _alike(one: str, other: str) -> bool:
    return SequenceMatcher(None, one, other[:500], autojunk=False).ratio() >= 0.8


def _parameters(header: str) -> str:
    match = _PARAMETERS.search(header)
    if match is None:
        return ""
    return ",".join(re.split(r"[:=]", part)[0].strip() for part in match[1].split(","))
