"""Code actions and commands around code: write, explain, fix, docstring, tests."""

from __future__ import annotations

import asyncio
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from e2e.conftest import StartEditor
from e2e.harness import AUTOMATIC, TestEditor
from lsp_server import messages
from lsp_server.answering.converse import ANSWER_TOKENS
from lsp_server.engine.scripted import encode

AREA = "def area(width, height):\n    return width + height\n\n\nclass Box:\n    def side(self):\n        return 1\n"
FUNCTION = "def add(a, b):\n    # сложи два числа и верни сумму\n    \n"


def at(uri: str, line: int, character: int = 0) -> dict[str, Any]:
    return {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}


def over(uri: str, first: int, last: int) -> dict[str, Any]:
    span = {"start": {"line": first, "character": 0}, "end": {"line": last, "character": 0}}
    return {"textDocument": {"uri": uri}, "range": span}


def apply_edit(editor: TestEditor, uri: str) -> str:
    """Do what the last `workspace/applyEdit` asked for; gives the file's new text."""
    (change,) = editor.edits[-1].edit.document_changes or ()
    assert isinstance(change, types.TextDocumentEdit)
    assert change.text_document.uri == uri
    assert change.text_document.version == editor.versions[uri]
    for edit in change.edits:
        assert isinstance(edit, types.TextEdit)
        editor.replace(uri, edit.range, edit.new_text)
    return editor.texts[uri]


async def actions(editor: TestEditor, uri: str, span: types.Range, **context: Any) -> dict[str, types.CodeAction]:
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(uri), span, types.CodeActionContext(context.pop("diagnostics", []), **context)
    )
    got = await editor.client.text_document_code_action_async(params)
    return {
        action.command.command: action
        for action in got or ()
        if isinstance(action, types.CodeAction) and action.command
    }


async def test_write_puts_the_code_into_the_file(start: StartEditor) -> None:
    editor = await start({"match": "сложи", "text": "return a + b\n```"})
    uri = editor.open(FUNCTION)
    result = await editor.command("write", at(uri, 1, 5))
    assert result["applied"] is True
    assert apply_edit(editor, uri) == "def add(a, b):\n    # сложи два числа и верни сумму\n    return a + b\n    \n"


async def test_an_automatic_request_does_not_end_what_is_being_written(start: StartEditor) -> None:
    editor = await start({"match": "сложи", "text": "return a + b\n```", "delay_ms": 40})
    uri = editor.open(FUNCTION)
    writing = asyncio.create_task(editor.command("write", at(uri, 1, 5)))
    await editor.until(lambda: editor.statuses and editor.statuses[-1]["state"] == "thinking", "a generation")
    assert await editor.complete(uri, editor.position(uri, 1, 5), AUTOMATIC) is None
    assert (await writing)["code"].endswith("    return a + b")


async def test_of_two_commands_that_write_the_older_is_refused(start: StartEditor) -> None:
    editor = await start({"match": "сложи", "text": "return a + b\n```", "delay_ms": 40})
    uri = editor.open(FUNCTION)
    older = asyncio.create_task(editor.command("write", at(uri, 1, 5)))
    await editor.until(lambda: editor.statuses and editor.statuses[-1]["state"] == "thinking", "a generation")
    assert (await editor.command("write", at(uri, 1, 5)))["applied"] is True
    with pytest.raises(JsonRpcException) as caught:
        await older
    assert caught.value.data == {"code": "superseded"}
    assert len(editor.edits) == 1


async def test_explain_streams_markdown(start: StartEditor) -> None:
    editor = await start({"match": "Объясни по-русски", "text": "Функция **складывает** стороны.", "delay_ms": 2})
    uri = editor.open(AREA)
    result = await editor.command("explain", {**over(uri, 0, 2), "partialToken": "e1"})
    assert result == {"markdown": "Функция **складывает** стороны."}
    assert {partial["token"] for partial in editor.partials} == {"e1"}
    assert all(result["markdown"].startswith(partial["text"]) for partial in editor.partials)
    assert editor.partials[-1]["done"] is True


async def test_explain_says_what_was_left_out(start: StartEditor) -> None:
    editor = await start({"match": "Объясни", "text": "Много строк."})
    uri = editor.open("".join(f"value_{number} = {number}\n" for number in range(5000)))
    markdown = (await editor.command("explain", over(uri, 0, 5000)))["markdown"]
    assert markdown.startswith("Много строк.")
    assert "5000" in markdown


