"""What of a model's answer is put into the file, decided while it streams.

Owns: the order of the steps. Each has its module: `wrapping` (fences, chatter), `placing` (echoes, rewritten
functions), `joining` (the rest of the cursor's own line), `indenting`, `ending` (where the code ends), `checking` (no
new syntax error). Whole lines only; a line that may still be dropped is held back, so every partial is a prefix of the
final text, however the stream was cut into pieces.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lsp_server.request.instruction import Insertion, Instruction
from lsp_server.shaping.asked import Asked
from lsp_server.shaping.below import SuffixLine, needed
from lsp_server.shaping.checking import SyntaxCheck
from lsp_server.shaping.ending import Ender
from lsp_server.shaping.indenting import Indenter, Line, columns, tab_columns
from lsp_server.shaping.joining import Tail, join_head
from lsp_server.shaping.opened import Opened, opened_within, without_short_strings
from lsp_server.shaping.placing import Above, Placer
from lsp_server.shaping.scan import Scan
from lsp_server.shaping.wrapping import Unwrapper, Verdict, cut_special
from lsp_server.source.document import Source
from lsp_server.source.syntax import Window, indent_unit, scopes, window

SUFFIX_LINES = 6
ABOVE_LINES = 400
LONG_LINE = 1_000
MAX_BLANK_LINES = 2
OPENED_LINES = 100

_CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)
_NAME = re.compile(r"[^\W\d]\w*")
_TOLD_ONCE = re.compile(r"import\s|from\s|class\s|(?:async\s+)?def\s+(?!_\()")  # `def _(` may be many, for dispatch
_STUBS = frozenset({"pass", "..."})
_STUB_ASKED = re.compile(r"\bpass\b|\.\.\.|заглушк|ничего не дела|\bstub|placeholder|do nothing", re.IGNORECASE)
_UNPRINTABLE = re.compile("[\r\x00\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


@dataclass(frozen=True)
class Suggestion:
    """What is put in place of the insertion's range. `text` has the file's line ends; '' is no answer.

    It ends with a line end only where code stands behind the range.

    `stop_reason`: why the code ended there: "end", "dedent", "suffix", "example", "second definition", "repetition",
    "fence", "prose", "broken", "comments", "special", "statement", or "stream" where the model's own end was it.
    """

    text: str
    stop_reason: str
    n_lines: int


class Shaper:
    """Shapes one answer. Feed pieces as they come until `done`; `partial` is what is sure so far."""

    def __init__(
        self, source: Source, insertion: Insertion, instruction: Instruction | None = None, answer_head: str = ""
    ) -> None:
        self._source, self._insertion = source, insertion
        view = window(source, insertion.line, ABOVE_LINES, SUFFIX_LINES * 4)
        unit = indent_unit(source, insertion.line)
        self._tab = tab_columns(unit)
        around = scopes(view, insertion.line, insertion.indent)
        names = _names(view, view.end_line)
        self._unwrapper = Unwrapper(any(_CYRILLIC.search(name) for name in names))
        above = [
            Above(number, view.line(number).strip(), columns(view.line(number), self._tab))
            for number in range(view.first_line, insertion.line)
            if view.line(number).strip()
        ]
        is_inline = bool(insertion.line_head.strip())
        self._placer = Placer(above, around, instruction, insertion.indent, self._tab, is_inline=is_inline)
        self._indenter = Indenter(insertion.indent, unit)
        suffix = self._suffix()
        wanted = needed(suffix)
        unbound = wanted - _names(view, insertion.line) if wanted else wanted
        scope = around[0].kind if around else "module"
        is_whole_class = scope == "class" and _is_bare(view, around[0].line, insertion.line, suffix)
        asked = Asked(instruction, is_whole_class=is_whole_class)
        told = frozenset[str]() if instruction or insertion.indent else _told(view, insertion.line)
        self._ender = Ender(suffix, names, unbound, asked, scope, told=told)
        self._check = SyntaxCheck(source, insertion)
        self._may_be_stub = instruction is None or _STUB_ASKED.search(instruction.text) is not None
        self._scan = Scan(_quote_at(view, insertion.line))
        self._tail: Tail | None = None
        if instruction is None:
            opened, has_body = _opened_at(view, insertion.line), bool(suffix) and suffix[0].depth > 0
            self._tail = Tail(insertion, opened, is_closed=self._check.is_right, has_body=has_body)
        self._is_before_code = bool(insertion.tail) and not is_inline
        self._is_begun = self._is_at_tail = False
        self._ending = ""
        self._lines: list[str] = []
        self._n_sure = self._n_blank = 0
        self._reason = ""
        self._buffer = ""
        self.feed(answer_head)

    @property
    def done(self) -> bool:
        """Whether nothing that may still come would be kept: generation can stop."""
        return bool(self._reason)

    @property
    def partial(self) -> str:
        """The text so far: lines that will stay, up to a place where the file parses."""
        return self._text(self._n_sure)

    def feed(self, piece: str) -> None:
        """Take the next piece of the answer. Pieces after `done` are ignored."""
        self._buffer += piece
        while not self._reason and "\n" in self._buffer:
            line, self._buffer = self._buffer.split("\n", 1)
            self._take(line)
        if not self._reason:
            self._look_at(self._buffer)

    def finish(self, *, truncated: bool = False) -> Suggestion:
        """The answer is over. `truncated`: it was cut off, and its last line is not whole."""
        n_blank = self._n_blank
        if not self._reason and self._buffer and not truncated:
            self._take(self._buffer, is_last=True)
        if not self._reason and self._insertion.tail and not self._buffer.strip() and not truncated:
            self._ending = "\n" * (1 + min(n_blank, MAX_BLANK_LINES)) + self._buffer
        if not self._reason:
            self._flush()
        self._end_entry()
        n_lines = len(self._lines)
        while n_lines > self._n_sure and not self._is_good(n_lines):
            n_lines -= 1
        text = self._text(n_lines)
        ending = self._ending_of(n_lines) if text and self._insertion.tail else ""
        whole = text + (ending or "").replace("\n", self._source.newline)
        return Suggestion(whole, self._reason or "stream", n_lines)

    def _ending_of(self, n_lines: int) -> str | None:
        """What stands between the first lines and the rest of the cursor's line; None where the file gets worse.

        Before a statement of its own the answer may be a part of that, or lines above it.
        """
        text = "\n".join(self._lines[:n_lines])
        endings = [self._ending if n_lines == len(self._lines) else ""]
        if self._is_before_code:
            is_in_word = text[-1:].isalnum() and self._insertion.tail[0].isalnum()
            endings = [one for one in (*endings, "") if one or not is_in_word] + ["\n" + self._insertion.indent]
        return next((one for one in endings if self._check.adds_no_error([text + one])), None)

    def _end_entry(self) -> None:
        """Put the comma behind a last entry that has entries of the file below it, where the answer closed its list."""
        lines = self._lines
        if len(lines) > self._n_sure and not self._insertion.tail and not self._check.adds_no_error(lines):
            ended = [*lines[:-1], lines[-1] + ","]
            self._lines = ended if self._check.adds_no_error(ended) else lines

    def _suffix(self) -> list[SuffixLine]:
        target = columns(self._insertion.indent, self._tab)
        tail = self._insertion.tail if not self._insertion.line_head.strip() else ""
        found = [SuffixLine(0, tail.strip())] if tail.strip() else []
        for number in range(self._insertion.line + 1, self._insertion.line + 1 + SUFFIX_LINES * 4):
            text = self._source.line(number)
            if text.strip() and text.strip() not in ("pass", "..."):
                found.append(SuffixLine(columns(text, self._tab) - target, text.strip()))
        return found[:SUFFIX_LINES]

    def _take(self, raw: str, *, is_last: bool = False) -> None:
        self._n_blank = 0 if raw.strip() else self._n_blank + 1
        line, is_cut = cut_special(self._printable(raw), self._scan)
        line = self._joined(line)
        verdict = self._unwrapper.take(line, self._scan)
        if verdict is Verdict.CODE:
            line = self._up_to_tail(line, is_last=is_last)
            if line or not self._is_at_tail:
                self._put(line)
            if self._is_at_tail and not self._reason:
                self._flush()
                self._reason = "suffix" if self._insertion.tail else "statement"
        elif verdict is Verdict.STOP:
            self._flush()
            self._reason = self._reason or self._unwrapper.reason
        if is_cut and not self._reason:
            self._flush()
            self._reason = "special"

    def _printable(self, raw: str) -> str:
        """A line without unprintable characters; what the file has before the cursor stays as it is."""
        head = self._insertion.line_head
        n_kept = len(head) if not self._is_begun and raw.startswith(head) else 0
        return raw[:n_kept] + _UNPRINTABLE.sub("", raw[n_kept:])

    def _put(self, line: str) -> None:
        before, self._scan = self._scan, self._scan.after(line)
        for piece in self._placer.take(line, before, self._scan):
            self._keep(self._indenter.take(*piece))

    def _joined(self, line: str) -> str:
        """Inside a line: the answer's first line with what stands before the cursor, written once."""
        head = self._insertion.line_head
        if self._is_begun or not head.strip() or not line.strip() or line.lstrip().startswith("```"):
            return line
        return join_head(head, line)

    def _up_to_tail(self, line: str, *, is_last: bool) -> str:
        self._is_begun = True
        if self._tail is None:
            return line
        cut = self._tail.take(line, is_last=is_last)
        self._is_at_tail, self._ending = cut.is_over, cut.ending
        return cut.line

    def _keep(self, lines: list[Line]) -> None:
        for line in lines:
            if self._ender.is_over:
                break
            for kept in self._ender.take(line):
                self._lines.append(kept.text)
            if self._is_good(len(self._lines)):
                self._n_sure = len(self._lines)
        if self._ender.is_over:
            self._reason = self._reason or self._ender.reason

    def _flush(self) -> None:
        for piece in self._placer.flush():
            self._keep(self._indenter.take(*piece))
        self._keep(self._indenter.flush())

    def _look_at(self, beginning: str) -> None:
        """Stop before a line is whole, where no way it may go on would be kept."""
        text = beginning.lstrip(" \t")
        if not text or not self._lines or not self._scan.is_free or self._indenter.base is None:
            return
        depth = columns(beginning, self._tab) - self._indenter.base
        if self._unwrapper.is_settled(beginning, self._scan):
            self._reason = "fence"
        else:
            self._reason = self._ender.settles(text, depth)

    def _is_good(self, n_lines: int) -> bool:
        lines = self._lines[:n_lines]
        if not lines or not lines[-1].strip() or lines[-1].lstrip().startswith("#"):
            return False
        return not self._is_stub(lines) and self._ending_of(n_lines) is not None

    def _is_stub(self, lines: list[str]) -> bool:
        """Whether the lines only hold the place of code: no answer to somebody who asked for it."""
        code = (line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))
        return not self._may_be_stub and all(line in _STUBS for line in code)

    def _text(self, n_lines: int) -> str:
        head, lines = self._insertion.line_head, self._lines[:n_lines]
        if n_lines > 1 and lines[0] == head.rstrip():  # the code begins on the next line
            lines[0] = head
        if not n_lines or not lines[0].startswith(head):
            return ""
        text = self._insertion.opening.replace("\r\n", "\n") + "\n".join(lines)
        return text.replace("\n", self._source.newline)


