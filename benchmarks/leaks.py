"""Planted leaks: tasks of HumanEval-XL as they turn up in Russian sets, translated, renamed and rewritten.

The Russian wording is the benchmark's own; names are replaced, examples written in other ways or left out, the
solution put into other forms that mean the same.
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.data.rows import Row
from models.json_lines import read_json_lines

_NAMES = [
    "chisla",
    "stroka",
    "spisok",
    "rezultat",
    "otvet",
    "znachenie",
    "schet",
    "tekst",
    "slovo",
    "element",
    "nomer",
    "predel",
    "kopiya",
    "ostatok",
    "shag",
    "items",
    "value",
    "total",
    "found",
    "current",
    "left",
    "right",
    "first",
    "second",
    "answer",
    "data",
    "buffer",
    "counter",
    "limit",
    "text",
]
_VERBS = ("poschitat", "naiti", "proverit", "preobrazovat", "vydat", "obrabotat")
_OPENINGS = ("Напишите функцию на Python.", "Реализуй следующее:", "Задача.", "Помогите с заданием:", "")


@dataclass(frozen=True)
class Leak:
    """A row that should be found, and how it was made."""

    row: Row
    kind: str


def planted(folder: Path, count: int = 100, seed: int = 7) -> list[Leak]:
    """As many leaks as asked for, every task in turn, of all kinds."""
    tasks = list(read_json_lines(folder / "humaneval_xl_ru_dev.jsonl"))
    rng = random.Random(seed)
    kinds = (_whole, _without_examples, _rewritten, _as_edit, _examples_only)
    return [
        Leak(kind(tasks[number % len(tasks)], number, rng), kind.__name__.strip("_"))
        for number, kind in zip(range(count), _cycle(kinds, len(tasks)), strict=False)
    ]


def _cycle(kinds: tuple[Any, ...], period: int) -> Iterator[Any]:
    """Every kind in turn, shifted by one on each round over the tasks."""
    number = 0
    while True:
        yield kinds[(number + number // period) % len(kinds)]
        number += 1


def _whole(task: dict[str, str], number: int, rng: random.Random) -> Row:
    code, name = _renamed(task, rng)
    return Row("planted", number, f"{_prose(task, rng)}\n{_examples(task, name, rng)}", f"```python\n{code}\n```")


def _without_examples(task: dict[str, str], number: int, rng: random.Random) -> Row:
    code, _ = _renamed(task, rng)
    return Row("planted", number, _prose(task, rng), code)


def _rewritten(task: dict[str, str], number: int, rng: random.Random) -> Row:
    code, name = _renamed(task, rng)
    tree = ast.fix_missing_locations(_OtherForm().visit(ast.parse(code)))
    answer = f"Вот решение.\n```python\n{ast.unparse(tree)}\n```\nСложность линейная."
    return Row("planted", number, f"{_prose(task, rng)}\n{_examples(task, name, rng)}", answer)


def _as_edit(task: dict[str, str], number: int, rng: random.Random) -> Row:
    code, _ = _renamed(task, rng)
    tree = ast.parse(code).body[-1]
    assert isinstance(tree, ast.FunctionDef)
    header = code[: code.index(":\n", code.index("def ")) + 2]
    body = code[len(header) :]
    prefix = f'{header}    """{_prose(task, rng)}"""\n'
    return Row("planted", number, _prose(task, rng), body, prefix=prefix, indent="    ")


def _examples_only(task: dict[str, str], number: int, rng: random.Random) -> Row:
    _, name = _renamed(task, rng)
    answer = "Разберите вход по шагам и соберите ответ в цикле, не забыв о пустом входе."
    return Row("planted", number, f"{_prose(task, rng)}\n{_examples(task, name, rng, all_tests=True)}", answer)


def _prose(task: dict[str, str], rng: random.Random) -> str:
    """The task in Russian, without its doctests and its name."""
    text = task["description"].split(">>>")[0]
    text = re.sub(rf"\b{re.escape(task['entry_point'])}\b", "функция", text)
    return f"{rng.choice(_OPENINGS)} {' '.join(text.split())}".strip()


def _examples(task: dict[str, str], name: str, rng: random.Random, *, all_tests: bool = False) -> str:
    pairs = list(_pairs(task))
    chosen = pairs if all_tests else rng.sample(pairs, min(len(pairs), 4))
    forms = ("{name}({given}) → {answer}", "вход: {given}; выход: {answer}", ">>> {name}({given})\n{answer}",
             "assert {name}({given}) == {answer}")  # fmt: skip
    form = rng.choice(forms)
    return "\n".join(form.format(name=name, given=_reformatted(a, rng), answer=_reformatted(b, rng)) for a, b in chosen)


def _pairs(task: dict[str, str]) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(task["test"])):
        if not isinstance(node, ast.Assert):
            continue
        test: ast.expr = node.test
        answer = "True"
        if isinstance(test, ast.UnaryOp):
            test, answer = test.operand, "False"
        if isinstance(test, ast.Compare):
            answer, test = ast.unparse(test.comparators[0]), test.left
        if isinstance(test, ast.Call):
            yield ", ".join(ast.unparse(one) for one in test.args), answer


def _reformatted(text: str, rng: random.Random) -> str:
    style = rng.randrange(4)
    if style == 0:
        return text.replace(", ", ",")
    if style == 1:
        return text.replace("'", '"')
    if style == 2:
        return re.sub(r"\[([^\[\]]*,[^\[\]]*)\]", r"(\1)", text)
    return re.sub(r"(?<![\w.'\"])(\d+)(?![\w.'\"])", r"\1.0", text) if "'" not in text else text


def _renamed(task: dict[str, str], rng: random.Random) -> tuple[str, str]:
    """The solution under other names, without docstrings and annotations; and its function's new name."""
    tree = ast.parse(task["prompt"] + task["canonical_solution"])
    function = next(one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == task["entry_point"])
    if ast.get_docstring(function) is not None:
        function.body = function.body[1:]
    own = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    own |= {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
    pool = rng.sample(_NAMES, len(_NAMES))
    names = {old: pool[i % len(pool)] + (str(i) if i >= len(pool) else "") for i, old in enumerate(sorted(own))}
    names[function.name] = f"{rng.choice(_VERBS)}_{rng.choice(_NAMES)}"
    renamed = ast.fix_missing_locations(_Renamer(names).visit(function))
    return ast.unparse(renamed), names[task["entry_point"]]


class _Renamer(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(self.names.get(node.arg, node.arg))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.name = self.names.get(node.name, node.name)
        node.returns = None
        return node


class _OtherForm(ast.NodeTransformer):
    """The same in other words: x = x + 1 for x += 1, 2 > a for a < 2, a final name for a returned expression."""

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        target = ast.parse(ast.unparse(node.target), mode="eval").body
        return ast.Assign([node.target], ast.BinOp(target, node.op, node.value))

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        turned = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE}.get(type(node.ops[0]))
        if turned is None or len(node.ops) > 1:
            return node
        return ast.Compare(node.comparators[0], [turned()], [node.left])

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        last = node.body[-1]
        if isinstance(last, ast.Return) and isinstance(last.value, (ast.BinOp, ast.Call)):
            node.body[-1:] = [ast.Assign([ast.Name("itog", ast.Store())], last.value), ast.Return(ast.Name("itog"))]
        return node