async def test_explain_of_nothing(start: StartEditor) -> None:
    editor = await start({"match": "Объясни", "text": "?"})
    uri = editor.open(AREA)
    with pytest.raises(JsonRpcException, match=messages.NOTHING_SELECTED.ru.split(";")[0]):
        await editor.command("explain", over(uri, 0, 0))


async def test_fix_rewrites_the_selected_lines(start: StartEditor) -> None:
    fixed = "```python\ndef area(width, height):\n    return width * height\n```\nЯ исправил."
    editor = await start({"match": "Исправь.*площадь неверна", "text": fixed})
    uri = editor.open(AREA)
    argument = {**over(uri, 0, 2), "diagnostics": [{"message": "площадь неверна", "range": over(uri, 1, 2)["range"]}]}
    assert (await editor.command("fix", argument))["applied"] is True
    assert apply_edit(editor, uri) == AREA.replace("width + height", "width * height")


async def test_fix_tells_the_model_of_the_functions_diagnostics_alone(start: StartEditor) -> None:
    fixed = "```python\ndef area(width, height):\n    return width * height\n```"
    editor = await start(
        {"match": "ошибка другой функции", "text": "```python\npass\n```"}, {"match": "площадь неверна", "text": fixed}
    )
    uri = editor.open(AREA)
    problems = [
        {"message": "площадь неверна", "range": over(uri, 1, 2)["range"]},
        {"message": "ошибка другой функции", "range": over(uri, 6, 7)["range"]},
    ]
    argument = {**over(uri, 0, 0), "diagnostics": problems}  # an empty range: the function around
    assert (await editor.command("fix", argument))["applied"] is True
    assert apply_edit(editor, uri) == AREA.replace("width + height", "width * height")


async def test_fix_keeps_the_indentation(start: StartEditor) -> None:
    editor = await start({"match": "Исправь", "text": "```python\ndef side(self):\n    return 2\n```"})
    uri = editor.open(AREA.replace("\n", "\r\n"))
    await editor.command("fix", over(uri, 5, 7))
    assert apply_edit(editor, uri) == AREA.replace("return 1", "return 2").replace("\n", "\r\n")


async def test_fix_refuses_what_breaks_the_syntax(start: StartEditor) -> None:
    editor = await start({"match": "Исправь", "text": "```python\ndef area(width, height:\n    return (\n```"})
    uri = editor.open(AREA)
    with pytest.raises(JsonRpcException):
        await editor.command("fix", over(uri, 0, 2))
    assert editor.edits == []


LONG = "def long(x):\n" + "".join(f"    y{number} = x + {number}\n" for number in range(66)) + "    return y1\n"


async def test_fix_of_a_long_function_is_whole(start: StartEditor) -> None:
    fixed = LONG.replace("return y1", "return y2")
    editor = await start({"match": "Исправь", "text": f"```python\n{fixed}```"})
    uri = editor.open(LONG)
    assert (await editor.command("fix", over(uri, 0, 68)))["applied"] is True
    assert apply_edit(editor, uri) == fixed
    assert len(encode(fixed)) > ANSWER_TOKENS


@pytest.mark.parametrize("begin", ["```python\ndef area(width, height):\n", "def area(width, height):\n"])
async def test_fix_refuses_an_answer_that_was_cut(start: StartEditor, begin: str) -> None:
    editor = await start({"match": "Исправь", "text": begin + "    width = width\n" * 1000})
    uri = editor.open(AREA)
    with pytest.raises(JsonRpcException) as raised:
        await editor.command("fix", over(uri, 0, 2))
    assert raised.value.data == {"code": "answer_cut"}
    assert editor.edits == []


async def test_a_docstring_that_was_cut_is_refused(start: StartEditor) -> None:
    editor = await start({"match": "Напиши docstring", "text": '"""Площадь' + " прямоугольника" * 1000})
    uri = editor.open(AREA)
    with pytest.raises(JsonRpcException) as raised:
        await editor.command("docstring", at(uri, 1, 6))
    assert raised.value.data == {"code": "answer_cut"}
    assert editor.edits == []


