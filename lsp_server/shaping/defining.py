"""Which definitions may follow the first one: those that were asked for, and what the first one turns out to help."""

from __future__ import annotations

import builtins
import re
from collections.abc import Set as AbstractSet
from enum import Enum

from lsp_server.shaping.asked import Asked
from lsp_server.shaping.indenting import Line

_DEFINITION = re.compile(r"(?:async\s+)?(def|class)\s+(\w+)")
_DECORATOR = re.compile(r"@\s*([\w.]+)")
_CALLED = re.compile(r"(?<![.\w])(?:self\.|cls\.)?(\w+)\s*\(")
_NAME = re.compile(r"[^\W\d]\w*")
_TRIES_OUT = re.compile(r"main$|test|example|demo|run_|.*_(?:test|example|demo)$", re.IGNORECASE)
_OPENINGS = ("@", "#", "def ", "class ", "async ")
_BUILTINS = frozenset(dir(builtins))


class Verdict(Enum):
    """Of a definition or its decorator. HELD: its own lines will tell."""

    ASKED = "asked"
    HELD = "held"
    UNASKED = "unasked"


def begins_definition(text: str) -> bool:
    """Whether a statement is a definition or its decorator."""
    return text.startswith("@") or _DEFINITION.match(text) is not None


def name_of(text: str) -> str:
    """What a statement defines, '' where it is no definition."""
    match = _DEFINITION.match(text)
    return match[2] if match else ""


class Definitions:
    """The definitions kept so far, in the order they came, and what is asked beyond them."""

    def __init__(self, asked: Asked, known: AbstractSet[str], *, is_module: bool) -> None:
        self._asked = asked
        self._known = known
        self._is_module = is_module
        self._are_classes: list[bool] = []
        self._called: set[str] = set()
        self._decorators: list[str] = []
        self._is_overloaded = False
        self._has_helped = False
        self.names: list[str] = []

    @property
    def is_decorated(self) -> bool:
        """Whether the last statement kept is a decorator: its definition is still to come."""
        return bool(self._decorators)

    def keep(self, line: Line) -> None:
        """A line has been kept."""
        self._called.update(_CALLED.findall(line.stripped))
        if not line.is_free or line.depth != 0:
            return
        decorator, definition = _DECORATOR.match(line.stripped), _DEFINITION.match(line.stripped)
        if decorator:
            self._decorators.append(decorator[1])
            return
        if definition:
            self.names.append(definition[2])
            self._are_classes.append(definition[1] == "class")
            self._is_overloaded = any(name.rpartition(".")[2] == "overload" for name in self._decorators)
        self._decorators = []

    def judge(self, text: str) -> Verdict:
        """Of a line that begins another definition."""
        if self.is_decorated or self._asked.several:
            return Verdict.ASKED
        decorator, definition = _DECORATOR.match(text), _DEFINITION.match(text)
        if definition is None:
            return self._judge_decorator(decorator[1] if decorator else "")
        kind, name = definition.groups()
        if self._allows(name) or self._asked.lacks(kind == "class", self._are_classes):
            return Verdict.ASKED
        is_helped = self._may_help(kind == "class") and name not in self.names and not _TRIES_OUT.match(name)
        return Verdict.HELD if is_helped else Verdict.UNASKED

    def helps(self, line: Line) -> bool:
        """Whether a line of a held definition uses an earlier one, which then was its helper."""
        names = set(_NAME.findall(line.scan.code(line.text)))
        self._has_helped = self._has_helped or not names.isdisjoint(self.names)
        return self._has_helped

    def may_begin(self, beginning: str) -> bool:
        """Whether a line that begins so may be the first of another definition, or of what stands above it."""
        if beginning.startswith("@"):
            return True
        may_follow = self._allows_all() or bool(self._missing()) or self._is_overloaded or self._may_help()
        return may_follow and any(beginning.startswith(opening[: len(beginning)]) for opening in _OPENINGS)

    def _judge_decorator(self, name: str) -> Verdict:
        first, _, attribute = name.partition(".")
        if first in self.names:  # `@x.setter` goes on with a property; `@cached` shows off what was defined
            return Verdict.ASKED if attribute or self._asked.calls else Verdict.UNASKED
        if self._allows_all() or self._is_overloaded:
            return Verdict.ASKED
        return Verdict.HELD if self._missing() or self._may_help() else Verdict.UNASKED

    def _allows(self, name: str) -> bool:
        """Whether a definition by a name may follow: operators come in groups, like `__eq__` and `__hash__`."""
        if name in self._missing() or (self._is_overloaded and name == self.names[-1]):
            return True
        return name.startswith("__") if self.names[-1].startswith("__") else self._allows_all()

    def _allows_all(self) -> bool:
        """Whether any definition may follow: several were asked for, or there are only helpers so far."""
        return self._asked.several or all(name.startswith("_") for name in self.names)

    def _missing(self) -> frozenset[str]:
        """Names that were asked for, or that the code kept so far calls, and that nothing defines."""
        called = self._called - self._known - _BUILTINS
        return (self._asked.names | called).difference(self.names)

    def _may_help(self, is_class: bool | None = None) -> bool:
        """Whether what has come may be a helper only: no name of it was asked for, nor is a class that was there."""
        if not self._is_module or self._has_helped or not self._asked.text:
            return False
        is_there = not self._asked.names.isdisjoint(self.names)
        return not is_there and not (is_class is False and self._asked.is_class and any(self._are_classes))
