"""The places where people write an instruction, each as a function from a task and a file to an example.

A place returns None where a task does not fit it: a class has no body to be written after a `def`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

from finetune.data.editing import words
from finetune.data.editing.code import UNIT, as_method, indent_of, join_imports, shift
from finetune.data.editing.subject import Around, Edit, Kind, Subject, assemble
from finetune.data.editing.words import Worded

_KEEP_IMPORTS = 0.35
_BLANK_BELOW_COMMENT = 0.04
_CLASS_NAMES = ("Service", "Storage", "Report", "Manager", "Helper", "Processor", "Repository", "Handler", "Session")
_FUNCTION_NAMES = ("main", "run", "process", "handle", "start", "update", "prepare")
_ATTRIBUTES = ("name", "path", "settings", "items", "title", "data")


def module_comment(subject: Subject, around: Around, rng: Random) -> Edit | None:
    """A comment at module level, the whole code under it."""
    return _at_module(subject, around, rng, "module comment")


def used_below(subject: Subject, around: Around, rng: Random) -> Edit | None:
    """A comment at module level, above lines that use what is asked for already."""
    if not subject.calls or not subject.is_definition:
        return None
    call = rng.choice(subject.calls)
    below = f'if __name__ == "__main__":\n{UNIT}print({call})' if rng.random() < 0.5 else f"print({call})"
    around = Around(around.imports, around.above, (below,), around.unit, around.is_loose)
    return _at_module(subject, around, rng, "used below")


def module_docstring(subject: Subject, around: Around, rng: Random) -> Edit | None:
    """A docstring that opens a file."""
    worded = words.docstring(subject.phrasing, rng)
    if worded is None or subject.context.imports or subject.context.body:
        return None
    above = "\n".join(worded.lines) + "\n" + ("\n" if rng.random() < 0.5 else "")
    return _put("module docstring", worded, above, subject.code, Around(unit=around.unit))


def function_docstring(subject: Subject, around: Around, rng: Random) -> Edit | None:
    """A docstring under a `def`."""
    return _in_body(subject, around, rng, "function docstring", words.docstring(subject.phrasing, rng))


def function_comment(subject: Subject, around: Around, rng: Random) -> Edit | None:
    """A comment under a `def`."""
    return _in_body(subject, around, rng, "function comment", words.comment(subject.phrasing, rng))


def before_return(subject: Subject, around: Around, rng: Random) -> Edit | None:
    """A comment in a function whose last line, the `return`, is there already."""
    if subject.function is None or subject.function.returned is None:
        return None
    worded = words.comment(subject.phrasing, rng)
    return _in_body(subject, around, rng, "before return", worded, returned=subject.function.returned)


def method_docstring(subject: Subject, around: Around, rng: Random) -> Edit | None:
    """A docstring under the `def` of a method."""
    worded = words.docstring(subject.phrasing, rng)
    function = subject.function
    if worded is None or function is None or not function.is_plain:
        return None
    above = _file_above(subject, around, rng) + _class_head(rng)
    above += shift(as_method(function.header, function.name), UNIT) + "\n"
    above += shift("\n".join(worded.lines), UNIT * 2) + "\n"
    return _put("method docstring", worded, above, shift(function.body, UNIT), around)


def method_comment(subject: Subject, around: Around, rng: Random) -> Edit | None:
    """A comment among the methods of a class; the code is a method."""
    function = subject.function
    if function is None or not function.is_plain:
        return None
    worded = words.comment(subject.phrasing, rng)
    above = _file_above(subject, around, rng) + _class_head(rng) + _lines(worded, UNIT, rng)
    code = shift(as_method(function.header, function.name) + "\n" + function.body, UNIT)
    return _put("method comment", worded, above, code, around)


def class_docstring(subject: Subject, around: Around, rng: Random) -> Edit | None:
    """A docstring under the line of a class."""
    worded = words.docstring(subject.phrasing, rng)
    if worded is None or subject.kind != "class":
        return None
    node = ast.parse(subject.parts.body).body[0]
    assert isinstance(node, ast.ClassDef)
    lines = subject.parts.body.splitlines()
    first = node.body[0].lineno - 1
    decorators: Sequence[ast.expr] = getattr(node.body[0], "decorator_list", [])
    first = min([first, *(one.lineno - 1 for one in decorators)])
    header = "\n".join(lines[: node.lineno])
    if ast.get_docstring(node) is not None or not header.endswith(":") or first < node.lineno:
        return None
    above = _file_above(subject, around, rng) + header + "\n" + shift("\n".join(worded.lines), UNIT) + "\n"
    above += "\n" if rng.random() < 0.4 else ""
    code = "\n".join(lines[first:])
    return _put("class docstring", worded, above, code, around)


def in_function(subject: Subject, around: Around, rng: Random) -> Edit | None:
    """Statements inside a function, what they work on above them; sometimes their result is used below."""
    return _in_block(subject, around, rng, "in a function", f"def {rng.choice(_FUNCTION_NAMES)}():")


def in_main(subject: Subject, around: Around, rng: Random) -> Edit | None:
    """Statements inside `if __name__ == "__main__":`."""
    return _in_block(subject, around, rng, "in the main block", 'if __name__ == "__main__":')


def in_method(subject: Subject, around: Around, rng: Random) -> Edit | None:
    """Statements inside a method."""
    return _in_block(subject, around, rng, "in a method", f"def {rng.choice(_FUNCTION_NAMES)}(self):", is_method=True)


def in_try(subject: Subject, around: Around, rng: Random) -> Edit | None:
    """Statements inside a `try`, whose `except` is there already."""
    if subject.kind != "statements":
        return None
    error = rng.choice(("ValueError", "OSError", "KeyError", "Exception"))
    after = f"except {error} as error:\n{UNIT}print(error)"
    return _in_block(subject, around, rng, "in a try", "try:", after=after)


def as_written(subject: Subject, around: Around, rng: Random) -> Edit | None:
    """In the middle of a function or a class, where the task's author put it."""
    indent = indent_of(subject.code)
    worded = words.comment(subject.phrasing, rng)
    blocks = [*around.above, subject.context.body] if subject.context.body else around.above
    above = _top((*around.imports, *subject.context.imports), blocks, around, is_definition=True).rstrip("\n") + "\n"
    above = above.lstrip("\n") + _lines(worded, indent, rng)
    return _put("as written", worded, above, subject.code, around, next_lines=subject.suffix.rstrip("\n") + "\n")