async def test_explain_says_that_it_was_cut(start: StartEditor) -> None:
    editor = await start({"match": "Объясни", "text": "Складывает. " * 1000})
    uri = editor.open(AREA)
    markdown = (await editor.command("explain", over(uri, 0, 2)))["markdown"]
    assert markdown.endswith(f"*{messages.EXPLANATION_CUT.ru}*")
    assert all(markdown.startswith(partial["text"]) for partial in editor.partials)


async def test_of_two_commands_for_one_file_the_older_is_refused(start: StartEditor) -> None:
    fixed = "```python\ndef area(width, height):\n    return width * height\n```"
    text = '"""Площадь прямоугольника, у которого есть ширина и высота."""'
    script = {"match": "Исправь", "text": fixed, "delay_ms": 40}, {"match": "docstring", "text": text, "delay_ms": 40}
    editor = await start(*script)
    uri = editor.open(AREA)
    answers = await asyncio.gather(
        editor.command("fix", over(uri, 0, 2)), editor.command("docstring", at(uri, 1, 6)), return_exceptions=True
    )
    (refused,) = [answer for answer in answers if isinstance(answer, JsonRpcException)]
    assert refused.data == {"code": "superseded"}
    assert len(editor.edits) == 1


async def test_commands_of_two_windows_do_not_meet(start: StartEditor) -> None:
    fixed = "```python\ndef area(width, height):\n    return width * height\n```"
    editors = [await start({"match": "Исправь", "text": fixed, "delay_ms": 40}), await start()]
    uris = [editor.open(AREA) for editor in editors]
    answers = [editor.command("fix", over(uri, 0, 2)) for editor, uri in zip(editors, uris, strict=True)]
    assert all(answer["applied"] for answer in await asyncio.gather(*answers))
    assert [apply_edit(editor, uri) for editor, uri in zip(editors, uris, strict=True)] == [
        AREA.replace("width + height", "width * height")
    ] * 2


async def test_a_docstring_is_written(start: StartEditor) -> None:
    editor = await start({"match": "Напиши docstring", "text": '"""Площадь прямоугольника."""'})
    uri = editor.open(AREA)
    assert (await editor.command("docstring", at(uri, 1, 6)))["applied"] is True
    expected = AREA.replace("    return width", '    """Площадь прямоугольника."""\n    return width')
    assert apply_edit(editor, uri) == expected


