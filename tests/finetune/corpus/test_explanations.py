"""An explanation is Russian, names something of its code, is neither short nor long, and repeats no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from finetune.corpus import CORPUS_DIR, EXPLANATIONS, explanations, ran

GOOD = """\
- id: explanations-sum
  code: |
    def total(prices):
        result = 0
        for price in prices:
            result += price
        return result
  explanation: >-
    Складывает цены одну за другой и возвращает сумму. Для пустого списка `total` вернёт ноль, потому что `result`
    начинается с нуля.
"""


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KODOPIS_LANG", "en")


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / EXPLANATIONS
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_explanation_is_run_once_and_remembered(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    assert explanations.check(path) == (1, [], 1)
    assert explanations.check(path) == (1, [], 0)
    assert list(ran.read_ran(tmp_path)) == ["explanations-sum"]


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("`total`", "сумма", "a name"),
        ("Складывает цены одну за другой и возвращает сумму. Для", "Для", "1 sentences"),
        ("Складывает цены одну за другой", "Adds one price after another to the variable that it returns", "Russian"),
        ("одну за другой и", "одну за другой и " + "очень " * 200, "900 are wanted"),
        ("        for price in prices:\n            result += price\n", "", "3 lines"),
        ("return result", "return итог(", "is not Python"),
        ("        return result", "        return result\n\n\n    total(5)", "does not run to its end: TypeError"),
        ("        result = 0", "        result=0", "not formatted"),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, old: str, new: str, part: str) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    if part == "a name":
        text = text.replace("`result`", "счёт")
    _, mistakes, _ = explanations.check(write(tmp_path, text))
    expected = "names nothing" if part == "a name" else part
    assert any(expected in mistake.text for mistake in mistakes), mistakes


def test_a_list_needs_no_sentences(tmp_path: Path) -> None:
    head = GOOD.partition("  explanation")[0]
    text = "\n    - ".join(["Функция складывает цены:", *["`result` — накопленная сумма"] * 3])
    assert explanations.check(write(tmp_path, f"{head}  explanation: |\n    {text}\n"))[1] == []


def test_repetitions_are_reported(tmp_path: Path) -> None:
    other = GOOD.replace("explanations-sum", "explanations-other")
    _, (mistake,), _ = explanations.check(write(tmp_path, GOOD + "\n" + other))
    assert '"explanations-other" nearly repeats "explanations-sum"' in mistake.text


def test_openings_are_the_first_words_whatever_the_name() -> None:
    assert explanations.opening("Функция `a_b` делает") == explanations.opening("Функция `c.d()` ждёт")
    assert explanations.opening("Функция ждёт") != explanations.opening("Функция делает")


def test_the_same_opening_is_allowed_a_few_times(tmp_path: Path) -> None:
    found = [
        explanations.Explanation(f"explanations-{n}", f"{'abcdef'[n]} = {n}", f"Здесь считается {n} раз", tmp_path, n)
        for n in range(6)
    ]
    mistakes = explanations.alike_mistakes(found)
    assert [mistake.line for mistake in mistakes] == [4, 5]
    assert all("begin like this" in mistake.text for mistake in mistakes)


def test_names_are_found_in_code_and_text() -> None:
    code = "import os.path as p\nclass A:\n    def f(self, x, *, y): return x.z\n"
    assert explanations.names_in_code(code) >= {"os", "path", "p", "A", "f", "self", "x", "y", "z"}
    assert explanations.names_in_text("вызов `f(x, y=2)` и просто z") == {"f", "x", "y", "2"}


def test_the_committed_explanations_are_good_as_they_stand() -> None:
    found, mistakes = explanations.load(CORPUS_DIR / EXPLANATIONS)
    assert mistakes == [] and explanations.alike_mistakes(found) == []
    assert [text for one in found for text in explanations.text_mistakes_of(one)] == []
    assert len(found) >= 150
    remembered = ran.read_ran(CORPUS_DIR)
    assert [one.id for one in found if remembered.get(one.id) != one.claim.hash] == []
