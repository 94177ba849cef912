"""Everything of the plugin that is not ghost text: `:Kodopis …`, keys, the health check, what a user is told."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from .editor import Editor, Settings, StartEditor

pytestmark = pytest.mark.editor

ADD = "def add(a, b):\n    return a + b\n"


@pytest.fixture
def neovim_editor(start: StartEditor) -> Editor:
    """Commands are the same whoever shows the ghost text."""
    return start()


def window_texts(editor: Editor) -> list[str]:
    return ["\n".join(window.buffer[:]) for window in editor.nvim.windows]


def test_explain_grows_in_a_window_beside(neovim_editor: Editor) -> None:
    editor = neovim_editor
    editor.open("объясни.py", ADD)
    editor.keys("Vj:Kodopis explain<CR>")
    editor.wait(lambda: len(editor.nvim.windows) == 2, "second window")
    beside = editor.nvim.windows[1].buffer
    assert beside.options["filetype"] == "markdown"
    seen: list[str] = []

    def finished() -> bool:
        text = "\n".join(beside[:])
        if not seen or seen[-1] != text:
            seen.append(text)
        return text.strip().endswith("`a + b`.")

    editor.wait(finished, "whole explanation")
    growing = [text for text in seen if text.startswith("Функция")]
    assert len(growing) >= 2
    assert not beside.options["modifiable"]
    assert editor.lines == ADD.splitlines()
    editor.keys("<C-w>lq")
    editor.wait(lambda: len(editor.nvim.windows) == 1, "one window")


def test_closing_the_explanation_stops_the_model(neovim_editor: Editor) -> None:
    editor = neovim_editor
    editor.open("закрой.py", ADD)
    editor.command("%Kodopis explain")
    editor.wait(lambda: any("Функция" in text for text in window_texts(editor)), "first words")
    editor.keys("<C-w>lq")
    editor.wait(lambda: not editor.requests, "no request on its way")
    editor.keys("Go<CR># сложи два числа, по шагам<CR>")
    editor.wait(lambda: editor.ghost.startswith("def slow"), "ghost text from a free engine")


def test_an_explanation_that_is_left_alone_is_closed_too(neovim_editor: Editor) -> None:
    editor = neovim_editor
    editor.open("последнее.py", ADD)
    editor.command("%Kodopis explain")
    editor.wait(lambda: any("складывает" in text for text in window_texts(editor)), "explanation")
    editor.command("close")
    editor.keys("q")
    editor.wait(lambda: editor.lines == ADD.splitlines(), "the code")
    assert not editor.nvim.vvars["errmsg"]


def test_an_explanation_says_that_the_server_has_ended(neovim_editor: Editor) -> None:
    editor = neovim_editor
    editor.open("обрыв.py", ADD)
    editor.command("%Kodopis explain")
    editor.lua("vim.lsp.get_clients({ name = 'kodopis' })[1]:stop(true)")
    editor.wait(lambda: any(text.startswith("Объяснения не будет") for text in window_texts(editor)), "message")


def test_the_explanations_window_is_an_ordinary_one_for_other_files(neovim_editor: Editor) -> None:
    editor = neovim_editor
    editor.command("set number nolinebreak")
    editor.open("окно.py", ADD)
    editor.command("%Kodopis explain")
    editor.wait(lambda: len(editor.nvim.windows) == 2, "second window")
    editor.command("wincmd l")
    assert editor.lua("return { vim.wo.number, vim.wo.linebreak }") == [False, True]
    editor.command("edit другое.txt")
    assert editor.lua("return { vim.wo.number, vim.wo.linebreak }") == [True, False]


def test_completion_of_the_command_line(neovim_editor: Editor) -> None:
    editor = neovim_editor
    editor.open("дополни.py")
    complete = editor.nvim.funcs.getcompletion
    assert {"explain", "fix", "docstring", "tests", "model", "status", "write"} <= set(complete("Kodopis ", "cmdline"))
    assert complete("Kodopis ex", "cmdline") == ["explain"]
    assert any("qwen" in name for name in complete("Kodopis model ", "cmdline"))


def test_without_a_range_the_cursors_line_is_explained(neovim_editor: Editor) -> None:
    editor = neovim_editor
    editor.open("строка.py", ADD)
    editor.command("Kodopis explain")
    editor.wait(lambda: any("складывает" in text for text in window_texts(editor)), "explanation")


def test_unknown_command_is_said_in_russian(neovim_editor: Editor) -> None:
    editor = neovim_editor
    editor.open("ошибка.py")
    editor.command("Kodopis напиши")
    assert editor.notices[-1].startswith("Нет такой команды: «напиши». Есть: automatic, ")


def test_commands_say_where_they_do_not_work(start: StartEditor) -> None:
    editor = start()
    editor.command("edit заметки.txt")
    editor.command("Kodopis explain")
    assert editor.notices == [
        "Кодопись не работает в этом буфере: откройте файл Python или проверьте :checkhealth kodopis."
    ]


def test_language_of_messages(start: StartEditor, script: Path) -> None:
    settings = Settings(server={"model": f"scripted:{script}", "language": "en"})
    editor = start(settings)
    editor.open("english.py")
    editor.command("Kodopis nothing")
    assert editor.notices[-1].startswith('No such command: "nothing". There are: ')


def test_no_settings_at_all_are_in_order(start: StartEditor) -> None:
    editor = start(Settings())
    editor.open("просто.py")
    editor.command("Kodopis status")
    notice = editor.wait(lambda: editor.notices, "status")[0]
    assert notice.startswith("Кодопись: ")
    assert len(editor.notices) == 1


def test_status_and_status_line(neovim_editor: Editor) -> None:
    editor = neovim_editor
    editor.open("состояние.py")
    editor.lua(
        "_G.states = {} vim.api.nvim_create_autocmd('User', { pattern = 'KodopisStatus', "
        "callback = function(args) table.insert(_G.states, args.data.state) end })"
    )
    editor.keys("i# сложи два числа<CR>")
    editor.wait(lambda: editor.ghost and not editor.requests, "answer")
    editor.wait(lambda: "thinking" in editor.lua("return _G.states"), "status while it writes")
    editor.wait(lambda: editor.lua("return require('kodopis').statusline()").startswith("Кодопись: готова"), "ready")
    editor.keys("<Esc>")
    editor.command("Kodopis status")
    editor.wait(lambda: any(notice.startswith("Кодопись: готова") for notice in editor.notices), "status message")


def test_the_status_line_forgets_a_server_that_has_ended(neovim_editor: Editor) -> None:
    editor = neovim_editor
    editor.open("конец.py")
    editor.keys("i# сложи два числа<CR>")
    editor.wait(lambda: editor.ghost and not editor.requests, "answer")
    editor.wait(lambda: editor.lua("return require('kodopis').statusline()"), "status")
    editor.lua(
        "vim.api.nvim_create_autocmd('User', { pattern = 'KodopisStatus', "
        "callback = function(args) _G.last_state = args.data.state end })"
    )
    editor.lua("vim.lsp.enable('kodopis', false) vim.lsp.get_clients({ name = 'kodopis' })[1]:stop(true)")
    editor.wait(lambda: editor.lua("return require('kodopis').statusline()") == "", "no status")
    assert editor.lua("return _G.last_state") == "off"


def test_the_status_line_shows_how_far_the_model_is_loaded(neovim_editor: Editor, script: Path) -> None:
    editor = neovim_editor
    script.write_text(f"load_ms = 3000\n{script.read_text(encoding='utf-8')}", encoding="utf-8")
    editor.open("загрузка.py")
    editor.keys("i# сложи два числа<CR>")

    def loaded() -> str:
        found = re.search(r"загружает модель (\d+) %", editor.lua("return require('kodopis').statusline()"))
        return found[1] if found else ""

    first = editor.wait(loaded, "percent")
    editor.wait(lambda: loaded() not in ("", first), "more percent")
    editor.wait(lambda: editor.lua("return require('kodopis').statusline()").startswith("Кодопись: готова"), "ready")
    assert "%" not in editor.lua("return require('kodopis').statusline()")


def test_the_status_line_of_the_help_shows_a_percent_sign(start: StartEditor) -> None:
    editor = start(Settings())
    documentation = Path(editor.lua("return vim.api.nvim_get_runtime_file('doc/kodopis.txt', false)[1]"))
    lines = documentation.read_text(encoding="utf-8").splitlines()
    found = {line.strip() for line in lines if "vim.o.statusline" in line}
    assert len(found) == 1
    editor.lua(found.pop())
    editor.lua(
        "require('kodopis.status').update({ state = 'loading', model = 'мой.gguf', remote = false, percent = 45 }, 1)"
    )
    shown = editor.lua("return vim.api.nvim_eval_statusline(vim.o.statusline, {}).str")
    assert shown.endswith("Кодопись: загружает модель 45 % · мой.gguf")


def test_setup_in_an_old_neovim_fails_in_no_other_way(start: StartEditor) -> None:
    """0.10 has no `vim.lsp.enable`; that it is too old is said when the plugin is loaded."""
    editor = start(Settings(enable="vim.lsp.enable = nil"))
    editor.lua("require('kodopis').setup({})")
    assert editor.lua("return vim.g.kodopis") is not None


def test_write_puts_code_into_the_file(neovim_editor: Editor) -> None:
    editor = neovim_editor
    editor.open("запиши.py", "# сложи два числа\n")
    editor.command("Kodopis write")
    editor.wait(lambda: "def add(a, b):" in editor.lines, "code in the buffer")
    editor.command("undo")
    assert editor.lines == ["# сложи два числа"]


def test_a_file_that_changes_while_code_is_written_is_named(neovim_editor: Editor) -> None:
    editor = neovim_editor
    editor.open("менялась.py", "# сложи два числа, по шагам\n\n\nx = 1\n")
    editor.command("Kodopis write")
    editor.command("normal! Gx")
    notice = editor.wait(lambda: editor.notices, "message")[-1]
    assert notice.startswith("Пока писался ответ, файл изменился")
    assert editor.lines == ["# сложи два числа, по шагам", "", "", " = 1"]


def test_docstring_fix_and_tests(neovim_editor: Editor) -> None:
    editor = neovim_editor
    path = editor.open("модуль.py", ADD)
    editor.command("Kodopis docstring")
    editor.wait(lambda: any("Складывает два числа" in line for line in editor.lines), "docstring")
    editor.command("write")
    editor.command("normal! 2G0")
    editor.lua(
        "vim.diagnostic.set(vim.api.nvim_create_namespace('test'), 0, "
        "{ { lnum = 2, col = 4, message = 'ошибка в сумме', severity = 1 } })"
    )
    editor.command("Kodopis fix")  # the diagnostic is on another line of the function
    editor.wait(lambda: any("a - b" in line for line in editor.lines), "fixed code")
    editor.command("write")
    editor.command("%Kodopis tests")
    tests = path.with_name("test_модуль.py")
    editor.wait(
        lambda: any("def test_add" in line for buffer in editor.nvim.buffers for line in buffer[:]), "tests in a buffer"
    )
    assert any(Path(buffer.name) == tests for buffer in editor.nvim.buffers)


def test_choosing_a_model(neovim_editor: Editor, tmp_path: Path) -> None:
    editor = neovim_editor
    editor.open("модель.py")
    editor.command("Kodopis model такой-нет")
    editor.wait(lambda: any("Нет такой модели" in notice for notice in editor.notices), "refusal")
    editor.lua(
        "vim.ui.select = function(models, options, choose) _G.offered = vim.tbl_map(options.format_item, models) end"
    )
    editor.command("Kodopis model")
    offered = editor.wait(lambda: editor.lua("return _G.offered"), "list of models")
    assert any("Qwen" in line and "Apache" in line for line in offered)


TAB_CASES = {
    "no mapping": ("", "\t"),
    "text": ("vim.keymap.set('i', '<Tab>', 'замена')", "замена"),
    "expression": ("vim.keymap.set('i', '<Tab>', function() return '<C-v>u0436' end, { expr = true })", "ж"),
    "remapped": (
        "vim.keymap.set('i', '<Plug>(мой)', 'дальше') vim.keymap.set('i', '<Tab>', '<Plug>(мой)', { remap = true })",
        "дальше",
    ),
    "of the buffer": (
        "vim.api.nvim_create_autocmd('FileType', { pattern = 'python', callback = function() "
        "vim.keymap.set('i', '<Tab>', 'буфер', { buffer = true }) end })",
        "буфер",
    ),
    # as plugins for snippets tell their users to: the key itself where there is nothing to expand
    "the key itself again": (
        "_G.rounds = 0 vim.keymap.set('i', '<Tab>', function() _G.rounds = _G.rounds + 1 "
        "return _G.rounds < 9 and '<Tab>' or 'по кругу' end, { expr = true, remap = true })",
        "\t",
    ),
    "expression with a less-than sign": ("vim.cmd([[inoremap <expr> <Tab> col('.') < 9 ? 'да' : 'нет']])", "да"),
    "expression with a special key": ('vim.cmd([[inoremap <expr> <Tab> "\\<End>р"]])', "р"),
    "expression with a key's name": ("vim.cmd([[inoremap <expr> <Tab> '<End>р']])", "р"),
    "bytes as they are": (
        "vim.keymap.set('i', '<Tab>', function() return 'через' end, { expr = true, replace_keycodes = false })",
        "через",
    ),
}


@pytest.mark.parametrize("case", TAB_CASES)
def test_tab_without_ghost_text_does_what_it_did(start: StartEditor, script: Path, case: str) -> None:
    before, inserted = TAB_CASES[case]
    server = {"model": f"scripted:{script}"}
    editor = start(Settings(server=server, before=f"vim.o.expandtab = false {before}"))
    editor.open("таб.py")
    editor.command("setlocal noexpandtab")
    editor.keys("ia<Tab>b")
    editor.wait(lambda: editor.nvim.api.get_mode()["blocking"] or editor.lines[0].endswith("b"), "typed text")
    assert not editor.nvim.api.get_mode()["blocking"]  # by an error's message
    assert editor.lines == [f"a{inserted}b"]


OWN_KEYS = {
    "variable": Settings(before="vim.g.kodopis = { keys = { accept = '<C-l>', ask = false } }"),
    "setup": Settings(enable="require('kodopis').setup({ keys = { accept = '<C-l>', ask = false } })"),
    "both": Settings(
        before="vim.g.kodopis = { keys = { accept = '<C-x>', ask = false } }",
        enable="require('kodopis').setup({ keys = { accept = '<C-l>' } })",
    ),
}


@pytest.mark.parametrize("said", OWN_KEYS)
def test_keys_are_the_users_choice_and_given_back(start: StartEditor, script: Path, said: str) -> None:
    editor = start(replace(OWN_KEYS[said], server={"model": f"scripted:{script}"}))
    editor.open("клавиши.py")
    editor.keys("i# сложи два числа<CR>")
    editor.wait(lambda: editor.ghost.endswith("return total"), "ghost text")
    assert editor.nvim.funcs.maparg("<M-CR>", "i") == ""
    editor.keys("<C-l>")
    editor.wait(lambda: "    return total" in editor.lines, "code in the buffer")
    editor.keys("<Esc>")
    editor.lua("vim.lsp.enable('kodopis', false)")
    editor.wait(lambda: editor.nvim.funcs.maparg("<C-l>", "i", False, True) == {}, "key given back")


def checkhealth(editor: Editor) -> str:
    editor.command("checkhealth kodopis")
    return editor.wait(lambda: "\n".join(editor.lines) if "kodopis" in "\n".join(editor.lines) else "", "report")


@pytest.mark.parametrize("hidden", [False, True])
def test_checkhealth(start: StartEditor, *, hidden: bool) -> None:
    editor = start(hidden=hidden)
    editor.open("здоровье.py")
    report = checkhealth(editor)
    assert "ERROR" not in report
    assert ("показывает сам плагин" if hidden else "показывает сам Neovim") in report
    assert "Команда запускается" in report
    assert "Версия сервера" in report
    assert "Подключено буферов: 1" in report
    assert "Кодопись: " in report


def test_checkhealth_names_what_is_wrong(start: StartEditor) -> None:
    before = "vim.g.kodopis = { keys = { take = '<Tab>' } }"
    editor = start(Settings(cmd=("нет-такого-сервера",), before=before))
    report = checkhealth(editor)
    assert "Неизвестный параметр в vim.g.kodopis: keys.take" in report
    assert "Сервер «нет-такого-сервера» не найден" in report


WRONG_OPTIONS = {
    "keys": "{ keys = false }",
    "keys.accept": "{ keys = { accept = true, ask = '<C-l>' } }",
    "keys.accept, keys.ask": "{ keys = { ask = 5, accept = '' } }",
    "debounce_ms, language, variants": "{ debounce_ms = 'fast', language = 'rus', variants = 'two' }",
}


@pytest.mark.parametrize("names", WRONG_OPTIONS)
def test_options_of_the_wrong_type_are_named_and_not_used(start: StartEditor, script: Path, names: str) -> None:
    enable = f"require('kodopis').setup({WRONG_OPTIONS[names]})"
    editor = start(Settings(server={"model": f"scripted:{script}"}, enable=enable, hidden=True))
    editor.open("параметры.py")
    said = f"В vim.g.kodopis не подходят значения: {names}."
    assert [notice for notice in editor.notices if notice.startswith(said)] == editor.notices != []
    editor.keys("i# сложи два числа<CR>")
    editor.wait(lambda: editor.ghost.endswith("return total"), "ghost text")
    editor.keys("<Tab>")
    editor.wait(lambda: "    return total" in editor.lines, "code in the buffer")
    editor.keys("<Esc>")
    editor.wait(lambda: editor.mode == "n", "normal mode")
    report = checkhealth(editor)
    assert said in report
    assert "kodopis-options.|" not in report  # a tag that there is


def test_missing_server_is_said_once(start: StartEditor) -> None:
    editor = start(Settings(cmd=("нет-такого-сервера",)))
    editor.command("edit один.py")
    editor.command("edit два.py")
    assert len(editor.notices) == 1
    assert "pip install" in editor.notices[0]


def test_a_server_that_fails_at_once_is_named_by_checkhealth(start: StartEditor) -> None:
    editor = start(Settings(cmd=(sys.executable, "-c", "import no_such_module", "serve")))
    report = checkhealth(editor)
    assert "не отвечает: ModuleNotFoundError" in report


def test_help_has_its_tags(start: StartEditor, tmp_path: Path) -> None:
    editor = start()
    plugin = editor.lua("return vim.api.nvim_get_runtime_file('doc/kodopis.txt', false)[1]")
    folder = tmp_path / "doc"
    folder.mkdir()
    (folder / "kodopis.txt").write_bytes(Path(plugin).read_bytes())
    editor.command(f"helptags {editor.nvim.funcs.fnameescape(str(folder))}")
    tags = {line.split("\t")[0] for line in (folder / "tags").read_text(encoding="utf-8").splitlines()}
    assert {"kodopis", ":Kodopis", "kodopis-options", "kodopis-en"} <= tags