def _is_bare(view: Window, header: int, end: int, suffix: list[SuffixLine]) -> bool:
    """Whether nothing but docstring and comments stands in a class, from its header to the place and below it."""
    lines = (view.line(number).strip() for number in range(header + 1, end) if not view.is_in_string(number))
    return all(not line or line[0] in "#\"'" for line in lines) and not (suffix and suffix[0].depth >= 0)


def _told(view: Window, end: int) -> frozenset[str]:
    """The imports and definitions that stand at the left margin above a line: a model that repeats one has no more."""
    lines = (view.line(number).rstrip() for number in range(view.first_line, end) if not view.is_in_string(number))
    return frozenset(line for line in lines if _TOLD_ONCE.match(line))


def _opened_at(view: Window, line: int) -> Opened:
    """What is open where a line begins."""
    if quote := _quote_at(view, line):
        return (quote,)
    opened: Opened = ()
    for number in range(max(view.first_line, line - OPENED_LINES), line):
        opened = without_short_strings(opened_within(opened, view.line(number)))
    return opened


def _quote_at(view: Window, line: int) -> str:
    """The quotes of the string that a line begins in; '' in code."""
    if not view.is_in_string(line):
        return ""
    scan = Scan().after(view.opening.strip())
    for number in range(view.first_line, line):
        scan = scan.after(view.line(number))
    return scan.quote


def _names(view: Window, end: int) -> frozenset[str]:
    """Names of the code up to a line, Python's own words among them; strings and comments left out."""
    numbers = (number for number in range(view.first_line, end) if not view.is_in_string(number))
    lines = (view.line(number) for number in numbers)
    return frozenset(name for line in lines if len(line) < LONG_LINE for name in _NAME.findall(Scan().code(line)))
