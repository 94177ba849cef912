"""Comments inside an answer: steps of what was asked for stay, tasks that the model sets itself do not."""

from __future__ import annotations

import pytest

from .answers import shape

REGISTER = (
    "    if user['age'] < 18:\n"
    "        raise ValueError('возраст')\n"
    "    # {}\n"
    "    if '@' not in user['email']:\n"
    "        raise ValueError('почта')\n"
    "    users.append(user)\n"
)
LOAD = (
    "    with open(path) as file:\n"
    "        text = file.read()\n"
    "    # разбираем json\n"
    "    rows = json.loads(text)\n"
    "    # сортируем\n"
    "    rows.sort(key=lambda row: row['id'])\n"
)
COUNTS = "# Создаём словарь\ncounts = {}\n# Считаем слова\nfor word in text.split():\n    counts[word] = 1\n"


@pytest.mark.parametrize("comment", ["Проверяем почту", "Проверка почты", "Результат проверки", "Вызываем проверку"])
def test_a_step_in_a_function_is_no_example(comment: str) -> None:
    said = REGISTER.format(comment)
    text = 'def register(user, users):\n    """Проверить пользователя и добавить его в users."""\n    ‸\n'
    assert shape(text, said).text == said.rstrip("\n")


@pytest.mark.parametrize("comment", ["Пример:", "Пример использования", "Примеры", "Usage", "Example:"])
def test_an_example_in_a_function_is_one(comment: str) -> None:
    text = 'def register(user, users):\n    """Проверить пользователя и добавить его в users."""\n    ‸\n'
    assert shape(text, REGISTER.format(comment)).text == REGISTER.split("    # ", maxsplit=1)[0].rstrip("\n")


def test_a_step_of_a_script_is_no_example() -> None:
    said = "page = get(URL)\n# Проверяем статус\nif page.status != 200:\n    raise SystemExit(1)\n"
    assert shape("# скачать страницу, проверить статус\n‸\n", said).text == said.rstrip("\n")


def test_a_check_of_a_definition_is_an_example() -> None:
    said = "def add(a, b):\n    return a + b\n\n\n# Проверка\nassert add(1, 2) == 3\n"
    assert shape("# функция add\n‸\n", said).text == "def add(a, b):\n    return a + b"


@pytest.mark.parametrize("below", ["    return rows\n", "    return None\n"])
def test_several_commands_are_several_steps(below: str) -> None:
    text = "def load(path):\n    # прочитать файл, разобрать json и отсортировать по id\n    ‸\n" + below
    assert shape(text, LOAD).text == LOAD.rstrip("\n")


def test_one_command_ends_where_the_code_below_has_what_it_needs() -> None:
    text = "def load(path):\n    # загрузить строки из json по пути\n    ‸\n    return rows\n"
    assert shape(text, LOAD).text == LOAD.split("    # сортируем", maxsplit=1)[0].rstrip("\n")


def test_an_answer_that_opens_with_a_comment_is_told_in_comments() -> None:
    assert shape("# посчитать частоту слов в text\n‸\n", COUNTS).text == COUNTS.rstrip("\n")


@pytest.mark.parametrize("task", ["выведи города в обратном порядке", "проверьте, что городов больше двух"])
def test_another_command_is_a_task_of_the_models_own(task: str) -> None:
    said = f"cities.sort()\n# {task}\nassert cities\n"
    assert shape("# отсортируй cities, букву ё считать как е\n‸\n", said).text == "cities.sort()"


def test_the_same_command_again_is_another_task() -> None:
    kept = "for file in folder.iterdir():\n    file.unlink()"
    said = f"{kept}\n\n# удали из folder все файлы .log\nfor file in folder.iterdir():\n    file.unlink()\n"
    assert shape("# удали из folder все файлы .tmp\n‸\n", said).text == kept
