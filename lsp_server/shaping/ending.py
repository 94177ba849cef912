"""Where an answer's code ends: everything after is not what was asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from lsp_server.shaping.asked import Asked
from lsp_server.shaping.below import SuffixLine
from lsp_server.shaping.defining import Definitions, Verdict, begins_definition, name_of
from lsp_server.shaping.indenting import Line

MAX_COMMENT_LINES = 8
MAX_HELD_LINES = 10
REPEAT_LINES = 8
REPEAT_TIMES = 3
REPEAT_TIMES_IN_DATA = 16  # a board of zeros has eight equal rows

_LEAVES = re.compile(r"(?:return|raise|break|continue)\b")
_RETURNS = re.compile(r"return\b")
_LEAVES_LOOP = re.compile(r"(?:break|continue)\b")
_STATEMENT_START = re.compile(r"(?:def|class|return|import|from|if __name__)\b")
_MAIN = re.compile(r"if\s+__name__\b")
_PRINT = re.compile(r"print\s*\(")
_MESSAGE = re.compile(r"print\(\s*(['\"])(?:(?!\1)[^\\]|\\.)*\1\s*\)$")
_SHOWS = re.compile(r"for\s+[\w, ()]+\s+in\s+(?:enumerate\(|sorted\()?(\w+)(?:\.items\(\))?.*:$")
_SHOWN = re.compile(r"print\((?:f?(['\"])(?:(?!\1)[^\\{]|\{[\w.\[\]]+(?::[^}]*)?\})*\1|[\w\s,.:'\"\[\]]+)\)$")
_IMPORT = re.compile(r"(?:import|from)\s")
_COMMENT_BEGUN = re.compile(r"#+\s*[^\W\d_]+[,:]?\s+\S")  # its first word, which tells, is whole
_EXAMPLE = re.compile(r"#+\s*(?:пример\w?\b|usage|example)", re.IGNORECASE)
_EXAMPLE_AFTER_DEFINITION = re.compile(
    r"#+\s*(?:пример|использовани|тест|проверк|проверяем|вызов|вызываем|пояснени|объяснени|результат|вывод:|ожидаем|"
    r"example|usage|test|sample|demo|output|explanation|expected|driver|main program|call the)",
    re.IGNORECASE,
)
_IDLE_TWICE = re.compile(r"(?:(\w+) = (?!await\b|yield\b|.*\b\1\b)[^()]*[^()\\\[{,]|(?:import|from)\s.*[\w*]|\w+)$")
_NAME = re.compile(r"[^\W\d]\w*")
_CALL = re.compile(r"(?:await\s+|(?:async\s+)?with\s+)?(\w+)\s*\(")


class Ender:
    """Takes the file's lines, tells which are kept. `reason` says why the code ended, once it did.

    `told`: statements of the file that the code need not say again; one of them shows that the model repeats the file.
    """

    def __init__(
        self,
        suffix: Sequence[SuffixLine],
        known: AbstractSet[str],
        needed: AbstractSet[str],
        asked: Asked,
        scope: str,
        *,
        told: AbstractSet[str] = frozenset(),
    ) -> None:
        self._told = told
        self._needed = needed
        self._suffix = suffix
        self._asked = asked
        self._in_function = scope == "function"
        self._is_module = scope == "module"
        self._has_rest = bool(suffix) and suffix[0].depth == 0
        self._goes_on = self._in_function and self._has_rest
        self._pending: list[Line] = []
        self._held: list[Line] = []
        self._doubted: tuple[Line, str] | None = None
        self._is_told_in_comments = False
        self._has_only_imports = True
        self._seen: list[str] = []
        self._definitions = Definitions(self._asked, known, is_module=self._is_module)
        self._statement: Line | None = None
        self.reason = ""

    @property
    def is_over(self) -> bool:
        """Whether the code has ended."""
        return bool(self.reason)

    def take(self, line: Line) -> list[Line]:
        """The lines to keep now: none while they may still be dropped."""
        if not line.stripped and not line.scan.quote:
            if self._seen:
                (self._held or self._pending).append(line)
            return []
        if self._doubted is not None:
            return self._without_doubt(line)
        if line.is_free and line.stripped.startswith("#") and not self._held:
            return self._comment(line)
        self.reason = self._why_not_here(line)
        if self.reason:
            return []
        twin = self._twin_below(line)
        return self._take_new(line) if twin is None else self._take_twin(line, twin)

    def _take_twin(self, line: Line, twin: int) -> list[Line]:
        """A line that the file has below: decorators and beginnings of blocks may be alike by chance."""
        following = self._suffix[twin + 1 :][:1]
        if following and not name_of(line.stripped) and (line.stripped[0] == "@" or line.stripped[-1] == ":"):
            self._doubted = line, following[0].text
        else:
            self.reason = "suffix"
        return []

    def _take_new(self, line: Line) -> list[Line]:
        """A line that the file does not have below."""
        self.reason = self._why_not(line)
        if self.reason:
            return []
        if self._is_message(line) or self._is_showing(line):
            self._pending.append(line)
            return []
        return self._hold(line) if self._held or self._is_to_be_held(line) else self._keep(line)

    def _without_doubt(self, line: Line) -> list[Line]:
        """Whether a line that stands below began a copy of what is below, now that the one after it has come."""
        assert self._doubted is not None
        (doubted, after), self._doubted = self._doubted, None
        if line.stripped == after:
            self.reason = "suffix"
            return []
        kept = self._take_new(doubted)
        return kept if self.reason else [*kept, *self.take(line)]

    def settles(self, beginning: str, depth: int) -> str:
        """Why a new statement that begins so, at such a depth, ends the code however it goes on; '' if it may not."""
        if not beginning or not self._seen or depth > 0:
            return ""
        if depth < 0:
            return "dedent"
        tells = beginning[0] == "#" and (self._goes_on or _COMMENT_BEGUN.match(beginning))
        if tells and self._is_next_step(beginning):
            return "next step"
        may_follow = self._in_function or not self._definitions.names or self._definitions.is_decorated
        return "" if may_follow else self._settles_after_definition(beginning)

    def _settles_after_definition(self, beginning: str) -> str:
        if self._held:
            return "" if self._is_decorator_held else "second definition"
        may_follow = self._asked.calls or self._asked.statements or self._definitions.may_begin(beginning)
        return "" if may_follow else "example"

    @property
    def _may_be_done(self) -> bool:
        """Whether what was asked for may be there, with all that the code below needs; imports do nothing yet."""
        if self._has_only_imports or not self._asked.one_sentence or not (self._goes_on or self._is_module):
            return False
        return self._needed <= set(_NAME.findall("\n".join(self._seen)))

    def _is_next_step(self, comment: str) -> bool:
        """Whether what a comment begins stands in the file or was not asked for.

        An answer whose first statement has a comment of its own is told in several of them. A program may come to what
        was asked for after it has made ready.
        """
        is_told = self._is_told_in_comments or (self._is_module and self._asked.is_told_by(comment))
        return self._may_be_done and ((self._asked.one_step and not is_told) or self._asked.is_new_task(comment))

    def _comment(self, line: Line) -> list[Line]:
        if line.depth < 0:
            self.reason = "dedent"
        elif line.depth == 0 and self._seen and self._begins_example(line.stripped) and not self._asked.calls:
            self.reason = "example"
        elif line.depth == 0 and self._twin_below(line) is not None:
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
        is_after = bool(self._definitions.names) and not self._in_function
        return (_EXAMPLE_AFTER_DEFINITION if is_after else _EXAMPLE).match(comment) is not None

    def _why_not_here(self, line: Line) -> str:
        """Why a line ends the code whatever else it is: it stands where it cannot."""
        if line.is_free:
            return "dedent" if line.depth < 0 else ""
        is_broken = line.scan.depth and line.depth <= 0 and _STATEMENT_START.match(line.stripped)
        return "broken" if is_broken else ""

    def _why_not(self, line: Line) -> str:
        if not line.is_free:
            return "repetition" if self._is_repetition(line, REPEAT_TIMES_IN_DATA) else ""
        if line.depth == 0 and self._seen and line.stripped in self._told:
            return "repetition"
        reason = self._why_not_at_base(line) if line.depth == 0 else ""
        return reason or ("repetition" if self._is_repetition(line, REPEAT_TIMES) else "")

    def _why_not_at_base(self, line: Line) -> str:
        text = line.stripped
        if not self._seen:
            return ""
        if _MAIN.match(text) and not self._asked.main:
            return "example"
        if _LEAVES.match(text):
            return self._why_not_leave(line)
        if self._in_function:
            return ""
        if _PRINT.match(text) and self._asked.no_print:
            is_of_dialogue = _MESSAGE.match(text) and not self._definitions.names and not self._is_print_pending
            return "" if is_of_dialogue else "example"
        return self._why_not_after_definition(text) if self._definitions.names else ""

    def _why_not_leave(self, line: Line) -> str:
        """Whether a `return`, `raise`, `break` or `continue` leaves what the place is not in, or cuts off the rest."""
        is_in_loop = line.text[:1].isspace() or not _LEAVES_LOOP.match(line.stripped)
        if not self._in_function and (_RETURNS.match(line.stripped) or not is_in_loop):
            return "broken"
        if self._has_rest:
            return "unreachable"
        is_after = not self._in_function and bool(self._definitions.names)
        return self._why_not_after_definition(line.stripped) if is_after else ""

    def _why_not_after_definition(self, text: str) -> str:
        if self._held and not self._is_decorator_held:
            return "second definition"
        if begins_definition(text):
            return "second definition" if self._definitions.judge(text) is Verdict.UNASKED else ""
        if self._asked.calls or (self._asked.output and self._asked.statements):
            return ""
        call = _CALL.match(text)
        is_example = call is not None and call[1] in self._definitions.names
        return "" if self._asked.statements and not is_example else "example"

    def _is_to_be_held(self, line: Line) -> bool:
        is_next = line.is_free and line.depth == 0 and bool(self._definitions.names) and not self._in_function
        if not is_next or not begins_definition(line.stripped):
            return False
        return self._definitions.judge(line.stripped) is Verdict.HELD

    def _hold(self, line: Line) -> list[Line]:
        """A line of a definition that is kept where its name, or its use of what is there, shows that it is wanted."""
        is_wanted = not line.stripped.startswith("@") and (
            (line.is_free and line.depth == 0 and not self._is_to_be_held(line)) or self._definitions.helps(line)
        )
        self._held += [*self._pending, line]
        self._pending = []
        if is_wanted:
            held, self._held = self._held, []
            return [kept for one in held for kept in self._keep_or_wait(one)]
        if sum(1 for one in self._held if one.stripped) >= MAX_HELD_LINES:
            self.reason = "second definition"
        return []

    @property
    def _is_decorator_held(self) -> bool:
        base = [one for one in self._held if one.is_free and one.depth == 0 and one.stripped]
        return bool(base) and base[-1].stripped.startswith("@")

    def _keep_or_wait(self, line: Line) -> list[Line]:
        is_code = line.stripped and not (line.is_free and line.stripped.startswith("#"))
        if is_code:
            return self._keep(line)
        self._pending.append(line)
        return []

    def _is_message(self, line: Line) -> bool:
        """Whether a line is the print of a text that nobody asked for: kept where the program goes on behind it."""
        is_own = line.is_free and line.depth == 0 and bool(self._seen) and not self._in_function
        return self._asked.no_print and is_own and _MESSAGE.match(line.stripped) is not None

    def _is_showing(self, line: Line) -> bool:
        """Whether a line is of a loop that only prints what the answer has made: dropped like a last message."""
        if not self._asked.no_print or self._in_function or not self._seen or not line.is_free:
            return False
        if line.depth == 0:
            loop = _SHOWS.match(line.stripped)
            return loop is not None and any(re.match(rf"{loop[1]}\b.* ?=(?!=)", one) for one in self._seen)
        above = [one for one in self._pending if one.stripped]
        is_in_loop = bool(above) and above[-1].depth == 0 and _SHOWS.match(above[-1].stripped) is not None
        return is_in_loop and _SHOWN.match(line.stripped) is not None

    @property
    def _is_print_pending(self) -> bool:
        return any(_PRINT.match(line.stripped) for line in self._pending)

    def _twin_below(self, line: Line) -> int | None:
        """Which line of the rest of the block is like this one, or defines the same name."""
        if not line.is_free:
            return None
        name = name_of(line.stripped)
        for index, after in enumerate(self._suffix):
            if after.depth < 0:
                break
            is_own_block = index == 0 or (after.depth == 0 and len(after.text) >= 12)
            if after.depth != line.depth or not is_own_block or len(after.text) < 3:
                continue
            if after.text == line.stripped or (name and name == name_of(after.text)):
                return index
        return None

    def _is_repetition(self, line: Line, times: int) -> bool:
        """Whether a line begins the n-th copy in a row of a block of lines."""
        seen = [*self._seen, line.stripped]
        if self._is_idle_twice(line):
            return True
        for size in range(1, REPEAT_LINES + 1):
            block = seen[-size - 1 : -1]
            if seen[-1] != (block[0] if block else None) or len("".join(block)) < (5 if size == 1 else 16):
                continue
            needed = block * (times - 1)
            if seen[:-1][-len(needed) :] == needed:
                return True
        return False

    def _is_idle_twice(self, line: Line) -> bool:
        """Whether a line is the statement right above it again, and does nothing the second time."""
        above = self._statement
        if above is None or not line.is_free or (above.depth, above.stripped) != (line.depth, line.stripped):
            return False
        return self._seen[-1] == above.stripped and _IDLE_TWICE.match(line.stripped) is not None

    def _keep(self, line: Line) -> list[Line]:
        has_comment = any(one.is_free and one.stripped.startswith("#") for one in self._pending)
        self._is_told_in_comments = self._is_told_in_comments or (has_comment and self._has_only_imports)
        self._has_only_imports = self._has_only_imports and bool(not line.is_free or _IMPORT.match(line.stripped))
        kept, self._pending = [*self._pending, line], []
        self._seen += [one.stripped for one in kept if one is line or _PRINT.match(one.stripped)]
        if line.is_free:
            self._statement = line
        self._definitions.keep(line)
        if line.scan_after.is_free and self._leaves():
            self.reason = "end"
        return kept

    def _leaves(self) -> bool:
        """Whether the last statement is of the block itself and leaves it: nothing can follow."""
        return (
            self._statement is not None and self._statement.depth == 0 and bool(_LEAVES.match(self._statement.stripped))
        )
