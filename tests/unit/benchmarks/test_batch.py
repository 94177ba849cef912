"""Many programs in one sandbox."""

from __future__ import annotations

from benchmarks import batch


def test_only_programs_that_reach_their_end_are_named() -> None:
    programs = [
        "assert 1 == 1",
        "assert 1 == 2",
        "def f(:",
        "import sys; sys.exit(0)",
        "while True: pass",
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: 'int' = 1\nassert A().x == 1",
        "print('passed-program 1')",
    ]
    assert batch.passing(programs) == [0, 5, 6]


def test_it_stops_after_enough() -> None:
    assert batch.passing(["x = 1"] * 5, at_most=2) == [0, 1]
    assert batch.passing([]) == []


def test_each_program_finds_the_files_as_given() -> None:
    program = "text = open('d/a.txt', encoding='utf-8').read()\nopen('d/a.txt', 'w').close()\nassert text == 'ёж'"
    assert batch.passing([program, program], files={"d/a.txt": "ёж"}) == [0, 1]
