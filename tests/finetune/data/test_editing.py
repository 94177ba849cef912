"""Editing examples against the server itself: it must read the same instruction and show the same text around it."""

from __future__ import annotations

import ast
import re
from collections import Counter

import pytest

from finetune.corpus import task_files
from finetune.corpus.schema import load_all
from finetune.data.editing.expand import expand, shows_suffix
from finetune.data.render import render
from finetune.data.rows import Dropped, Row
from finetune.data.sources import read_rows
from finetune.evaluate import sandbox
from finetune.recipe import Source as DataSource
from lsp_server.request import context, instruction
from lsp_server.source.document import Place, Source
from models.prompt import CodeRequest, render_code

SEED = 17
FORMAT = "qwen-fim"


@pytest.fixture(scope="module")
def tasks() -> list[Row]:
    return [row for row in read_rows(DataSource("corpus")) if isinstance(row, Row) and row.is_task]


@pytest.fixture(scope="module")
def edits(tasks: list[Row]) -> list[Row]:
    return [row for row in expand(tasks, FORMAT, SEED) if isinstance(row, Row)]


def opened(row: Row) -> tuple[Source, Place]:
    """The file as the editor holds it: the cursor on a line with the indentation alone."""
    text = f"{row.prefix}{row.indent}\n{row.suffix}"
    source = Source("file:///a.py", text.splitlines(keepends=True))
    assert row.prefix is not None
    return source, Place(row.prefix.count("\n"), len(row.indent))


def test_every_phrasing_finds_a_place(tasks: list[Row], edits: list[Row]) -> None:
    assert len(edits) == len(tasks)


def test_all_places_and_indentations_occur(edits: list[Row]) -> None:
    places = Counter(row.place for row in edits)
    assert set(places) - {"as written"} == {
        "module comment",
        "module docstring",
        "used below",
        "function comment",
        "function docstring",
        "before return",
        "method comment",
        "method docstring",
        "class docstring",
        "in a function",
        "in a method",
        "in the main block",
        "in a try",
    }
    assert min(places.values()) >= 10
    texts = [f"{row.prefix}{row.answer}" for row in edits]
    assert 0.05 < sum("\n\t" in text for text in texts) / len(texts) < 0.15
    assert any("\n  def" in text for text in texts)
    assert 0.25 < sum(bool(row.suffix) for row in edits) / len(edits) < 0.9


def test_tabs_are_answered_only_where_the_file_has_some(edits: list[Row]) -> None:
    """Nobody asks for them otherwise; an adapter that learned to draw them spoils files of four spaces."""
    tabbed = [row for row in edits if re.search(r"^\t", row.answer, re.MULTILINE)]
    assert len(tabbed) > 100
    for row in tabbed:
        assert re.search(r"^\t", f"{row.prefix}{row.suffix}", re.MULTILINE), row


def test_the_whole_file_is_python(edits: list[Row]) -> None:
    for row in edits:
        ast.parse(f"{row.prefix}{row.answer}{row.suffix}")


async def test_the_server_shows_the_same_text(edits: list[Row]) -> None:
    for row in edits[::4]:
        source, cursor = opened(row)
        found = instruction.find(source, cursor, automatic=False)
        if found is None:  # counted in the next test
            continue
        assert found.place.indent == row.indent, row
        seen = await context.build(source, found.place, None, context.Budget(), instruction=found)
        assert (seen.prefix, seen.suffix) == (row.prefix, row.suffix), row


def test_the_server_reads_the_same_instruction(edits: list[Row]) -> None:
    differing = []
    some = edits[::4]
    for row in some:
        found = instruction.find(*opened(row), automatic=False)
        if found is None or found.text != row.instruction:
            differing.append((row.group, row.instruction, found and found.text))
    # A line of a comment that is Python by itself is old code to the server, one that ends in *** a heading.
    assert len(differing) <= 0.01 * len(some), differing


@pytest.mark.parametrize("prompt_format", ["qwen-fim", "prefix", "chatml", "chatml-prefill", "zephyr"])
def test_prompt_and_completion_are_the_servers(edits: list[Row], prompt_format: str) -> None:
    for row in edits[:200]:
        assert row.prefix is not None
        request = CodeRequest(row.instruction, row.prefix, row.suffix, row.indent)
        example = render(row, prompt_format, "chatml")
        assert example.prompt == render_code(prompt_format, request)
        if not example.prompt.answer_head.startswith("```"):
            whole = example.prompt.answer_head + example.completion.removesuffix("\n```")
            assert whole == row.answer.rstrip("\n")


