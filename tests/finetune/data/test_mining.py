"""Pairs from real folders: what is taken, what is left out for privacy, licences, bad files."""

from __future__ import annotations

import ast
import json
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("detect_secrets", reason="mining needs the extra finetune")
pytest.importorskip("phonenumbers", reason="mining needs the extra finetune")

from finetune.data.__main__ import main
from finetune.data.mining.licence import licence_of
from finetune.data.mining.pairs import pairs_in
from finetune.data.mining.private import private_in
from finetune.data.mining.words import asks
from finetune.data.sources import read_rows
from finetune.recipe import Source

CODE = '''\
import csv


class Склад:
    def total(self, rows):
        """Складывает цены всех строк."""
        result = 0
        # складываем только оплаченные строки
        for row in rows:
            if row["paid"]:
                result += row["price"]
        # потому что заказчик просил копейки
        result *= 100

        return result


class Flag:
    # сообщение удалено
    DELETED = 2**7


# читаем таблицу и возвращаем строки словарями
def read(path):
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))
'''


def test_docstrings_and_comments_become_pairs() -> None:
    pairs = list(pairs_in(CODE, Counter()))
    assert [(pair.kind, pair.instruction, pair.indent) for pair in pairs] == [
        ("docstring", "Складывает цены всех строк.", "        "),
        ("comment", "складываем только оплаченные строки", "        "),
        ("comment", "читаем таблицу и возвращаем строки словарями", ""),
    ]
    assert pairs[1].completion.splitlines()[0] == "        for row in rows:"
    assert pairs[1].completion.count("\n") == 3
    for pair in pairs:
        ast.parse(f"{pair.prefix}{pair.completion}{pair.suffix}")
        assert f"{pair.prefix}{pair.completion}" in CODE


def test_decorators_belong_to_the_code_of_a_comment() -> None:
    code = "# посчитать длину один раз\n@cache\ndef length(path):\n    return path.stat().st_size\n"
    (pair,) = pairs_in(code, Counter())
    assert pair.completion == code.partition("\n")[2]


@pytest.mark.parametrize(
    "said",
    [
        "складываем цены",
        "Сортировка по дате",
        "удалить пустые строки",
        "создаёт папку для отчёта",
        "Проверь права",
        "удаление пустых строк",
        "Поиск по имени",
    ],
)
def test_words_of_action_ask(said: str) -> None:
    assert asks(said)


@pytest.mark.parametrize(
    "said",
    [
        "потому что иначе падает",
        "TODO: переписать на asyncio",
        "x = f(1)",
        "------ настройки ------",
        "почему тут ноль?",
        "см. документацию API",
        "если пусто, ничего не делаем",
        "метод возвращает словарь",
        "Наименование ключа может быть любым",
        "Молчание слушателя неотличимо от поломки",
        "События, которые можно загрузить",
        "Карточка правила по дискриминатору",
        "колонка ФИО склоняется",
        "окончание это буквы в конце слова",
        "Чет выглядит странно",
        "Работает на копии, чтобы не портить исходный словарь",
    ],
)
def test_remarks_do_not_ask(said: str) -> None:
    assert not asks(said)


METHOD = '''\
    def send_{number}(self, text):
        """Отправляет {what} на сервер."""
        return self.post({number}, text=text, retries=self.retries)

'''
LONG_CLASS = (
    "import time\n\n\nclass Client(Base):\n    retries = 3\n\n    def __init__(self, url):\n        self.url = url\n"
    "        self.opened = time.time()\n\n" + "".join(METHOD.format(number=n, what=f"сообщение {n}") for n in range(60))
)


def test_far_into_a_class_the_window_begins_with_the_head_of_the_class() -> None:
    dropped: Counter[str] = Counter()
    pairs = list(pairs_in(LONG_CLASS, dropped))
    assert (len(pairs), dropped) == (60, Counter())
    last = pairs[-1]
    assert len(last.prefix) <= 4_000
    head = "class Client(Base):\n    retries = 3\n    def __init__(self, url):\n        self.url = url\n"
    assert last.prefix.startswith(head + "        self.opened = time.time()\n    def send_")
    for pair in pairs:
        ast.parse(pair.prefix + pair.completion)


def test_far_into_a_function_the_window_begins_with_its_header() -> None:
    steps = "".join(f"    total = add(total, {number})\n\n" for number in range(200))
    code = f"def count(\n    total,\n):\n{steps}    # вычитаем скидку\n    total -= discount(total)\n"
    (pair,) = pairs_in(code, Counter())
    assert pair.prefix.startswith("def count(\n    total,\n):\n    total = add(total, ")
    assert 2_000 < len(pair.prefix) <= 4_000
    ast.parse(pair.prefix + pair.completion)


