"""What an instruction allows its answer to hold beyond one piece of code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from lsp_server.language import morphology, roles, vocabulary
from lsp_server.request.instruction import Instruction

_SEVERAL = re.compile(
    r"\b(?:две|два|двумя|три|четыре|пять|несколько|обе|оба|two|three|several)\s+(?:\w+\s+)?"
    r"(?:функци|метод|класс|тест|декоратор|генератор|наследник|исключени|function|method|class|test)|"
    r"^\W*(?:\w+(?:[ыи]е|[иуй]|ть)\s+)?(?:функции|методы|классы|тесты|геттеры|сеттеры|операторы|декораторы|"
    r"датаклассы|модели|обработчики|эндпоинты|маршруты|команды|functions|methods|classes|tests|endpoints|handlers|models)\b|"
    r"^\W*(?:\w+(?:[ийь]|[иы]е|те)\s+)?исключения\b|\b(?:наследники|подклассы|subclasses)\b|"
    r"(?:функция|метод|класс)\b.*\bи (?:ещё |еще )?(?:функция|метод|класс|тесты?)\b|геттер и сеттер|"
    r"\bконструктор\b.*(?:[,+]|\bи)\s*(?:метод|сво[йи]ств|__\w+__)|\bметоды\b",
    re.IGNORECASE,
)
_OUTPUT = re.compile(
    r"\b(?:вывед|вывести|выводи(?:м|т|ть|те)?\b|вывожу\b|вывода?\b|выда(?:й|ть|ём|ем|ёт|ет|йте)\b|сообщ(?!ени)|"
    r"(?:на|рас|от)?печат|покаж|показать|отобраз|принт|продемонстр|поздоров|(?:по)?приветств|скажи)|"
    r"на экран|(?:в|на) консоль|"
    r"\b(?:print|show|display|output|hello)\b",
    re.IGNORECASE,
)
_CALL = re.compile(
    r"\b(?:вызов|вызови|вызвать|запусти|запустить|примени|применить|протестируй|проверь е[её])\b|"
    r"пример\w* (?:вызов|использов|работ)|с примером|и проверь|\b(?:call|run) it\b|example of|with (?:an )?example|"
    r"(?:функци|класс)\w*\b.*\bи\s+(?:сразу\s+)?(?:выведи|напечатай|распечатай|покажи)|"
    r"^\W*функция\b(?:(?!чтобы|должн|для\b|[:—–]).)*\bи\s+(?:вывести|напечатать|распечатать|показать)\b",
    re.IGNORECASE,
)
_TRY = re.compile(
    r"\b(?:вызови|запусти|протестируй|проверь) (?:е[её]|его|их)\b|пример\w* (?:вызов|использован|работ)|"
    r"с примером|\b(?:call|run|test|try) it\b|with (?:an )?example",
    re.IGNORECASE,
)
_MAIN = re.compile(r"main|мейн|точк\w+ входа|скрипт|программ|script|cli\b|командн\w+ строк", re.IGNORECASE)
# «настроить сервер», «запустить бота» ask for less than a program.
_PROGRAM = re.compile(
    r"^\W*(?:(?:напи\w+|пиши|сдела\w+|созда\w+|реализ\w+|наброса\w+|мне|нуж\w+|\w+(?:ый|ий|ой|ая|яя|ую|юю|ое|ее)|"
    r"telegram|телеграм\w*|flask|фласк|fastapi|django|tkinter|pygame)[\s-]+){0,4}"
    r"(?:(?:мини|чат|веб|телеграм)-?)?(?:игр[ау]|программ[ау]|скрипт|бота?|калькулятор|сервер|викторин[ау]|"
    r"приложение\b.*\b(?:с|со|для|котор\w+)|game|script|bot|calculator)\b",
    re.IGNORECASE,
)
_STEPS = re.compile(r"\n|[.;]\s|\b(?:потом|затем|после этого|сначала|далее|then|after that|first)\b", re.IGNORECASE)
_CLAUSE = re.compile(r",|\b(?:и|а также|and)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_][\w-]*")
_FIRST = re.compile(r"#+\s*([^\W\d_]+)")
_BEGIN = re.compile(r"#+\s*([^\W\d_]+)[,:]?\s+\S")
_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]+")

STEM = 4


class Asked:
    """Reads an instruction's words once. Without an instruction (completion of code) nothing further is asked.

    `is_whole_class`: the place is a class in which nothing stands yet.
    """

    def __init__(self, instruction: Instruction | None, *, is_whole_class: bool = False) -> None:
        self._instruction = instruction
        self._is_whole_class = is_whole_class and (instruction is None or instruction.kind == "docstring")
        self.text = instruction.text if instruction else ""

    @cached_property
    def several(self) -> bool:
        """More than one definition: said, or all the methods of a class by its docstring."""
        return self._is_whole_class or self.program or _SEVERAL.search(self.text) is not None

    @cached_property
    def program(self) -> bool:
        """A program: as many definitions as it takes, and what runs them."""
        return _PROGRAM.match(self.text) is not None

    @cached_property
    def output(self) -> bool:
        """Something to be printed."""
        return self.program or _OUTPUT.search(self.text) is not None

    @cached_property
    def calls(self) -> bool:
        """The code to be called, or an example of it."""
        return self.program or _CALL.search(self.text) is not None

    @cached_property
    def no_print(self) -> bool:
        """Something in which a `print` is an addition: neither output, nor an example, nor the code to be tried out."""
        return bool(self.text) and not self.output and _TRY.search(self.text) is None

    @cached_property
    def main(self) -> bool:
        """A program of its own."""
        return self.program or _MAIN.search(self.text) is not None

    @cached_property
    def one_sentence(self) -> bool:
        """A comment that asks for statements in one sentence."""
        is_comment = self._instruction is not None and self._instruction.kind != "docstring"
        return is_comment and self.statements and _STEPS.search(self.text.strip()) is None

    @cached_property
    def one_step(self) -> bool:
        """A sentence with one command: «прочитать файл, разобрать json и отсортировать» has three."""
        clauses = (_WORD.findall(clause.lower()) for clause in _CLAUSE.split(self.text))
        n_commands = sum(bool(words) and _commands(words) for words in clauses)
        return self.one_sentence and n_commands < 2

    def is_told_by(self, comment: str) -> bool:
        """Whether a comment of the answer begins as what was asked for: «# Строим график» under «построить график».

        Not another task of the same kind: «# удали файлы .log» under «удали файлы .tmp».
        """
        begin = _FIRST.match(comment)
        word = begin[1].lower() if begin else ""
        if roles.is_command(word) and not roles.is_action(word):
            return False
        stems = {word[start : start + STEM] for start in range(len(word) - STEM + 1)}
        return any(stem in known for stem in stems for known in _WORD.findall(self.text.lower()))

    def is_new_task(self, comment: str) -> bool:
        """Whether a comment of the answer commands something else: «# выведи города» where they were to be sorted."""
        begin = _BEGIN.match(comment)
        word = begin[1].lower() if begin else ""
        is_told = not roles.is_command(word) or roles.is_action(word)  # «считаем слова» tells what the code does
        return bool(word) and not is_told and morphology.lemma(word) not in self._lemmas

    @cached_property
    def _lemmas(self) -> frozenset[str]:
        return frozenset(morphology.lemma(word.lower()) for word in _WORD.findall(self.text))

    @cached_property
    def statements(self) -> bool:
        """Statements, for which a definition would be a means only."""
        return self._instruction is not None and self._instruction.expects == "statement"

    @cached_property
    def names(self) -> frozenset[str]:
        """Words that may be meant for the name of a definition: `load_users`, «класс Point», «encode и decode»."""
        return frozenset(_NAME.findall(self.text))

    @cached_property
    def is_class(self) -> bool:
        """A class."""
        return self._instruction is not None and self._instruction.expects == "class"

    def lacks(self, is_class: bool, are_classes: Sequence[bool]) -> bool:
        """Whether a function was asked for, or a class, and the definitions so far are of the other kind alone."""
        wants_kind = self.is_class if is_class else self._instruction is not None and not self.statements
        return wants_kind and is_class not in are_classes


def _commands(words: list[str]) -> bool:
    """Whether a clause has a command in it: first, or an infinitive behind what it acts on."""
    return words[0] not in vocabulary.SUBORDINATING and (
        roles.is_command(words[0], alone=len(words) == 1)
        or roles.is_action(words[0])
        or any(morphology.is_infinitive(word) for word in words)
    )
