"""Where an answer's code ends: everything after is not what was asked for."""

from __future__ import annotations

import builtins
import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from lsp_server.instruction import Instruction
from lsp_server.shaping.asked import Asked
from lsp_server.shaping.below import SuffixLine
from lsp_server.shaping.indenting import Line

MAX_COMMENT_LINES = 8
REPEAT_LINES = 8

_DEFINITION = re.compile(r"(?:async\s+)?(?:def|class)\s+(\w+)")
_LEAVES = re.compile(r"(?:return|raise|break|continue)\b")
_STATEMENT_START = re.compile(r"(?:def|class|return|import|from|if __name__)\b")
_MAIN = re.compile(r"if\s+__name__\b")
_PRINT = re.compile(r"print\s*\(")
_EXAMPLE = re.compile(r"#+\s*(?:пример\w?\b|usage|example)", re.IGNORECASE)
_EXAMPLE_AFTER_DEFINITION = re.compile(
    r"#+\s*(?:пример|использовани|тест|проверк|проверяем|вызов|вызываем|пояснени|объяснени|результат|вывод:|ожидаем|"
    r"example|usage|test|sample|demo|output|explanation|expected|driver|main program|call the)",
    re.IGNORECASE,
)
_NAME = re.compile(r"[^\W\d]\w*")
_CALLED = re.compile(r"(?<![.\w])(?:self\.|cls\.)?(\w+)\s*\(")
_BUILTINS = frozenset(dir(builtins))
_CALL = re.compile(r"(?:await\s+)?(\w+)\s*\(")