async def test_a_docstring_is_written_anew(start: StartEditor) -> None:
    editor = await start({"match": "Напиши docstring", "text": "Сторона коробки.\n\nВозвращает число."})
    uri = editor.open(AREA.replace("        return 1", '        """Old."""\n        return 1'))
    await editor.command("docstring", at(uri, 5, 8))
    written = '        """Сторона коробки.\n\n        Возвращает число.\n        """\n        return 1'
    assert apply_edit(editor, uri) == AREA.replace("        return 1", written)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def side(x): return x * {}\n", 'def side(x):\n    """Сторона."""\n    return x * {}\n'),
        (
            "class Box:\n  x = 1\n\n  @property\n  def side(self) -> 'длина': return 1  # одна\n",
            "class Box:\n  x = 1\n\n  @property\n  def side(self) -> 'длина':\n"
            '    """Сторона."""\n    return 1  # одна\n',
        ),
        ("class Wrong(Exception): ...\n", 'class Wrong(Exception):\n    """Сторона."""\n    ...\n'),
        ("def side(\n    x,\n): y = x; return y", 'def side(\n    x,\n):\n    """Сторона."""\n    y = x; return y'),
        ('def side(x): "Old"\n', 'def side(x):\n    """Сторона."""\n'),
        ('def side(x): "Old"; return x\n', 'def side(x):\n    """Сторона."""\n    return x\n'),
        ('def side(x): "Old"  # ещё\n', 'def side(x):\n    """Сторона."""  # ещё\n'),
    ],
)
async def test_a_body_beside_its_header_gets_its_own_line_for_a_docstring(
    start: StartEditor, code: str, expected: str
) -> None:
    editor = await start({"match": "Напиши docstring", "text": "Сторона."})
    uri = editor.open(code)
    line = next(number for number, text in enumerate(code.splitlines()) if "def " in text or "Wrong" in text)
    await editor.command("docstring", at(uri, line, 6))
    assert apply_edit(editor, uri) == expected


async def test_tests_make_a_new_file(start: StartEditor) -> None:
    text = "```python\ndef test_area():\n    assert area(2, 3) == 6\n```"
    editor = await start({"match": "тесты pytest", "text": text})
    uri = editor.open(AREA, "shapes.py")
    result = await editor.command("tests", over(uri, 0, 2))
    assert result["applied"] is True
    assert result["code"] == "from shapes import area\n\n\ndef test_area():\n    assert area(2, 3) == 6\n"
    create, change = editor.edits[-1].edit.document_changes or ()
    assert isinstance(create, types.CreateFile)
    assert create.uri.endswith("/test_shapes.py")
    assert isinstance(change, types.TextDocumentEdit)


async def test_tests_are_added_to_a_file(start: StartEditor, home: Path) -> None:
    (home / "test_shapes.py").write_text("import shapes\n", encoding="utf-8")
    text = "```python\nfrom shapes import area\n\n\ndef test_area():\n    assert area(2, 3) == 6\n```"
    editor = await start({"match": "тесты pytest", "text": text})
    uri = editor.open(AREA, "shapes.py")
    await editor.command("tests", over(uri, 0, 0))
    (change,) = editor.edits[-1].edit.document_changes or ()
    assert isinstance(change, types.TextDocumentEdit)
    (edit,) = change.edits
    assert isinstance(edit, types.TextEdit)
    assert edit.range.start == types.Position(1, 0)


async def test_tests_need_a_file_that_can_be_imported(start: StartEditor) -> None:
    editor = await start(
        {"match": "тесты pytest", "text": "```python\ndef test_area():\n    assert area(2, 3) == 6\n```"}
    )
    for uri in ("untitled:Untitled-1", "vscode-notebook-cell:/home/u/notes.ipynb#W0"):
        item = types.TextDocumentItem(uri, "python", 1, AREA)
        editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        await refused(editor, uri, "not_a_file")
    await refused(editor, editor.open(AREA, "my-shapes.py"), "not_a_module")
    assert editor.engine_pids() == []


async def test_tests_are_not_added_to_a_file_that_cannot_be_read(start: StartEditor, home: Path) -> None:
    (home / "test_shapes.py").write_bytes("# тесты\nimport shapes\n".encode("cp1251"))
    editor = await start(
        {"match": "тесты pytest", "text": "```python\ndef test_area():\n    assert area(2, 3) == 6\n```"}
    )
    message = await refused(editor, editor.open(AREA, "shapes.py"), "file_unreadable")
    assert "test_shapes.py" in message
    assert editor.engine_pids() == []


async def refused(editor: TestEditor, uri: str, code: str) -> str:
    """The command for tests is refused for this reason, and nothing is edited."""
    with pytest.raises(JsonRpcException) as raised:
        await editor.command("tests", over(uri, 0, 2))
    assert raised.value.data == {"code": code}
    assert editor.edits == []
    return raised.value.message


async def test_actions_fit_the_place(start: StartEditor) -> None:
    editor = await start({"match": ".", "text": "x"})
    uri = editor.open(AREA + FUNCTION)
    nothing = types.Position(2, 0)
    assert await actions(editor, uri, types.Range(nothing, nothing)) == {}
    inside = types.Position(1, 4)
    found = await actions(editor, uri, types.Range(inside, inside))
    assert set(found) == {"kodopis.docstring", "kodopis.tests"}
    selected = await actions(editor, uri, types.Range(types.Position(0, 0), inside))
    assert {"kodopis.explain", "kodopis.fix"} <= set(selected)
    assert selected["kodopis.explain"].tags == (types.CodeActionTag.LlmGenerated,)
    comment = types.Position(8, 6)
    assert "kodopis.write" in await actions(editor, uri, types.Range(comment, comment))


async def test_an_unknown_model_is_one_sentence_with_a_code(start: StartEditor) -> None:
    editor = await start({"match": ".", "text": "x"})
    with pytest.raises(JsonRpcException) as raised:
        await editor.command("download", {"model": "nope"})
    assert raised.value.code == types.LSPErrorCodes.RequestFailed
    assert raised.value.data == {"code": "unknown-model"}
    assert "Traceback" not in raised.value.message
    assert "nope" in raised.value.message


async def test_tests_are_offered_where_they_could_be_written(start: StartEditor) -> None:
    editor = await start({"match": ".", "text": "x"})
    inside = types.Range(types.Position(1, 4), types.Position(1, 4))
    assert "kodopis.tests" not in await actions(editor, editor.open(AREA, "my-shapes.py"), inside)
    uri = "untitled:Untitled-1"
    editor.client.text_document_did_open(
        types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, "python", 1, AREA))
    )
    assert set(await actions(editor, uri, inside)) == {"kodopis.docstring"}


async def test_actions_of_one_kind(start: StartEditor) -> None:
    editor = await start({"match": ".", "text": "x"})
    uri = editor.open(AREA)
    span = types.Range(types.Position(0, 0), types.Position(2, 0))
    problem = types.Diagnostic(span, "площадь неверна")
    quick = await actions(editor, uri, span, diagnostics=[problem], only=[types.CodeActionKind.QuickFix])
    assert set(quick) == {"kodopis.fix"}
    assert quick["kodopis.fix"].command is not None


async def test_a_chosen_action_can_be_run_as_it_is(start: StartEditor) -> None:
    editor = await start({"match": "сложи", "text": "return a + b\n```"})
    uri = editor.open(FUNCTION)
    place = types.Position(1, 6)
    action = (await actions(editor, uri, types.Range(place, place)))["kodopis.write"]
    assert action.command is not None
    params = types.ExecuteCommandParams(action.command.command, action.command.arguments)
    await editor.client.workspace_execute_command_async(params)
    assert "return a + b" in apply_edit(editor, uri)


async def test_status_says_how_far_the_model_is_loaded(start: StartEditor) -> None:
    editor = await start({"match": "сложи", "text": "return a + b\n```"}, script={"load_ms": 1500})
    uri = editor.open(FUNCTION)
    await editor.complete(uri, editor.end(uri, 2))
    percents = [status["percent"] for status in editor.statuses if "percent" in status]
    assert percents == sorted(percents)
    assert len(set(percents)) >= 2, editor.statuses
    assert all(status["state"] == "loading" for status in editor.statuses if "percent" in status)
    assert editor.statuses[-1]["state"] == "ready"


async def test_a_command_outlives_settings_that_come_while_the_model_loads(start: StartEditor) -> None:
    editor = await start({"match": "Объясни", "text": "Функция складывает числа."}, script={"load_ms": 1500})
    uri = editor.open(AREA)
    explaining = asyncio.create_task(editor.command("explain", over(uri, 0, 2)))
    await editor.until(lambda: editor.statuses and editor.statuses[-1]["state"] == "loading", "a load")
    await editor.configure({"model": f"scripted:{editor.home / 'script.toml'}", "nCtx": 2048})
    assert (await explaining)["markdown"] == "Функция складывает числа."


async def test_an_engine_is_stopped_that_just_starts(start: StartEditor, home: Path) -> None:
    editor = await start({"match": "Объясни", "text": "Функция складывает числа."}, script={"load_ms": 1500})
    uri = editor.open(AREA)
    explaining = asyncio.create_task(editor.command("explain", over(uri, 0, 2)))
    await editor.until(lambda: list((home / "engine").glob("*.err")), "a start")
    assert await editor.command("stopEngine") == {"stopped": True}
    assert editor.engine_pids() == []
    with pytest.raises(JsonRpcException):
        await explaining


async def test_status_models_and_the_engine(start: StartEditor) -> None:
    editor = await start({"match": "сложи", "text": "return a + b\n```"})
    assert (await editor.command("status"))["state"] == "off"
    uri = editor.open(FUNCTION)
    await editor.complete(uri, editor.end(uri, 2))
    assert (await editor.command("status"))["state"] == "ready"
    states = [state for state, _ in groupby(status["state"] for status in editor.statuses)]  # the speed comes apart
    assert states[0] == "starting"
    assert states[-2:] == ["thinking", "ready"]
    ids = [model["id"] for model in (await editor.command("models"))["models"]]
    assert "qwen2.5-coder-0.5b" in ids
    (pid,) = editor.engine_pids()
    assert await editor.command("restartEngine") == {"restarted": True}
    (other,) = editor.engine_pids()
    assert pid != other
    assert await editor.command("stopEngine") == {"stopped": True}
    assert editor.engine_pids() == []
    assert await editor.command("stopEngine") == {"stopped": False}
