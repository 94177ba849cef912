"""`kodopis.fix`, `kodopis.docstring`, `kodopis.tests`: code that is asked for in a conversation, as edits."""

from __future__ import annotations

import ast
import asyncio
import keyword
import re
import textwrap
from collections.abc import Mapping
from contextlib import aclosing
from itertools import chain, count
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.uris import to_fs_path

from lsp_server import messages
from lsp_server.answering.converse import (
    ANSWER_TOKENS,
    DOCSTRING,
    TESTS,
    Said,
    blocks_in,
    converse,
    docstring_in,
    first_lines,
    tokens_to_rewrite,
)
from lsp_server.answering.rewriting import (
    asked_for,
    chosen,
    common_indent,
    defined_names,
    has_russian_names,
    is_no_worse,
    moved_in,
    moved_out,
    without,
)
from lsp_server.connection.workspace import LineDocument
from lsp_server.errors import KodopisError
from lsp_server.features.arguments import Argument
from lsp_server.features.edits import add_to_file, edit_document, readable_document, require_same
from lsp_server.server import KodopisServer
from lsp_server.source.definitions import Definition, definition_at, top_level_names
from lsp_server.source.document import Place
from lsp_server.source.syntax import indent_of, indent_unit, module_of, parses
from models.questions import FIX, PROBLEMS

Raw = Mapping[str, Any]
Token = types.ProgressToken | None


async def fix(ls: KodopisServer, raw: Raw, token: Token) -> dict[str, Any]:
    """Rewrite the selected lines so that what the diagnostics say is mended; nothing that breaks the file's syntax."""
    argument = Argument("kodopis.fix", raw)
    document = ls.python_document(argument.uri)
    first, last = _lines_of(document, argument.range)
    if argument.range.start == argument.range.end:
        around = definition_at(document.snapshot(), first)
        first, last = (around.first_line, around.last_line) if around else (first, last)
    first, last = _without_blanks(document, first, last)
    code = _text_of(document, first, last)
    if not code.strip():
        raise KodopisError("nothing_selected", messages.NOTHING_SELECTED)
    indent = common_indent(code)
    plain = moved_out(code, indent)
    listed = "\n".join(f"- {problem}" for problem in argument.diagnostics(first, last))
    question = FIX.format(problems=PROBLEMS.format(listed=listed) if listed else "", code=plain)
    answer = await _answer(ls, document, question, code, token, is_rewrite=True)
    blocks = blocks_in(answer.text, is_cut=answer.is_cut, names_are_russian=has_russian_names(code))
    above, below = document.lines[:first], document.lines[last + 1 :]
    made = _required(answer, asked_for(chosen(blocks, plain), plain, "".join([*above, *below])))
    fixed = moved_in(made, code, indent, indent_unit(document.snapshot(), first))
    if fixed == code:
        raise KodopisError("nothing_to_fix", messages.NOTHING_TO_FIX)
    after = "".join([*above, fixed + "\n", *below])
    if not is_no_worse(document.source, after, plain, made):
        raise KodopisError("empty_answer", messages.EMPTY_ANSWER)
    return await _replace(ls, document, (first, last), fixed, messages.ACTION_FIX())


async def docstring(ls: KodopisServer, raw: Raw, token: Token) -> dict[str, Any]:
    """Write the docstring of the function or class at a place, or write it anew."""
    argument = Argument("kodopis.docstring", raw)
    document = ls.python_document(argument.uri)
    found = definition_at(document.snapshot(), document.place(argument.position).line)
    if found is None:
        raise KodopisError("no_function_here", messages.NO_FUNCTION_HERE)
    code = textwrap.dedent(_text_of(document, found.first_line, found.last_line))
    answer = await _answer(ls, document, DOCSTRING.format(code=code), code, token)
    text = _required(answer, docstring_in(answer.text, is_cut=answer.is_cut))
    return await _put_docstring(ls, document, found, text)


