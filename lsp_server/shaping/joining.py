"""Where an answer meets the line it is put into: what stands before the cursor and behind it is written once.

Models that fill in the middle like to say the rest of the line again (`sum(‸)`: `prices)`), and then the lines below.
What the file closes behind the cursor must stay open in the answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lsp_server.request.instruction import Insertion
from lsp_server.shaping.opened import (
    Opened,
    comment_of,
    marks,
    opened_after,
    opened_within,
    quote_of,
    without_short_strings,
)

_BEGUN = re.compile(
    r"\s*(?:[\w.\[\]'\"]+(?:\s*:[^=]+)?\s*[-+*/]?=(?!=)|"
    r"(?:return|if|elif|for|while|with|assert|raise|yield|import|from|def|class|async|await|except)\b)"
)
"""Beginnings of statements that do not go on with themselves; `0, 0, ` or `f(` may."""
_GOES_ON = re.compile(r"(?:[-+*/%@&|^~=<>\\]|\b(?:and|or|not|in|is|if|else))$")
_STATEMENT = re.compile(r"[\w\"'@#]|$")
"""What the rest of a line begins with where it is a statement of its own."""


def join_head(head: str, line: str) -> str:
    """An answer's first line with what stands before the cursor, written once.

    The line may begin with all of that, with all but its last blank (prompts leave that to the model, which need not
    say it), or with nothing of it; and the model may begin the statement anew behind it.
    """
    if line.startswith(head):
        rest = line.removeprefix(head)
    elif line.strip().startswith(head.strip()):
        rest = _behind(head, line.lstrip())
    else:
        rest = line
    bare, again = head.strip(), rest.lstrip()
    is_word_begun = bare[-1:].isalnum() and again[len(bare) :][:1].isalnum()
    if _BEGUN.match(head) and again.startswith(bare) and not is_word_begun:
        rest = _behind(head, again)
    return head + rest


def _behind(head: str, line: str) -> str:
    """What follows the head in a line that says it, without the blank that the head ends with."""
    rest = line.removeprefix(head.strip())
    return rest.lstrip() if head[-1:].isspace() else rest


@dataclass(frozen=True)
class Cut:
    """What is kept of a line. `is_over`: the answer ends with it. `ending` stands between the answer and the tail."""

    line: str
    is_over: bool = False
    ending: str = ""


class Tail:
    """Ends an answer where the rest of the cursor's line, or of the file, goes on with it.

    `is_closed`: the file is right but for what is missing at the cursor, so it closes all that is open there.
    `above`: what is open where the cursor's line begins. `has_body`: a block stands below already. Where nothing stands
    behind the cursor, the statement that it is in is what was asked for, with its block; in brackets, the entry.
    """

    def __init__(self, insertion: Insertion, above: Opened, *, is_closed: bool, has_body: bool = False) -> None:
        quote = quote_of(above)
        self._head, self._tail = insertion.line_head, insertion.tail.strip()
        self._is_apart = insertion.tail[:1].isspace()
        self._is_inside = bool(self._head.strip()) or not _STATEMENT.match(self._tail)
        self._is_closed = is_closed
        start: Opened = (quote,) if quote else ()
        self._at_cursor = self._opened = opened_within(start, self._head)
        self._is_comment = comment_of(start, self._head) is not None
        self._wanted = self._opened if is_closed else _wanted(self._opened, self._tail)
        self._n_least = len(self._opened) if is_closed else _n_closed(self._wanted, self._tail)
        self._is_first = True
        self._is_alone = bool(self._head.strip()) and not (self._tail or quote or self._is_comment)
        self._is_in_brackets, self._has_body, self._in_statement = bool(above), has_body, start

    def take(self, line: str, *, is_last: bool = False) -> Cut:
        """What is kept of an answer's line; the first one comes joined with what stands before the cursor.

        `is_last`: the model has no more to say.
        """
        if not self._is_closed and not self._tail:
            return Cut(line, is_over=self._ends_statement(line))
        is_first, self._is_first = self._is_first, False
        head = self._head if is_first and line.startswith(self._head) else ""
        before, new = self._opened, line.removeprefix(head)
        if self._is_comment:
            return self._last(head, before, new) if self._tail else Cut(line)
        for mark in marks(before, new):
            if mark.opened is None or len(mark.opened) < self._n_least:
                return self._closed(head, before, new, mark.position, is_first=is_first)
            self._opened = mark.opened
        self._opened = without_short_strings(self._opened)
        if self._tail and self._ends_line(before, new, is_first=is_first, is_last=is_last):
            end = None if self._tail.startswith("#") else comment_of(before, new)  # it would hide the tail
            return self._last(head, before, new[:end])
        return Cut(line, self._ends_statement(line), _blanks_behind(line) if self._tail else "")

    def _ends_statement(self, line: str) -> bool:
        """Whether a line of the answer ends what the cursor is in. A line that was whole already asks for the next."""
        self._is_alone = self._is_alone and line.rstrip() != self._head.rstrip()
        if not self._is_alone:
            return False
        start, self._in_statement = self._in_statement, without_short_strings(opened_within(self._in_statement, line))
        code = line[: comment_of(start, line)].rstrip()
        if self._in_statement or _GOES_ON.search(code):
            return False
        if self._is_in_brackets:
            return code.endswith(",")
        is_header = code.endswith(":")
        self._is_alone = not is_header  # a block ends elsewhere
        return not is_header or self._has_body

    def _ends_line(self, before: Opened, new: str, *, is_first: bool, is_last: bool) -> bool:
        """Whether the tail must go on with this line of the answer, or has been said with it."""
        if self._is_inside and (is_last or not self._opened):
            return True
        is_at_level = is_first if self._opened != self._at_cursor or not self._is_inside else True
        return is_at_level and self._n_said(before, new) == len(self._tail)

    def _closed(self, head: str, before: Opened, new: str, position: int, *, is_first: bool) -> Cut:
        """A line up to where it closes what the file closes, unless it opens the same again."""
        kept, said = new[:position], new.removesuffix(self._tail)
        if self._tail and not is_first and not kept.strip():
            return Cut("", is_over=True, ending="\n" + kept)
        return self._last(head, before, said if self._is_opened_again(before, said, kept) else kept)

    def _is_opened_again(self, before: Opened, said: str, kept: str) -> bool:
        if not self._tail:
            return False
        if opened_after(before, said) == self._wanted:
            return True
        return _is_broken(before, kept + self._tail) and not _is_broken(before, said + self._tail)

    def _last(self, head: str, before: Opened, new: str) -> Cut:
        """The end of an answer, without what of the tail it says."""
        said = new.rstrip()
        n_said = self._n_said(before, new)
        new = said[: len(said) - n_said] if n_said else new
        kept = head + (new.rstrip() if self._is_apart else new)
        return Cut(kept, is_over=True, ending=_blanks_behind(kept) if self._tail else "")

    def _n_said(self, before: Opened, new: str) -> int:
        """How many characters of the tail a line ends with."""
        said, tail = new.rstrip(), self._tail
        for size in range(min(len(said), len(tail)), 0, -1):
            kept = said[:-size]
            is_in_word = kept[-1:].isalnum() and tail[0].isalnum()
            if said[-size:] == tail[:size] and not is_in_word and self._is_twice(before, kept, said):
                return size
        return 0

    def _is_twice(self, before: Opened, kept: str, said: str) -> bool:
        """Whether what is said behind `kept` is the tail, and not code that is alike: `len(x)` before `)`."""
        if self._is_closed:
            return opened_after(before, kept) == self._at_cursor
        if opened_after(before, kept) == opened_after(before, said):
            return True
        is_whole = said == kept + self._tail
        if is_whole and (any(map(str.isalnum, self._tail)) or opened_after((), self._tail)):
            return True
        return _is_broken(before, said + self._tail) and not _is_broken(before, kept + self._tail)


def _blanks_behind(text: str) -> str:
    return text[len(text.rstrip()) :] if text.strip() else ""


def _is_broken(opened: Opened, line: str) -> bool:
    """Whether a line closes too much, or leaves a short string open."""
    after = opened_after(opened, line)
    return after is None or without_short_strings(after) != after


def _wanted(opened: Opened, tail: str) -> Opened:
    """What may be open before a tail, of what is open at the cursor: an answer may have to close the innermost."""
    sizes = range(len(opened), -1, -1)
    return next((opened[:size] for size in sizes if not _is_broken(opened[:size], tail)), opened)


def _n_closed(opened: Opened, tail: str) -> int:
    """How much of what is open a tail closes."""
    return len(opened) - min((len(mark.opened or ()) for mark in marks(opened, tail)), default=len(opened))