@dataclass(frozen=True)
class Place:
    """A way to ask. `weight` says how often it is taken; `needs_suffix`: the answer depends on the text below.

    `is_docstring`: the instruction is a docstring, not a comment.
    """

    make: Callable[[Subject, Around, Random], Edit | None]
    weight: float
    needs_suffix: bool = False
    is_docstring: bool = False


PLACES: Mapping[Kind, tuple[Place, ...]] = MappingProxyType(
    {
        "function": (
            Place(module_comment, 4),
            Place(used_below, 1),
            Place(module_docstring, 0.2, is_docstring=True),
            Place(function_docstring, 3, is_docstring=True),
            Place(function_comment, 1.5),
            Place(before_return, 4, needs_suffix=True),
            Place(method_docstring, 1.2, is_docstring=True),
            Place(method_comment, 1.2),
        ),
        "class": (
            Place(module_comment, 5),
            Place(used_below, 1),
            Place(module_docstring, 0.3, is_docstring=True),
            Place(class_docstring, 1.5, is_docstring=True),
        ),
        "definitions": (
            Place(module_comment, 5),
            Place(used_below, 1),
            Place(module_docstring, 0.5, is_docstring=True),
        ),
        "statements": (
            Place(module_comment, 3),
            Place(in_function, 3),
            Place(in_main, 1.5),
            Place(in_method, 1.5),
            Place(in_try, 1),
        ),
        "fixed": (Place(as_written, 1),),
    }
)


def _at_module(subject: Subject, around: Around, rng: Random, place: str) -> Edit | None:
    is_alone = not (around.above or subject.context.body or subject.context.imports)
    keeps = is_alone or rng.random() < _KEEP_IMPORTS
    above = _file_above(subject, around, rng, own_imports=() if keeps else subject.parts.imports)
    worded = words.comment(subject.phrasing, rng)
    code = subject.code if keeps else subject.parts.body
    return _put(place, worded, above + _lines(worded, "", rng), code, around)


def _in_body(
    subject: Subject, around: Around, rng: Random, place: str, worded: Worded | None, *, returned: str | None = None
) -> Edit | None:
    function = subject.function
    if function is None or worded is None:
        return None
    above = _file_above(subject, around, rng) + function.header + "\n" + shift("\n".join(worded.lines), UNIT) + "\n"
    body = function.body if returned is None else function.body.removesuffix(returned)
    return _put(place, worded, above, body, around, next_lines=f"{returned}\n" if returned else "")