def test_a_definition_longer_than_a_window_is_counted() -> None:
    dropped: Counter[str] = Counter()
    said = "Складывает цены.\n\n" + "    x\n" * 1_000
    assert not list(pairs_in(f'def total(rows):\n    """{said}"""\n    return sum(rows)\n', dropped))
    assert dropped == {"no window": 1}


def test_lines_that_name_an_author_are_not_shown() -> None:
    header = '# -*- coding: utf-8 -*-\n# Автор: Иван Петров\n"""Склад.\n\n:authors: ivan\n:license: MIT\n"""\n'
    (pair,) = pairs_in(f'{header}__author__ = "Иван Петров"\n\n# складываем цены\ntotal = sum(prices)\n', Counter())
    assert pair.prefix == ('# -*- coding: utf-8 -*-\n"""Склад.\n\n:license: MIT\n"""\n\n# складываем цены\n')


def function(said: str, body: str = "return self.total(1)", decorator: str = "") -> str:
    return f'{decorator}\ndef f(self):\n    """{said}"""\n    {body}\n'


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (function("Складывает цены."), None),
        (function("Sums prices.\n    Examples: склад, товар, цена, скидка"), "not Russian"),
        (function('Sums "цены складов", then «все скидки».'), "not Russian"),
        (function("Возвращает id.\n\n    :return: type of the ReceiverBankAccount\n    :rtype: ReceiverBank"), None),
        (function("Складывает цены.", "..."), "a stub"),
        (function("Складывает цены.", "return None"), "a stub"),
        (function("Складывает цены.", "return True"), "a stub"),
        (function("Складывает цены.", "raise ValueError(self.x)"), "a stub"),
        (function("Складывает цены.", "self._x = 'y'\n    self._rows = []"), "a stub"),
        (function("Складывает цены.", "self._rows = list(rows)"), None),
        (function("Складывает цены.\n" + "    и скидки\n" * 100), "too long"),
        (function("Складывает цены.", "self.add(1)\n    " * 50), "too long"),
        (function("Цены"), "too short"),
        (function(":param rows: Строки таблицы."), "only parameters"),
        (function("\n    Args:\n        rows: Строки таблицы.\n    "), "only parameters"),
        (function("Параметры:\n    - rows: Строки таблицы."), "only parameters"),
        (function("Уникальный идентификатор запроса.", decorator="@property"), "names a value"),
        (function("Все цены склада.", decorator="@functools.cached_property"), "names a value"),
        (function("Возвращает цены склада.", decorator="@property"), None),
        ("# это цены склада\nx = f(1)\n", "asks for nothing"),
        ("# складываем цены\n\nx = f(1)\n", "no code under it"),
        ("# Получаем методы запросов\n_METHODS = frozenset({\"GET\", \"PUT\"})\n", "a stub"),
        ("# Получаем разбор правил\nRULES: Adapter[Rule] = Adapter(Rule)\n", "a stub"),
        ("# Определение вида события\nclass Kind(Enum):\n    NEW = auto()\n    OLD = 2\n", "a stub"),
        ("# Выбираем события\nEVENTS = [Kind.NEW, Kind.OLD]\n", "a stub"),
        ("# Выбираем новые события\nNEW = [kind for kind in KINDS if kind.new]\n", None),
        ("# Складываем цены\nprint 1\n", "file does not parse"),
    ],
)  # fmt: skip
def test_what_is_no_pair_is_counted_by_its_reason(code: str, reason: str | None) -> None:
    dropped: Counter[str] = Counter()
    pairs = list(pairs_in(code, dropped))
    assert (len(pairs), dict(dropped)) == ((0, {reason: 1}) if reason else (1, {}))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('token = "ghp_' + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8" + '"', "a secret"),
        ('password = "' + "kT9vQ2xW" + '"', "a secret"),
        ("# писать на ivan.petrov@yandex.ru", "an e-mail address"),
        ("# звонить +7 916 123-45-67", "a telephone number"),
        ('phone = "89161234567"', "a telephone number"),
        ("chat_id = 9999999999", None),
        ("Storage(url='redis://user:password@host')", None),
        ('client = Client(secret="my-secret")', None),
        ("# сделал Иван Петров", "a person's name"),
        ("# показать адрес user@example.com", None),
        ("total = price * 12345678901", None),
        ("# Список Заказов за день", None),
    ],
)
def test_private_things_are_seen(text: str, reason: str | None) -> None:
    assert private_in(text) == reason


