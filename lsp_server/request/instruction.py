"""Which text asks for code, and where the code goes.

Owns: reading the comment, docstring or TODO above the cursor out of a file that may be broken, and the exact place
and indentation for its code. Does not own: judging the words (`lsp_server.language.wording`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

from lsp_server.language import wording
from lsp_server.language.wording import Expects, Language
from lsp_server.source.document import Place, Source
from lsp_server.source.syntax import (
    Scope,
    Window,
    code_of,
    indent_of,
    indent_unit,
    is_statement,
    scopes,
    statement_line,
    width,
    window,
)

Kind = Literal["comment", "docstring", "todo"]

GAP_AUTOMATIC = 1
"""Blank lines allowed between an instruction and the cursor, for automatic requests."""
GAP_MANUAL = 3
BLOCK_LINES = 40

_PRAGMA = re.compile(
    r"#\s*(?:!|-\*-|(?:noqa|type|mypy|pylint|pyright|ruff|flake8|isort|fmt|yapf|pragma|nosec|coding|vim|doctest|"
    r"cython|distutils|codespell|bandit|black|sourcery|pytype|pyre|noinspection|language|region|endregion|"
    r"%%|cell)\b\s*[:=\[+-]?|%%|(?:end)?region\b|<editor-fold|</editor-fold)",
    re.IGNORECASE,
)
_PRAGMA_WORDS_NEED_MARK = re.compile(r"#\s*(?:type|language|black|coding|cell|pragma|vim|isort|doctest)\b(?!\s*[:=])")
_RULE = re.compile(r"#[\s#=*~_\-+.─━═>]*$")
_HEADING_MARK = r"[=*#~─━═-]"
_HEADING = re.compile(
    rf"#+\s*(?:{_HEADING_MARK}{{2}}(?:\s.*)?|{_HEADING_MARK}{{3,}}.*|{_HEADING_MARK}{{2}}.*{_HEADING_MARK}{{2}}\s*)|"
    rf".*{_HEADING_MARK}{{3,}}\s*"
)
_LEGAL = re.compile(
    r"#\s*(?:©|\(c\)|copyright|licen[sc]e|spdx|@?authors?\b|автор(?:ы|ские)?\s*(?:[:—–-]|(?-i:[А-ЯЁ]))|"
    r"лицензи(?:я|ровано)\b|copyleft|all rights|все права|created by)",
    re.IGNORECASE,
)
_FILE_FIELD = re.compile(
    r"#\s*(?:верси[яи]\s*[:\d]|version\s*[:\d]|дата\s+создания|created\s*:|"
    r"(?:file|файл|e-?mail|почта|описание|description)\s*:)",
    re.IGNORECASE,
)
"""What a line tells of its file, at the head of a block. Further down it may be a field of what is asked for."""
_DEFECT = re.compile(r"#+\s*fixme\b", re.IGNORECASE)
_OPEN_END = re.compile(r"[(\[{,:\\]\s*$")
_FIELD = re.compile(
    r"\s*(?:[A-Z][A-Z0-9_]*\s*(?::[^=]+)?=(?!=)|self\.\w+\s*(?::[^=]+)?=(?!=)|"
    r"(?!(?:else|try|finally)\b)\w+\s*:\s*[\w\[\]., |'\"]+(?:=(?!=).*)?$)"
)
"""A constant, an attribute, an annotated name: what a phrase directly above it describes."""
_NO_BODY = re.compile(r"\s*(?:pass|\.\.\.|raise NotImplementedError.*)?\s*(?:#.*)?$")


@dataclass(frozen=True)
class Insertion:
    """Where code goes: the range (line, 0)…(line, replace_end) is replaced by a text that begins with `head`.

    `indent` is the exact whitespace of the first line of code. `head` ends with what stands before the code on its
    own line (`line_head`: the indentation, or `    return ` for completion inside a line); lines before that are
    repeated text of the file (a comment on the cursor's line). `tail` stays in the file behind the range.
    """

    line: int
    replace_end: int
    indent: str
    head: str
    tail: str = ""

    @property
    def place(self) -> Place:
        """The end of the replaced range."""
        return Place(self.line, self.replace_end)

    @property
    def opening(self) -> str:
        """The lines of `head` before the code's own line, with their ends."""
        return self.head[: self.head.rfind("\n") + 1]

    @property
    def line_head(self) -> str:
        """What stands before the code on its own line."""
        return self.head[self.head.rfind("\n") + 1 :]


@dataclass(frozen=True)
class Instruction:
    """A text that asks for code. `text` is without comment marks; lines are 0-based and inclusive.

    `header_line` is the header of the function or class whose docstring it is.
    """

    text: str
    kind: Kind
    language: Language
    first_line: int
    last_line: int
    place: Insertion
    expects: Expects
    raw: str = ""
    header_line: int | None = None

    @property
    def begins_at(self) -> int:
        """The first line that belongs to the task: whatever is left out of a prompt, it is not that."""
        return self.first_line if self.header_line is None else self.header_line


def find(source: Source, cursor: Place, *, automatic: bool, english: bool = False) -> Instruction | None:
    """The instruction that a request at the cursor answers.

    Automatic requests need a finished instruction right above an empty line, in Russian (`english`: in English too).
    Manual ones take any comment or docstring above, or the comment on the cursor's own line.
    """
    view = window(source, cursor.line)
    on_comment = not automatic and view.is_comment(cursor.line)
    if (source.line(cursor.line).strip() and not on_comment) or view.is_in_string(cursor.line):
        return None
    above = cursor.line if on_comment else _line_above(source, cursor.line, GAP_AUTOMATIC if automatic else GAP_MANUAL)
    if above is None:
        return None
    found = _from_comment(source, view, cursor, above) or _from_docstring(source, view, cursor, above)
    if found is None or not automatic:
        return found
    if found.language == "en" and not english:
        return None
    if found.kind == "docstring":
        return found if _is_empty_function(source, view, found, cursor) else None
    return found if _is_wanted(found) and not _is_description(source, found, cursor) else None


def _is_wanted(comment: Instruction) -> bool:
    if comment.raw.startswith("#:"):  # what Sphinx reads as the description of an attribute
        return False
    is_task = comment.kind == "todo" and not _DEFECT.match(comment.raw)  # a FIXME may name a mere defect
    judge = wording.is_task if is_task else wording.is_request
    return judge(_words_of(comment.text))


def _is_description(source: Source, comment: Instruction, cursor: Place) -> bool:
    """«сумма заказа в копейках» right above `total: int`: a phrase that names the field; not a command, not a TODO."""
    below = source.line(cursor.line + 1)
    is_above_field = _FIELD.match(below) is not None and width(indent_of(below)) == width(comment.place.indent)
    is_phrase = comment.kind == "comment" and comment.expects == "statement"
    return is_above_field and is_phrase and not wording.is_command(comment.text)


def insertion_at(source: Source, cursor: Place) -> Insertion:
    """The place for ordinary completion at the cursor: inside a line, or on an empty one."""
    line = source.line(cursor.line)
    before, tail = line[: cursor.column], line[cursor.column :]
    if before.strip():
        return Insertion(cursor.line, len(before), indent_of(before), before, tail if tail.strip() else "")
    if tail.strip():
        return Insertion(cursor.line, len(before), before, before, tail)
    indent = before or _indent_here(source, cursor.line)
    return Insertion(cursor.line, len(line), indent, indent)


def _line_above(source: Source, line: int, gap: int) -> int | None:
    for number in range(line - 1, max(-1, line - 2 - gap), -1):
        if source.line(number).strip():
            return number
    return None


def _from_comment(source: Source, view: Window, cursor: Place, last: int) -> Instruction | None:
    if not view.is_comment(last):
        return None
    first = last
    indent = indent_of(source.line(last))
    while (
        first > max(0, last - BLOCK_LINES)
        and view.is_comment(first - 1)
        and width(indent_of(source.line(first - 1))) == width(indent)
    ):
        first -= 1
    lines = [source.line(number).strip() for number in range(first, last + 1)]
    n_skipped = _n_before_words(lines)
    first, lines = first + n_skipped, lines[n_skipped:]
    cut = max((index + 1 for index, line in enumerate(lines) if _is_mark(line) and line.strip("# ")), default=0)
    cut += _n_file_fields(lines[cut:]) if cut else 0
    raw_text = "\n".join(re.sub(r"^#+:?!? ?", "", line) for line in lines[cut:]).strip()
    if not raw_text:
        return None
    is_todo = wording.has_marker(raw_text)
    text = wording.without_marker(raw_text).strip() or raw_text
    place = _place(source, cursor, first + cut, last, indent)
    return Instruction(
        text=text,
        kind="todo" if is_todo else "comment",
        language=wording.language(text),
        first_line=first + cut,
        last_line=last,
        place=place,
        expects=wording.expects(text),
        raw="\n".join(lines[cut:]),
    )


def _is_mark(line: str) -> bool:
    """Whether a comment's line is a mark for tools, a rule, a heading or legal text: never an instruction."""
    if _PRAGMA.match(line) and not _PRAGMA_WORDS_NEED_MARK.match(line):
        return True
    return bool(_RULE.match(line) or _HEADING.fullmatch(line) or _LEGAL.match(line))


def _n_before_words(lines: Sequence[str]) -> int:
    """How many lines of a block stand before its first words: marks, what is told of the file, code."""
    n_lines = 0
    while n_lines < len(lines):
        is_other = _is_mark(lines[n_lines]) or _FILE_FIELD.match(lines[n_lines])
        n_more = 1 if is_other else _n_code_lines(lines[n_lines:])
        if not n_more:
            break
        n_lines += n_more
    return n_lines


def _n_file_fields(lines: Sequence[str]) -> int:
    """How many lines from the first one on tell of the file."""
    return sum(1 for _ in takewhile(_FILE_FIELD.match, lines))


def _n_code_lines(lines: Sequence[str]) -> int:
    """How many lines from the first one on are one statement that was commented out, 0 for words.

    The first line alone does for `# x = f(1)`; `# names = [` is code where a bracket further down makes it whole.
    """
    texts = [re.sub(r"^#+ ?", "", line) for line in lines]
    if _OPEN_END.search(texts[0]):
        for n_lines in range(2, len(texts) + 1):
            if is_statement("\n".join(texts[:n_lines])):
                return n_lines
    return int(is_statement(texts[0].strip()))


def _words_of(text: str) -> str:
    """An instruction without lines of code in it (an example, or old code under a remark)."""
    return "\n".join(line for line in text.splitlines() if not is_statement(line.strip()))


def _place(source: Source, cursor: Place, first: int, last: int, indent: str) -> Insertion:
    indent = _block_indent(source, first, cursor.line, indent)
    line = source.line(cursor.line)
    if cursor.line == last:
        return Insertion(cursor.line, len(line), indent, line + "\n" + indent)
    return Insertion(cursor.line, len(line), indent, indent)


def _block_indent(source: Source, first: int, cursor_line: int, indent: str) -> str:
    """The indentation of code after a comment: the comment's, or its block's where it opens one too far left."""
    for number in range(first - 1, max(-1, first - 20), -1):
        above = source.line(number)
        if not above.strip() or above.lstrip().startswith("#"):
            continue
        header = indent_of(source.line(statement_line(source, number)))
        if not code_of(above).endswith(":") or width(header) < width(indent):
            return indent
        return _body_indent(source, header, cursor_line)
    return indent


def _body_indent(source: Source, header: str, cursor_line: int) -> str:
    """The indentation of the block under a header: as its code after the cursor has it, or one step deeper."""
    for number in range(cursor_line + 1, min(len(source.lines), cursor_line + 5)):
        text = source.line(number)
        if text.strip():
            if width(indent_of(text)) > width(header):
                return indent_of(text)
            break
    step = indent_unit(source, cursor_line)
    return header + ("\t" if header.endswith("\t") else step)


def _indent_here(source: Source, line: int) -> str:
    """The indentation for a line that is wholly empty: what the line above asks for."""
    above = _line_above(source, line, GAP_MANUAL)
    if above is None:
        return ""
    indent = indent_of(source.line(statement_line(source, above)))
    if code_of(source.line(above)).endswith(":"):
        return _body_indent(source, indent, line)
    if line - above == 1:
        return indent
    below = next((one for one in map(source.line, range(line + 1, line + 2 + GAP_MANUAL)) if one.strip()), "")
    return indent_of(below) if width(indent_of(below)) <= width(indent) else ""


def _from_docstring(source: Source, view: Window, cursor: Place, last: int) -> Instruction | None:
    text = source.line(last)
    node = view.node_at(last, max(0, len(text.rstrip()) - 1))
    while node is not None and node.type != "string":
        node = node.parent
    if node is None or node.parent is None or node.parent.type != "expression_statement":
        return None
    first = view.line_number(node)
    opening = source.line(first)
    if opening.strip()[:1] not in "\"'rRuUbBfF" or view.last_line_number(node) != last:
        return None
    indent = indent_of(opening)
    around = scopes(view, first, indent)
    if not around and any(source.line(number).strip() for number in range(max(0, first - 50), first)):
        return None
    if around and not _is_first_in(source, view, around[0], first):
        return None
    raw = "\n".join(source.line(number) for number in range(first, last + 1))
    body = re.sub(r"^[rRuUbBfF]*(\"\"\"|'''|\"|')|(\"\"\"|'''|\"|')$", "", raw.strip())
    body = "\n".join(line.strip() for line in body.strip().splitlines())
    if not body:
        return None
    return Instruction(
        text=body,
        kind="docstring",
        language=wording.language(body),
        first_line=first,
        last_line=last,
        place=Insertion(cursor.line, len(source.line(cursor.line)), indent, indent),
        expects="body" if around else "statement",
        raw=raw,
        header_line=around[0].line if around else None,
    )


def _is_first_in(source: Source, view: Window, scope: Scope, line: int) -> bool:
    """Whether nothing but its header stands between a scope's begin and a line."""
    for number in range(line - 1, scope.line - 1, -1):
        text = source.line(number)
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        return code_of(text).endswith(":") and (number == scope.line or text.strip()[0] in ")]}" or line - number < 3)
    return False


def _is_empty_function(source: Source, view: Window, found: Instruction, cursor: Place) -> bool:
    """Whether the docstring is all that its function has, bare of `pass` and the like."""
    around = scopes(view, found.first_line, found.place.indent)
    if not around or around[0].kind != "function":
        return False
    level = width(found.place.indent)
    for number in range(cursor.line + 1, min(len(source.lines), cursor.line + 30)):
        text = source.line(number)
        if not text.strip():
            continue
        if width(indent_of(text)) < level:
            break
        if not _NO_BODY.match(text):
            return False
    return True
