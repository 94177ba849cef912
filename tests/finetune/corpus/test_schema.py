"""What is wrong with the form of a corpus file is said at once, with lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from finetune.corpus import schema

GOOD = """\
- id: files-one
  phrasings:
  - прочитай файл
  - чтение файла целиком
  - надо считать текст
  - |
    Открыть файл
    и вернуть текст.
  code: |
    x = 1
  tests: |
    assert x == 1
"""


def load(tmp_path: Path, text: str, name: str = "files.yaml") -> tuple[list[schema.Task], list[tuple[int, str]]]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    tasks, mistakes = schema.load(path)
    return tasks, [(mistake.line, mistake.text) for mistake in mistakes]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KODOPIS_LANG", "en")


def test_a_good_task_is_read(tmp_path: Path) -> None:
    (task,), mistakes = load(tmp_path, GOOD)
    assert mistakes == []
    assert (task.id, task.domain, task.code, task.tests, task.context) == (
        *("files-one", "files", "x = 1\n"),
        *("assert x == 1\n", ""),
    )
    assert task.phrasings[3] == "Открыть файл\nи вернуть текст."


def test_all_mistakes_of_all_tasks_are_listed_with_their_lines(tmp_path: Path) -> None:
    bad = """\
- id: Files_One
  phrasings: [прочитай файл, read the file]
  code: x = 1
  tests: |
    x
- phrasings: []
  id: files-two
  colour: red
  code: |
    x = 1
    def (
  code: |
    5
- просто текст
"""
    tasks, mistakes = load(tmp_path, bad)
    assert tasks == []
    expected = [
        (1, 'the id "Files_One"'),
        (2, "2 phrasings"),
        (2, "not in Russian"),
        (3, "literal block"),
        (4, "no assert"),
        (8, 'unknown key "colour"'),
        (12, 'key "code" is repeated'),
        (6, "0 phrasings"),
        (6, '"tests" is missing'),
        (14, "must be a task"),
    ]
    assert len(mistakes) == len(expected)
    for line, part in expected:
        assert any(at == line and part in text for at, text in mistakes), (line, part, mistakes)


def test_python_errors_have_the_line_of_the_file(tmp_path: Path) -> None:
    _, mistakes = load(tmp_path, GOOD.replace("    x = 1\n", "    x = 1\n    y = (\n"))
    ((line, text),) = mistakes
    assert line == 11 and '"code" is not Python' in text


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("- id: [", 1, "cannot be read"),
        ("id: files-one", 1, "must be a list"),
        ("", 1, "must be a list"),
        (GOOD.replace("- прочитай файл", "- пропусти строки на # прочитай"), 3, "for a comment"),
        (GOOD.replace("- прочитай файл", "- " + "слово " * 25), 3, "longer than 120"),
        (GOOD.replace("- прочитай файл", "- 2024"), 3, "must be text"),
        (GOOD.replace("- прочитай файл", "- ключ: значение"), 3, "must be text"),
        (GOOD.replace("    x = 1\n", "\n", 1), 9, "is empty"),
        (GOOD.replace("files-one", "texts-one"), 1, "must look like"),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, text: str, line: int, part: str) -> None:
    _, mistakes = load(tmp_path, text)
    assert any(at == line and part in said for at, said in mistakes), mistakes


PLACED = """\
- id: files-block
  phrasings:
  - пропусти пустые
  - пустые строки не нужны
  - без пустых строк
  - отсеять то, где пусто
  context: |
    def kept(lines):
        found = []
        for line in lines:
  code: |2
            if not line:
                continue
  suffix: |2
            found.append(line)
        return found
  tests: |
    assert kept(["", "да"]) == ["да"]
"""


def test_code_in_the_middle_of_a_file_keeps_its_indentation(tmp_path: Path) -> None:
    (task,), mistakes = load(tmp_path, PLACED)
    assert mistakes == []
    assert task.code == "        if not line:\n            continue\n" and task.indent == " " * 8
    assert task.alone == "if not line:\n    continue\n"
    assert task.suffix == "        found.append(line)\n    return found\n"
    (plain,), _ = load(tmp_path, GOOD)
    assert (plain.indent, plain.suffix, plain.requires) == ("", "", ())


@pytest.mark.parametrize(
    ("old", "new", "line", "part"),
    [
        ("  code: |2\n", "  code: |\n", 12, '"code" is not Python: expected an indented block'),
        ("  suffix: |2\n        ", "  suffix: |2\n          ", 15, '"suffix" is not Python'),
        ("found = []", "found = [", 9, '"context" is not Python'),
        ("            if not line:\n", "            else:\n", 12, '"code" is not Python'),
        ("    return found", "return found", 16, "outside function"),
        ("  suffix: |2", "  suffix: >2", 14, "literal block"),
    ],
)
def test_parts_that_make_no_file_are_said_at_their_line(
    tmp_path: Path, old: str, new: str, line: int, part: str
) -> None:
    assert PLACED.count(old) == 1
    _, mistakes = load(tmp_path, PLACED.replace(old, new))
    assert any(at == line and part in text for at, text in mistakes), mistakes


def test_packages_are_named(tmp_path: Path) -> None:
    importing = GOOD.replace("    x = 1\n", "    import numpy.linalg\n    from pandas import Series\n\n    x = 1\n")
    _, mistakes = load(tmp_path, importing)
    assert [text for _, text in mistakes] == [
        "numpy is imported; add `requires: [numpy]`",
        "pandas is imported; add `requires: [pandas]`",
    ]
    required = importing.replace("  phrasings", "  requires: [numpy, pandas]\n  phrasings")
    (task,), mistakes = load(tmp_path, required)
    assert (task.requires, mistakes) == (("numpy", "pandas"), [])
    for wrong in ("[numpy, torch]", "numpy", "[[numpy]]"):
        _, ((line, text),) = load(tmp_path, required.replace("[numpy, pandas]", wrong))
        assert line == 2 and '"requires" must list' in text


def test_other_encodings_are_said_and_do_not_stop_the_rest(tmp_path: Path) -> None:
    bad, good = tmp_path / "a.yaml", tmp_path / "files.yaml"
    bad.write_bytes("- id: ё".encode("cp1251"))
    good.write_text(GOOD, encoding="utf-8")
    tasks, mistakes = schema.load_all([bad, good])
    assert [task.id for task in tasks] == ["files-one"]
    assert [mistake.path for mistake in mistakes] == [bad]


def test_an_id_is_used_once(tmp_path: Path) -> None:
    path = tmp_path / "files.yaml"
    path.write_text(GOOD + "\n" + GOOD, encoding="utf-8")
    tasks, (mistake,) = schema.load_all([path])
    assert len(tasks) == 1
    assert mistake.line == 14 and "files.yaml:1" in mistake.text