async def tests(ls: KodopisServer, raw: Raw, token: Token) -> dict[str, Any]:
    """Write tests for the selected functions into `test_<module>.py` beside the file."""
    argument = Argument("kodopis.tests", raw)
    document = ls.python_document(argument.uri)
    path = _module_path(document)
    tests_path = path.with_name(f"test_{path.stem}.py")
    await readable_document(ls, tests_path)  # before the model works for nothing
    first, last = _lines_of(document, argument.range)
    source = document.snapshot()
    names = top_level_names(source, first, last)
    if not names:
        around = definition_at(source, first)
        while around is not None and indent_of(source.line(around.first_line)):
            around = definition_at(source, around.first_line - 1)
        if around is None:
            raise KodopisError("no_function_here", messages.NO_FUNCTION_HERE)
        names, first, last = [around.name], around.first_line, around.last_line
    code = _text_of(document, first, last)
    question = TESTS.format(module=path.stem, names=", ".join(names), code=code)
    answer = await _answer(ls, document, question, code, token)
    blocks = blocks_in(answer.text, names_are_russian=has_russian_names(code))
    block = next((block for block in blocks if "def test_" in block), "")
    existing = await readable_document(ls, tests_path)
    taken = defined_names(existing.source) if existing is not None else []
    made = _required(answer, _renamed(_valid_tests(block, path.stem, names), taken))
    applied = await add_to_file(ls, tests_path, made, messages.ACTION_TESTS())
    return {"applied": applied, "code": made}


async def _answer(
    ls: KodopisServer, document: LineDocument, question: str, code: str, token: Token, *, is_rewrite: bool = False
) -> Said:
    """Ask, and wait for the end. The document must not change meanwhile: the edit is made for its lines.

    `is_rewrite`: the answer is the code itself, changed, so it is as long.

    Raises:
        KodopisError: `too_long` where the code does not fit, `superseded`, `document_changed`.
    """
    revision = document.revision  # the model may take minutes to come
    served = await ls.engines.served(may_ask=True)
    max_tokens = await tokens_to_rewrite(served, code) if is_rewrite else ANSWER_TOKENS
    _, n_seen, n_lines = await first_lines(served, code, max_tokens)
    if n_seen < n_lines:
        raise KodopisError("too_long", messages.SELECTION_TOO_LONG, read=n_seen)
    this = asyncio.current_task()
    assert this is not None
    said = Said("")
    key = f"{ls.session}:rewrite:{document.uri}"
    async with ls.editor.progress(messages.THINKING_TITLE(), token, cancel=this.cancel):
        with ls.engines.thinking(served):
            async with aclosing(converse(served, question, max_tokens=max_tokens, document=key)) as answer:
                async for latest in answer:
                    said = latest
    require_same(ls, document, revision)
    return said


def _required(answer: Said, made: str) -> str:
    """What was made of an answer; an error that says why where that is nothing."""
    if made.strip():
        return made
    if answer.is_cut:
        raise KodopisError("answer_cut", messages.ANSWER_CUT)
    raise KodopisError("empty_answer", messages.EMPTY_ANSWER)


async def _replace(
    ls: KodopisServer,
    document: LineDocument,
    lines: tuple[int, int],
    text: str,
    label: str,
) -> dict[str, Any]:
    """Put text in the place of whole lines."""
    first, last = lines
    text = text.replace("\n", document.snapshot().newline)
    end = Place(last, len(document.lines[last].rstrip("\r\n")))
    edit = types.TextEdit(document.span(Place(first, 0), end), text)
    return {"applied": await edit_document(ls, document, [edit], label), "code": text}


async def _put_docstring(ls: KodopisServer, document: LineDocument, found: Definition, text: str) -> dict[str, Any]:
    quoted = f'"""{text}"""' if "\n" not in text else f'"""{text}\n"""'
    if text.endswith(('"', "\\")) and "\n" not in text:
        quoted = f'"""{text} """'
    code = textwrap.indent(quoted, found.body_indent, lambda line: bool(line.strip()))
    newline = document.snapshot().newline
    span, around = _place_of_docstring(document, found)
    edit = types.TextEdit(span, around.format(code).replace("\n", newline))
    applied = await edit_document(ls, document, [edit], messages.ACTION_DOCSTRING())
    return {"applied": applied, "code": code.replace("\n", newline)}


