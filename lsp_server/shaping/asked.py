"""What an instruction allows its answer to hold beyond one piece of code."""

from __future__ import annotations

import re
from functools import cached_property

from lsp_server.instruction import Instruction

_SEVERAL = re.compile(
    r"\b(?:две|два|двумя|три|четыре|пять|несколько|обе|оба|two|three|several)\s+(?:\w+\s+)?"
    r"(?:функци|метод|класс|тест|декоратор|генератор|function|method|class|test)|"
    r"^\W*(?:\w+\s+)?(?:функции|методы|классы|тесты|геттеры|сеттеры|операторы|functions|methods|classes|tests)\b|"
    r"(?:функция|метод|класс)\b.*\bи (?:ещё |еще )?(?:функция|метод|класс)\b|геттер и сеттер",
    re.IGNORECASE,
)
_OUTPUT = re.compile(
    r"\b(?:вывед|вывести|вывод\b|вывода\b|(?:на|рас|от)?печат|покаж|показать|отобраз|принт|поздоров|приветств|скажи)|"
    r"на экран|в консоль|"
    r"\b(?:print|show|display|output|hello)\b",
    re.IGNORECASE,
)
_CALL = re.compile(
    r"\b(?:вызов|вызови|вызвать|запусти|запустить|примени|применить|протестируй)\b|пример\w* (?:вызов|использов|работ)|"
    r"с примером|и проверь|\b(?:call|run) it\b|example of|with (?:an )?example",
    re.IGNORECASE,
)
_MAIN = re.compile(r"main|мейн|точк\w+ входа|скрипт|программ|script|cli\b|командн\w+ строк", re.IGNORECASE)
_STEPS = re.compile(r"\n|[.;]\s|\b(?:потом|затем|после этого|сначала|далее|then|after that|first)\b", re.IGNORECASE)
_NAME = re.compile(r"(?<![.\w])(?:[a-z]+_\w+|`\w+`|\w+(?=\())|(?:функци\w+|метод\w*|класс\w*|def|class) ([A-Za-z_]\w+)")


class Asked:
    """Reads an instruction's words once. Without an instruction (completion of code) nothing further is asked."""

    def __init__(self, instruction: Instruction | None) -> None:
        self._instruction = instruction
        self.text = instruction.text if instruction else ""

    @cached_property
    def several(self) -> bool:
        """More than one definition."""
        return _SEVERAL.search(self.text) is not None

    @cached_property
    def output(self) -> bool:
        """Something to be printed."""
        return _OUTPUT.search(self.text) is not None

    @cached_property
    def calls(self) -> bool:
        """The code to be called, or an example of it."""
        return _CALL.search(self.text) is not None

    @cached_property
    def main(self) -> bool:
        """A program of its own."""
        return _MAIN.search(self.text) is not None

    @cached_property
    def one_step(self) -> bool:
        """A comment that asks for one thing, in one sentence."""
        is_comment = self._instruction is not None and self._instruction.kind != "docstring"
        return is_comment and self.statements and _STEPS.search(self.text.strip()) is None

    @cached_property
    def statements(self) -> bool:
        """Statements, for which a definition would be a means only."""
        return self._instruction is not None and self._instruction.expects == "statement"

    @cached_property
    def names(self) -> frozenset[str]:
        """Names that may be meant for a definition: `load_users`, `parse(text)`, «класс Point»."""
        return frozenset(match[1] or match[0].strip("`") for match in _NAME.finditer(self.text))