def test_one_seed_gives_one_set(tasks: list[Row], edits: list[Row]) -> None:
    again = list(expand(tasks, FORMAT, SEED))
    assert again == edits
    assert list(expand(tasks, FORMAT, SEED + 1)) != edits


def test_formats_without_suffix_get_no_answers_that_need_it(tasks: list[Row]) -> None:
    assert shows_suffix("qwen-fim")
    assert not shows_suffix("prefix")
    places = {row.place for row in expand(tasks, "prefix", SEED) if isinstance(row, Row)}
    assert "before return" not in places


def test_which_instructions_are_docstrings_is_kept(edits: list[Row]) -> None:
    assert all(row.is_docstring == row.place.endswith("docstring") for row in edits)


def test_without_docstrings_every_instruction_is_a_comment(tasks: list[Row], edits: list[Row]) -> None:
    without = [row for row in expand(tasks, FORMAT, SEED, docstrings=False) if isinstance(row, Row)]
    assert any("docstring" in row.place for row in edits)
    assert not any("docstring" in row.place for row in without)
    for row in without:
        assert row.prefix is not None
        assert row.prefix.rstrip().rpartition("\n")[2].lstrip().startswith("#"), row.place
    assert {row.group for row in without} == {row.group for row in edits}


def test_neighbours_come_from_the_rows_given_alone(tasks: list[Row]) -> None:
    groups = {row.group for row in tasks[:40]}
    ours = {node.name for row in tasks[:40] for node in ast.walk(ast.parse(f"{row.context}\n{row.answer}"))
            if isinstance(node, (ast.FunctionDef, ast.ClassDef))}  # fmt: skip
    for row in expand([row for row in tasks if row.group in groups], FORMAT, SEED):
        assert isinstance(row, Row)
        others = {node.name for node in ast.parse(f"{row.prefix}{row.answer}{row.suffix}").body
                  if isinstance(node, ast.FunctionDef)}  # fmt: skip
        assert others - ours <= {"main", "run", "process", "handle", "start", "update", "prepare"}


def test_code_in_a_file_still_passes_its_tests(edits: list[Row]) -> None:
    """Neighbours, imports moved up and other indentation leave a task's code what it was."""
    tests = {task.id: task.tests for task in load_all(task_files())[0]}
    at_top = [
        row
        for row in edits
        if row.place in ("module comment", "function docstring", "before return")
        and not re.search("numpy|pandas|matplotlib", f"{row.group}{row.prefix}{row.answer}{row.suffix}")
    ]
    failed = []
    for row in at_top[::90]:
        outcome = sandbox.run(f"{row.prefix}{row.answer}{row.suffix}\n{tests[row.group]}", timeout_s=20)
        if not outcome.passed:
            failed.append((row.group, outcome.error))
    assert not failed


def test_a_task_in_the_middle_of_a_function_stays_there(tasks: list[Row]) -> None:
    row = Row(
        source="a",
        number=1,
        instruction="пропустить черновики",
        answer='        if post["draft"]:\n            continue\n',
        context="import re\n\n\ndef titles(posts):\n    found = []\n    for post in posts:\n",
        suffix='        found.append(post["title"])\n    return found\n',
        indent="        ",
        is_task=True,
        group="middle",
    )
    for seed in range(8):
        edit = next(expand([row, *tasks[:200:20]], FORMAT, seed))
        assert isinstance(edit, Row)
        assert edit.place == "as written"
        assert edit.answer.split() == row.answer.split()
        assert edit.suffix.split()[:2] == ['found.append(post["title"])', "return"]
        assert edit.indent in ("        ", "\t\t", "    ")


def test_what_is_no_python_is_dropped_by_name() -> None:
    broken = [Row("a", n, "сделай", code, is_task=True, group="t") for n, code in enumerate(["return 1", "def f(:"], 1)]
    assert list(expand(broken, FORMAT, SEED)) == [Dropped("a", n, "fits no place") for n in (1, 2)]
