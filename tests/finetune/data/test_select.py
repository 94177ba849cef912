"""From sources to rows worth learning: cleaning, filters, licences, near-duplicates, leaks, bad files, the split."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("datasketch", reason="comparing rows needs the extra finetune")
pytest.importorskip("markdownify", reason="cleaning HTML needs the extra finetune")

from benchmarks.data import generated, pairs_found
from finetune.data.clean import clean
from finetune.data.contamination import Index, known_task
from finetune.data.duplicates import Unit, find, jaccard, shingles
from finetune.data.filters import is_russian, lone_code, refusal
from finetune.data.licences import is_known, is_noncommercial
from finetune.data.rows import Dropped, Row
from finetune.data.select import Selection, compare, replayed, select
from finetune.data.sources import read_rows
from finetune.data.sources.files import MOST_BYTES
from finetune.data.split import clusters_of, split
from finetune.errors import FinetuneError
from finetune.recipe import DataSection, Source

TASK = "Напиши функцию, которая читает таблицу из файла, выбирает строки за прошлый месяц и считает сумму по городам"
CODE = "```python\ndef totals(path):\n    return {row['city']: float(row['sum']) for row in read(path)}\n```"


def write(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_html_becomes_markdown_and_code_stays() -> None:
    text = "<p>Нужно <code>a &lt; b</code>:</p>\r\n<pre><code>if a &lt; b:\n    print('&amp;')\n</code></pre>"
    text += "<p>Всё&nbsp;так</p>"
    assert clean(text) == "Нужно `a < b`:\n\n```python\nif a < b:\n    print('&')\n```\n\nВсё так"


@pytest.mark.parametrize(
    "text",
    ["```python\nre.sub('<p>|</p>', '', html)\n```", "if a < b and c > d:\n    print('<p')", "x = {'a': '&amp'}"],
)
def test_code_with_tags_is_no_html(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("instruction", "answer", "reason"),
    [
        ("Sort the list of words", "sorted(x)", "not in Russian"),
        ("Відсортуй список слів за довжиною і поверни його", "sorted(x)", "not in Russian"),
        ("Отсортируй список", "```python\nprint 'x'\n```", "code does not parse"),
        ("Отсортируй список", "К сожалению, я не могу этого сделать.", "a refusal"),
        ("Отсортируй список", "print('один и тот же')\n" * 9, "repeats itself"),
        ("Отсортируй список", "слово " * 9_000, "too long as text"),
        ("Отсортируй список", "… — …", "no words"),
        ("Отсортируй список", "```python\nsorted(x)\n```", None),
        ("Отсортируй `list of words` по len(word)", "sorted(x, key=len)", None),
    ],
)
def test_filters_name_their_reason(instruction: str, answer: str, reason: str | None) -> None:
    assert refusal(Row("a", 1, instruction, answer), "ru") == reason


def test_code_among_the_words_does_not_make_them_english() -> None:
    assert is_russian("Сделай так:\n```python\nimport collections, itertools\n```")


def test_a_lone_block_of_code_is_taken_out() -> None:
    assert lone_code("Вот:\n```python\nx = 1\ny = 2\n```") == "x = 1\ny = 2\n"
    assert lone_code("```python\nx = 1\n```\nи\n```python\ny = 2\n```") is None
    assert lone_code("```\nне питон вовсе\n```") is None


@pytest.mark.parametrize("licence", ["CC-BY-NC-SA-4.0", "cc by-nc 4.0", "non-commercial"])
def test_noncommercial_sets_need_a_word(tmp_path: Path, licence: str) -> None:
    assert is_noncommercial(licence)
    path = write(tmp_path / "a.jsonl", [{"instruction": TASK, "output": CODE}])
    source = Source(path, licence=licence)
    with pytest.raises(FinetuneError) as caught:
        select(DataSection((source,)))
    assert caught.value.code == "noncommercial"
    assert len(select(DataSection((source,), allow_noncommercial=True)).rows) == 1


def test_replay_is_looked_at_for_leaks_and_licences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(
        tmp_path / "replay.jsonl",
        [
            {"instruction": "What is REST?", "output": "An architecture."},
            {"instruction": "Mean", "output": "def weighted_middle(a, b):\n    return a\n"},
        ],
    )
    index = Index([known_task("made", ["weighted_middle"], [])])
    monkeypatch.setattr("finetune.data.select._index", lambda: index)
    dropped: list[Dropped] = []
    assert [row.instruction for row in replayed(Source(path), dropped)] == ["What is REST?"]
    assert dropped == [Dropped(path, 2, "leak of made: name")]
    own = Source(write(tmp_path / "a.jsonl", [{"instruction": TASK, "output": CODE}]))
    replay = Source(path, licence="CC-BY-NC-SA-4.0")
    assert len(select(DataSection((own,), replay=replay)).rows) == 1
    with pytest.raises(FinetuneError) as caught:
        select(DataSection((own,), replay=replay, replay_fraction=0.1))
    assert caught.value.code == "noncommercial"


def test_the_replay_that_comes_with_the_package_is_clean() -> None:
    dropped: list[Dropped] = []
    rows = replayed(Source("replay_qwen2.5-coder-0.5b.jsonl"), dropped)
    assert not dropped
    assert len(rows) >= 25
    assert all(row.answer and not row.is_edit for row in rows)


def test_an_unknown_licence_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{"instruction": TASK, "output": CODE}])
    made = select(DataSection((Source(path),)))
    assert len(made.rows) == 1
    assert len(made.warnings) == 1
    assert is_known("Apache-2.0")
    assert not is_noncommercial("Unlicense")


def test_the_same_row_from_two_sources_stays_once(tmp_path: Path) -> None:
    other = {"вопрос": TASK.replace("Напиши", "напишите") + ".", "ответ": f"<p>{TASK}</p>"}
    first = write(tmp_path / "a.jsonl", [{"instruction": TASK, "output": CODE}, other])
    second = write(tmp_path / "b.jsonl", [{"instruction": f"{TASK}!", "input": "", "output": CODE}, other])
    third = {"instruction": "Нарисуй график продаж по дням за март", "output": "```python\nplot(days, sales)\n```"}
    second = write(tmp_path / "b.jsonl", [{"instruction": f"{TASK}!", "input": "", "output": CODE}, third])
    made = select(DataSection((Source(first, licence="MIT"), Source(second, licence="MIT"))))
    assert [(one.source, one.reason.split(" of ")[0]) for one in made.dropped] == [(second, "near-duplicate")]
    assert len(made.rows) == 3
    assert made.read == Counter({first: 2, second: 2})


def test_rows_worth_a_file_become_tasks(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl", [{"instruction": TASK, "output": CODE}, {"instruction": "Почему?", "output": "Так."}]
    )
    rows = select(DataSection((Source(path, editing=True),))).rows
    assert [(row.is_task, row.answer.startswith("def totals")) for row in rows] == [(True, True), (False, False)]


def test_rows_of_bad_files_are_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = json.dumps({"instruction": TASK, "output": CODE}, ensure_ascii=False).encode()
    huge = b'{"instruction": "' + b"x" * (2 * MOST_BYTES) + b'", "output": "y"}'
    path.write_bytes(b"\n".join([good, TASK.encode("cp1251"), huge, b"", good.replace(b"totals", b"sums")]) + b"\n")
    rows = list(read_rows(Source(str(path))))
    assert [(one.number, one.reason) for one in rows if isinstance(one, Dropped)] == [
        (2, "not UTF-8"),
        (3, "a row of megabytes"),
        (4, "empty"),
    ]
    assert [one.number for one in rows if isinstance(one, Row)] == [1, 5]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "data-empty"),
        (b"\n\n", "data-empty"),
        (b'{"text": "x"}\n', "columns-missing"),
        ('{"instruction": "текст", "output": "…"}\n'.encode(), "data-empty"),
    ],
)
def test_sets_without_rows_are_said(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(FinetuneError) as caught:
        select(DataSection((Source(str(path)),)))
    assert caught.value.code == code
    assert "\n" not in str(caught.value)


def test_shingles_do_not_see_case_spacing_and_yo() -> None:
    assert jaccard(shingles("Ёлка стоит в углу и светит нам"), shingles("елка  СТОИТ в углу\nи светит нам")) == 1.0
    assert jaccard(shingles("раз два три четыре пять шесть"), shingles("пять шесть раз два три четыре")) < 0.5
    assert jaccard(shingles(""), shingles("а")) == 0.0


def test_an_answer_with_a_fence_is_the_one_without() -> None:
    """A few lines of code, which fences alone would make another text."""
    code = "print(max(prices) - min(prices))"
    assert jaccard(shingles(f"{TASK}\n```python\n{code}\n```"), shingles(f"{TASK}\n{code}")) == 1.0
    assert jaccard(shingles("x = '```' + язык"), shingles("x = '' + язык")) < 1.0


def test_our_own_tasks_stay_where_others_repeat_them() -> None:
    found = find([Unit(TASK), Unit(TASK, kept=True), Unit(TASK, kept=True), Unit(f"{TASK} быстро")])
    assert set(found.same) == {0, 3}
    assert len(set(found.cluster)) == 1


def test_labelled_pairs_reach_the_bar() -> None:
    found = pairs_found(200)
    assert found["found"] >= 0.95
    assert found["false_merges"] <= 0.01


def test_most_planted_duplicates_of_generated_rows_are_found() -> None:
    made = Selection()
    compare(generated(1_500), made)
    assert 0.03 < len(made.dropped) / 1_500 < 0.09


def test_a_cluster_stays_on_one_side() -> None:
    rows = [Row("a", n, f"задание {n}", "код", group=f"t{n // 4}") for n in range(80)]
    rows += [Row("b", n, f"Задание  {n}", "другой код") for n in range(20)]  # the same words
    sides = split(rows, clusters_of(rows, {4: 0}), 10, 10)
    assert len(sides["validation"]) >= 10
    assert sum(map(len, sides.values())) == 100
    side_of = {(row.source, row.number): name for name, part in sides.items() for row in part}
    for n in range(80):
        assert side_of["a", n] == side_of["a", n // 4 * 4]
    assert side_of["a", 0] == side_of["a", 4]
    assert all(side_of["b", n] == side_of["a", n] for n in range(20))


def test_an_adapter_for_editing_learns_no_conversations() -> None:
    data = DataSection((Source("corpus", licence="Apache-2.0"),), learns="code")
    made = select(data)
    assert made.rows
    assert all(row.is_task for row in made.rows)
    assert {one.reason for one in made.dropped} == {"a conversation"}