def _in_block(
    subject: Subject, around: Around, rng: Random, place: str, header: str, *, is_method: bool = False, after: str = ""
) -> Edit | None:
    if subject.kind != "statements":
        return None
    depth = UNIT * 2 if is_method else UNIT
    outside, inside = _split_context(subject.context.body)
    worded = words.comment(subject.phrasing, rng)
    blocks = [*around.above, *outside]
    imports = (*around.imports, *subject.context.imports, *subject.parts.imports)
    above = _top(imports, blocks, around, is_definition=True)
    above += _class_head(rng) + shift(header, UNIT) + "\n" if is_method else header + "\n"
    if inside:
        above += shift(inside, depth) + "\n" + ("\n" if rng.random() < 0.3 else "")
    above += _lines(worded, depth, rng)
    below = after or shift(_continuation(subject, header, rng), depth)
    return _put(
        place, worded, above, shift(subject.parts.body, depth), around, next_lines=f"{below}\n" if below else ""
    )


def _continuation(subject: Subject, header: str, rng: Random) -> str:
    """A line that uses the last name bound, now and then."""
    last = ast.parse(subject.parts.body).body[-1]
    target = last.targets[0] if isinstance(last, ast.Assign) else getattr(last, "target", None)
    if not isinstance(target, ast.Name) or rng.random() < 0.15:
        return ""
    return f"return {target.id}" if header.startswith("def") and rng.random() < 0.6 else f"print({target.id})"


def _split_context(context: str) -> tuple[list[str], str]:
    """Definitions, which stay at module level, and the statements after the last of them."""
    statements = ast.parse(context).body
    lines = context.splitlines()
    end = 0
    for node in statements:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            end = node.end_lineno or node.lineno
    outside = "\n".join(lines[:end]).strip("\n")
    return [outside] if outside else [], "\n".join(lines[end:]).strip("\n")


def _file_above(subject: Subject, around: Around, rng: Random, own_imports: Sequence[str] | None = None) -> str:
    """The file down to where the instruction, or the `def` above it, comes."""
    own = subject.parts.imports if own_imports is None else own_imports
    blocks = [*around.above, *([subject.context.body] if subject.context.body else [])]
    imports = (*around.imports, *subject.context.imports, *own)
    near = subject.kind == "statements" and bool(subject.context.body)
    text = _top(imports, blocks, around, is_definition=subject.is_definition)
    return text.rstrip("\n") + "\n" + ("\n" if rng.random() < 0.6 else "") if near else text


def _top(imports: Sequence[str], blocks: Sequence[str], around: Around, *, is_definition: bool) -> str:
    """Imports and blocks, and the blank lines before what comes next."""
    wide = "\n\n\n" if around.is_loose else "\n\n"
    text = ""
    joined = join_imports(dict.fromkeys(imports))
    if joined:
        text = joined + (wide if is_definition or blocks else "\n\n")
    for block in blocks:
        text += block + wide
    return text


def _put(place: str, worded: Worded, above: str, code: str, around: Around, *, next_lines: str = "") -> Edit | None:
    """Put code into its file; `next_lines` stand right below it."""
    below = next_lines + _file_below(around)
    return assemble(place, worded.instruction, above=above, code=code, below=below, unit=around.unit)


def _file_below(around: Around) -> str:
    wide = "\n\n" if around.is_loose else "\n"
    return "".join(f"{wide}{block}\n" for block in around.below)


def _lines(worded: Worded, indent: str, rng: Random) -> str:
    blank = "\n" if rng.random() < _BLANK_BELOW_COMMENT else ""
    return shift("\n".join(worded.lines), indent) + "\n" + blank


def _class_head(rng: Random) -> str:
    """The top of a class: its line, and what it keeps."""
    name, attribute = rng.choice(_CLASS_NAMES), rng.choice(_ATTRIBUTES)
    chance = rng.random()
    if chance < 0.15:
        return f"class {name}:\n"
    if chance < 0.3:
        return f"class {name}:\n{UNIT}{attribute} = None\n\n"
    head = f"class {name}:\n{UNIT}def __init__(self, {attribute}):\n{UNIT * 2}self.{attribute} = {attribute}\n\n"
    if chance > 0.8:
        head += f'{UNIT}def __repr__(self):\n{UNIT * 2}return f"{name}({{self.{attribute}!r}})"\n\n'
    return head