class Ender:
    """Takes the file's lines, tells which are kept. `reason` says why the code ended, once it did."""

    def __init__(
        self,
        suffix: Sequence[SuffixLine],
        known: AbstractSet[str],
        needed: AbstractSet[str],
        instruction: Instruction | None,
        scope: str,
    ) -> None:
        self._known = known
        self._needed = needed
        self._suffix = suffix
        self._asked = Asked(instruction)
        self._in_function = scope == "function"
        self._is_module = scope == "module"
        self._goes_on = self._in_function and bool(suffix) and suffix[0].depth == 0
        self._pending: list[Line] = []
        self._opens_with_comment = False
        self._seen: list[str] = []
        self._definitions: list[str] = []
        self._statement: Line | None = None
        self._is_decorated = False
        self.reason = ""

    @property
    def is_over(self) -> bool:
        """Whether the code has ended."""
        return bool(self.reason)

    def take(self, line: Line) -> list[Line]:
        """The lines to keep now: none while they may still be dropped."""
        if not line.stripped and not line.scan.quote:
            if self._seen:
                self._pending.append(line)
            return []
        if line.is_free and line.stripped.startswith("#"):
            return self._comment(line)
        self.reason = self._why_not(line)
        if self.reason:
            return []
        return self._keep(line)

    def settles(self, beginning: str, depth: int) -> str:
        """Why a new statement that begins so, at such a depth, ends the code however it goes on; '' if it may not."""
        if not beginning or not self._seen or depth > 0:
            return ""
        if depth < 0:
            return "dedent"
        if beginning[0] == "#" and self._is_next_step(beginning):
            return "next step"
        if self._in_function or not self._definitions or self._asked.calls or self._asked.statements:
            return ""
        may_be_definition = beginning[0] in "@adc#" and self._may_define_more()
        return "" if may_be_definition or beginning[0] == "@" else "example"

    def _is_next_step(self, comment: str) -> bool:
        """Whether what was asked for is there, and what a comment begins stands in the file or was not asked for.

        An answer that opens with a comment of its own is told in several of them.
        """
        if not self._seen or not self._asked.one_sentence or not (self._goes_on or self._is_module):
            return False
        if not self._needed.issubset(_NAME.findall("\n".join(self._seen))):
            return False
        return (self._asked.one_step and not self._opens_with_comment) or self._asked.is_new_task(comment)

    def _comment(self, line: Line) -> list[Line]:
        if line.depth < 0:
            self.reason = "dedent"
        elif line.depth == 0 and self._seen and self._begins_example(line.stripped) and not self._asked.calls:
            self.reason = "example"
        elif line.depth == 0 and self._is_suffix(line):
            self.reason = "suffix"
        elif line.depth == 0 and self._is_next_step(line.stripped):
            self.reason = "next step"  # the model sets itself a task
        elif sum(1 for one in self._pending if one.stripped) >= MAX_COMMENT_LINES:
            self.reason = "comments"
        else:
            self._pending.append(line)
        return []

    def _begins_example(self, comment: str) -> bool:
        """Whether a comment begins an example. «Проверка…» and «Результат…» name steps too, until a definition ends."""
        is_after = bool(self._definitions) and not self._in_function
        return (_EXAMPLE_AFTER_DEFINITION if is_after else _EXAMPLE).match(comment) is not None

    def _why_not(self, line: Line) -> str:
        if not line.is_free:
            broken = line.scan.depth and line.depth <= 0 and _STATEMENT_START.match(line.stripped)
            return "broken" if broken else ("repetition" if self._is_repetition(line, 6) else "")
        if line.depth < 0:
            return "dedent"
        if self._is_suffix(line):
            return "suffix"
        if line.depth == 0:
            reason = self._why_not_at_base(line.stripped)
            if reason:
                return reason
        return "repetition" if self._is_repetition(line, 3) else ""

    def _why_not_at_base(self, text: str) -> str:
        if not self._seen:
            return ""
        if _MAIN.match(text) and not self._asked.main:
            return "example"
        if self._in_function:
            return "unreachable" if self._goes_on and _LEAVES.match(text) else ""
        if _LEAVES.match(text):
            return "broken"
        if _PRINT.match(text) and self._asked.text and not self._asked.output:
            return "example"
        return self._why_not_after_definition(text) if self._definitions else ""

    def _why_not_after_definition(self, text: str) -> str:
        definition = _DEFINITION.match(text)
        if definition or text.startswith("@"):
            is_asked = definition is None or self._allows(definition[1])
            may_follow = self._continues_property(text) or (self._may_define_more() and is_asked)
            return "" if may_follow or self._is_decorated else "second definition"
        if self._asked.calls or (self._asked.output and self._asked.statements):
            return ""
        call = _CALL.match(text)
        is_example = call is not None and call[1] in self._definitions
        return "" if self._asked.statements and not is_example else "example"

    def _allows(self, name: str) -> bool:
        """Whether a definition by a name may follow: operators come in groups, like `__eq__` and `__hash__`."""
        if self._definitions[-1].startswith("__"):
            return self._asked.several or name.startswith("__") or name in self._missing()
        return self._allows_all() or name in self._missing()

    def _allows_all(self) -> bool:
        """Whether any definition may follow: several were asked for, or the last was a helper."""
        return self._asked.several or self._definitions[-1].startswith("_")

    def _may_define_more(self) -> bool:
        """Whether another definition may follow, or one by a name that was asked for and is still missing."""
        return self._allows_all() or bool(self._missing())

    def _missing(self) -> frozenset[str]:
        """Names that were asked for, or that the code kept so far calls, and that nothing defines."""
        called = frozenset(name for text in self._seen for name in _CALLED.findall(text)) - self._known - _BUILTINS
        return (self._asked.names | called).difference(self._definitions)

    def _continues_property(self, text: str) -> bool:
        return text.startswith("@") and text[1:].split(".", maxsplit=1)[0] in self._definitions

    def _is_suffix(self, line: Line) -> bool:
        for index, after in enumerate(self._suffix):
            is_own_block = index == 0 or (after.depth == 0 and len(after.text) >= 12)
            if after.depth != line.depth or not is_own_block or len(after.text) < 3:
                continue
            if after.text == line.stripped:
                return True
            mine, theirs = _DEFINITION.match(line.stripped), _DEFINITION.match(after.text)
            if mine and theirs and mine[1] == theirs[1]:
                return True
        return False

    def _is_repetition(self, line: Line, times: int) -> bool:
        """Whether a line begins the n-th copy in a row of a block of lines."""
        seen = [*self._seen, line.stripped]
        for size in range(1, REPEAT_LINES + 1):
            block = seen[-size - 1 : -1]
            if seen[-1] != (block[0] if block else None) or len("".join(block)) < (5 if size == 1 else 16):
                continue
            needed = block * (times - 1)
            if seen[:-1][-len(needed) :] == needed:
                return True
        return False

    def _keep(self, line: Line) -> list[Line]:
        self._opens_with_comment = self._opens_with_comment or (bool(self._pending) and not self._seen)
        kept, self._pending = [*self._pending, line], []
        self._seen.append(line.stripped)
        if line.is_free:
            self._statement = line
            self._is_decorated = line.depth == 0 and line.stripped.startswith("@")
        definition = _DEFINITION.match(line.stripped) if line.is_free and line.depth == 0 else None
        if definition:
            self._definitions.append(definition[1])
        if self._in_function and line.scan_after.is_free and self._leaves():
            self.reason = "end"
        return kept

    def _leaves(self) -> bool:
        """Whether the last statement is of the block itself and leaves it: nothing can follow."""
        return (
            self._statement is not None and self._statement.depth == 0 and bool(_LEAVES.match(self._statement.stripped))
        )