def test_a_folder_becomes_a_set_that_a_recipe_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = tmp_path / "наш проект"
    (project / "venv").mkdir(parents=True)
    (project / "LICENSE").write_text("MIT License\n\nPermission is hereby granted", encoding="utf-8")
    (project / "склад.py").write_text(CODE, encoding="utf-8")
    (project / "старый.py").write_bytes(("# -*- coding: cp1251 -*-\n" + CODE).encode("cp1251"))
    (project / "битый.py").write_bytes("# читаем файл\n".encode("cp1251"))
    (project / "python2.py").write_text("# печатаем ответ\nprint 1\n", encoding="utf-8")
    (project / "тайна.py").write_text(f"{CODE}\n# почта: a.b@mail.ru\n", encoding="utf-8")
    (project / "venv" / "чужой.py").write_text(CODE, encoding="utf-8")
    out = tmp_path / "пары.jsonl"
    assert main(["mine", str(project), "--out", str(out)]) == 0
    report = json.loads((tmp_path / "пары.jsonl.report.json").read_text(encoding="utf-8"))
    assert report["pairs"] == {"docstring": 1, "comment": 2}
    assert report["licences"] == {"MIT": 4}
    assert report["dropped"]["file not readable"] == 1
    assert report["dropped"]["file does not parse"] == 1
    assert report["dropped"]["a repeat"] >= 2
    assert "MIT: 4" in capsys.readouterr().out
    rows = list(read_rows(Source(str(out))))
    assert [getattr(row, "prefix", None) is not None for row in rows] == [True] * 3


@pytest.mark.parametrize("content", ["", "x = 1\n", "# an English remark\nx = 1\n"])
def test_a_folder_without_russian_is_said_in_one_sentence(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.py").write_text(content, encoding="utf-8")
    out = tmp_path / "pairs.jsonl"
    out.write_text("what was there\n", encoding="utf-8")
    assert main(["mine", str(tmp_path), "--out", str(out)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert out.read_text(encoding="utf-8") == "what was there\n"


def test_code_that_differs_by_waiting_only_is_one_pair(tmp_path: Path) -> None:
    said = '    """Складывает цены."""\n'
    (tmp_path / "a.py").write_text(
        f"def total(rows):\n{said}    return add(rows)\n\n\n"
        f"async def total_async(rows):\n{said}    return await add(rows)\n",
        encoding="utf-8",
    )
    out = tmp_path / "pairs.jsonl"
    assert main(["mine", str(tmp_path), "--out", str(out)]) == 0
    report = json.loads((tmp_path / "pairs.jsonl.report.json").read_text(encoding="utf-8"))
    assert (report["pairs"], report["dropped"]) == ({"docstring": 1}, {"a repeat": 1})


def test_a_missing_folder_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mine", str(tmp_path / "нет")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_licences_are_read_from_metadata(tmp_path: Path) -> None:
    assert licence_of(tmp_path) == "unknown"
    (tmp_path / "pyproject.toml").write_text('[project]\nlicense = "Apache-2.0"\nname = "a"\n', encoding="utf-8")
    assert licence_of(tmp_path) == "Apache-2.0"
    (tmp_path / "a-1.dist-info").mkdir()
    (tmp_path / "pyproject.toml").unlink()
    (tmp_path / "a-1.dist-info" / "METADATA").write_text("Name: a\nLicense-Expression: MIT\n", encoding="utf-8")
    assert licence_of(tmp_path) == "MIT"


def test_files_in_dist_info_say_what_metadata_do_not(tmp_path: Path) -> None:
    (tmp_path / "a-1.dist-info" / "licenses").mkdir(parents=True)
    (tmp_path / "a-1.dist-info" / "METADATA").write_text("Name: a\nLicense-File: LICENSE\n", encoding="utf-8")
    (tmp_path / "a-1.dist-info" / "licenses" / "LICENSE").write_text("Permission is hereby granted, free of charge")
    assert licence_of(tmp_path) == "MIT"


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ("License-Expression: LGPL-3.0-only", "LGPL-3.0-only"),
        ("License: GPL3\nClassifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)", "GPL-3.0"),
        ("License: GPL\nClassifier: License :: OSI Approved :: GNU General Public License v2 (GPLv2)", "GPL-2.0"),
        ("License: GPL3\nClassifier: License :: OSI Approved :: GNU General Public License (GPL)", "GPL-3.0"),
        ("License: BSD\nClassifier: License :: Other/Proprietary License", "BSD; classifier: Other/Proprietary"),
        ("License: BSD 3-Clause\nClassifier: License :: OSI Approved :: BSD License", "BSD"),
        ("License: MIT\nClassifier: License :: OSI Approved", "MIT"),
    ],
)
def test_versions_and_contradictions_of_licences_are_shown(tmp_path: Path, metadata: str, licence: str) -> None:
    (tmp_path / "PKG-INFO").write_text(f"Name: a\n{metadata}\n", encoding="utf-8")
    assert licence_of(tmp_path) == licence