def _place_of_docstring(document: LineDocument, found: Definition) -> tuple[types.Range, str]:
    """What a docstring replaces, and a format of what stands there then: a body beside its header gets its own line."""
    at_body = Place(found.body_line, 0)
    if not found.is_one_liner:
        if found.docstring is None:
            return document.span(at_body, at_body), "{}\n"
        return document.span(Place(found.docstring[0], 0), Place(found.docstring[1], found.docstring_end)), "{}"
    start = Place(found.body_line, found.header_end)
    if found.docstring is None:
        return document.span(start, Place(found.body_line, found.body_start)), f"\n{{}}\n{found.body_indent}"
    end = found.docstring[1]
    rest = document.lines[end][found.docstring_end :].rstrip("\r\n")
    behind = rest.lstrip(" \t;") if rest.lstrip().startswith(";") else ""
    column = found.docstring_end + len(rest) - len(behind) if behind else found.docstring_end
    return document.span(start, Place(end, column)), f"\n{{}}\n{found.body_indent}" if behind else "\n{}"


def has_module(document: LineDocument) -> bool:
    """Whether another file could import this code: not from an unsaved file or a notebook's cell."""
    try:
        _module_path(document)
    except KodopisError:
        return False
    return True


def _module_path(document: LineDocument) -> Path:
    """The file of a document that tests can import.

    Raises:
        KodopisError: `not_a_file`, `not_a_module`.
    """
    path = to_fs_path(document.uri)
    if not path:
        raise KodopisError("not_a_file", messages.NOT_A_FILE)
    name = Path(path).stem
    if not name.isidentifier() or keyword.iskeyword(name):
        raise KodopisError("not_a_module", messages.NOT_A_MODULE_NAME, name=Path(path).name)
    return Path(path)


def _valid_tests(code: str, module: str, names: list[str]) -> str:
    """Whole tests only: what the token limit cut off is dropped, and the tested code where the model repeats it.

    The import stands where the model left it out, or guessed another module.
    """
    lines = code.splitlines()
    while lines and not parses("\n".join(lines)):
        lines.pop()
    text = "\n".join(lines)
    tree = module_of(text)
    if tree is None or "def test_" not in text:
        return ""
    repeated = [node for node in tree.body if getattr(node, "name", None) in names]
    guessed = [node for node in tree.body if isinstance(node, ast.ImportFrom) and _names_in(node) <= set(names)]
    guessed = [node for node in guessed if node.level or node.module != module]
    text = without(text, [*repeated, *guessed])
    known = (_names_in(node) for node in tree.body if isinstance(node, ast.ImportFrom) and node not in guessed)
    imported = set(chain.from_iterable(known))
    missing = [] if "*" in imported else [name for name in names if name not in imported]
    made = f"from {module} import {', '.join(missing)}\n\n\n{text}\n" if missing else text + "\n"
    return made if parses(made) and "def test_" in text else ""


def _names_in(node: ast.ImportFrom) -> set[str]:
    return {alias.asname or alias.name for alias in node.names}


def _renamed(code: str, taken: list[str]) -> str:
    """Tests under names of their own: one of the same name would take the place of one that is in the file."""
    names = set(defined_names(code))
    for name in sorted(names & set(taken)):
        number = next(number for number in count(2) if f"{name}_{number}" not in {*names, *taken})
        code = re.sub(rf"\b{name}\b", f"{name}_{number}", code)
    return code


def _without_blanks(document: LineDocument, first: int, last: int) -> tuple[int, int]:
    """Lines without the blank ones at their ends, which an answer does not have."""
    filled = [number for number in range(first, last + 1) if document.lines[number].strip()]
    return (filled[0], filled[-1]) if filled else (first, last)


def _lines_of(document: LineDocument, span: types.Range) -> tuple[int, int]:
    """The whole lines of a range; a range that ends at a line's begin does not hold that line."""
    start, end = document.place(span.start), document.place(span.end)
    last = end.line - 1 if end.column == 0 and end.line > start.line else end.line
    return start.line, last


def _text_of(document: LineDocument, first: int, last: int) -> str:
    """Whole lines, with \\n between them and none at the end."""
    return "\n".join(line.rstrip("\r\n") for line in document.lines[first : last + 1])
